/**
 * Faults and errors of IOMMUs that dmalab does not simulate. The drivers of these IOMMUs print one
 * line for each fault.
 *
 * @see rules/traces.md T.71
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { errnoIn, errnoText } from "./errno_words.ts";
import type { MessageKind } from "./kinds.ts";
import { functionName, inOrder, type MessageArea, type MessageRow } from "./message.ts";
import { RECORD } from "../fault_steps.ts";
import { DEVICE_SILENT } from "./steps.ts";
import { XEN_SETUP } from "./xen.ts";

const ACCESS_WORDS: Readonly<Record<string, "read" | "write">> = {
  read: "read",
  rd: "read",
  r: "read",
  write: "write",
  wr: "write",
  w: "write",
};

/** Normalises the word for an access to `read` or `write`; null if the line has neither. */
function accessOf(word: unknown): "read" | "write" | null {
  return ACCESS_WORDS[String(word).toLowerCase()] ?? null;
}

const REASONS = {
  not_present: "nothing is mapped at the address",
  not_readable: "the mapping there does not allow a read",
  not_writable: "the mapping there does not allow a write",
  no_entry: "the device has no domain: it is attached to no page table",
  table_error: "the page table could not be read, or an entry of it makes no sense",
  bad_entry: "the device has an entry of its own (a context entry), and the IOMMU cannot use it",
  too_wide: "the address has more bits than the IOMMU translates",
  page_fault: "nothing is mapped at the address, or the mapping there does not allow the access",
  page_request:
    "the device asked for the page by a page request (PRI), and the kernel refused it, as it serves none for this device",
  no_memory: "no memory has the address: the memory controller refused it, and no IOMMU",
  controller: "the words behind the address say which error, and no table of an IOMMU is named",
  number: "the line gives the reason as a number, whose meaning is not known here",
  unknown: "the line does not give the reason",
} as const;
type Reason = keyof typeof REASONS;

/** What happened to an access, where the IOMMU did not block it. */
const OUTCOMES: Partial<Record<Reason, string>> = {
  no_memory: "An access did not reach memory",
  controller: "The memory controller refused an access, or reports an error of it",
  page_request: "A page request was refused",
};

const USUAL: Partial<Record<Reason, readonly string[]>> = {
  not_present: [
    RECORD,
    "compare the address with what the driver wrote to the device: a stale register, a physical address, an address cut to 32 bits",
  ],
  not_writable: [
    "compare the direction of the map with what the device does: DMA_FROM_DEVICE for what it writes, DMA_BIDIRECTIONAL for both",
  ],
  not_readable: [
    "compare the direction of the map with what the device does: DMA_TO_DEVICE for what it reads, DMA_BIDIRECTIONAL for both",
  ],
  no_entry: [
    "look whether the device's driver is bound, and whether the firmware's table names the device behind this IOMMU",
  ],
  page_fault: [
    RECORD,
    "compare the address with what the driver wrote to the device: a stale register, a physical address, an address cut to 32 bits",
  ],
  no_memory: [
    "compare the address with what the driver gave to the client: 0 or a small address is an unset register or a buffer that was never mapped, one above memory an address of another view; with an IOMMU see whether the client is attached to it",
  ],
  page_request: [
    "look who switched page requests (PRI) on for the device: without shared virtual addressing no driver should; the address is one that the device's driver or firmware gave it",
  ],
  controller: [
    "compare the address and the client with the buffers of the client's driver; `secure` and `carveout` name memory that is kept from this client",
  ],
  bad_entry: [
    "look at what set up the IOMMU for this device: the type, the width and the domain in its context entry, and whether the entry was written while the IOMMU translated",
  ],
  too_wide: [
    "compare the address with what the driver wrote to the device, and the device's DMA mask with the width that the IOMMU translates",
  ],
  number: [RECORD],
  unknown: [RECORD],
};

interface FaultRow {
  /** The kind of message, if it is no fault of an IOMMU. */
  readonly kind?: MessageKind;
  readonly model: string;
  readonly forms: readonly string[];
  readonly condition?: string;
  readonly more?: MessageRow["more"];
  readonly reason?: (facts: LogEntryFacts) => Reason;
  readonly derive?: (facts: LogEntryFacts) => LogEntryFacts;
  readonly next?: MessageRow["next"];
  readonly thread?: string;
}

/** Names of display engines, of which a boot loader may leave one on. */
const DISPLAY = /decon|fimd|\bdsi|disp|\bdpu|\bvop|\blcd|hdmi|mixer/i;

/** Steps for a fault at which the kernel panics. */
const AT_A_PANIC = ({ client }: LogEntryFacts): readonly string[] => [
  `look which driver has ${
    typeof client === "string" ? client : "the client"
  }, and what it wrote to the device before the panic: a stale register, a physical address, an address cut to 32 bits${
    DISPLAY.test(String(client))
      ? ". A display that the boot loader left on reads its picture at such an address until its driver stops it: switch it off in the boot loader, or give its picture to the IOMMU as a reserved region (`iommu-addresses` of a node of reserved-memory)"
      : ""
  }`,
  "no script runs after the panic: take the whole console, from the start of the boot to the end of the panic",
];

function faultRow(
  { condition, derive, forms, kind, model, more, next, reason, thread }: FaultRow,
): MessageRow {
  return {
    kind: kind ?? "other_iommu_fault",
    forms,
    always: { model },
    derive: (found) => {
      const facts: LogEntryFacts = derive?.(found) ?? found;
      const access = facts.access === found.access ? accessOf(found.access) : facts.access!;
      return {
        address: null,
        device: null,
        ...facts,
        access,
        reason: reason?.(found) ?? "unknown",
      };
    },
    ...more === undefined ? {} : { more },
    ...condition === undefined ? {} : { condition },
    role: "fault",
    means: (facts) => {
      // The page of all messages has no line, and so no reason.
      if (facts.reason === undefined) {
        return kind === "memory_fault"
          ? "The memory controller refused an access, or reports an error of it, for the reason that the line gives, if it gives one"
          : model === "arm_sva"
          ? "A page request was refused"
          : "The IOMMU blocked an access, for the reason that the line gives, if it gives one";
      }
      const found = facts.reason as Reason;
      return `${OUTCOMES[found] ?? "The IOMMU blocked an access"}: ${
        REASONS[found] ?? REASONS.unknown
      }`;
    },
    next: next ?? (({ reason }) => USUAL[reason as Reason] ?? []),
    ...thread === undefined ? {} : { thread },
  };
}

/** Error bits of OMAP's IRQSTATUS. */
const OMAP_ERRORS = [
  "TLB miss",
  "translation fault",
  "emulator TLB miss",
  "table walk",
  "multiple hits",
];

const VIRTIO: FaultRow = {
  model: "virtio",
  condition:
    "The host reported a fault (limited in rate): page, domain or unknown is the host's word",
  forms: [
    "virtio_iommu {iommu}: {fault_kind~page|domain|unknown} fault from EP {endpoint} at {address} [{?{access=access_bits}?}",
    "virtio_iommu {iommu}: {fault_kind~page|domain|unknown} fault from EP {endpoint}",
    "{fault_kind~page|domain|unknown} fault from EP {endpoint}{? at {address} [{?{access=access_bits}?}?}",
  ],
  reason: ({ fault_kind }) =>
    fault_kind === "domain" ? "no_entry" : fault_kind === "page" ? "page_fault" : "unknown",
  derive: (facts) => {
    const { endpoint } = facts;
    const bits = String(facts.access ?? "").replace(/\s/g, "").toUpperCase();
    return {
      ...facts,
      access: bits === "R" ? "read" : bits === "W" ? "write" : null,
      access_bits: bits === "" ? null : bits,
      // The endpoint of a PCI function is its requester id. Virtio specification 5.13.
      device: typeof endpoint === "number" && endpoint < 65536 ? functionName(endpoint) : null,
    };
  },
};

const dartReason = (facts: LogEntryFacts): Reason => {
  const words = String(facts.dart_reason);
  if (/WRITE/.test(words)) return "not_writable";
  if (/READ/.test(words)) return "not_readable";
  return /NO (?:PTE|PMD|TTBR)|PTE|PMD|TTBR/.test(words) ? "not_present" : "unknown";
};

/** The bracket of Tegra's SMMU errors: what the entry allows, such as `[R-S]`. */
function tegraReason({ access, tegra_reason }: LogEntryFacts): Reason {
  const words = String(tegra_reason);
  const [, readable, writable] = /\[([R-])([W-])[S-]\]/.exec(words) ?? [];
  if (readable === undefined) return "page_fault";
  if (readable === "-" && writable === "-") return "not_present";
  if (access === "write" && writable === "-") return "not_writable";
  return access === "read" && readable === "-" ? "not_readable" : "unknown";
}

/** `nr-nw-s`, what an entry allows in the words of older kernels, as newer ones print it: `[--S]`. */
function entryBits(entry: unknown): string {
  const words = String(entry).split("-");
  const bit = (name: string, letter: string) => words.includes(name) ? letter : "-";
  return `[${bit("r", "R")}${bit("w", "W")}${bit("s", "S")}]`;
}

/** The reason of a fault by its VT-d code. VT-d specification, appendix A. */
function vtdReason(code: unknown): Reason {
  if (code === 1 || code === 2) return "no_entry";
  // VT-d table entries have no present bit, so an entry without rights may be an empty entry.
  if (code === 5 || code === 6) return "page_fault";
  if (code === 3) return "bad_entry";
  if (code === 4) return "too_wide";
  if (Number(code) >= 7 && Number(code) <= 12) return "table_error";
  return typeof code === "number" ? "number" : "unknown";
}

/** The PCI function of a source identifier. */
function functionOf(source: number): string {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  return `0000:${hex(source >> 8)}:${hex((source >> 3) & 31)}.${source & 7}`;
}

/** The function of QEMU's `dev=bus:slot:function`. */
function withQemuDevice(facts: LogEntryFacts): LogEntryFacts {
  const [, bus, slot, index] =
    /^([0-9a-f]+):([0-9a-f]+)[:.]([0-9a-f]+)$/i.exec(String(facts.qemu_device)) ?? [];
  return bus === undefined ? facts : { ...facts, device: `0000:${bus}:${slot}.${Number(index)}` };
}

/** Cause numbers of faults. RISC-V IOMMU specification 3.1, table of fault causes. */
const RISCV_READS = new Set([4, 5, 13, 21]);
const RISCV_WRITES = new Set([6, 7, 15, 23]);
const RISCV_PAGES = new Set([12, 13, 15, 20, 21, 23]);

/** Xen's page tables are its own: a trace of a guest's kernel does not show them. */
const XEN_NEXT: readonly string[] = [
  "look who owns the device: `xl pci-assignable-list`, `xl pci-list DOMAIN`. Of a guest, or of dom0, the address is one of the guest's memory that Xen's tables do not have, or do not allow",
  "look in Xen's boot log (`xl dmesg`, with `iommu=verbose`) for a region of the firmware (RMRR, IVMD) at the address; rmrr= and ivmd= add one that the firmware does not list",
  "of the graphics device 00:02.0, `iommu=no-igfx` only as a diagnosis",
];

const QEMU_NEXT: readonly string[] = [
  "read the log of the guest: its kernel reports the same fault (DMAR: [DMA Write] Request device), if the queue of records has room; these lines are of QEMU's virtual VT-d",
  "look for what the guest has mapped at the address: record the mappings in the guest (examples/traces/data/collect-trace.sh) and give them to `dmalab trace check`",
];

/** Steps for faults of a table that is not this kernel's: a trace of this machine does not help. */
export const OF_OTHER_TABLES: ReadonlySet<string> = new Set([XEN_NEXT[0]!, QEMU_NEXT[0]!]);

const FAULTS: readonly FaultRow[] = [
  {
    model: "qemu_vtd",
    forms: [
      "{~vtd_iova_to_slpte|vtd_iova_to_sspte|vtd_iova_to_flpte|vtd_iova_to_fspte}: detected {~slpte|sspte|flpte|fspte|} {~permission error|permission denied} (iova={address}, level={value}, {~slpte|sspte|flpte|fspte|pte}={held=address}, write={is_write=count}",
      "vtd_iommu_translate: detected translation failure (dev={qemu_device=text}, iova={address})",
      "vtd_iommu_translate: detected translation failure (dev={qemu_device=text}, pasid={...}, iova={address})",
    ],
    more: [
      {
        form:
          "vtd_iommu_translate: detected translation failure (dev={qemu_device=text}, iova={address})",
        add: (found, facts) =>
          found.address === facts.address ? { ...facts, ...withQemuDevice(found) } : null,
      },
    ],
    derive: (facts) => ({
      ...withQemuDevice(facts),
      access: facts.is_write === 1 ? "write" : facts.is_write === 0 ? "read" : null,
    }),
    reason: ({ held, is_write }) => {
      if (typeof held !== "string") return "unknown";
      if (BigInt(held) % 4n === 0n) return "not_present";
      return is_write === 1 ? "not_writable" : "not_readable";
    },
    next: QEMU_NEXT,
  },
  VIRTIO,
  {
    model: "apple_dart",
    condition: "The error flag is set (limited in rate); more than one bit prints as unknown",
    forms: [
      "apple-dart {iommu}: translation fault: status:{status} stream:{stream=stream_number} code:{code} ({dart_reason=dart_words}) at {address}",
      "translation fault: status:{status} stream:{stream=stream_number} code:{code} ({dart_reason=dart_words}) at {address}",
      "apple-dart {iommu}: {...}translation fault: {...} at {address}",
    ],
    reason: dartReason,
    derive: (facts) => {
      const words = String(facts.dart_reason);
      return {
        ...facts,
        access: /WRITE/.test(words) ? "write" : /READ/.test(words) ? "read" : null,
      };
    },
  },
  {
    model: "rockchip",
    condition: "Each page fault of a domain's master",
    reason: () => "page_fault",
    forms: [
      "rk_iommu {iommu}: Page fault at {address} of type {access}",
      "Page fault at {address} of type {access}",
    ],
    more: [
      {
        form:
          "iova = {address}: dte_index: {value} pte_index: {value2=value} page_offset: {value3=value}",
        add: (_, facts) => facts,
      },
      {
        form:
          "mmu_dte_addr: {at} dte@{at2=at}: {value} valid: {dte_valid=count}{? pte@{at3=at}: {value2=value} valid: {pte_valid=count}?}",
        // Both valid: the entry was made meanwhile, or does not allow the access.
        add: ({ dte_valid, pte_valid }, facts) => ({
          ...facts,
          dte_valid: dte_valid!,
          pte_valid: pte_valid ?? null,
          ...dte_valid === 0 || pte_valid === 0 ? { reason: "not_present" } : {},
        }),
      },
    ],
  },
  {
    model: "mediatek",
    condition: "A fault that no handler took, or without a domain (limited in rate)",
    forms: [
      "{~mtk-iommu|mtk-iommu-v1|mtk_iommu} {iommu}: fault type={code} iova={address} {...}larb={larb} port={port}) layer={layer_number=count} {access~read|write}",
      "{~mtk-iommu|mtk-iommu-v1|mtk_iommu} {iommu}: fault type={code} iova={address} pa={phys} larb={larb} port={port}{? layer={layer_number=count}?}{? {access~read|write}?}",
    ],
  },
  {
    model: "exynos",
    condition: "Each fault; a panic follows unless a handler of the domain took it",
    reason: () => "page_fault",
    forms: [
      "exynos-sysmmu {iommu}: {client}: [{access~READ|WRITE}] {fault_name=text} FAULT occurred at {address}",
      "exynos-sysmmu {iommu}: {?{client}: ?}{fault_name=text} FAULT occurred at {address}",
    ],
    more: [{
      form: "Unrecoverable System MMU Fault!",
      add: (_, facts) => ({ ...facts, panicked: true }),
    }],
    // No script runs after a panic.
    next: (facts) =>
      facts.panicked === true ? AT_A_PANIC(facts) : USUAL[facts.reason as Reason] ?? [],
  },
  {
    model: "sun50i",
    condition:
      "Each fault. The direction of a missing entry is always printed as rd: the hardware does not tell it",
    reason: () => "page_fault",
    derive: (facts) => facts.access === "rd" ? { ...facts, access: null } : facts,
    forms: [
      "sun50i-iommu {iommu}: Page fault for {address} (master {port}, dir {access~rd|wr})",
      "sun50i-iommu {iommu}: Page fault for {address}",
    ],
  },
  {
    model: "omap",
    condition:
      "A fault that no handler took; the interrupt is then switched off, and later faults print nothing",
    forms: [
      "omap-iommu {iommu}: {...}errs:{errs=code} da:{address} pgd:{...}",
      "iommu fault: da {address} flags {flags}",
    ],
    reason: ({ errs }) => (Number(errs) & 2) !== 0 ? "not_present" : "unknown",
    derive: (facts) => ({
      ...facts,
      errors: OMAP_ERRORS.filter((_, bit) => (Number(facts.errs) >> bit) % 2 === 1),
    }),
  },
  {
    model: "msm",
    reason: () => "page_fault",
    forms: ["Unexpected IOMMU page fault!"],
    more: [
      { form: "name = {iommu}" },
      { form: "context = {context=rest}" },
      { form: "FAR = {address}" },
      { form: "FSR = {status} [{errors=bracket_text}]" },
      { form: "Interesting registers:", add: (_, facts) => facts },
      { form: "Fault occurred in context {bank}", add: (_, facts) => facts },
    ],
  },
  {
    model: "ipmmu",
    condition: "The bit of a page or translation fault, and no handler (limited in rate)",
    forms: [
      "ipmmu-vmsa {iommu}: Unhandled fault: status {status} iova {address}",
      "ipmmu-vmsa {iommu}: {ipmmu_reason~Multiple TLB hits|Page Table Walk Abort} @{address}",
      "Unhandled fault: status {status} iova {address}",
      "{ipmmu_reason~Multiple TLB hits|Page Table Walk Abort} @{address}",
    ],
    reason: ({ ipmmu_reason }) => typeof ipmmu_reason === "string" ? "table_error" : "page_fault",
  },
  {
    model: "tegra",
    condition: "An error of the memory controller's SMMU (limited in rate)",
    forms: [
      "tegra-mc {iommu}: {client}: {?{~secure|non-secure|nonsecure} ?}{access~read|write} @{address}: {tegra_reason=tegra_smmu}",
      "mc-err: ({error_number=count}) {client}: {tegra_reason=tegra_smmu}",
    ],
    more: [{ form: "mc-err: status = {status}; addr = {address}" }],
    reason: tegraReason,
  },
  {
    model: "tegra",
    condition: "The memory controller reports an error of a table entry of its SMMU",
    forms: [
      "mc-err: {?[mcerr] ?}({error_number=count}) {client}: {tegra_reason~EMEM decode error on PDE or PTE entry}",
    ],
    more: [
      { form: "mc-err: {?[mcerr] ?}status = {status}; addr = {address}" },
      {
        form:
          "mc-err: {?[mcerr] ?}secure: {...}, access-type: {access~read|write}, SMMU fault: {entry=hyphen_words}",
        add: (found, facts) => ({
          ...facts,
          ...found,
          reason: tegraReason({ ...found, tegra_reason: entryBits(found.entry) }),
        }),
      },
      {
        form: "smmu_dump_pagetable(): fault_address={dump_address=address} pa={phys=address}",
      },
    ],
    reason: () => "page_fault",
  },
  {
    kind: "memory_fault",
    model: "tegra",
    condition: "An error of the memory controller that is not one of its SMMU (limited in rate)",
    forms: [
      "tegra-mc {iommu}: {client}: {?{~secure|non-secure|nonsecure} ?}{access~read|write} @{address}: {tegra_reason=rest}",
      "mc-err: {...}{client}: {tegra_reason=text} error {...}",
      "mc-err: ({error_number=count}) {client}: {tegra_reason=rest}",
    ],
    more: [{ form: "mc-err: status = {status}; addr = {address}" }],
    reason: ({ tegra_reason }) =>
      /EMEM (?:address )?decode/i.test(String(tegra_reason)) ? "no_memory" : "controller",
  },
  {
    model: "riscv",
    forms: [
      "{driver} {iommu}: Fault {fault_code} devid: {source_id} iotval: {address}{? iotval2: {iova2}?}",
      "Fault {fault_code} devid: {source_id} iotval: {address}{? iotval2: {iova2}?}",
    ],
    reason: ({ fault_code }) => {
      const number = Number(fault_code);
      if (number === 256) return "no_entry";
      return RISCV_PAGES.has(number) ? "not_present" : number >= 257 ? "table_error" : "unknown";
    },
    derive: (facts) => {
      const number = Number(facts.fault_code);
      const access = RISCV_READS.has(number) ? "read" : RISCV_WRITES.has(number) ? "write" : null;
      return { ...facts, access };
    },
  },
  {
    model: "arm_sva",
    condition: "A page request on the SMMU's PRI queue: the kernel answers each with a refusal",
    reason: () => "page_request",
    more: [{
      form: "sid {stream}.{ssid}: [{...}] {...}privileged {...} access at iova {address}",
    }],
    forms: [
      "{driver} {iommu}: unexpected PRI request received:",
      "{driver} {iommu}: sid {stream}.{ssid}: [{...}] {...}privileged {...} access at iova {address}",
      "sid {stream}.{ssid}: [{...}] {...}privileged {...} access at iova {address}",
    ],
  },
  {
    model: "xen_vtd",
    next: XEN_NEXT,
    reason: () => "page_fault",
    forms: [
      "(XEN){...}DMAR:{~| }[DMA {access~Read|Write}] Request device [{device=xen_device}] fault addr {address}",
      "[VT-D]DMAR:{~| }[DMA {access~Read|Write}] Request device [{device=xen_device}] fault addr {address}",
    ],
    more: [{
      form: "[VT-D]DMAR:{~| }reason {code} - {fault_text=rest}",
      add: (found, facts) => ({ ...facts, ...found, reason: vtdReason(found.code) }),
    }],
  },
  {
    model: "esxi",
    reason: () => "number",
    condition:
      "ESXi stops a guest whose device faulted in the IOMMU; the type is the IOMMU's own code",
    forms: [
      "PCI passthru device {device=pci_function} caused an IOMMU fault type {fault_kind=count} at address {address}",
    ],
    next: [
      "look at what the guest's driver gives to the device, and whether the device still runs from an earlier start of the guest: an address that is not the guest's memory, or one of the device's reserved regions (RMRR), such as of an integrated GPU",
      "take the device through a power cycle of the host and compare: a first start that works is a reset that the device does not do",
    ],
  },
  {
    model: "esxi_vtd",
    condition: "ESXi prints the fields of a VT-d fault record",
    reason: ({ code }) => vtdReason(code),
    forms: [
      "DMAR Fault IOMMU Unit #{unit=word_text}: R/W={direction=word_text}, Device {device=pci_function}{...}Faulting addr = {address}{...}Fault Reason = {code} -> {fault_text=rest}",
      "DMAR Fault IOMMU Unit #{unit=word_text}: R/W={direction=word_text}, Device {device}{...}Faulting addr = {address}{...}Fault Reason = {code} -> {fault_text=rest}",
    ],
    derive: ({ direction, ...facts }) => ({
      ...facts,
      access: direction === "W" ? "write" : direction === "R" ? "read" : null,
    }),
    next: [
      "look whether the device is given to a guest (`esxcli hardware pci pcipassthru list`): then the guest's driver gave it the address, or it still runs from an earlier start; else compare the versions of the device's driver and firmware with VMware's list for this release",
    ],
  },
  {
    model: "genode_vtd",
    condition: "A line of Genode's platform driver: the fields of a VT-d fault record",
    reason: ({ code }) => vtdReason(code),
    forms: [
      "Error: Fault: hi={hi=address}, reason={code}, type={fault_kind=word_text}, {...}Source={source=code}, info={page=address}",
    ],
    // The record's type: bit 0 of T is a read, and 0 a write (VT-d specification, fault recording registers).
    // `info` is the field of bits 63 to 12: the number of the page.
    derive: ({ fault_kind, hi: _, page, source, ...facts }) => ({
      ...facts,
      address: typeof page === "string" ? `0x${(BigInt(page) << 12n).toString(16)}` : null,
      access: Number(fault_kind) === 0 ? "write" : "read",
      device: functionOf(Number(source)),
    }),
    next: [
      "look at what the platform driver gave to the driver of this function: its list of devices and its DMA buffers; a fault at boot is often an engine that the firmware left running",
    ],
  },
  {
    model: "xen_amd",
    next: XEN_NEXT,
    reason: () => "page_fault",
    forms: [
      "(XEN){...}AMD-Vi: IO_PAGE_FAULT: {device=pci_function}{...} addr {address}",
      "(XEN){...}AMD-Vi: IO_PAGE_FAULT: {ids=xen_ids}, fault address = {address}",
    ],
  },
  {
    model: "s390",
    forms: ["{driver} {device}: iommu translation fault at {address}"],
    reason: () => "not_present",
  },
];

/** The step for an interrupt that Xen refused. */
const XEN_INTERRUPT_NEXT =
  "look at who set up the interrupt: Xen (`xl debug-keys i` lists the interrupts), the firmware, or a device that kept the message of an earlier system; `iommu=no-intremap` only as a diagnosis";

/** QEMU's line for faults of a virtual VT-d that it does not record again. */
const QEMU_COMPRESSED: MessageRow = {
  kind: "suppressed",
  forms: ["New fault is not recorded due to compression of faults"],
  role: "consequence",
  follows: ["other_iommu_fault"],
  means:
    "QEMU's virtual VT-d had a record of this device already: the guest does not see this fault a second time",
};

/** Xen's lines about interrupts that an IOMMU refused: no mapping is concerned. */
const XEN_INTERRUPTS: readonly MessageRow[] = [
  {
    kind: "iommu_error",
    // `I` beside the flags: the event's I bit, an interrupt request.
    forms: [
      "(XEN){...}AMD-Vi: IO_PAGE_FAULT: {device=pci_function}{...} addr {address} flags {flags}{...} I",
    ],
    always: { format: "xen_amd", error: "interrupt_refused" },
    role: "report",
    finding: "iommu_error",
    means: ({ device }) =>
      `An interrupt message of ${device} was refused (flag I): the address is in the range of interrupts, and no mapping is concerned`,
    next: [XEN_INTERRUPT_NEXT],
  },
  {
    kind: "iommu_error",
    forms: [
      "[VT-D]INTR-REMAP: Request device [{device=xen_device}] fault index {interrupt_index=count}",
    ],
    always: { format: "xen_vtd", error: "interrupt_refused" },
    more: [{ form: "[VT-D]INTR-REMAP: reason {code} - {fault_text=rest}" }],
    role: "report",
    finding: "iommu_error",
    means: ({ code, device }) =>
      `An interrupt of ${device} was refused by interrupt remapping${
        code === 0x25 ? ": it has the compatibility format, which is blocked (reason 25h)" : ""
      }. No mapping is concerned`,
    next: [XEN_INTERRUPT_NEXT],
  },
];

const invalidation = (format: string, forms: readonly string[]): MessageRow => ({
  kind: "invalidation_error",
  forms,
  always: { format, error: "tlb_timeout" },
  role: "report",
  finding: "invalidation_error",
  means: "The IOMMU did not complete an invalidation in time; no mapping of a driver is the cause",
  causes: [{
    id: "stands",
    certainty: "possible",
    text:
      "the IOMMU's clock or power domain is off, or a transaction that it waits for does not end",
    next: [
      "look at the clocks and the runtime power state of the IOMMU and of its master in the same seconds",
      DEVICE_SILENT,
    ],
  }],
});

const DRIVERS_OF_IOMMUS =
  "rk_iommu|mtk-iommu|mtk-iommu-v1|apple-dart|exynos-sysmmu|sun50i-iommu|omap-iommu|msm_iommu|ipmmu-vmsa|virtio_iommu|riscv-iommu|sprd-iommu";

const ERRORS: readonly MessageRow[] = [
  invalidation("riscv", [
    "Hardware error: {~queue access|command execution} timeout",
    "{driver} {iommu}: Hardware error: {~queue access|command execution} timeout",
    "timeout when setting ddtp (ddt mode: {ddt_mode=count}, read: {value})",
  ]),
  invalidation("sun50i", ["{~TLB invalidation|PTW cache invalidation|TLB Flush} timed out!"]),
  invalidation("ipmmu", ["TLB sync timed out -- MMU may be deadlocked"]),
  invalidation("mediatek", ["Partial TLB flush timed out, falling back to full flush"]),
  {
    kind: "iommu_error",
    forms: [
      "{driver} {iommu}: {~Enable stall|Disable stall|Enable paging|Disable paging} request timed out, status: {status}",
      "{~Enable stall|Disable stall|Enable paging|Disable paging} request timed out, status: {status}",
      "{driver} {iommu}: {~FORCE_RESET command timed out|Error during raw reset. MMU_DTE_ADDR is not functioning}",
      "FORCE_RESET command timed out",
      "Error during raw reset. MMU_DTE_ADDR is not functioning",
    ],
    always: { format: "rockchip", error: "not_answering" },
    condition: "The IOMMU did not reach the state that its driver asked for in time",
    role: "report",
    finding: "iommu_error",
    means:
      "The IOMMU did not carry out a command of its driver in time: a stall, paging on or off, or a reset. No mapping of a driver is the cause",
    next: [
      "look at the clocks and the power domain of the IOMMU and of its master in the same seconds: the master may still be busy",
    ],
  },
  {
    kind: "iommu_error",
    forms: [
      "{driver} {iommu}: BUS_ERROR occurred at {address}",
      "BUS_ERROR occurred at {address}",
    ],
    always: { format: "rockchip", error: "bus_error" },
    condition:
      "The bit of a bus error. The address is the register of page faults, and may be that of an earlier one",
    role: "report",
    finding: "iommu_error",
    means: ({ address }) =>
      `The IOMMU had an error on its bus, as when it reads its page table. The address ${address} may be that of an earlier fault`,
    next: [
      "look whether the page table's memory is in the IOMMU's reach (32 bits on older ones), and at the clocks of the IOMMU",
    ],
  },
  invalidation("apple_dart", ["busy bit did not clear after command {value}{...}"]),
  {
    kind: "iommu_error",
    forms: [
      "Queue #{count} error; fault:{fault_bit=count} timeout:{timeout_bit=count} illegal:{illegal_bit=count}",
    ],
    always: { format: "riscv", error: "queue_error" },
    role: "report",
    finding: "iommu_error",
    means: "The IOMMU could not read or decode a command of its queue, or a device did not answer",
    causes: inOrder([
      {
        id: "device",
        when: ({ timeout_bit }) => timeout_bit === 1,
        certainty: "likely",
        text: "a device with ATS did not answer an invalidation",
        next: [DEVICE_SILENT],
      },
      {
        id: "command",
        certainty: "possible",
        text: "a command is wrong, or its memory cannot be read",
        next: [
          "look for an erratum of the IOMMU and for a newer kernel; the drivers of its devices are not concerned",
        ],
      },
    ]),
  },
  {
    kind: "iommu_error",
    forms: ["Queue #{count} error; memory fault:{fault_bit=count} overflow:{overflow_bit=count}"],
    always: { format: "riscv", error: "queue_overflow" },
    role: "consequence",
    follows: ["other_iommu_fault"],
    means: "Records were lost: the queue of faults was full, or could not be written",
    next: [
      "look at the faults that were printed: their devices fault faster than the CPU reads the records",
    ],
  },
  {
    kind: "iommu_error",
    forms: [
      "Page fault while iommu not attached to {~domain|any domain}?",
      "invalid event buffer (len {size_bytes} != {max})",
      "could not add event buffer",
      "Invalid device ID in context interrupt handler",
      "invalid attached device",
    ],
    always: { format: null, error: "stray_event" },
    role: "report",
    finding: "iommu_error",
    means: "The IOMMU reported a fault that its driver could not tie to a device",
    next: [
      "look for a device whose driver was unbound, or that was detached from its domain, in the same seconds",
    ],
  },
  {
    kind: "iommu_error",
    forms: ["fsl-pamu: {function}: access violation interrupt", "access violation interrupt"],
    always: { format: "pamu", error: "access_violation" },
    role: "fault",
    means: "PAMU blocked an access: the registers below have the device and the address",
    next: [
      "compare the address in the registers below with the windows that the device's driver set up",
    ],
  },
  {
    kind: "pte_already_set",
    forms: [
      "iova: {address} already mapped to {held} cannot remap to phys: {wanted}{? prot: {flags}?}",
      "iova {address} already mapped to {held} cannot remap to {wanted}{? prot: {flags}?}",
      "Trying mapping on {~1MiB@|}{address} {~mapped with 1MiB page|that is mapped}",
    ],
    role: "report",
    finding: "mapped_over",
    means: ({ address, held, wanted }) =>
      `A map found ${address} mapped already` +
      (typeof held === "string" ? `: to ${held}, the map wanted ${wanted}` : ""),
    causes: [{
      id: "overlap",
      certainty: "possible",
      text: "an unmap that was skipped or shorter than its map, or two users of one range",
      next: [
        "look for an unmap of this IOVA that was skipped, or that had a shorter length: `dmalab trace check` with the dma and iommu events",
      ],
    }],
  },
  {
    kind: "iommu_error",
    forms: [
      "DMA {~map|translation|mapping} error {~for|while} {text=rest}",
      "Couldn't map L{~1|2} Page Table",
      "attempt to map address beyond 4GB",
      "{function}: Failed({errno}) to map {size} bytes @ {address}",
      "(iova({address}) + size({size})) are not in the range",
      "invalid size to map: {size_bytes}",
      "bogus pte {pte}, da {address}",
      "{name}: preserve entries full",
      "DMA map error for {text=rest}",
    ],
    always: { format: null, error: "map_refused" },
    role: "report",
    finding: "map_failed",
    means: "The IOMMU's driver refused a map, or could not map its own page table",
    next: [
      "compare the address and the size in the line with what the IOMMU translates: the width of its addresses, its range, its page sizes",
    ],
  },
  {
    kind: "iommu_detail",
    forms: [
      "iova = {address}: dte_index: {value} pte_index: {value2=value} page_offset: {value3=value}",
      "mmu_dte_addr: {address} dte@{at}: {value} valid: {dte_valid=count}{? pte@{at2=at}: {value2=value}?}",
      "Unrecoverable System MMU Fault!",
      "FSR = {status} [{errors=bracket_text}]",
      "Fault occurred in context {bank}",
    ],
    // The end of a panic repeats its words.
    derive: (facts, line) => line.includes("end Kernel panic") ? null : facts,
    role: "state",
    means: "A line of a fault: what the page table has for the address, or the fault status",
  },
  {
    kind: "recovery",
    forms: [
      "failed to {~block|unblock} {client} DMA{~|:| :} {errno}",
      "failed to flush {client} DMA",
      "failed to {~hot reset|deassert hot reset} {client}: {errno}",
    ],
    role: "report",
    means: "A reset of a memory client did not stop its DMA first",
    next: ["look at the clocks and power domains of the client in the same seconds"],
  },
  {
    kind: "iommu_setup",
    forms: [
      "Unable to determine high address",
      "Failed to reset DART on resume",
      "pwrdm_constraint failed to be reset, status = {errno}",
      "deassert_reset failed: {errno}",
      "invalid IOMMU instance id",
      "Couldn't get our reset line",
      "could not create coherence subdomain",
    ],
    role: "report",
    means: "The IOMMU, or a memory controller, was not set up",
    next: [
      "compare the line with the node of the IOMMU in the device tree: clocks, resets, power domains",
    ],
  },
  {
    isGeneral: true,
    kind: "iommu_setup",
    forms: [
      `{driver~${DRIVERS_OF_IOMMUS}} {iommu}: {...}{~failed|Failed|unable|Unable|cannot|can't|could not|not found|error}`,
      `{driver~${DRIVERS_OF_IOMMUS}}: probe of {iommu} failed with error {errno}`,
    ],
    derive: (facts, line) => ({ ...facts, errno: errnoIn(line) }),
    role: "report",
    means: ({ errno, iommu }) =>
      `The driver of the IOMMU ${iommu} could not do a step of its set-up${
        errnoText(errno) === "" ? "" : ` (${errnoText(errno)})`
      }: devices behind it wait for it, or are not translated. The text is the driver's own`,
    next: [
      "compare the line with the IOMMU's node in the device tree (clocks, resets, power domains, interrupts), and look which devices wait for it: /sys/kernel/debug/devices_deferred",
    ],
  },
  {
    kind: "state",
    forms: ["input address: {width} bits"],
    role: "state",
    means: "The width of the addresses that a virtio-iommu translates",
  },
  {
    kind: "state",
    forms: ["DART [pagesize {value}, {count} streams, {...}] initialized"],
    role: "state",
    means: "What an Apple DART can do",
  },
];

export const OTHER_IOMMUS: MessageArea = {
  name: "other IOMMUs",
  page: "rules/traces.md T.71",
  words: [
    "virtio_iommu",
    "apple-dart",
    "rk_iommu",
    "mtk-iommu",
    "exynos-sysmmu",
    "sun50i-iommu",
    "omap-iommu",
    "msm_iommu",
    "ipmmu-vmsa",
    "tegra-mc",
    "riscv-iommu",
    "riscv,iommu",
    "fsl-pamu",
  ],
  rows: [...XEN_SETUP, ...XEN_INTERRUPTS, ...FAULTS.map(faultRow), QEMU_COMPRESSED, ...ERRORS],
};
