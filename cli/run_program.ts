/**
 * `deno run -R=. scenario.dma [--trace]` as a function; `bin/run_main.ts` starts it as a process.
 *
 * The user waits while a scenario starts. Therefore only the table of `dmalab run` is loaded, and no table
 * of another command.
 */
import { host } from "./host.ts";
import { readRunOptions, RUN, RUN_OPTIONS } from "./commands/run.ts";
import { type ExitCode, HELD } from "./exit_code.ts";
import { currentFolder } from "./host_file.ts";
import { shortPath } from "./paths.ts";
import { toItsEnd } from "./process_end.ts";
import { HELP, readWords } from "./read_words.ts";
import { runScenarios } from "./scenario/run_scenarios.ts";
import { refuse } from "./print_error.ts";
import { ProcessScreen, type Screen } from "./screen.ts";

/**
 * Runs a scenario, with the given words as options. If `scenario` is null, the words also name what
 * to run.
 */
async function main(
  scenario: string | null,
  given: readonly string[],
  screen: Screen,
): Promise<ExitCode> {
  if (given.some((word) => HELP.includes(word))) {
    const { optionsHelp } = await import("./command_help.ts");
    screen.out(optionsHelp(RUN, "deno run -R=. SCENARIO.dma", screen));
    return HELD;
  }
  const argument = scenario === null ? RUN.argument : null;
  const read = readWords({ name: RUN.name, argument, options: RUN_OPTIONS }, given);
  if (typeof read === "string") return refuse(read, screen);
  const asked = await readRunOptions(read.options);
  if (typeof asked === "string") return refuse(asked, screen);
  return await runScenarios(scenario === null ? read.words : [scenario], asked, screen);
}

/**
 * The scenario that is the main module of `deno run`. Null if the main module is the program itself
 * (`deno run dma`).
 */
function startedScenario(): string | null {
  const url = new URL(host.mainModule);
  if (url.protocol !== "file:" || !url.pathname.endsWith(".dma")) return null;
  const path = decodeURIComponent(url.pathname);
  return shortPath(host.build.os === "windows" ? path.slice(1) : path, currentFolder());
}

/**
 * Runs the scenario that `deno run` was given, with the command line options of this process. Then
 * ends the process.
 */
export async function runScenarioMain(): Promise<void> {
  const screen = new ProcessScreen();
  // `Deno.exit` is not used, because V8 stores its compiled code for the next start only if a
  // process ends without it.
  host.exitCode = await toItsEnd(() => main(startedScenario(), host.args, screen), screen);
}
export * from "./jobs/worker.ts";
