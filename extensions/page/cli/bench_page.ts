/** The report of a file that has benches alone: each with its plot and its tables. */
import { benchLines, hasFailed } from "@dmalab/cli/bench/bench_text";
import { staticPage } from "@dmalab/cli/static_page";
import { benchPlot, type PlotColours } from "@dmalab/lang/bench";
import { painter } from "@dmalab/lang/render";
import type { BenchReport } from "@dmalab/lang/run";
import { escapeMarkup, formatCount } from "@dmalab/lang/text";
import { failedBench } from "../engine/bench_verdict.ts";

const STYLE = "svg{max-width:100%;height:auto}section{border-top:1px solid var(--line)}";

/** Those of the page, light or dark as it is. */
const COLOURS: PlotColours = {
  ground: "var(--bg)",
  text: "var(--text)",
  grid: "var(--line)",
  axis: "var(--dim)",
  series: ["map", "unmap", "data", "decision", "fault", "translate"].map((name) =>
    `var(--${name})`
  ),
};

/** What `dmalab bench` prints of it. */
export function benchText(report: BenchReport): string {
  return benchLines(report, null, [], painter(false)).join("\n");
}

/** Their plots, as SVG. */
export function plotsOf(reports: readonly BenchReport[]): readonly string[] {
  return reports.flatMap((report) => benchPlot(report, [], [], COLOURS) ?? []);
}

/** @param path The file. */
export function benchPage(path: string, reports: readonly BenchReport[]): string {
  const bad = reports.filter(hasFailed).length;
  const count = formatCount(reports.length, "bench", "benches");
  return staticPage({
    title: `${path}: ${count}, ${bad === 0 ? "all as expected" : `${bad} failed`}`,
    failed: bad > 0,
    style: STYLE,
    body: reports.map((report) => {
      const state = hasFailed(report) ? "✕" : "✓";
      const failure = failedBench([report]);
      const why = failure === null ? [] : [`${failure.place}: ${failure.what}`, ...failure.why];
      return `<section><h2>${state} ${escapeMarkup(report.name)}</h2>
${why.map((each) => `<p>${escapeMarkup(each)}</p>\n`).join("")}${plotsOf([report]).join("")}
<pre tabindex="0">${escapeMarkup(benchText(report))}</pre></section>`;
    }).join("\n"),
  });
}
