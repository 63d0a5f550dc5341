/**
 * Faults that the trace itself records as events. They have times by the trace's clock, and are
 * among the lines of the mappings.
 *
 * @see rules/traces.md T.29, T.62
 */
import { PAGE_FAULT_EVENT, type PageFaultEvent, readPageFault } from "../line/page_fault_event.ts";
import { ERROR_ADDRESS } from "../line/payload.ts";
import type { TraceLine } from "../line/trace_line.ts";
import { type FaultedAccess, FaultVerdicts } from "./classify_fault.ts";
import { explainedFault, FAULT_RULE, tableFault } from "./classify_log.ts";
import { aboutKind, type FindingKind } from "./finding_kinds.ts";
import type { MappingTracker } from "./ledger.ts";
import type { PageHistory } from "./page_history.ts";
import { type Certainty, findingOf, type TraceFinding } from "./traced_mapping.ts";
import { pageOf } from "../owner/pages.ts";

export interface TracedFault extends PageFaultEvent {
  readonly line: number;
  readonly seconds: number;
}

/** The fault in a line; null for another line, undefined for a damaged one. */
export function tracedFaultOf(line: TraceLine, number: number): TracedFault | null | undefined {
  if (line.event !== PAGE_FAULT_EVENT) return null;
  const event = readPageFault(line.fields);
  return event === null ? undefined : { ...event, line: number, seconds: line.seconds };
}

/** Findings about the faults, with evidence from the mappings of their pages. */
export function tracedFaultFindings(
  faults: readonly TracedFault[],
  ledger: MappingTracker,
  history: PageHistory,
): TraceFinding[] {
  const verdicts = new FaultVerdicts(history);
  return faults.map((fault) => withTask(findingFor(fault, ledger, verdicts), fault, history));
}

function findingFor(
  fault: TracedFault,
  ledger: MappingTracker,
  verdicts: FaultVerdicts,
): TraceFinding {
  const { address, device: name, flags, line, seconds } = fault;
  const finding = (kind: FindingKind, certainty: Certainty, more: Partial<TraceFinding> = {}) =>
    findingOf({
      kind,
      certainty,
      device: name,
      address,
      rule: FAULT_RULE,
      text: aboutKind(kind).fault ?? "",
      ...more,
      // `line` is the fault's line; the other lines are those of the mapping.
      line,
      otherLine: more.line ?? more.otherLine ?? null,
      seconds,
      more: { ...more.more, flags: flags === null ? null : `0x${flags.toString(16)}` },
    });
  if (address === ERROR_ADDRESS) return finding("error_value", "likely");
  const device = ledger.devices.get(name) ?? null;
  const access: FaultedAccess = { device, page: pageOf(address), access: null, mapped: null };
  const window = [seconds, seconds] as const;
  if (ledger.isTableAlone) return tableFault(access, window, verdicts, finding);
  if (device === null) {
    const text = "no verdict: the trace has no mapping of the device";
    return finding("iommu_fault", "unknown", { text });
  }
  const known = { access, device, window, isExact: true, isTied: true, isGuessed: false };
  return explainedFault(known, ledger, verdicts, finding);
}

/** Adds which tasks mapped and unmapped the page, for a use after unmap. */
function withTask(finding: TraceFinding, fault: TracedFault, history: PageHistory): TraceFinding {
  if (finding.kind !== "use_after_unmap" || finding.otherLine === null) return finding;
  const mapping = history.at(pageOf(fault.address)).find(({ unmappedAt }) =>
    unmappedAt?.line === finding.otherLine
  );
  if (mapping === undefined) return finding;
  const { kind, mappedAt, pid, task } = mapping;
  const unmapper = history.unmapperOf(mapping);
  const by = unmapper === null ? "" : ` by ${unmapper}`;
  const verb = kind === "alloc" ? ["allocated", "freed"] : ["mapped", "unmapped"];
  const text = `${finding.text}: ${verb[0]} in line ${mappedAt.line} by ${task}-${pid}, ` +
    `${verb[1]} in line ${finding.otherLine}${by}`;
  return { ...finding, text, more: { ...finding.more, born_line: mappedAt.line } };
}
