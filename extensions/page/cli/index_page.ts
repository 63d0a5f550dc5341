/** The page that leads to the reports of a suite: files, those with failures first, and rule coverage. */
import type { RunReport } from "@dmalab/lang/run";
import { escapeMarkup } from "@dmalab/lang/text";

export interface IndexEntry {
  readonly path: string;
  /** The page beside this one; null where there is none. */
  readonly name: string | null;
  /** Null for a file that could not be run. */
  readonly report: RunReport | null;
}

const STYLE = "body{font:15px/1.5 system-ui,sans-serif;margin:1rem;color-scheme:light dark}" +
  "table{border-collapse:collapse}th,td{padding:.1rem .8rem .1rem 0;text-align:left;" +
  "border-bottom:1px solid #8888}pre{overflow:auto}td.n{text-align:right}";

const HEADS = ["file", "outcome", "passed", "failed", "ignored", "assertions", "leaks"];

/** @param coverage Lines about rules and exits, as `dmalab test --coverage` prints them. */
export function indexPage(entries: readonly IndexEntry[], coverage: readonly string[]): string {
  const isBad = ({ report }: IndexEntry) => report === null || failedOf(report) > 0;
  const sorted = [...entries.filter(isBad), ...entries.filter((each) => !isBad(each))];
  const bad = entries.filter(isBad).length;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="dmalab">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>dmalab report</title>
<style>${STYLE}</style>
<h1>${entries.length} files, ${bad} with failures</h1>
<table>
<thead><tr>${HEADS.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead>
<tbody>
${sorted.map(rowOf).join("\n")}
</tbody>
</table>
<h2>Rules and exits that the passing tests exercise</h2>
<pre tabindex="0">${escapeMarkup(coverage.join("\n"))}</pre>
</html>
`;
}

function rowOf({ name, path, report }: IndexEntry): string {
  const text = escapeMarkup(path);
  const link = name === null ? text : `<a href="${escapeMarkup(encodeURI(name))}">${text}</a>`;
  if (report === null) return `<tr><th scope="row">${link}</th><td>has errors</td></tr>`;
  const { assertions, leaks, passed, skipped } = report.counts;
  const failed = failedOf(report);
  const numbers = [passed, failed, skipped, assertions, leaks]
    .map((number) => `<td class="n">${number}</td>`);
  const outcome = failed > 0 ? "FAILED" : "ok";
  return `<tr><th scope="row">${link}</th><td>${outcome}</td>${numbers.join("")}</tr>`;
}

function failedOf({ outcomes }: RunReport): number {
  return outcomes.filter(({ failure }) => failure !== null).length;
}
