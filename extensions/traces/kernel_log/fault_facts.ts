/** The fields of a decoded fault by the names that `--json` prints. */
import {
  formatSource,
  type LoggedFault,
  plainHex,
  type TableDump,
  type Word64,
} from "@dmalab/runtime/fault_log";
import type { Fact, LogEntryFacts } from "./entry.ts";

function hex(word: Word64 | null): string | null {
  return word === null ? null : `0x${plainHex(word)}`;
}

/** @see rules/traces.md T.44 to T.51 */
export function faultFacts(fault: LoggedFault): LogEntryFacts {
  const { details } = fault;
  return {
    format: fault.format,
    event: fault.event,
    code: fault.code,
    access: fault.access,
    source: fault.source === null ? null : formatSource(fault.source),
    address: hex(fault.address),
    page_only: fault.addressUnitBytes > 1,
    domain: fault.domainId,
    pasid: fault.pasid,
    stream: fault.streamId,
    flags: fault.flags,
    reason: fault.reason,
    interrupt_index: details.interruptIndex,
    fetch_address: hex(details.fetchAddress),
    context_bank: details.contextBank,
    tag: details.tag,
    dte: details.deviceTableEntry,
    words: details.words,
    client: details.clientName,
    dump: details.dump === null ? null : dumpFacts(details.dump),
    mapped: details.dump === null ? null : details.dump.present,
  };
}

function dumpFacts({ leaf, phys, present, read, write }: TableDump): Fact {
  const common = { leaf: hex(leaf), present };
  return present ? { ...common, read, write, phys: hex(phys) } : common;
}
