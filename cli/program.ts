/** The command `dmalab` as a function: `main.ts` is the process. */
import { host } from "./host.ts";
import type { ExitCode } from "./exit_code.ts";
import { keepCompiler } from "./compile_cache.ts";
import { toItsEnd } from "./process_end.ts";
import { ProcessScreen, type Screen } from "./screen.ts";

/** Does what a command line says. */
export async function main(words: readonly string[], screen: Screen): Promise<ExitCode> {
  const [{ parseCommandLine }, { COMMANDS }, { VERSION }] = await Promise.all([
    import("./command_line.ts"),
    import("./all_commands.ts"),
    import("./package_version.ts"),
  ]);
  const program = {
    name: "dmalab",
    version: VERSION,
    brief: "dmalab: a laboratory for DMA mapping",
    commands: COMMANDS,
  };
  const parsed = parseCommandLine(program, words, screen);
  if (typeof parsed === "number") return parsed;
  return await parsed.command.run({ ...parsed, screen });
}

/** Does what this process was started with, and ends it. */
export async function runMain(): Promise<void> {
  const screen = new ProcessScreen();
  keepCompiler();
  host.exitCode = await toItsEnd(() => main(host.args, screen), screen);
}
