/** The page that leads to the reports of a suite: files, those with failures first, and rule coverage. */
import type { RunReport } from "@dmalab/lang/run";
import { escapeMarkup, formatCount } from "@dmalab/lang/text";
import { staticPage } from "@dmalab/cli/static_page";

export interface IndexEntry {
  readonly path: string;
  /** The page beside this one; null where there is none. */
  readonly name: string | null;
  /** Null for a file that could not be run. */
  readonly report: RunReport | null;
}

const STYLE = "table{display:block;overflow-x:auto}td.n{text-align:right}" +
  "th,td{padding:0 12px 0 0;text-align:left;font-weight:400;border-bottom:1px solid var(--line)}";

const HEADS = ["file", "outcome", "passed", "failed", "ignored", "assertions", "leaks"];

/** @param coverage Lines about rules and exits, as `dmalab test --coverage` prints them. */
export function indexPage(entries: readonly IndexEntry[], coverage: readonly string[]): string {
  const isBad = ({ report }: IndexEntry) => report === null || failedOf(report) > 0;
  const sorted = [...entries.filter(isBad), ...entries.filter((each) => !isBad(each))];
  const bad = entries.filter(isBad).length;
  return staticPage({
    title: `${formatCount(entries.length, "file")}, ${bad} with failures`,
    failed: bad > 0,
    style: STYLE,
    body: `<table>
<thead><tr>${HEADS.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead>
<tbody>
${sorted.map(rowOf).join("\n")}
</tbody>
</table>
<h2>Rules and exits that the passing tests exercise</h2>
<pre tabindex="0">${escapeMarkup(coverage.join("\n"))}</pre>`,
  });
}

function rowOf({ name, path, report }: IndexEntry): string {
  const text = escapeMarkup(path);
  const link = name === null ? text : `<a href="${escapeMarkup(encodeURI(name))}">${text}</a>`;
  if (report === null) {
    return `<tr><th scope="row">${link}</th><td class="failed">✕ has errors</td></tr>`;
  }
  const { assertions, leaks, passed, skipped } = report.counts;
  const failed = failedOf(report);
  const numbers = [passed, failed, skipped, assertions, leaks]
    .map((number) => `<td class="n">${number}</td>`);
  const outcome = failed > 0 ? '<td class="failed">✕ FAILED</td>' : '<td class="passed">✓ ok</td>';
  return `<tr><th scope="row">${link}</th>${outcome}${numbers.join("")}</tr>`;
}

function failedOf({ outcomes }: RunReport): number {
  return outcomes.filter(({ failure }) => failure !== null).length;
}
