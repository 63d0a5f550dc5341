/** `dmalab test --report DIR`: a page for each file, and an index that leads to them. */
import { printable } from "@dmalab/lang/diagnostics";
import { joinLines, lineCoverage, lineCoverageText, type LineRecord } from "@dmalab/cli/testing";
import type { Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD, worseExitCode, WRONG } from "@dmalab/cli/exit_code";
import { doOrSay, makeNamedFolder, withInterrupts, writeOrSay } from "@dmalab/cli";
import { type PageOptions, writeReport } from "./make_report.ts";
import type { RunReport } from "@dmalab/lang/run";
import { escapeMarkup, formatCount } from "@dmalab/lang/text";
import { staticPage } from "@dmalab/cli/presentation";

/** Writes the reports of several files into a folder, which is created. */
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
    const records: LineRecord[] = [];
    let exitCode: ExitCode = HELD;
    for (const path of paths) {
      if (watch.interrupted()) break;
      const name = pageName(path, names);
      const made = await writeReport(path, { folder, name }, options, screen, watch);
      // The exit code counts only if no page was written, because `dmalab test` itself has already
      // reported failed tests.
      if (!made.isWritten) exitCode = worseExitCode(exitCode, made.exitCode);
      entries.push({
        path: printable(path),
        name: made.isWritten ? name : null,
        report: made.reports[0] ?? null,
      });
      if (made.coverage !== null) records.push(made.coverage);
    }
    const files = lineCoverage(joinLines(records));
    const coverage = files.length === 0 ? [] : lineCoverageText(files);
    const index = { folder, name: "index.html" };
    if (!writeOrSay(index, indexPage(entries, coverage), screen)) return WRONG;
    const written = entries.filter(({ name }) => name !== null).length;
    screen.out(`Wrote ${formatCount(written, "report")} to ${folder}.\n`);
    return exitCode;
  });
}

/** A unique file name for the page of a file, without folders. */
function pageName(path: string, taken: Set<string>): string {
  const base = path.replace(/^(?:\.*[\\/])+/, "").replaceAll(/[^\w.-]+/g, "-");
  let name = `${base}.html`;
  for (let number = 2; taken.has(name) || name === "index.html"; number++) {
    name = `${base}-${number}.html`;
  }
  taken.add(name);
  return name;
}

/**
 * A row of the index page. This page links to the reports of a suite, files with failures first, and
 * shows the lines of drivers in C that the tests execute.
 */
interface IndexEntry {
  readonly path: string;
  /** Name of the file's page in the same folder; null without a page. */
  readonly name: string | null;
  /** Null for a file that could not be run. */
  readonly report: RunReport | null;
}

const STYLE = "table{display:block;overflow-x:auto}td.n{text-align:right}" +
  "th,td{padding:0 12px 0 0;text-align:left;font-weight:400;border-bottom:1px solid var(--line)}";

const HEADS = ["file", "outcome", "passed", "failed", "ignored", "first failure, never reached"];

/** @param coverage Lines as `dmalab test --coverage` prints them; empty without a driver in C. */
export function indexPage(entries: readonly IndexEntry[], coverage: readonly string[]): string {
  const isBad = ({ report }: IndexEntry) => report === null || failedOf(report) > 0;
  const sorted = [...entries.filter(isBad), ...entries.filter((each) => !isBad(each))];
  const bad = entries.filter(isBad).length;
  return staticPage({
    title: `${formatCount(entries.length, "file")}, ${bad} with failures`,
    outcome: bad > 0 ? "failed" : "passed",
    style: STYLE,
    body: `<table>
<thead><tr>${HEADS.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead>
<tbody>
${sorted.map(rowOf).join("\n")}
</tbody>
</table>${coverageSection(coverage)}`,
  });
}

function coverageSection(lines: readonly string[]): string {
  if (lines.length === 0) return "";
  const text = escapeMarkup(lines.join("\n"));
  return `\n<h2>Lines of C that the tests execute</h2>\n<pre tabindex="0">${text}</pre>`;
}

function rowOf({ name, path, report }: IndexEntry): string {
  const text = escapeMarkup(path);
  const link = name === null ? text : `<a href="${escapeMarkup(encodeURI(name))}">${text}</a>`;
  if (report === null) {
    return `<tr><th scope="row">${link}</th><td class="failed">✕ has errors</td></tr>`;
  }
  const { passed, skipped } = report.counts;
  const failed = failedOf(report);
  const numbers = [passed, failed, skipped]
    .map((number) => `<td class="n">${number}</td>`);
  const outcome = failed > 0
    ? '<td class="failed">✕ FAILED</td>'
    : report.outcomes.length === 0
    ? "<td>no test</td>"
    : '<td class="passed">✓ ok</td>';
  const first = report.outcomes.find(({ failure }) => failure !== null)?.failure ?? null;
  const why = [
    ...first === null ? [] : [`${first.place}: ${first.message}`],
    ...report.unreached.map((place) => `never reached ${place}`),
  ].map(escapeMarkup).join("<br>");
  return `<tr><th scope="row">${link}</th>${outcome}${numbers.join("")}<td>${why}</td></tr>`;
}

function failedOf({ outcomes }: RunReport): number {
  return outcomes.filter(({ failure }) => failure !== null).length;
}
