/** A development task as a command: its options are read, and its help is written, as the product's are. */
import { type Command, ProcessScreen, VERSION } from "@dmalab/cli/extend";
import { parseCommandLine, toItsEnd } from "@dmalab/cli";

/** Does what `deno task NAME` was started with, and ends the process. */
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
