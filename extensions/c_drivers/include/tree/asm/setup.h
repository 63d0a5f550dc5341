/* Nothing is set up before a driver runs. */
#define COMMAND_LINE_SIZE 512
