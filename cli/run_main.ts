/**
 * The runner that every `*.dma` resolves to: `deno run -R=. scenario.dma [--trace]`.
 *
 * The import map sends the main module to this package, whose `exports` send every `*.dma` here;
 * which file was meant, `Deno.mainModule` knows. Start-up is what a reader of a scenario waits for,
 * so that the few options are read here and the command line's framework is not loaded.
 */
import { host } from "./host.ts";
import { didYouMean } from "../lang/diagnostics/suggest.ts";
import { type ExitCode, HELD, WRONG } from "./exit_code.ts";
import { currentFolder } from "./host_file.ts";
import { readMatches } from "./read_matches.ts";
import { readWholeNumber } from "./numbers.ts";
import { shortPath } from "./paths.ts";
import { toItsEnd } from "./process_end.ts";
import { LIMIT_OPTIONS, type LimitOption, limitsOf } from "./scenario/limit_options.ts";
import { TRACE_FORMS, type TraceForm } from "./scenario/trace_form.ts";
import { runScenarios } from "./scenario/run_scenarios.ts";
import { ProcessScreen, type Screen } from "./screen.ts";

const USAGE = `Usage: deno run -R=. SCENARIO.dma [OPTION…]

  --trace [json]     print every event, one line each or as JSON
  --export FILE      write every event to FILE.dmatrace.jsonl, or to FILE.json for Perfetto; needs -W
  --picture FILE     write what each \`show\` draws to FILE.svg; needs -W
  --lenient          list checker reports, IOMMU faults and leaks that a test does not expect; fail on none
  --match TEXT       run only tests whose name or machine settings contain TEXT, or match /TEXT/; repeatable
  --seed NUMBER      use this seed instead of the file's
  --tree DIR         kernel tree of the drivers that are compiled with one; needs -R=DIR
  --max-steps NUMBER, --max-memory BYTES, --max-depth CALLS, --max-events NUMBER,
  --max-output LINES, --max-output-bytes BYTES, --max-time SECONDS
                     limits of the script, each with exit code 3
`;

const FLAGS: ReadonlySet<string> = new Set(["lenient", "strict"]);
/** Options whose value is a text. */
const TEXT_OPTIONS: ReadonlySet<string> = new Set(["export", "match", "picture", "tree"]);
/** Options with a value; the command line of `dmalab run` has the same. */
const LIMIT_NAMES = Object.keys(LIMIT_OPTIONS) as LimitOption[];
const VALUE_OPTIONS: ReadonlySet<string> = new Set([...TEXT_OPTIONS, "seed", ...LIMIT_NAMES]);

async function main(
  scenario: string | null,
  words: readonly string[],
  screen: Screen,
): Promise<ExitCode> {
  const paths: string[] = scenario === null ? [] : [scenario];
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const matches: string[] = [];
  let trace: TraceForm | null = null;
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const [, name, attached] = word.match(/^--([\w-]+)(?:=(.*))?$/s) ?? [];
    if (name === "help" || word === "-h") {
      screen.out(USAGE);
      return HELD;
    } else if (name !== undefined && FLAGS.has(name) && attached === undefined) {
      flags.add(name);
    } else if (name === "trace") {
      const form = formOf(attached ?? words[index + 1]);
      if (attached !== undefined && form === null) {
        return wrong(`--trace takes ${TRACE_FORMS.join(" or ")}, not "${attached}"`, screen);
      }
      if (attached === undefined && form !== null) index++;
      trace = form ?? TRACE_FORMS[0];
    } else if (name !== undefined && VALUE_OPTIONS.has(name)) {
      const value = attached ?? words[++index];
      const isText = TEXT_OPTIONS.has(name);
      const wanted = isText ? "a text" : "a whole number such as 12 or 0x1f";
      const number = readWholeNumber(value ?? "");
      if (value === undefined || (!isText && number === null)) {
        return wrong(`--${name} needs ${wanted}`, screen);
      }
      if (name.startsWith("max-") && number === 0) {
        return wrong(`--${name} takes at least 1, not ${value}`, screen);
      }
      if (name === "match") matches.push(value);
      else values.set(name, value);
    } else if (scenario === null && !word.startsWith("-")) {
      paths.push(word);
    } else {
      const options = [...FLAGS, "trace", "help", ...VALUE_OPTIONS];
      const hint = didYouMean(word.replace(/=.*$/s, ""), options.map((option) => `--${option}`));
      return wrong(`"${word}" is not an option of a scenario${hint ? `; ${hint}` : ""}`, screen);
    }
  }
  if (paths.length === 0) return wrong("No scenario given: name a .dma file", screen);
  const match = await readMatches(matches);
  if (typeof match === "string") return wrong(match, screen);
  const number = (name: string) => readWholeNumber(values.get(name) ?? "");
  return await runScenarios(paths, {
    only: "all",
    trace,
    exportPath: values.get("export") ?? null,
    picturePath: values.get("picture") ?? null,
    lenient: flags.has("lenient"),
    ...match,
    seed: number("seed"),
    tree: values.get("tree") ?? null,
    limits: limitsOf((option) => number(option)),
  }, screen);
}

function formOf(word: string | undefined): TraceForm | null {
  return TRACE_FORMS.find((form) => form === word) ?? null;
}

function wrong(problem: string, screen: Screen): ExitCode {
  screen.err(`error: ${problem}\n\n${USAGE}`);
  return WRONG;
}

/** The scenario that `deno run` was given; null when it was given this file (`deno run dma`). */
function startedScenario(): string | null {
  const url = new URL(host.mainModule);
  if (url.protocol !== "file:" || !url.pathname.endsWith(".dma")) return null;
  const path = decodeURIComponent(url.pathname);
  return shortPath(host.build.os === "windows" ? path.slice(1) : path, currentFolder());
}

const screen = new ProcessScreen();
// Not `Deno.exit`: what V8 has compiled is kept for the next start only when a run ends by itself.
host.exitCode = await toItsEnd(() => main(startedScenario(), host.args, screen), screen);
