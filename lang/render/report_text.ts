/** A report of the checker as people read it: what, which rule, and the two statements. */
import { PICTURE_COLUMNS, spread, wrapText } from "../text/columns.ts";

export interface PrintedReport {
  readonly reportClass: string;
  /** Page, chapter and row of the rule, such as `dma.3.6.3`. */
  readonly rule: string;
  readonly text: string;
  /** How a kernel's DMA debugging logs it; null where it does not. */
  readonly log: string | null;
  /** No check of any kernel sees it. */
  readonly beyondKernel: boolean;
  /** The statement that made what was broken, as `file:line:column`; null when there is none. */
  readonly firstPlace: string | null;
  /** The statement that broke the rule. */
  readonly secondPlace: string | null;
}

/** The report in at most 80 columns. */
export function reportLines(report: PrintedReport): string[] {
  return [
    spread(
      `${report.reportClass}, ${report.rule}`,
      report.beyondKernel ? "not checked by any kernel" : "checked by the kernel",
    ),
    ...wrapText(report.text, PICTURE_COLUMNS - 2).map((line) => `  ${line}`),
    ...report.firstPlace === null ? [] : [`  made by    ${report.firstPlace}`],
    ...report.secondPlace === null ? [] : [`  broken by  ${report.secondPlace}`],
    ...report.log === null ? [] : wrapText(`in a log   ${logLine(report.log)}`, PICTURE_COLUMNS - 2)
      .map((line, index) => `  ${index === 0 ? "" : "           "}${line}`),
  ];
}

/** What to look for in the log of a kernel that is built with DMA debugging. */
export function logLine(log: string): string {
  return `DMA-API: … ${log}`;
}

/** The report on one line, for a list that tells the place of the second statement itself. */
export function reportSentence(report: Omit<PrintedReport, "log">): string {
  const { firstPlace, secondPlace } = report;
  const made = firstPlace === null || firstPlace === secondPlace ? "" : ` (made by ${firstPlace})`;
  return `${report.reportClass}, ${report.rule}: ${report.text}${made}`;
}
