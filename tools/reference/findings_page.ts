/** The tables of `docs/what-fails-a-test.md`: every report, fault and leak, from their records. */
import {
  FAULT_REASONS,
  FOUND_IN,
  REPORT_CLASSES,
  type ReportClassEntry,
} from "@dmalab/runtime/vocabulary";
import { LEAK_KINDS, type LeakKindEntry } from "@dmalab/runtime";
import { markdownTable, withParts } from "./marked_part.ts";

function seenBy({ exception, ...entry }: ReportClassEntry): string {
  const always = alwaysSeenBy(entry);
  return exception === undefined ? always : `${always}; ${exception}`;
}

function alwaysSeenBy({ beyondKernel, counted, errorLine }: ReportClassEntry): string {
  if (beyondKernel) return "no";
  if (errorLine !== undefined) return "an error line of the kernel";
  return counted ? "DMA debugging" : "a WARN of the kernel";
}

/**
 * The page with its tables from the records.
 * @throws {RangeError} When the page has no place for a table.
 */
export function withFindingTables(page: string): string {
  return withParts(page, {
    reports: markdownTable(
      ["report", "what was done", "found in", "a kernel sees it", "rule", "kernel log"],
      Object.entries<ReportClassEntry>(REPORT_CLASSES).map(([name, entry]) => [
        `\`${name}\``,
        entry.doc,
        FOUND_IN[entry.found],
        seenBy(entry),
        entry.rule,
        entry.log ?? entry.errorLine ?? "",
      ]),
    ),
    faults: markdownTable(
      ["fault", "what it is", "found in", "a kernel sees it"],
      Object.entries(FAULT_REASONS).map(([name, { doc, found, isLogged }]) => [
        `\`${name}\``,
        doc,
        FOUND_IN[found],
        isLogged ? "the IOMMU's fault line in the log" : "no",
      ]),
    ),
    leaks: markdownTable(
      ["leak", "what it is", "found in", "a kernel sees it", "rule"],
      Object.entries<LeakKindEntry>(LEAK_KINDS).map(([kind, entry]) => [
        `\`${kind}\``,
        entry.doc,
        FOUND_IN[entry.found],
        entry.beyondKernel ? "no" : "DMA debugging, when the driver unbinds",
        entry.rule ?? "none",
      ]),
    ),
  });
}
