/** Searches for values of registers with which a module's driver probes, for `dmalab init --driver`. */
import type { Program, TestOutcome } from "@dmalab/lang/run";
import { threadMs } from "@dmalab/cli";
import type { CCode } from "../c_code.ts";
import { codeOf } from "../c_module.ts";
import type { Wanted } from "../search/decisions.ts";
import { DeviceSearch, type SearchResult } from "../search/device_search.ts";
import type { TestRun } from "./selected_tests.ts";

/** Number of tries, and default of the processor time in milliseconds, after which a search ends. */
const SEARCH_TRIES = 5000;
const SEARCH_MS = 20_000;
const ERROR_LINE = /^(?:emerg|alert|crit|err|warn): /;

/** What a search has found: the device's answers and its work. */
export interface FoundAnswers extends SearchResult {
  readonly elapsedMs: number;
}

export interface SearchOptions {
  /** Runs the test that probes. */
  readonly run: () => TestRun;
  /** Whether the driver has probed in it. */
  readonly isProbed: (outcome: TestOutcome) => boolean;
  /** Whether the lines of a run show that the device is another one: the search then ends. */
  readonly isOther?: (lines: readonly string[]) => boolean;
  /** The path of a source for messages. */
  readonly pathOf: (name: string) => string;
  readonly tries?: number;
  readonly timeMs?: number;
  /** What an earlier search has found. */
  readonly before?: FoundAnswers;
}

/** Number of things that a search has assumed about the device. */
export function assumptions(found: Pick<FoundAnswers, "rules"> | null): number {
  if (found === null) return 0;
  const { contents, firmwareBytes, reads, works } = found.rules;
  return reads.size + works.length + contents.length + Number(firmwareBytes > 0);
}

/** Whether the driver has mapped or allocated memory for its device, in any run of the program. */
export function mapsMemory(program: Program): boolean {
  return codesOf(program).some((code) => code.mapsMemory);
}

function codesOf(program: Program): readonly CCode[] {
  return [...program.registry.cModules?.() ?? []].flatMap((module) => codeOf(module) ?? []);
}

/** Searches for answers of the device; null if the program has no driver in C. */
export function searchAnswers(
  program: Program,
  {
    before,
    isOther = () => false,
    isProbed,
    pathOf,
    run,
    timeMs = SEARCH_MS,
    tries = SEARCH_TRIES,
  }: SearchOptions,
): FoundAnswers | null {
  const [code] = codesOf(program);
  if (code === undefined) return null;
  const startedMs = threadMs();
  let isOver = false;
  const search = new DeviceSearch(
    code,
    () => {
      const { lines, outcome } = run();
      if (isOther(lines)) isOver = true;
      return {
        hasProbed: isProbed(outcome),
        hasEnded: outcome.failure?.kind !== "limit",
        errors: lines.filter((line) => ERROR_LINE.test(line)).length,
      };
    },
    (wanted) => reasonOf(code, wanted, pathOf),
    { tries, isOver: () => isOver || threadMs() - startedMs > timeMs },
    before?.rules,
  );
  const found = search.run();
  return {
    ...found,
    // A driver that needs no further rules has no BARs from this search.
    bars: found.bars.length === 0 ? before?.bars ?? [] : found.bars,
    tries: found.tries + (before?.tries ?? 0),
    elapsedMs: threadMs() - startedMs + (before?.elapsedMs ?? 0),
  };
}

/** The line that compares a register's value. */
function reasonOf(code: CCode, { at, compared }: Wanted, pathOf: (name: string) => string): string {
  const found = code.lines.find(at);
  const name = found === null ? undefined : code.nameOf(found.file);
  const place = name === undefined ? "a function of the kernel" : `${pathOf(name)}:${found!.line}`;
  return compared === null
    ? `${place} tests it`
    : `${place} compares it with 0x${compared.toString(16)}`;
}
