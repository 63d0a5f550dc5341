/**
 * `deno run -R=. scenario.dma [--trace]` as a function: `bin/run_main.ts` is the process.
 *
 * A reader of a scenario waits for the start, so only the table of `dmalab run` is loaded, and no other command's.
 */
import { host } from "./host.ts";
import { readRunOptions, RUN, RUN_OPTIONS } from "./commands/run.ts";
import { type ExitCode, HELD } from "./exit_code.ts";
import { currentFolder } from "./host_file.ts";
import { shortPath } from "./paths.ts";
import { toItsEnd } from "./process_end.ts";
import { HELP, readWords } from "./read_words.ts";
import { runScenarios } from "./scenario/run_scenarios.ts";
import { ProcessScreen, refuse, type Screen } from "./screen.ts";

/** Does what a command line says after the name of a scenario, or with it. */
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

/** The scenario that `deno run` was given; null when it was given this file (`deno run dma`). */
function startedScenario(): string | null {
  const url = new URL(host.mainModule);
  if (url.protocol !== "file:" || !url.pathname.endsWith(".dma")) return null;
  const path = decodeURIComponent(url.pathname);
  return shortPath(host.build.os === "windows" ? path.slice(1) : path, currentFolder());
}

/** Runs the scenario that `deno run` was given, with the options of this process, and ends it. */
export async function runScenarioMain(): Promise<void> {
  const screen = new ProcessScreen();
  // Not `Deno.exit`: what V8 has compiled is kept for the next start only when a run ends without
  // it.
  host.exitCode = await toItsEnd(() => main(startedScenario(), host.args, screen), screen);
}
export * from "./jobs/worker.ts";
