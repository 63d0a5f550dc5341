/**
 * Runs a development task as a command. Options are parsed and help is printed in the same way as for
 * the product's commands.
 */
import { type Command, ProcessScreen, VERSION } from "@dmalab/cli/extend";
import { parseCommandLine, toItsEnd } from "@dmalab/cli";

/**
 * Runs the task that `deno task NAME` started, and exits the process.
 *
 * @param words The words after the task's name.
 */
export async function runTask(
  task: Command,
  words: readonly string[] = Deno.args,
): Promise<never> {
  const screen = new ProcessScreen();
  const program = {
    name: "deno task",
    version: VERSION,
    brief: task.brief,
    commands: { [task.name]: () => Promise.resolve(task) },
  };
  Deno.exit(
    await toItsEnd(async () => {
      const parsed = await parseCommandLine(program, [task.name, ...words], screen);
      return typeof parsed === "number" ? parsed : await parsed.command.run({ ...parsed, screen });
    }, screen),
  );
}
