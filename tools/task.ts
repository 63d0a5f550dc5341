/**
 * Runs a development task as a command. Options are parsed and help is printed in the same way as for
 * the product's commands.
 */
import { type Command, ProcessScreen, VERSION } from "@dmalab/cli/extend";
import { parseCommandLine, toItsEnd } from "@dmalab/cli";

/** Runs the task that `deno task NAME` started, and exits the process. */
export async function runTask(task: Command): Promise<never> {
  const screen = new ProcessScreen();
  const program = {
    name: "deno task",
    version: VERSION,
    brief: task.brief,
    commands: { [task.name]: () => Promise.resolve(task) },
  };
  Deno.exit(
    await toItsEnd(async () => {
      const parsed = await parseCommandLine(program, [task.name, ...Deno.args], screen);
      return typeof parsed === "number" ? parsed : await parsed.command.run({ ...parsed, screen });
    }, screen),
  );
}
