/** The page of `dmalab kernel run --html`: verdicts, and the steps of both sides where they differ. */
import { type PageOutcome, staticPage } from "@dmalab/cli/presentation";
import { displayName } from "@dmalab/lang/run";
import { escapeMarkup } from "@dmalab/lang/text";
import type { TestVerdict } from "./compare/compare_boot.ts";
import type { TestDifference } from "./compare/compare_test_runs.ts";
import type { Step } from "./compare/steps.ts";
import type { KernelRunReport } from "./kernel_run.ts";
import { headLines, stepText, summary, verdictLines } from "./result_text.ts";

const STYLE = "table{margin:0 0 16px}td,th{text-align:left;vertical-align:top;font-weight:400;" +
  "padding:0 16px 0 0;border-bottom:1px solid var(--line)}thead th{font-weight:600}" +
  "table.steps{font:12px/18px ui-monospace,monospace}tr.first{background:var(--fault-fill)}" +
  "pre{margin:0 0 16px}";

/** The verdicts in the order of the page, each with its colour. */
const OUTCOMES: Readonly<Record<TestVerdict["result"]["verdict"], PageOutcome>> = {
  differs: "failed",
  same: "passed",
  "not run": "warned",
};

/** The page as HTML that refers to no other file. */
export function runPage(report: KernelRunReport): string {
  const { boots, failures, release, verdicts } = report;
  const sorted = Object.keys(OUTCOMES).flatMap((verdict) =>
    verdicts.filter(({ result }) => result.verdict === verdict)
  );
  const isBad = sorted[0]?.result.verdict === "differs" || failures.length > 0 ||
    boots.some(({ limits }) => limits.length > 0);
  const hasRun = verdicts.some(({ result }) => result.verdict !== "not run");
  return staticPage({
    title: `Linux ${release} and the model: ${summary(verdicts)}`,
    outcome: isBad ? "failed" : hasRun ? "passed" : "warned",
    style: STYLE,
    body: `<pre tabindex="0">${escapeMarkup(headLines(report).join("\n"))}</pre>
<table>
<thead><tr><th scope="col">file</th><th scope="col">test</th><th scope="col">verdict</th></tr></thead>
<tbody>
${sorted.map(rowOf).join("\n")}
</tbody>
</table>
${sorted.map((verdict, index) => sectionOf(verdict, index, release)).join("\n")}`,
  });
}

function rowOf({ file, result: { verdict }, test }: TestVerdict, index: number): string {
  const name = escapeMarkup(displayName(test));
  return `<tr><td>${escapeMarkup(file)}</td><td><a href="#t${index}">${name}</a></td>` +
    `<td class="${OUTCOMES[verdict]}">${verdict}</td></tr>`;
}

function sectionOf(verdict: TestVerdict, index: number, release: string): string {
  const { file, result, test } = verdict;
  const text = verdictLines(verdict, release).join("\n");
  const steps = result.verdict === "differs" && result.difference !== null
    ? stepsTable(result.difference, release)
    : "";
  return `<h2 id="t${index}">${escapeMarkup(`${file}: ${displayName(test)}`)}</h2>
<pre tabindex="0">${escapeMarkup(text)}</pre>
${steps}`;
}

/** A table of a request's steps on both sides; the first different step is marked. */
function stepsTable(
  { ofKernel, ofModel, profile, real, request }: TestDifference,
  release: string,
): string {
  if (request === null || real === null) return "";
  const rows = [[request.map, real.map], [request.unmap, real.unmap]].flatMap(([mine, theirs]) =>
    stepRows(mine!, theirs!, ofModel, ofKernel)
  );
  return `<table class="steps">
<thead><tr><th scope="col">model ${escapeMarkup(profile)}</th><th scope="col">kernel ${
    escapeMarkup(release)
  }</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>`;
}

function stepRows(
  mine: readonly Step[],
  theirs: readonly Step[],
  ofModel: Step | null,
  ofKernel: Step | null,
): string[] {
  return Array.from({ length: Math.max(mine.length, theirs.length) }, (_, at) => {
    const [one = null, other = null] = [mine[at], theirs[at]];
    const isFirst = one !== null && one === ofModel || other !== null && other === ofKernel;
    const cells = [one, other].map((step) => `<td>${escapeMarkup(stepText(step))}</td>`);
    return `<tr${isFirst ? ' class="first"' : ""}>${cells.join("")}</tr>`;
  });
}
