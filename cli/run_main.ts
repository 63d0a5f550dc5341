/**
 * The runner that every `*.dma` resolves to: `deno run -R=. scenario.dma [--trace]`.
 *
 * The import map sends the main module to this package, whose `exports` send every `*.dma` here;
 * which file was meant, `Deno.mainModule` knows. Start-up is what a reader of a scenario waits for,
 * so that the three options are read here and the command line's framework is not loaded.
 */
import { type ExitCode, HELD, WRONG } from "./exit_code.ts";
import { currentFolder } from "./host_file.ts";
import { readWholeNumber } from "./numbers.ts";
import { shortPath } from "./paths.ts";
import { runScenarios } from "./scenario/run_scenarios.ts";
import { ProcessScreen, type Screen } from "./screen.ts";

const USAGE = `Usage: deno run -R=. SCENARIO.dma [--trace] [--match TEXT] [--seed NUMBER]

  --trace        print every event
  --match TEXT   run only tests whose name contains TEXT
  --seed NUMBER  use this seed instead of the file's
`;

function main(scenario: string | null, words: readonly string[], screen: Screen): ExitCode {
  const paths: string[] = scenario === null ? [] : [scenario];
  let trace = false;
  let match: string | null = null;
  let seed: number | null = null;
  for (let index = 0; index < words.length; index++) {
    const [name, attached] = splitOption(words[index]!);
    const value = () => attached ?? words[++index];
    if (name === "--help" || name === "-h") {
      screen.out(USAGE);
      return HELD;
    } else if (name === "--trace") {
      trace = true;
    } else if (name === "--match") {
      match = value() ?? null;
      if (match === null) return wrong("--match needs a text", screen);
    } else if (name === "--seed") {
      const text = value();
      seed = text === undefined ? null : readWholeNumber(text);
      if (seed === null) return wrong("--seed needs a whole number such as 12 or 0x1f", screen);
    } else if (scenario === null && !name.startsWith("-")) {
      paths.push(words[index]!);
    } else {
      return wrong(`"${words[index]}" is no option of a scenario`, screen);
    }
  }
  if (paths.length === 0) return wrong("Which scenario? Give a .dma file", screen);
  return runScenarios(paths, { only: "all", trace, match, seed }, screen);
}

function splitOption(word: string): [name: string, value: string | undefined] {
  const equals = word.startsWith("--") ? word.indexOf("=") : -1;
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function wrong(problem: string, screen: Screen): ExitCode {
  screen.err(`error: ${problem}\n\n${USAGE}`);
  return WRONG;
}

/** The scenario that `deno run` was given; null when it was given this file (`deno run dma`). */
function startedScenario(): string | null {
  const url = new URL(Deno.mainModule);
  if (url.protocol !== "file:" || !url.pathname.endsWith(".dma")) return null;
  const path = decodeURIComponent(url.pathname);
  return shortPath(Deno.build.os === "windows" ? path.slice(1) : path, currentFolder());
}

const screen = new ProcessScreen();
const exitCode = main(startedScenario(), Deno.args, screen);
screen.flush();
Deno.exit(exitCode);
