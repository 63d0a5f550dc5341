/** What must be true of the answer to any text, and which answers came. */
import { cpuSeconds } from "@dmalab/tools";
import { LoadError, parse } from "@dmalab/lang/syntax";
import { formatSource } from "@dmalab/lang/editor";
import { BUG_CODE, renderDiagnostics } from "@dmalab/lang/diagnostics";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { audited } from "@dmalab/lang/testing";
import { runProgram } from "@dmalab/lang/program";

/** How a text fared. `bug`: it was answered with a stack trace, or by nonsense. */
export type Verdict = "refused" | "held" | "failed" | "stopped" | "not run" | "bug";

/** How many texts fared in each way: none yet. */
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
  /** For a bug: its message. */
  readonly problem: string;
  /**
   * Its time until it is parsed, checked and its mistakes are shown, as a part of the allowed time.
   */
  readonly timeShare: number;
}

/** Small enough that a thousand programs run in seconds. */
const LIMITS = {
  steps: 200_000,
  memoryBytes: 2 ** 24,
  events: 100_000,
  depth: 64,
  outputLines: 100,
  outputBytes: 2 ** 20,
  timeMs: 5000,
};

/** The time that it takes shows this host's speed. */
const WITHOUT_MISTAKES = `test "right" {\n  let x = 1\n${"  assert x + 2 == 3\n".repeat(2_000)}}\n`;

let withoutMistakesMs: number | undefined;

/** A multiple of the time for a text without mistakes; 1.0 to 1.6 are usual. */
const MOST_RATIO = 4;

/**
 * The allowed time until a text is parsed, checked and its mistakes are shown: in proportion to its
 * length, so much that a busy host stays below it and a text that is read more than once by its
 * length does not. `deno task bench lang.broken` measures the speed of reading broken text.
 */
function mostMs(text: string): number {
  withoutMistakesMs ??= leastMs(WITHOUT_MISTAKES, () => false);
  return 100 + MOST_RATIO * withoutMistakesMs * text.length / WITHOUT_MISTAKES.length;
}

/** Quick enough that no further try is needed. */
const QUICK_SHARE = 0.2;
/** Times that a slow text is tried again: the first ones wait for the compiler, others for the host. */
const TRIES = 8;
/** The time spent on the best time of a text that is within its limit: more changes no verdict. */
const FIGURE_MS = 200;

/** Loads a text as `dmalab run` does and, when asked to, runs what can be run, within tight limits. */
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
    // An input at the prompt may end anywhere.
    if (text.length % 4 === 0) parse(source, { mode: "repl" });
    if (program === null) return wrong ? verdict("refused") : bug("no program, and no error");
    if (wrong) return bug("a program with errors");
    // The formatter throws when its result would mean something else.
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

/** Milliseconds of the clock or the processor, whichever are fewer: the host may be busy with others. */
function stopwatch(): () => number {
  const [wallMs, cpu] = [performance.now(), cpuSeconds()];
  return () => Math.min(performance.now() - wallMs, 1000 * (cpuSeconds() - cpu));
}

/** Does what `dmalab check` does. */
function check(source: SourceFile): ReturnType<typeof loadProgram> {
  const loaded = loadProgram(source, {
    load: (path) => new LoadError("not_found", `Cannot find the file "${path}"`),
  });
  // Eighty lines are as much as a person reads; the rest is made of the same.
  renderDiagnostics(loaded.diagnostics.slice(0, 20));
  return loaded;
}

/** The best time of a text. @param isEnough Whether so little needs no further try. */
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
