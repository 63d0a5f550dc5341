import type { Screen } from "../screen.ts";

/** Says how to report the bug that a scenario has met: loaded only then. */
export async function sayBug(path: string, seed: number | null, screen: Screen): Promise<void> {
  const { sayBugReport } = await import("./bug_report.ts");
  sayBugReport(path, seed, screen);
}
