/** A report of the checker as people read it: what, which rule, and the two statements. */
import type { ReportClass } from "@dmalab/runtime/vocabulary";
import { PICTURE_COLUMNS, spread, wrappedPairs, wrapText } from "../text/columns.ts";

export interface PrintedReport {
  readonly reportClass: ReportClass;
  /** Page, chapter and row of the rule, such as `dma.3.6.3`. */
  readonly rule: string;
  readonly text: string;
  /** How a kernel's DMA debugging logs it; null where it does not. */
  readonly log: string | null;
  /** No check of any kernel sees it. */
  readonly beyondKernel: boolean;
  /**
   * The statement that mapped, allocated or locked the memory of the report, as `file:line:column`;
   * null without one.
   */
  readonly firstPlace: string | null;
  /** The statement that broke the rule. */
  readonly secondPlace: string | null;
}

/** For reports about something that was not mapped: the action of the first statement. */
const FIRST_STATEMENTS: { readonly [C in ReportClass]?: string } = {
  lock_order: "locked in the opposite order",
  device_write_after_free: "freed",
  mask_failure_ignored: "failed",
  uninitialized_dma_read: "allocated",
  stale_cacheline_read: "written",
  stale_memory_read: "written",
  dirty_cacheline_lost: "written",
  bounced_write_lost: "written",
  device_write_lost: "written",
};

export function firstStatement(
  { reportClass, rule }: Pick<PrintedReport, "reportClass" | "rule">,
): string {
  // The rules of the two-step API are about ranges.
  return FIRST_STATEMENTS[reportClass] ??
    (rule.startsWith("dma.3") ? "reserved or linked" : "mapped");
}

/** The report in at most 80 columns. */
export function reportLines(report: PrintedReport): string[] {
  const { firstPlace, log, secondPlace } = report;
  const facts: [label: string, text: string][] = [];
  if (firstPlace !== null) facts.push([`${firstStatement(report)} at`, firstPlace]);
  if (secondPlace !== null) facts.push(["reported at", secondPlace]);
  if (log !== null) facts.push(["kernel log", logLine(log)]);
  return [
    spread(
      `${report.reportClass}, ${report.rule}`,
      report.beyondKernel ? "not checked by any kernel" : "checked by the kernel",
    ),
    ...wrapText(report.text, PICTURE_COLUMNS - 2).map((line) => `  ${line}`),
    ...wrappedPairs(facts, PICTURE_COLUMNS),
  ];
}

/** What to look for in the log of a kernel that is built with DMA debugging. */
export function logLine(log: string): string {
  return `DMA-API: … ${log}`;
}

/** The report on one line, for a list that already has the place of the second statement. */
export function reportSentence(report: Omit<PrintedReport, "log">): string {
  const { firstPlace, secondPlace } = report;
  const first = firstPlace === null || firstPlace === secondPlace
    ? ""
    : ` (${firstStatement(report)} at ${firstPlace})`;
  return `${report.reportClass}, ${report.rule}: ${report.text}${first}`;
}
