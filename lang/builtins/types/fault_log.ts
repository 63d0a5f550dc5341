/** The result of `fault_log`: a decoded fault line of a kernel's log. */
import {
  decodeFaultLog,
  formatSource,
  formatWord64,
  type LoggedFault,
  numberOf,
} from "@dmalab/runtime/fault_log";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ValueError } from "../../values/script_error.ts";
import { accessText, faultStory, loggedFaultLines } from "../explain/fault_story.ts";
import { judgeFault } from "../fault_verdict.ts";
import { apiOf } from "../ledger.ts";
import type { HandleType } from "../../values/spec.ts";
import { EVENT, siteText } from "./event.ts";
import { ledgerMapping } from "./dma/ledger_mapping.ts";
import { MAPPING } from "./dma/mapping.ts";
import { fieldsOf } from "../describe/fields.ts";
import { once } from "../describe/once.ts";

/** The facts in the line itself. */
const LINE_FIELDS = fieldsOf<LoggedFault>((f) => ({
  format: f.word(
    "The format of the line: vtd, amd, arm (SMMUv3) or arm_v2 (SMMUv1 and SMMUv2).",
    (fault) => fault.format,
  ),
  event: f.string(
    "The kind of record, such as DMA, IO_PAGE_FAULT or F_TRANSLATION.",
    (fault) => fault.event,
  ),
  code: f.int(
    "Fault reason of VT-d, flags of AMD, event number of SMMUv3, status of older SMMUs; or none.",
    (fault) => fault.code,
  ),
  reason: f.word(
    "The reason of the fault, in one vocabulary for all formats, such as not_present.",
    (fault) => fault.reason,
  ),
  says: f.string("The reason in the words of the specification.", (fault) => fault.name),
  means: f.string("Its usual cause in a driver.", (fault) => fault.means),
  spec: f.string("The place in the specification.", (fault) => fault.spec),
  source: f.string(
    "The requester as bus:device.function, with the PCI domain if the line has it; or none.",
    (fault) => fault.source === null ? null : formatSource(fault.source),
  ),
  stream: f.int(
    "The SMMU's stream ID of the requester; none for others.",
    (fault) => fault.streamId,
  ),
  access: f.word(
    "Whether it read or wrote; none where the record has no direction.",
    (fault) => fault.access,
  ),
  access_certain: f.bool(
    "False where the specification leaves the direction open: AMD without PR.",
    (fault) => fault.accessCertain,
  ),
  address: f.dma(
    "The faulting address; none if the record has none, and for 2^53 and more.",
    ({ address }) => address === null ? null : numberOf(address),
  ),
  address_text: f.string(
    "All 64 bits of it in hex, or none.",
    (fault) => fault.address === null ? null : formatWord64(fault.address),
  ),
  page_only: f.bool(
    "Only the page of the address is known, without the offset: VT-d records no more.",
    (fault) => fault.addressUnitBytes > 1,
  ),
  domain: f.int("AMD's domain ID; none for others.", (fault) => fault.domainId),
  pasid: f.int("The PASID, or none.", (fault) => fault.pasid),
  mapped: f.bool(
    "Whether the page was mapped, if the kernel dumped its page table after the line; or none.",
    (fault) => fault.details.dump?.present ?? null,
  ),
  flags: f.list(
    "string",
    "Bits of the record that are set, by the specification's names.",
    (fault) => fault.flags,
  ),
}));

/**
 * The facts that this run has about the line, computed from the events whenever a field is read.
 */
const RUN_FIELDS = fieldsOf<LoggedFault>((f) => ({
  device: f.string(
    "The device of this machine that has the source's address, by name, or none.",
    (fault, context) => judgeFault(fault, context).device?.name ?? null,
  ),
  fault: f.of(
    EVENT,
    "The latest fault of this run that matches the line. If none, the verdict is about the " +
      "current mappings.",
    (fault, context) => judgeFault(fault, context).fault,
  ),
  verdict: f.word(
    "The cause of the fault, such as use_after_unmap, wrong_direction or past_end.",
    (fault, context) => judgeFault(fault, context).verdict,
  ),
  mapping: f.of(
    MAPPING,
    "The mapping that the verdict is about, live or unmapped, or none.",
    (fault, context) => {
      const { mapping } = judgeFault(fault, context);
      return mapping === null ? null : ledgerMapping(mapping);
    },
  ),
  culprit: f.string(
    "The responsible call, as name at file:line:column, or none.",
    (fault, context) => {
      const { culprit } = judgeFault(fault, context);
      if (culprit === null) return null;
      const site = siteText(culprit.site, context);
      return `${apiOf(culprit)}${site === null ? "" : ` at ${site}`}`;
    },
  ),
  culprit_event: f.of(
    EVENT,
    "The event of that call, or none.",
    (fault, context) => judgeFault(fault, context).culprit,
  ),
  after: f.duration(
    "Time between the unmap and the access; none if it was still mapped, or if this run has no " +
      "such fault.",
    (fault, context) => {
      const { ended, fault: own } = judgeFault(fault, context);
      return own === null || ended === null ? null : own.at_ns - ended.at_ns;
    },
  ),
  off_by: f.size(
    "Distance past the end of the mapping, or before its start; 0B is the first byte outside.",
    (fault, context) => judgeFault(fault, context).offByBytes,
  ),
  stale_uses: f.int(
    "Accesses through a stale entry of the IOTLB, or of the device's own TLB (ATS), between the " +
      "unmap and the fault.",
    (fault, context) => judgeFault(fault, context).staleUses.length,
  ),
}));

export const FAULT_LOG: HandleType<LoggedFault> = {
  name: "fault_log",
  doc: "A decoded fault line of a kernel log, matched with the mappings of this run.",
  portable: true,
  fields: once(() => [...LINE_FIELDS(), ...RUN_FIELDS()]),
  format(fault) {
    const who = fault.source === null ? "an unnamed source" : formatSource(fault.source);
    const access = accessText(fault);
    return `${fault.event} by ${who}${access === null ? "" : `, ${access}`}: ${fault.name}`;
  },
  show: loggedFaultLines,
  explain: (fault: LoggedFault, context: ExecutionContext) =>
    faultStory(fault, judgeFault(fault, context), context),
};

/** Reads a line. @throws {ScriptError} With the position of the mistake. */
export function readFaultLog(text: string): LoggedFault {
  const read = decodeFaultLog(text);
  if (read.ok) return read.fault;
  const { message, offset } = read.problem;
  const before = text.slice(0, offset).split("\n");
  throw new ValueError(
    `Cannot read the fault log at ${before.length}:${before.at(-1)!.length + 1}: ${message}`,
    "a line of VT-d (DMAR:), AMD-Vi or arm-smmu-v3 as dmesg prints it, with or without its " +
      "timestamp; lines that belong together are joined by \\n",
  );
}
