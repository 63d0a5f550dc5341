/**
 * Lines about the hardware between a device and memory: queues and registers of IOMMUs, PCI Express
 * errors, controllers that do not answer. No mapping of a driver is their cause; they explain what it sees.
 *
 * @see rules/traces.md T.47, T.48, T.52, T.55, T.70
 */
import { IN_HEX, type LogEntryFacts } from "./entry.ts";
import type { KernelLogKind } from "./entry_story.ts";
import type { LineRule } from "./line_rules.ts";

/** A line that says one thing, whose groups are facts by their names. */
type PlainLine = Pick<LineRule, "pattern" | "words"> & { readonly facts: LogEntryFacts };

const COUNT_GROUPS: ReadonlySet<string> = new Set(["size_bytes", "errno", "width", "slot"]);

function groupFacts(groups: Readonly<Record<string, string | undefined>> = {}): LogEntryFacts {
  const known = Object.entries(groups).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([name, value]) => {
    if (IN_HEX.has(name)) return [name, parseInt(value!, 16)];
    return [name, COUNT_GROUPS.has(name) ? Number(value) : value!.trim()];
  }));
}

function rulesOf(kind: KernelLogKind, lines: readonly PlainLine[]): LineRule[] {
  return lines.map(({ facts, ...line }) => ({
    ...line,
    kind,
    facts: ({ groups }) => ({ ...facts, ...groupFacts(groups) }),
  }));
}

const SMMU3 = "\\barm-smmu-v3 (?<iommu>\\S+): ";
const SMMU2 = "\\barm-smmu (?<iommu>\\S+): ";
const FUNCTION = "(?<device>[0-9a-f:]{4,}\\.[0-7])";
const CONTROLLER = "\\bnvme (?<controller>\\S+): ";

const line = (pattern: string, facts: LogEntryFacts, words?: string): PlainLine => {
  return { pattern: new RegExp(pattern, "i"), facts, words };
};

/** A line of an IOMMU. */
const iommu = (format: string | null, error: string, pattern: string, words?: string): PlainLine =>
  line(pattern, { format, error }, words);

/** An invalidation that was not completed, or a queue of commands that stands. */
const INVALIDATIONS: readonly PlainLine[] = [
  iommu(
    "arm",
    "cmd_sync_timeout",
    `${SMMU3}CMD_SYNC timeout(?: at (?:0x)?(?<value>[0-9a-f]+)(?: \\[hwprod 0x(?<prod>[0-9a-f]+), hwcons 0x(?<cons>[0-9a-f]+)\\])?)?`,
  ),
  iommu("arm", "cmdq_timeout", `${SMMU3}CMDQ timeout`),
  iommu("arm", "cmdq_error", `${SMMU3}CMDQ error \\(cons 0x(?<cons>[0-9a-f]+)\\): (?<reason>.+)`),
  iommu("arm", "cmdq_error", `${SMMU3}(?:retrying command fetch|skipping command in error state)`),
  iommu("arm_v2", "tlb_sync_timeout", `${SMMU2}TLB sync timed out`),
  iommu("amd", "command_buffer_timeout", "\\bAMD-Vi: Command buffer timeout"),
  iommu(
    "vtd",
    "invalidation_timeout",
    "\\bDMAR:? .*?(?:Device-TLB|IOTLB|device IOTLB|QI) (?:flush|invalidation)? ?timeout",
  ),
];

/** What an IOMMU says of itself: records lost, registers of errors, settings that it cannot use. */
const IOMMU_ERRORS: readonly PlainLine[] = [
  iommu("arm", "service_failure_mode", `${SMMU3}device has entered Service Failure Mode`),
  iommu(
    "arm",
    "global_error",
    `${SMMU3}unexpected global error reported \\(0x(?<value>[0-9a-f]+)\\)`,
  ),
  iommu("arm", "queue_overflow", `${SMMU3}(?<queue>EVTQ|PRIQ) overflow detected`),
  iommu("arm", "write_aborted", `${SMMU3}(?<queue>EVTQ|PRIQ|CMDQ|GERROR) (?:MSI )?write aborted`),
  iommu("amd", "queue_overflow", "\\bAMD-Vi: .*(?<queue>Event|PPR|GA) log (?:overflow|restarting)"),
  iommu("amd", "hardware_error", "\\bAMD-Vi: (?<reason>.*hardware error.*)"),
  iommu(
    "vtd",
    "no_registers",
    "\\bDMAR reported at address (?:0x)?(?<value>[0-9a-f]+) returns all ones",
  ),
  iommu(
    "vtd",
    "address_too_wide",
    "\\biommu width \\((?<width>\\d+)\\) is not sufficient for the mapped address \\((?<address>[0-9a-f]+)\\)",
  ),
  iommu(
    "vtd",
    "reserved_region",
    "(?<device>[0-9a-f:]+\\.[0-7]).*ineligible for IOMMU domain attach due to platform RMRR",
    "ineligible for IOMMU",
  ),
  iommu(null, "no_group", "\\b(?<device>\\S+): Failed to add to iommu group \\d+: -(?<errno>\\d+)"),
];

/** What AER and DPC print. */
const SEVERITY =
  "(?<severity>Correct(?:ed|able)|Uncorrect(?:ed|able) \\((?:Non-)?Fatal\\)|Fatal|Non-Fatal)";

const PCIE: readonly PlainLine[] = [
  line(
    `${FUNCTION}: AER: (?<multiple>Multiple )?${SEVERITY} error (?:message )?received(?: from |: )(?:id=(?<source_id>[0-9a-f]+)|(?<source>[0-9a-f:.]+))`,
    { event: "aer" },
  ),
  line(`${FUNCTION}: AER: device recovery (?<recovery>successful|failed)`, { event: "recovery" }),
  line(`${FUNCTION}: AER: can't recover \\((?<reason>[^)]+)\\)`, {
    event: "recovery",
    recovery: "failed",
  }),
  line(
    `${FUNCTION}: (?:AER: )?can't find device of ID(?<source_id>[0-9a-f]+)`,
    { event: "aer" },
    "can't find device",
  ),
  line(`${FUNCTION}: AER: (?:Root|Downstream) Port link has been reset`, { event: "link_reset" }),
  line(
    `${FUNCTION}: DPC: containment event, status:0x(?<status>[0-9a-f]+)(?:[, ]+source:0x(?<source_id>[0-9a-f]+))?`,
    { event: "dpc" },
  ),
  line(`${FUNCTION}: DPC: (?<reason>.*(?:detected|error|ERR_).*)`, { event: "dpc" }),
  line(
    `${FUNCTION}\\S*: .*Slot\\((?<slot>\\d+)\\S*\\): Link Down`,
    { event: "link_down" },
    "Link Down",
  ),
];

/** A controller that does not come up, or goes. */
const NVME_FAILED: readonly PlainLine[] = [
  line(`${CONTROLLER}Device not ready; aborting (?<step>\\w+)(?:, CSTS=0x(?<csts>[0-9a-f]+))?`, {}),
  line(`${CONTROLLER}Device shutdown incomplete; abort shutdown`, { step: "shutdown" }),
  line(`${CONTROLLER}Removing after probe failure status: -(?<errno>\\d+)`, { step: "probe" }),
  line(`${CONTROLLER}Disabling device after reset failure: -(?<errno>\\d+)`, { step: "reset" }),
  line(`${CONTROLLER}Failed status: (?:0x)?(?<csts>[0-9a-f]+), reset controller`, {
    step: "status",
  }),
  line(`${CONTROLLER}(?<step>frozen|failure) state error detected`, {}),
  line(`${CONTROLLER}Identify Controller failed \\((?<status>-?\\d+)\\)`, { step: "identify" }),
];

/** Memory that bounce buffers or coherent allocations did not get. */
const NO_MEMORY: readonly PlainLine[] = [
  line(
    "\\bswiotlb: coherent allocation failed(?: for device (?<device>\\S+))?,? size=(?<size_bytes>\\d+)",
    { cause: "coherent" },
  ),
  line("\\bsoftware IO TLB: Cannot allocate buffer", { cause: "no_pool" }),
  line("\\bCan not allocate SWIOTLB buffer earlier", { cause: "no_pool" }, "SWIOTLB buffer"),
];

/** Bits of VT-d's fault status register that are errors of its own. */
const STATUS_ERRORS = [
  [0, "fault_overflow"],
  [4, "invalidation_queue_error"],
  [5, "invalidation_completion_error"],
  [6, "invalidation_timeout"],
  [7, "page_request_overflow"],
] as const;

/** What the fault status register of VT-d says besides faults. VT-d specification 11.4.9.1. */
export function statusErrors(status: number): readonly string[] {
  return STATUS_ERRORS.flatMap(([bit, name]) =>
    Math.floor(status / 2 ** bit) % 2 === 1 ? [name] : []
  );
}

/** Where a line is about that no rule reads, by a word of it, and the page for it. */
const AREAS: readonly (readonly [words: string, area: string, page: string])[] = [
  ["DMAR", "Intel VT-d", "VT-d specification 7 and 11.4; rules/traces.md T.44 to T.48"],
  ["AMD-Vi", "AMD IOMMU", "AMD IOMMU specification 2.5; rules/traces.md T.49"],
  ["arm-smmu-v3", "Arm SMMUv3", "SMMUv3 specification 7; rules/traces.md T.50"],
  ["arm-smmu ", "Arm SMMUv2", "SMMUv2 specification 3.12; rules/traces.md T.51"],
  ["swiotlb", "bounce buffers", "rules/traces.md T.52"],
  ["software IO TLB", "bounce buffers", "rules/traces.md T.52"],
  ["DMA-API", "the kernel's DMA API checker", "rules/traces.md T.53"],
  ["iommu", "the kernel's IOMMU layer", "rules/dma.md 4"],
  ["AER", "PCI Express errors", "PCI Express specification 6.2"],
  ["DPC", "PCI Express errors", "PCI Express specification 6.2.11"],
  ["nvme", "NVMe", "rules/traces.md T.55"],
];
const WRONG =
  /\b(?:error|err|fail(?:ed|ure)?|fault|timed? ?out|timeout|time-out|overflow|aborted|invalid|broken|cannot|can not|can't|unable|not (?:set|ready|able|in)|firmware bug|bios|illegal|lost|hung|dead|corrupt\w*|refused|rejected|unsupported|unexpected)\b/i;
const ANY_AREA = new RegExp(`(${AREAS.map(([words]) => words).join("|")}).*?: `);

export const HARDWARE_RULES: readonly LineRule[] = [
  ...rulesOf("invalidation_error", INVALIDATIONS),
  ...rulesOf("iommu_error", IOMMU_ERRORS),
  {
    kind: "iommu_error",
    pattern: new RegExp(`${SMMU2}Unexpected global fault`, "i"),
    facts: ({ groups }) => ({ format: "arm_v2", error: "global_fault", ...groupFacts(groups) }),
    more: [{
      pattern:
        /GFSR 0x(?<gfsr>[0-9a-f]+), GFSYNR0 0x(?<gfsynr0>[0-9a-f]+), GFSYNR1 0x(?<gfsynr1>[0-9a-f]+), GFSYNR2 0x(?<gfsynr2>[0-9a-f]+)/i,
      // Stream: bits 15 to 0 of GFSYNR1. SMMUv2 specification 3.12.
      add: ({ groups }, facts) => {
        const registers = groupFacts(groups);
        return { ...facts, ...registers, stream: Number(registers.gfsynr1) % 65536 };
      },
    }],
  },
  {
    kind: "pcie_error",
    words: "PCIe Bus Error",
    pattern: new RegExp(
      `(?<driver>\\S+) ${FUNCTION}: (?:AER: )?PCIe Bus Error: severity=${SEVERITY}, type=(?<layer>[^,]+)`,
      "i",
    ),
    facts: ({ groups }) => ({ event: "error", ...groupFacts(groups), errors: [] }),
    more: [
      {
        pattern: /device \[([0-9a-f]{4}:[0-9a-f]{4})\] error status\/mask=([0-9a-f]+)\/([0-9a-f]+)/,
        add: ([, id, status, mask], facts) => ({
          ...facts,
          device_id: id!,
          status: parseInt(status!, 16),
          mask: parseInt(mask!, 16),
        }),
      },
      {
        pattern: /: +(?:AER: +)?\[ *(\d+)\] ([A-Za-z][\w ]*?) *(?:\(First\))? *$/,
        add: ([, , name], facts) => ({
          ...facts,
          errors: [...facts.errors as readonly string[], name!],
        }),
      },
      {
        pattern: /TLP Header: ((?:(?:0x)?[0-9a-f]{8} ?)+)/,
        add: ([, words], facts) => ({ ...facts, tlp_header: words!.trim() }),
      },
    ],
  },
  ...rulesOf("pcie_error", PCIE),
  ...rulesOf("nvme_failed", NVME_FAILED),
  ...rulesOf("swiotlb_full", NO_MEMORY),
];

/** A line of one of the areas that says that something is wrong, and that no rule reads; or null. */
export function namedFacts(text: string): LogEntryFacts | null {
  const found = ANY_AREA.exec(text)?.[1];
  if (found === undefined || !WRONG.test(text)) return null;
  const [, area, page] = AREAS.find(([words]) => words === found)!;
  return { area, page };
}

/** Whether a line may be of one of the areas. */
export const AREA_WORDS: readonly string[] = AREAS.map(([words]) => words);
