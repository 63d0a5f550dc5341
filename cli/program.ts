/** The command `dmalab` as a function; `bin/main.ts` starts it as a process. */
import { loadExtensions } from "./extensions.ts";
import { host } from "./host.ts";
import type { ExitCode } from "./exit_code.ts";
import { keepCompiler } from "./compile_cache.ts";
import { toItsEnd } from "./process_end.ts";
import { ProcessScreen, type Screen } from "./screen.ts";

/** Runs a command line, with the extensions that were provided. */
export async function main(words: readonly string[], screen: Screen): Promise<ExitCode> {
  const [{ parseCommandLine }, { allCommands }, extensions, { VERSION }] = await Promise.all([
    import("./command_line.ts"),
    import("./all_commands.ts"),
    loadExtensions(),
    import("./package_version.ts"),
  ]);
  const program = {
    name: "dmalab",
    version: VERSION,
    brief: "dmalab: a laboratory for DMA mapping",
    commands: allCommands(extensions),
  };
  const parsed = await parseCommandLine(program, words, screen);
  if (typeof parsed === "number") return parsed;
  return await parsed.command.run({ ...parsed, screen });
}

/** Runs the command line of this process, and ends it. */
export async function runMain(): Promise<void> {
  const screen = new ProcessScreen();
  keepCompiler();
  host.exitCode = await toItsEnd(() => main(host.args, screen), screen);
}
export * from "./all_commands.ts";
export { loadCommands } from "./command.ts";
export * from "./extensions.ts";
