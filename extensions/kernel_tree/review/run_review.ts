/** `dmalab review`: reviews patches, and prints the verdict on each. */
import type { NameMatch } from "@dmalab/lang/run";
import { TreeError } from "@dmalab/runtime/kernels";
import { noDrivers, printProgress } from "@dmalab/c_drivers";
import type { JobCount, Screen } from "@dmalab/cli/extend";
import { checkPlace, FileError, withTempFolder, writeFile } from "@dmalab/cli";
import { type ExitCode, WRONG } from "@dmalab/cli/exit_code";
import { PAGE_HEAD } from "@dmalab/cli/presentation";
import { ORACLES } from "../oracles.ts";
import { refuseWith } from "../run_tree.ts";
import { ownScenarios, scenarioPath } from "./own_scenarios.ts";
import { exitCodeOf, reviewText } from "./print_review.ts";
import { Review, type ReviewedStep } from "./review.ts";
import { reviewPage } from "./review_page.ts";
import { readSteps } from "./series.ts";

export interface ReviewRequest {
  /**
   * Paths of scenarios, names of dmalab's own scenarios, or paths of mapping code for random sequences. If
   * the list is empty, all of dmalab's own scenarios and sequences are run.
   */
  readonly scenarios: readonly string[];
  readonly matches: readonly NameMatch[];
  readonly allowsUnreached: boolean;
  readonly jobs: JobCount;
  /** Path of the review as an HTML file; null for none. */
  readonly page: string | null;
}

/** @param words A tree and a change: another tree, a range of commits, or mailboxes. */
export async function runReview(
  words: readonly string[],
  { allowsUnreached, jobs, matches, page, scenarios: names }: ReviewRequest,
  screen: Screen,
): Promise<ExitCode> {
  const problem = noDrivers();
  if (problem !== null) return refuseWith(problem.problem, problem.hint, screen);
  const scenarios = names.map(scenarioPath);
  const isOracle = (path: string) => ORACLES.some(({ paths }) => paths.includes(path));
  const review = new Review({
    scenarios: scenarios.length > 0 ? scenarios.filter((path) => !isOracle(path)) : ownScenarios(),
    oracles: scenarios.length > 0
      ? ORACLES.filter(({ paths }) => paths.some((path) => scenarios.includes(path)))
      : ORACLES,
    areNamed: scenarios.length > 0,
    matches,
    jobs,
    onProgress: printProgress(),
  });
  try {
    const all: ReviewedStep[] = [];
    if (page !== null) checkPlace(page, PAGE_HEAD);
    // The change is read into memory, so that the temporary folder can be removed before the long
    // work begins.
    const steps = await withTempFolder((work) => readSteps(words, work), true);
    for (const [index, step] of steps.entries()) {
      const reviewed = await review.step(step);
      review.forget(step.old);
      all.push(reviewed);
      screen.out(reviewText(reviewed, `patch ${index + 1} of ${steps.length}`, words));
    }
    if (page !== null) {
      writeFile(page, reviewPage(all, words));
      screen.out(`Wrote ${page}.\n`);
    }
    return exitCodeOf(all, allowsUnreached);
  } catch (error) {
    if (error instanceof FileError) {
      screen.err(error.lines);
      return WRONG;
    }
    if (!(error instanceof TreeError)) throw error;
    return refuseWith(error.message, error.hint, screen);
  } finally {
    await review.close();
  }
}
