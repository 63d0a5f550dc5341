/* A driver of a machine that the lab is not. */
#include <asm/ppc_toy.h>
