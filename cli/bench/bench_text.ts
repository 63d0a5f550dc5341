/** Text of a bench for the terminal. */
import { groupBy, maxOf } from "@dmalab/runtime/basics";
import { printable } from "@dmalab/lang/diagnostics";
import { formatTimeRounded, type Paint, tableLines } from "@dmalab/lang/text";
import { benchTable, type HostTime } from "@dmalab/lang/program";
import {
  type BenchExpectationOutcome,
  type BenchOutcome,
  type BenchReport,
  displayName,
} from "@dmalab/lang/run";
import { counted } from "../scenario/report_printer.ts";
import { equalCells } from "./host_time.ts";

export function hasFailed({ cells, expectations }: BenchReport): boolean {
  return [...cells, ...expectations].some(({ outcome }) => outcome === "failed");
}

/** All lines of a bench: its failure, its tables, its expectations. */
export function benchLines(
  report: BenchReport,
  hostTimes: readonly (HostTime | null)[] | null,
  figures: readonly string[],
  paint: Paint,
): string[] {
  const { cells, expectations } = report;
  const skipped = cells.every(({ outcome }) => outcome === "skipped");
  const verdict = skipped
    ? paint("warning", "ignored")
    : hasFailed(report)
    ? paint("bad", "FAILED")
    : paint("good", "ok");
  const size = cells.length === 1 ? "" : paint("dim", ` (${counted(cells.length, "cell")})`);
  return [
    `${paint("strong", printable(report.name))} ... ${verdict}${size}`,
    ...cells.flatMap((cell) => cellLines(cell, paint)),
    ...skipped ? [] : ["", ...benchTable(report, figures)],
    ...expectationLines(expectations, paint),
    ...expectations.length === 0 ? [] : [""],
    ...hostTimes === null ? [] : hostTable(report, hostTimes),
  ];
}

/** The lines of each expectation: a single line if the expectation holds in all groups of cells. */
function expectationLines(
  expectations: readonly BenchExpectationOutcome[],
  paint: Paint,
): string[] {
  return [...groupBy(expectations, ({ place }) => place).values()].flatMap((all) => {
    const text = `expect ${printable(all[0]!.text)}`;
    if (all.every(({ outcome }) => outcome === "passed")) {
      const groups = all.length === 1 ? "" : paint("dim", ` (${counted(all.length, "group")})`);
      return [`${text} ... ${paint("good", "ok")}${groups}`];
    }
    return all.flatMap(({ failure, outcome, reason, where }) => {
      const said = {
        passed: paint("good", "ok"),
        failed: paint("bad", "FAILED"),
        "not judged": paint("warning", `not judged: ${reason}`),
      }[outcome];
      const at = where === "" ? "" : ` at ${printable(where)}`;
      return [`${text}${at} ... ${said}`, ...failure?.lines ?? []];
    });
  });
}

/** The remarks about one cell besides its figures. */
function cellLines(cell: BenchOutcome, paint: Paint): string[] {
  const incidents = cell.incidents.flatMap(({ incident, times }) => [
    ...incident.isFailure ? [] : incident.lines.map((line) => `  ${line}`),
    ...times > 1 ? [paint("dim", `    … ${counted(times - 1, "time")} more`)] : [],
  ]);
  const head = paint("strong", printable(displayName(cell)));
  if (cell.failure === null) return incidents.length === 0 ? [] : [head, ...incidents];
  const why = cell.isOverBudget ? "over budget" : "FAILED";
  return [`${head} ... ${paint("bad", why)}`, ...cell.failure.lines, ...incidents];
}

/** Table of the host's times, which are not exact and not mixed with exact figures. */
function hostTable(
  { cells }: BenchReport,
  times: readonly (HostTime | null)[],
): string[] {
  const rows = cells.map((cell, index) => {
    const time = times[index] ?? null;
    const name = `${index + 1}  ${displayName(cell)}`;
    if (time === null) return [name, "-", "", "", ""];
    const equal = equalCells(times, index).map((other) => other + 1);
    return [
      name,
      `${formatTimeRounded(time.medianNs)}${time.isSteady ? "" : "?"}`,
      `± ${formatTimeRounded(time.spreadNs)}`,
      `${time.roundsNs.length} × ${time.iterations}`,
      equal.length === 0 ? "" : equal.join(", "),
    ];
  });
  const heads = ["processor time on this host", "iteration", "spread", "rounds", "equal to"];
  const alignments = ["left", "right", "left", "right", "left"] as const;
  return [
    ...tableLines(
      heads,
      rows,
      alignments,
      maxOf(rows.map((row) => row.join("  ").length + 12), 80),
    ),
    "equal: the medians differ by no more than both spread (10th to 90th percentile of the rounds)",
    ...times.some((time) => time?.isSteady === false)
      ? ["?: not steady after the warm-up; a quiet host tells more"]
      : [],
    "",
  ];
}
