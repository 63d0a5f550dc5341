/** The questions of a scenario, or of the `dma quiz` blocks of a page, for one seed. */
import type { Question } from "@dmalab/lang/values";
import { loadText } from "@dmalab/lang";
import type { FailureReport, LoadResult, Program } from "@dmalab/lang/run";
import { runTest } from "@dmalab/lang/program";
import { codeBlocks } from "@dmalab/cli/scenario";

/** A question, and its test's output before and after the question. */
export interface Asked {
  readonly question: Question;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface Quizzes {
  readonly asked: readonly Asked[];
  /** Why tests failed. */
  readonly failures: readonly FailureReport[];
}

/** The questions of a program's tests for a seed, in order. */
export function askedBy(program: Program, seed: number): Quizzes {
  const asked: { question: Question; before: string[]; after: string[] }[] = [];
  const failures: FailureReport[] = [];
  for (const test of program.tests.filter(({ kind }) => kind === "test")) {
    const first = asked.length;
    let lines: string[] = [];
    const { failure } = runTest(program, test, {
      seed,
      onLine: (line) => lines.push(line),
      onQuestion(question) {
        const before = lines;
        lines = [];
        asked.push({ question, before, after: lines });
      },
    });
    if (failure !== null) {
      failures.push(failure);
      asked.length = first;
    }
  }
  return { asked, failures };
}

/** The `dma quiz` blocks of a page, each a program. */
export function pagePrograms(page: string, text: string): LoadResult[] {
  return codeBlocks(page, text)
    .filter(({ language, marks }) => language === "dma" && marks.includes("quiz"))
    .map(({ code, line }) => loadText("\n".repeat(line) + code, { name: page }));
}
