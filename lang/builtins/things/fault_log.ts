/** What `fault_log` has read: the fault line of a kernel's log. */
import type { DmaAddr } from "../../../runtime/address.ts";
import { decodeFaultLog } from "../../../runtime/iommu/fault_log/decode_fault_log.ts";
import type { LoggedFault } from "../../../runtime/iommu/fault_log/logged_fault.ts";
import { formatSource } from "../../../runtime/iommu/fault_log/pci_source.ts";
import { formatWord64, numberOf } from "../../../runtime/iommu/fault_log/word64.ts";
import type { Run } from "../../values/run.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { Value } from "../../values/value.ts";
import { dma, duration, list, size, thing, word } from "../arguments.ts";
import { accessText, faultStory, loggedFaultLines } from "../explain/fault_story.ts";
import { apiOf, judgeFault } from "../fault_verdict.ts";
import type { FieldSpec, TypeSpec } from "../../values/spec.ts";
import { EVENT, siteText } from "./event.ts";
import { ledgerMapping } from "./dma/ledger_mapping.ts";
import { MAPPING } from "./dma/mapping.ts";

/** What a line says by itself. */
const LINE_FIELDS: readonly FieldSpec<LoggedFault>[] = [
  {
    name: "format",
    kind: "word",
    doc: "Whose line it is: vtd, amd or arm.",
    get: (fault) => word(fault.format),
  },
  {
    name: "event",
    kind: "string",
    doc: "The kind of record, such as DMA, IO_PAGE_FAULT or F_TRANSLATION.",
    get: (fault) => fault.event,
  },
  {
    name: "code",
    kind: "int",
    doc: "Fault reason of VT-d, flags of AMD, event number of SMMUv3.",
    get: (fault) => fault.code,
  },
  {
    name: "reason",
    kind: "word",
    doc: "What the hardware objected to, in one vocabulary for all, such as not_present.",
    get: (fault) => word(fault.reason),
  },
  {
    name: "says",
    kind: "string",
    doc: "The reason in a few words, as its specification has it.",
    get: (fault) => fault.name,
  },
  {
    name: "means",
    kind: "string",
    doc: "What it usually means to who writes the driver.",
    get: (fault) => fault.means,
  },
  {
    name: "spec",
    kind: "string",
    doc: "Where its specification has it.",
    get: (fault) => fault.spec,
  },
  {
    name: "source",
    kind: "string",
    doc: "Who came, as bus:device.function, with the PCI domain where the line has it; or none.",
    get: (fault) => fault.source === null ? null : formatSource(fault.source),
  },
  {
    name: "stream",
    kind: "int",
    doc: "SMMUv3's number of who came; none for others.",
    get: (fault) => fault.streamId,
  },
  {
    name: "access",
    kind: "word",
    doc: "Whether it read or wrote; none where the record has no direction.",
    get: (fault) => fault.access === null ? null : word(fault.access),
  },
  {
    name: "access_certain",
    kind: "bool",
    doc: "False where the specification leaves the direction open: AMD without PR.",
    get: (fault) => fault.accessCertain,
  },
  {
    name: "address",
    kind: "dma",
    doc: "Where it came to; none where the record has no address, and for 2^53 and more.",
    get: (fault) => addressValue(fault),
  },
  {
    name: "address_text",
    kind: "string",
    doc: "All 64 bits of it in hex, or none.",
    get: (fault) => fault.address === null ? null : formatWord64(fault.address),
  },
  {
    name: "page_only",
    kind: "bool",
    doc: "The address is that of the page, without the place in it: VT-d records no more.",
    get: (fault) => fault.addressUnitBytes > 1,
  },
  {
    name: "domain",
    kind: "int",
    doc: "AMD's number of the address space; none for others.",
    get: (fault) => fault.domainId,
  },
  {
    name: "pasid",
    kind: "int",
    doc: "The process address space, or none.",
    get: (fault) => fault.pasid,
  },
  {
    name: "flags",
    kind: "list",
    doc: "Bits of the record that are set, by the specification's names.",
    get: (fault) => list(fault.flags),
  },
];

/** What the run knows of it: worked out anew from the events each time. */
const RUN_FIELDS: readonly FieldSpec<LoggedFault>[] = [
  {
    name: "device",
    kind: "string",
    doc: "The device of this machine that has the source's address, by name, or none.",
    get: (fault, run) => judgeFault(fault, run).device?.name ?? null,
  },
  {
    name: "fault",
    kind: "@event",
    doc:
      "The newest fault of this run that the line can be of, or none: the verdict is then of now.",
    get: (fault, run) => eventValue(judgeFault(fault, run).fault),
  },
  {
    name: "verdict",
    kind: "word",
    doc: "Whose fault it was, such as unmapped_early, wrong_direction or past_end.",
    get: (fault, run) => word(judgeFault(fault, run).verdict),
  },
  {
    name: "mapping",
    kind: "@mapping",
    doc: "The mapping that the verdict is about, alive or not, or none.",
    get(fault, run) {
      const { mapping } = judgeFault(fault, run);
      return mapping === null ? null : thing(MAPPING, ledgerMapping(mapping));
    },
  },
  {
    name: "culprit",
    kind: "string",
    doc: "The call that is to blame, as name at file:line:column, or none.",
    get(fault, run) {
      const { culprit } = judgeFault(fault, run);
      if (culprit === null) return null;
      const site = siteText(culprit.site, run);
      return `${apiOf(culprit)}${site === null ? "" : ` at ${site}`}`;
    },
  },
  {
    name: "culprit_event",
    kind: "@event",
    doc: "The event of that call, or none.",
    get: (fault, run) => eventValue(judgeFault(fault, run).culprit),
  },
  {
    name: "after",
    kind: "duration",
    doc: "How long the mapping had been gone when the device came; none where it had not, and " +
      "where this run had no such fault.",
    get(fault, run) {
      const { fault: own, mapping } = judgeFault(fault, run);
      const died = mapping?.died ?? null;
      return own === null || died === null ? null : duration(own.at_ns - died.at_ns);
    },
  },
  {
    name: "off_by",
    kind: "size",
    doc: "How far behind the end of the mapping, or before its start; 0B is the byte right there.",
    get(fault, run) {
      const { offByBytes } = judgeFault(fault, run);
      return offByBytes === null ? null : size(offByBytes);
    },
  },
  {
    name: "stale_uses",
    kind: "int",
    doc: "Accesses that still went through the IOTLB after the mapping's end, before the fault.",
    get: (fault, run) => judgeFault(fault, run).staleUses,
  },
];

function addressValue({ address }: LoggedFault): Value {
  const number = address === null ? null : numberOf(address);
  return number === null ? null : dma(number as DmaAddr);
}

function eventValue(event: Parameters<typeof apiOf>[0] | null): Value {
  return event === null ? null : thing(EVENT, event);
}

export const FAULT_LOG: TypeSpec<LoggedFault> = {
  name: "fault_log",
  doc: "The fault line of a kernel's log, decoded, and held against what this run has mapped.",
  portable: true,
  fields: [...LINE_FIELDS, ...RUN_FIELDS],
  methods: [],
  format(fault) {
    const who = fault.source === null ? "somebody" : formatSource(fault.source);
    const access = accessText(fault);
    return `${fault.event} by ${who}${access === null ? "" : `, ${access}`}: ${fault.name}`;
  },
  show: loggedFaultLines,
  explain: (fault: LoggedFault, run: Run) => faultStory(fault, judgeFault(fault, run), run),
};

/** Reads a line. @throws {ScriptError} That says where it is wrong. */
export function readFaultLog(text: string): LoggedFault {
  const read = decodeFaultLog(text);
  if (read.ok) return read.fault;
  const { message, offset } = read.problem;
  const before = text.slice(0, offset).split("\n");
  throw new ScriptError(
    "E0919",
    `Cannot read the fault log at ${before.length}:${before.at(-1)!.length + 1}: ${message}`,
    "a line of VT-d (DMAR:), AMD-Vi or arm-smmu-v3 as dmesg prints it, with or without its " +
      "timestamp; lines that belong together are joined by \\n",
  );
}
