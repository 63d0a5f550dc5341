/**
 * Prints a fault as the kernel's log would: the inverse of `decodeFaultLog`.
 *
 * Only records that hardware is known to write are printed. An access that never reached an IOMMU
 * leaves no record. If the specification does not define the record, no line is printed.
 */
import { IOMMU_MODELS, type IommuModel } from "../iommu/iommu_models.ts";
import type { DeviceAccess, FaultReason } from "../iommu/iommu.ts";
import { FAULT_REASONS } from "../vocabulary/shared_words.ts";
import { formatSource } from "./pci_source.ts";
import { PAGE_FAULT_FLAGS } from "./amd_events.ts";
import { plainHex, type Word64, word64 } from "./word64.ts";

/** An access that was refused, and the data about its origin for the log. */
export interface PrintedFault {
  /** The address; -1 is the error value, all ones. */
  readonly dma: number;
  readonly access: DeviceAccess;
  readonly reason: FaultReason;
  readonly pciDomain: number;
  /** True if lines of VT-d name the PCI domain, too. @see rules/traces.md T.44 */
  readonly namesSegment: boolean;
  /** Bus in bits 15 to 8, device in 7 to 3, function in 2 to 0. */
  readonly requesterId: number;
  /** Number of the address space. */
  readonly domainId: number;
}

/** The lines, joined by line ends; null where no IOMMU of that model would log anything. */
export function printFaultLog(model: IommuModel, fault: PrintedFault): string | null {
  if (!FAULT_REASONS[fault.reason].isLogged) return null;
  const { faultLog } = IOMMU_MODELS[model];
  switch (faultLog) {
    case "vtd":
      return vtdLine(fault, secondStage(fault), "NO_PASID");
    case "vtd_scalable":
      return vtdLine(fault, secondStage(fault), "PASID 0x0");
    case "vtd_first_stage":
      return vtdLine(fault, firstStage(fault), "PASID 0x0");
    case "amd":
      return amdLine(fault);
    case "smmu":
      return smmuLines(fault);
    case "virtio":
      return virtioLine(fault);
  }
}

type NamedReason = readonly [code: string, text: string];

/**
 * The second stage has no present bit: an access to missing memory is logged as not readable, or as
 * not writable.
 */
function secondStage({ access, reason }: PrintedFault): NamedReason {
  if (reason === "address_width") return ["04", "Access beyond MGAW"];
  if (reason === "context_absent") return ["02", "Present bit in context entry is clear"];
  return access === "read"
    ? ["06", "PTE Read access is not set"]
    : ["05", "PTE Write access is not set"];
}

function firstStage({ reason }: PrintedFault): NamedReason {
  if (reason === "address_width") {
    return ["80", "SM: Address in first-level translation is not canonical"];
  }
  return reason === "not_present"
    ? ["71", "SM: Present bit in first-level paging entry is clear"]
    : ["85", "SM: No write permission for Write/AtomicOp request"];
}

function vtdLine(
  { access, dma, namesSegment, pciDomain, requesterId }: PrintedFault,
  [code, text]: NamedReason,
  pasid: string,
): string {
  const { high, low } = word64(dma);
  const page: Word64 = { high, low: low - low % 4096 };
  const place = formatSource({ domain: namesSegment ? pciDomain : null, requesterId });
  return `DMAR: [DMA ${access === "read" ? "Read" : "Write"} ${pasid}] Request device [${place}] ` +
    `fault addr 0x${plainHex(page)} [fault reason 0x${code}] ${text}`;
}

/**
 * For an address with too many bits, the specification does not define the flags of the record, so
 * no line is printed for it.
 */
function amdLine(fault: PrintedFault): string | null {
  const { access, dma, domainId, pciDomain, reason, requesterId } = fault;
  if (reason === "address_width") return null;
  const set = [
    ...reason === "not_present" ? [] : ["PR", "PE"],
    ...access === "write" ? ["RW"] : [],
  ];
  const flags = PAGE_FAULT_FLAGS.reduce(
    (sum, name, bit) => set.includes(name) ? sum + 2 ** bit : sum,
    0,
  );
  const hex = (value: number) => `0x${value.toString(16).padStart(4, "0")}`;
  const place = formatSource({ domain: pciDomain, requesterId });
  return `AMD-Vi: Event logged [IO_PAGE_FAULT device=${place} domain=${hex(domainId)} ` +
    `address=0x${plainHex(word64(dma))} flags=${hex(flags)}]`;
}

const SMMU = "arm-smmu-v3 arm-smmu-v3.0.auto:";
/**
 * Two bits of the record's second word, as values in the upper half of this word: the direction of
 * the access, and its kind.
 */
const RNW_HIGH = 2 ** 3;
const CLASS_IN_HIGH = 2 ** 9;
const MAX_STREAM_DOMAIN = 0xffff;

/**
 * An address with too many bits counts as an address without translation (IHI 0070, 3.4). The stream
 * ID has 32 bits: the requester ID, with the PCI domain above it, which is one way in which firmware
 * may number streams.
 */
function smmuLines({ access, dma, pciDomain, reason, requesterId }: PrintedFault): string | null {
  if (pciDomain > MAX_STREAM_DOMAIN) return null;
  const isPermission = reason === "not_readable" || reason === "not_writable";
  const code = isPermission ? 0x13 : 0x10;
  const streamId = pciDomain * 65536 + requesterId;
  const address = word64(dma);
  const words: readonly Word64[] = [
    { high: streamId, low: code },
    { high: CLASS_IN_HIGH + (access === "read" ? RNW_HIGH : 0), low: 0 },
    address,
    { high: 0, low: 0 },
  ];
  const sid = streamId.toString(16);
  return [
    `${SMMU} event 0x${code.toString(16)} received:`,
    ...words.map((word) => `${SMMU} 0x${plainHex(word, 16)}`),
    `${SMMU} event: ${isPermission ? "F_PERMISSION" : "F_TRANSLATION"} ` +
    `client: ${formatSource({ domain: pciDomain, requesterId })} sid: 0x${sid} ssid: 0x0 ` +
    `iova: 0x${plainHex(address)} ipa: 0x0`,
    `${SMMU} unpriv data ${access} s1 "Input address caused fault" stag: 0x0`,
  ].join("\n");
}

/**
 * QEMU gives the right that is missing, and none for an address without a mapping. An endpoint is the
 * requester ID, in PCI domain 0; a fault of a device without a domain was not recorded.
 */
function virtioLine({ access, dma, pciDomain, reason, requesterId }: PrintedFault): string | null {
  if (pciDomain !== 0 || reason === "context_absent") return null;
  const missing = reason === "not_present" ? "" : access === "read" ? "R" : "W";
  return `virtio_iommu virtio0: page fault from EP ${requesterId} ` +
    `at 0x${plainHex(word64(dma))} [${missing}]`;
}
