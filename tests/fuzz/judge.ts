/** Judges the result of processing any text. */
import { cpuSeconds } from "@dmalab/tools";
import { LoadError, parse } from "@dmalab/lang/syntax";
import { formatSource } from "@dmalab/lang/editor";
import { BUG_CODE, renderDiagnostics } from "@dmalab/lang/diagnostics";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { audited } from "@dmalab/lang/testing";
import { runProgram } from "@dmalab/lang/program";

/** The result of a text. `bug`: a stack trace, or nonsense. */
export type Verdict = "refused" | "held" | "failed" | "stopped" | "not run" | "bug";

/** Counts of verdicts, all 0. */
export const NO_VERDICTS: Readonly<Record<Verdict, number>> = {
  refused: 0,
  held: 0,
  failed: 0,
  stopped: 0,
  "not run": 0,
  bug: 0,
};

export interface Judgement {
  readonly verdict: Verdict;
  /** The message of a bug; else empty. */
  readonly problem: string;
  /**
   * Time for parsing and checking the text and rendering its errors, as a fraction of the allowed
   * time.
   */
  readonly timeShare: number;
}

/** Limits so small that a thousand programs run in seconds. */
const LIMITS = {
  steps: 200_000,
  memoryBytes: 2 ** 24,
  events: 100_000,
  depth: 64,
  outputLines: 100,
  outputBytes: 2 ** 20,
  timeMs: 5000,
};

/** A text without errors; the time that it takes shows this host's speed. */
const WITHOUT_MISTAKES = `test "right" {\n  let x = 1\n${"  assert x + 2 == 3\n".repeat(2_000)}}\n`;

let withoutMistakesMs: number | undefined;

/**
 * Limit of the time, as a multiple of the time for a text without errors. Usual multiples are 1.0
 * to 1.6.
 */
const MOST_RATIO = 4;

/**
 * The allowed time for parsing and checking a text and rendering its errors. It is proportional to
 * the text's length. It is enough on a busy host, but not for an algorithm of more than linear
 * complexity. `deno task bench lang.broken` measures the speed of reading broken text.
 */
function mostMs(text: string): number {
  withoutMistakesMs ??= leastMs(WITHOUT_MISTAKES, () => false);
  return 100 + MOST_RATIO * withoutMistakesMs * text.length / WITHOUT_MISTAKES.length;
}

/** A text is not tried again if it takes at most this share of its time limit. */
const QUICK_SHARE = 0.2;
/**
 * How often a slow text is tried. The first tries include compiling JavaScript, and other tries may be
 * slow because the host is busy.
 */
const TRIES = 8;
/**
 * Limit of the total time of a text's tries, if one of these tries was within the text's time
 * limit. Further tries would not change the verdict.
 */
const FIGURE_MS = 200;

/**
 * Loads a text as `dmalab run` does. If `run` is set and the text has no errors, also runs it,
 * within tight limits.
 */
export function judge(text: string, run: boolean): Judgement {
  let timeShare = 0;
  const verdict = (verdict: Verdict, problem = "") => ({ verdict, problem, timeShare });
  const bug = (problem: string) => verdict("bug", problem);
  try {
    const source = new SourceFile("fuzz.dma", text);
    const start = performance.now();
    const { program, diagnostics } = check(source);
    timeShare = (performance.now() - start) / mostMs(text);
    if (timeShare > QUICK_SHARE) {
      const isEnough = (ms: number, spentMs: number) =>
        ms <= QUICK_SHARE * mostMs(text) || ms <= mostMs(text) && spentMs > FIGURE_MS;
      timeShare = leastMs(text, isEnough) / mostMs(text);
    }
    if (timeShare > 1) {
      return bug(`too slow: ${text.length} characters take ${mostMs(text) * timeShare} ms`);
    }
    for (const { code, span, message } of diagnostics) {
      if (code === BUG_CODE) return bug(message);
      const fits = span.start >= 0 && span.start <= span.end && span.end <= span.source.text.length;
      if (!fits) return bug(`a place outside the text: ${message}`);
      if (message === "" || message.includes("undefined") && !text.includes("undefined")) {
        return bug(`a message that says nothing: ${message}`);
      }
    }
    const wrong = diagnostics.some(({ severity }) => severity === "error");
    // In the REPL, an input may end anywhere.
    if (text.length % 4 === 0) parse(source, { mode: "repl" });
    if (program === null) return wrong ? verdict("refused") : bug("no program, and no error");
    if (wrong) return bug("a program with errors");
    // The formatter throws if its result would have another meaning.
    if (text.length % 4 === 0) formatSource(source);
    if (!run) return verdict("not run");
    const report = runProgram(audited(program), { limits: LIMITS });
    for (const { failure } of report.outcomes) {
      if (failure?.kind === "bug") return bug(failure.lines.join("\n"));
    }
    if (report.limitReached) return verdict("stopped");
    return verdict(report.counts.failed > 0 ? "failed" : "held");
  } catch (error) {
    return bug(error instanceof Error ? `${error.message}\n${error.stack}` : String(error));
  }
}

/** Returns elapsed wall-clock or processor time in milliseconds, whichever is less: the host may be busy. */
function stopwatch(): () => number {
  const [wallMs, cpu] = [performance.now(), cpuSeconds()];
  return () => Math.min(performance.now() - wallMs, 1000 * (cpuSeconds() - cpu));
}

/** Loads a text and renders its errors, as `dmalab check` does. */
function check(source: SourceFile): ReturnType<typeof loadProgram> {
  const loaded = loadProgram(source, {
    load: (path) => new LoadError("not_found", `Cannot find the file "${path}"`),
  });
  // Twenty errors are enough: the others are rendered in the same way.
  renderDiagnostics(loaded.diagnostics.slice(0, 20));
  return loaded;
}

/** The shortest time of several tries with a text. @param isEnough Whether no further try is needed. */
function leastMs(text: string, isEnough: (leastMs: number, spentMs: number) => boolean): number {
  let least = Infinity;
  let spent = 0;
  for (let left = TRIES; left > 0 && !isEnough(least, spent); left--) {
    const stop = stopwatch();
    check(new SourceFile("fuzz.dma", text));
    const ms = stop();
    least = Math.min(least, ms);
    spent += ms;
  }
  return least;
}
