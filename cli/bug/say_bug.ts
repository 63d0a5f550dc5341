import type { Screen } from "../screen.ts";

/** Prints how to report the bug that a scenario has met; loads the code for it only then. */
export async function printBug(path: string, seed: number | null, screen: Screen): Promise<void> {
  const { printBugReport } = await import("./bug_report.ts");
  printBugReport(path, seed, screen);
}
