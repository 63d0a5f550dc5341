/** A report of the checker as text: the mistake, its rule, and the two statements. */
import type { ReportClass } from "@dmalab/runtime/vocabulary";
import { PICTURE_COLUMNS, spread, wrappedPairs, wrapText } from "../text/columns.ts";

export interface PrintedReport {
  readonly reportClass: ReportClass;
  /** Page, chapter and row of the rule, such as `dma.3.6.3`. */
  readonly rule: string;
  readonly text: string;
  /** The message of a kernel's DMA debugging for this mistake; null if there is no such message. */
  readonly log: string | null;
  /** True if no kernel checks for this mistake. */
  readonly beyondKernel: boolean;
  /**
   * The statement that mapped, allocated or locked the memory of the report, as `file:line:column`;
   * null if there is no such statement.
   */
  readonly firstPlace: string | null;
  /** The statement that broke the rule. */
  readonly secondPlace: string | null;
}

/**
 * What the first statement did, for classes of reports in which that statement did not map memory.
 */
const FIRST_STATEMENTS: { readonly [C in ReportClass]?: string } = {
  lock_order: "locked in the opposite order",
  device_write_after_free: "freed",
  device_write_unsynced: "synced for the CPU",
  mask_failure_ignored: "failed",
  uninitialized_dma_read: "allocated",
  stale_cacheline_read: "written",
  stale_bounce_read: "written",
  stale_memory_read: "written",
  dirty_cacheline_lost: "written",
  bounced_write_lost: "written",
  device_write_lost: "written",
};

export function firstStatement(
  { reportClass, rule }: Pick<PrintedReport, "reportClass" | "rule">,
): string {
  // The rules of dma.3 are about the two-step API, which reserves and links ranges.
  return FIRST_STATEMENTS[reportClass] ??
    (rule.startsWith("dma.3") ? "reserved or linked" : "mapped");
}

/** The report in at most 80 columns. */
export function reportLines(report: PrintedReport): string[] {
  const { firstPlace, log, secondPlace } = report;
  const facts: [label: string, text: string][] = [];
  if (firstPlace !== null) facts.push([`${firstStatement(report)} at`, firstPlace]);
  if (secondPlace !== null) facts.push(["reported at", secondPlace]);
  if (log !== null) facts.push(["kernel log", logLine(log, report.reportClass)]);
  return [
    spread(
      `${report.reportClass}, ${report.rule}`,
      report.beyondKernel ? "not checked by any kernel" : "checked by the kernel",
    ),
    ...wrapText(report.text, PICTURE_COLUMNS - 2).map((line) => `  ${line}`),
    ...wrappedPairs(facts, PICTURE_COLUMNS),
  ];
}

/** Classes whose line the kernel prints with the names of driver and device, and not of its debugging. */
const OF_DRIVERS: ReadonlySet<ReportClass> = new Set(["map_vmalloc"]);

/** A line with the message that one can search for in the log of a kernel with DMA debugging. */
export function logLine(log: string, reportClass: ReportClass): string {
  return OF_DRIVERS.has(reportClass) ? `…: ${log}` : `DMA-API: … ${log}`;
}

/**
 * The report on one line. The location of the statement that broke the rule is left out, because
 * the list of incidents already shows it.
 */
export function reportSentence(report: Omit<PrintedReport, "log">): string {
  const { firstPlace, secondPlace } = report;
  const first = firstPlace === null || firstPlace === secondPlace
    ? ""
    : ` (${firstStatement(report)} at ${firstPlace})`;
  return `${report.reportClass}, ${report.rule}: ${report.text}${first}`;
}
