/**
 * `dmalab`: the command line.
 *
 *     deno task dmalab run examples/01-hello-map.dma
 */
import { host } from "./host.ts";
import { parseCommandLine } from "./command_line.ts";
import { COMMANDS } from "./commands/mod.ts";
import type { ExitCode } from "./exit_code.ts";
import { VERSION } from "./package_version.ts";
import { toItsEnd } from "./process_end.ts";
import { ProcessScreen, type Screen } from "./screen.ts";

const PROGRAM = {
  name: "dmalab",
  version: VERSION,
  brief: "dmalab: a laboratory for DMA mapping",
  commands: COMMANDS,
};

/** Does what a command line says. */
export async function main(words: readonly string[], screen: Screen): Promise<ExitCode> {
  const parsed = parseCommandLine(PROGRAM, words, screen);
  if (typeof parsed === "number") return parsed;
  return await parsed.command.run({ ...parsed, screen });
}

/** Does what this process was started with, and ends it. */
export async function runMain(): Promise<never> {
  const screen = new ProcessScreen();
  host.exit(await toItsEnd(() => main(host.args, screen), screen));
}

if (import.meta.main) await runMain();
