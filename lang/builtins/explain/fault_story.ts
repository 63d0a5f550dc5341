/**
 * Explains a decoded fault line of a log, and the mapping and the call in this run that the line
 * refers to.
 */
import type { MachineEvent } from "@dmalab/runtime";
import {
  type FaultDetails,
  type FaultLogFormat,
  formatSource,
  formatWord64,
  type LoggedFault,
  type TableDump,
} from "@dmalab/runtime/fault_log";
import { clip, PICTURE_COLUMNS, spread, wrapText } from "../../text/columns.ts";
import {
  formatAddress,
  formatCount,
  formatDuration,
  formatSize,
  formatTimeRounded,
} from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { FaultVerdict, JudgedFault } from "../fault_verdict.ts";
import { apiOf, devicesOf, type LedgerEntry, staleCaches } from "../ledger.ts";
import { siteText } from "../types/event.ts";

const MAKERS: Readonly<Record<FaultLogFormat, string>> = {
  vtd: "Intel VT-d",
  amd: "AMD IOMMU",
  arm: "Arm SMMUv3",
  arm_v2: "Arm SMMUv1 or SMMUv2",
  virtio: "virtio-iommu",
};

const LABEL_WIDTH = 12;

function row(label: string, text: string): string[] {
  return wrapText(text, PICTURE_COLUMNS - LABEL_WIDTH).map((line, index) =>
    clip((index === 0 ? label : "").padEnd(LABEL_WIDTH) + line, PICTURE_COLUMNS)
  );
}

/**
 * `write of 0xfffd_c000`. VT-d records only the page, so for VT-d the text has the page. Without a
 * readable address, the text has only the access.
 */
export function accessText({ access, address, addressUnitBytes }: LoggedFault): string | null {
  if (address === null) return access;
  const where = `${addressUnitBytes === 1 ? "" : "the page at "}${formatWord64(address)}`;
  return access === null ? where : `${access} of ${where}`;
}

/** The fault line of the log, field by field. */
export function loggedFaultLines(fault: LoggedFault): string[] {
  const { details, domainId, event, flags, format, means, name, pasid, source, spec, streamId } =
    fault;
  const access = accessText(fault);
  return [
    spread(`${MAKERS[format]}: ${event}`, spec),
    ...row(
      "  source",
      source === null ? details.clientName ?? "not named" : formatSource(source),
    ),
    ...streamId === null ? [] : row("  stream", `0x${streamId.toString(16)}`),
    ...access === null ? [] : row(
      // These records have the address of the IOMMU's command, and no access of the device.
      format === "amd" && fault.reason === "command_failed" ? "  command" : "  access",
      fault.access === null || fault.accessCertain
        ? access
        : `${access}; the specification promises the direction only where PR is set`,
    ),
    ...domainId === null ? [] : row("  domain", `0x${domainId.toString(16)}`),
    ...pasid === null ? [] : row("  PASID", `0x${pasid.toString(16)}`),
    ...flags.length === 0 ? [] : row("  flags", flags.join(" ")),
    ...detailLines(details),
    ...row("  reason", name),
    ...row("", means),
  ];
}

/** Details that only some records contain. */
function detailLines(details: FaultDetails): string[] {
  const { contextBank, deviceTableEntry, dump, fetchAddress, interruptIndex, tag, words } = details;
  const hex = (value: number) => `0x${value.toString(16)}`;
  return [
    ...interruptIndex === null
      ? []
      : row("  entry", `${hex(interruptIndex)} of the interrupt table`),
    ...fetchAddress === null ? [] : row("  fetch of", formatWord64(fetchAddress)),
    ...contextBank === null ? [] : row("  context", `bank ${contextBank}`),
    ...tag === null ? [] : row("  tag", hex(tag)),
    ...words === null ? [] : row("  words", words.map(hex).join(" ")),
    ...deviceTableEntry === null ? [] : row("  DTE", deviceTableEntry.join(" ")),
    ...dump === null ? [] : row("  table", dumpText(dump)),
  ];
}

function dumpText({ leaf, phys, present, read, write }: TableDump): string {
  if (!present) return `entry ${formatWord64(leaf)}: nothing mapped`;
  const may = read && write ? "read and written" : read ? "only read" : "only written";
  return `entry ${formatWord64(leaf)}: ${formatWord64(phys!)}, may be ${may}`;
}

/** What is said of a fault that `inject` caused. */
export const INJECTED = "injected: the scenario makes this access fail";

/** The fault line, and the mapping of this run to which the line refers. */
export function faultStory(
  fault: LoggedFault,
  judged: JudgedFault,
  context: ExecutionContext,
): string[] {
  const { device, mapping, neighbour } = judged;
  const who = device === null
    ? []
    : row("  device", `${device.kind} ${device.name} at ${device.function.address}`);
  return [
    ...loggedFaultLines(fault),
    "─".repeat(PICTURE_COLUMNS),
    ...who,
    ...row("  verdict", verdictText(judged, context)),
    ...mapping === null ? [] : mappingLines(mapping, judged, context),
    ...neighbour === null ? [] : row(
      "  or",
      `it ${besideText(neighbour)} of a live mapping: ${mappingText(neighbour.mapping!)}, ` +
        callText(neighbour.mapping!.created, context),
    ),
    ...context.recorder.droppedEvents === 0 ? [] : row(
      "  but",
      `${
        formatCount(context.recorder.droppedEvents, "event")
      } were dropped: a mapping may be missing`,
    ),
  ];
}

function mappingText(mapping: LedgerEntry): string {
  return `${formatAddress(mapping.dma)} ${formatSize(mapping.sizeBytes)} ${mapping.dir}`;
}

function callText(event: MachineEvent, context: ExecutionContext): string {
  const site = siteText(event.site, context);
  const request = event.request === null ? "" : ` for request ${event.request}`;
  return `${apiOf(event)}${request}${site === null ? "" : ` at ${site}`}`;
}

/** The lines for an event in a mapping's life: its number, its time and a text. */
function momentLines(label: string, event: MachineEvent, text: string): string[] {
  return row(
    label,
    `#${event.seq}, ${formatTimeRounded(event.at_ns)}${text === "" ? "" : `: ${text}`}`,
  );
}

/** The devices for which a mapping was made. */
function ownersText(mapping: LedgerEntry, { recorder }: ExecutionContext): string {
  return devicesOf(mapping, recorder.events).join(", ");
}

function mappingLines(
  mapping: LedgerEntry,
  judged: JudgedFault,
  context: ExecutionContext,
): string[] {
  const { ended, fault, forgotten, staleUses } = judged;
  const owners = ownersText(mapping, context);
  const owner = owners === judged.device?.name ? "" : `for ${owners}: `;
  return [
    ...row(
      "  mapping",
      `${owner}${mappingText(mapping)}, physical ${formatAddress(mapping.phys)}`,
    ),
    ...momentLines("  made", mapping.created, callText(mapping.created, context)),
    ...ended === null ? [] : momentLines("  ended", ended, callText(ended, context)),
    ...[...staleCaches(staleUses)].flatMap(([cache, uses]) =>
      row("", `${formatCount(uses, "access", "accesses")} after that still went through ${cache}`)
    ),
    ...forgotten === null ? [] : momentLines(
      "  flushed",
      forgotten,
      forgotten.name === "iotlb.sync"
        ? "from the IOTLB"
        : `from ${forgotten.fields.target}'s own TLB`,
    ),
    ...fault === null ? [] : momentLines(
      "  fault",
      fault,
      ended === null ? "" : `${formatDuration(fault.at_ns - ended.at_ns)} after the unmap`,
    ),
  ];
}

function besideText({ line, offByBytes, verdict }: JudgedFault): string {
  const edge = verdict === "past_end" ? "past the end" : "before the start";
  if (offByBytes === 0) return `lies right ${edge}`;
  return `lies ${line.addressUnitBytes > 1 ? "at least " : ""}${formatSize(offByBytes!)} ${edge}`;
}

function culpritText({ culprit }: JudgedFault, context: ExecutionContext): string {
  return culprit === null ? "a call" : callText(culprit, context);
}

export function verdictText(judged: JudgedFault, context: ExecutionContext): string {
  return VERDICTS[judged.verdict](judged, context);
}

/** For each verdict a sentence with the driver's error and its correction. */
const VERDICTS: Readonly<
  Record<FaultVerdict, (judged: JudgedFault, context: ExecutionContext) => string>
> = {
  never_mapped: ({ device }) =>
    `never mapped: ${
      device!.name
    } had no mapping there, and none adjacent. Check the address written into ` +
    "the descriptor: stale, from another place, or corrupted",
  use_after_unmap: (judged, context) =>
    `use after unmap: ${culpritText(judged, context)} removed the mapping while DMA was still ` +
    "outstanding. Unmap only after the device has signalled completion",
  stale_iotlb: (judged, context) =>
    `unmapped by ${
      culpritText(judged, context)
    }, but still in the IOTLB: in this machine the access ` +
    "succeeds until the flush, and reaches memory that the driver already owns again",
  wrong_direction: (judged, context) =>
    `wrong direction: ${culpritText(judged, context)} mapped it ${judged.mapping!.dir}, ` +
    (judged.mapping!.dir === "to_device"
      ? "so the device may only read it"
      : "so the device may only write it"),
  past_end: (judged, context) =>
    `past the end: it ${besideText(judged)} of what ${culpritText(judged, context)} mapped; the ` +
    "length given to the map, or the one given to the device, is wrong",
  before_start: (judged, context) =>
    `before the start: it ${besideText(judged)} of what ${
      culpritText(judged, context)
    } mapped; the ` +
    "address given to the device is wrong",
  not_linked: (judged, context) =>
    `not linked: ${culpritText(judged, context)} allocated the IOVA range, but nothing is ` +
    "linked at this offset",
  sync_missing: (judged, context) =>
    `missing dma_iova_sync(): ${
      culpritText(judged, context)
    } linked it, but the IOTLB still caches ` +
    "the not-present entry",
  physical_address: (judged, context) =>
    `a physical address: this memory was mapped by ${
      culpritText(judged, context)
    }, and the device was ` +
    `given its physical address instead of ${formatAddress(judged.mapping!.dma)}`,
  cut_address: (judged, context) =>
    `an address cut to its low ${judged.drivenBits} bits: ${culpritText(judged, context)} mapped ${
      formatAddress(judged.mapping!.dma)
    }, and ${judged.device!.name} drives no more. Its driver has to set a mask of so many bits`,
  other_device: (judged, context) =>
    `mapped for another device: ${culpritText(judged, context)} mapped it for ${
      ownersText(judged.mapping!, context)
    }, and ${judged.device!.name} accessed it`,
  group_owned: (judged, context) =>
    `the group is a process's: since ${
      culpritText(judged, context)
    } a container of VFIO owns the IOMMU group of ${judged.device!.name}, which reaches what the ` +
    "process maps there, and not what drivers have mapped before",
  group_left: (judged, context) =>
    `the group left the container: ${culpritText(judged, context)} gave the IOMMU group of ${
      judged.device!.name
    } back to the kernel, and a container of VFIO ` +
    `mapped it for ${ownersText(judged.mapping!, context)}`,
  error_value: (judged, context) =>
    "DMA_MAPPING_ERROR was programmed into the device: " +
    (judged.culprit === null ? "a map failed" : `${callText(judged.culprit, context)} failed`) +
    " and dma_mapping_error() was not checked",
  out_of_range: ({ device }) =>
    `out of range: ${device!.name} is translated up to ${
      formatAddress(device!.dma.domain!.table.lastAddress)
    }; a virtual address, or a descriptor with a damaged upper half`,
  access_allowed: () =>
    "not reproduced: in the current state this access is allowed; the log line is from another " +
    "time or another machine",
  not_translated: ({ device }) =>
    `${device!.name} is not translated in this machine: none of its accesses can fault like this`,
  injected: () => INJECTED,
  no_device: () => "no device of this machine has that address; `show topology()` lists them",
  not_a_mapping: () => "not caused by a mapping or an unmap of a driver",
};
