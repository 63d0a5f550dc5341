/** `dmalab test --report DIR`: a page for each file, and an index that leads to them. */
import { printable } from "@dmalab/lang/diagnostics";
import {
  coverageLines,
  type CoverageRecord,
  coverageReport,
  joinRecords,
} from "@dmalab/cli/testing/coverage";
import type { Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD, worseExitCode, WRONG } from "@dmalab/cli/exit_code";
import { doOrSay, makeNamedFolder, writeOrSay } from "@dmalab/cli/files";
import { readRulePage, withInterrupts } from "@dmalab/cli";
import { type IndexEntry, indexPage } from "./index_page.ts";
import { type PageOptions, writeReport } from "./make_report.ts";

/** Writes the reports of some files into a folder, which is made. */
export async function writeReports(
  paths: readonly string[],
  folder: string,
  options: PageOptions,
  screen: Screen,
): Promise<ExitCode> {
  if (!doOrSay(() => makeNamedFolder(folder), screen)) return WRONG;
  return await withInterrupts(async (watch) => {
    const names = new Set<string>();
    const entries: IndexEntry[] = [];
    const records: CoverageRecord[] = [];
    let exitCode: ExitCode = HELD;
    for (const path of paths) {
      if (watch.interrupted()) break;
      const name = pageName(path, names);
      const made = await writeReport(path, { folder, name }, options, screen, watch);
      // That a test failed, `dmalab test` has said itself.
      if (!made.isWritten) exitCode = worseExitCode(exitCode, made.exitCode);
      entries.push({
        path: printable(path),
        name: made.isWritten ? name : null,
        report: made.reports[0] ?? null,
      });
      if (made.coverage !== null) records.push(made.coverage);
    }
    const coverage = coverageLines(coverageReport(joinRecords(records), readRulePage));
    const index = { folder, name: "index.html" };
    if (!writeOrSay(index, indexPage(entries, coverage), screen)) return WRONG;
    screen.out(
      `Wrote ${entries.filter(({ name }) => name !== null).length} reports to ${folder}.\n`,
    );
    return exitCode;
  });
}

/** A name for the page of a file, on one level and unlike all others. */
function pageName(path: string, taken: Set<string>): string {
  const base = path.replace(/^(?:\.*[\\/])+/, "").replaceAll(/[^\w.-]+/g, "-");
  let name = `${base}.html`;
  for (let number = 2; taken.has(name) || name === "index.html"; number++) {
    name = `${base}-${number}.html`;
  }
  taken.add(name);
  return name;
}
