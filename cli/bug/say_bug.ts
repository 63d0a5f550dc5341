import type { Screen } from "../screen.ts";

/**
 * Prints how to report the bug that a scenario has triggered. The code for the report is loaded
 * only in this function.
 */
export async function printBug(path: string, seed: number | null, screen: Screen): Promise<void> {
  const { printBugReport } = await import("./bug_report.ts");
  printBugReport(path, seed, screen);
}
