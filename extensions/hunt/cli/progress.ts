/** How far a hunt is, on a line of the terminal. */
import { formatCount } from "@dmalab/lang/text";
import type { Screen } from "@dmalab/cli/extend";

/** Least time between two updates of the line, by the host's clock. */
const PROGRESS_MS = 250;

/**
 * Returns a function that is called after each case or each part of a hunt. It shows the cases so far
 * and the given detail, such as the number of machines.
 *
 * @param name What is hunted: a driver, a release, a seed.
 */
export function huntProgress(
  name: string,
  screen: Screen,
): (cases: number, detail: () => string) => void {
  let nextMs = performance.now() + PROGRESS_MS;
  return (cases, detail) => {
    const nowMs = performance.now();
    if (nowMs < nextMs) return;
    nextMs = nowMs + PROGRESS_MS;
    screen.progress(`${name}: ${formatCount(cases, "case")}, ${detail()}`);
  };
}
