/**
 * The lines of a kernel's log that are one record each, and what they say.
 *
 * @see rules/traces.md T.47, T.48, T.52 to T.55
 */
import { SET_BYTES, SLOT_BYTES } from "@dmalab/runtime/memory";
import { debugFacts, leakedEntry } from "./debug_lines.ts";
import { type Fact, hexOf, type LogEntryFacts } from "./entry.ts";
import type { KernelLogKind } from "./entry_story.ts";
import { HARDWARE_RULES, statusErrors } from "./hardware_lines.ts";

/** A line that continues the one before it. */
export interface Continuation {
  readonly pattern: RegExp;
  readonly add: (match: RegExpExecArray, facts: LogEntryFacts) => LogEntryFacts;
}

export interface LineRule {
  readonly kind: KernelLogKind;
  /** What each line that matches has in it, where that is no word of an area: a quick test for all rules at once. */
  readonly words?: string | undefined;
  readonly pattern: RegExp;
  /** Null for a line that only looks like one. */
  readonly facts: (match: RegExpExecArray) => LogEntryFacts | null;
  readonly more?: readonly Continuation[];
}

/** What a group of a pattern says; one that has not matched says nothing. */
type ReadGroup = (text: string) => Fact;

const TEXT: ReadGroup = (text) => text;
const ADDRESS: ReadGroup = hexOf;
const CODE: ReadGroup = (digits) => parseInt(digits, 16);

/** The facts of a line of which each group is one, in their order, behind those that it always has. */
function groupsAre(
  readers: Readonly<Record<string, ReadGroup>>,
  always: LogEntryFacts = {},
): LineRule["facts"] {
  const entries = Object.entries(readers);
  return (match) => ({
    ...always,
    ...Object.fromEntries(entries.map(([name, read], index) => {
      const text = match[index + 1];
      return [name, text === undefined ? null : read(text)];
    })),
  });
}

/** Names of the actions of the NVMe driver's timeout, by their first words. */
const TIMEOUT_ACTIONS: readonly (readonly [RegExp, string])[] = [
  [/^abort/i, "abort"],
  [/^completion polled/i, "polled"],
  [/^reset/i, "reset"],
  [/^disable/i, "disable"],
];

/** Faults of IOMMUs that no scenario models: the groups `iommu` and `address`, and `access` if printed. */
const OTHER_IOMMUS: readonly (readonly [model: string, RegExp, words?: string])[] = [
  [
    "rockchip",
    /\brk_iommu (?<iommu>\S+): Page fault at (?<address>0x[0-9a-f]+) of type (?<access>\w+)/i,
  ],
  [
    "mediatek",
    /\bmtk-iommu (?<iommu>\S+): fault type=0x[0-9a-f]+ iova=(?<address>0x[0-9a-f]+) .*?(?<access>read|write)/i,
  ],
  [
    "exynos",
    /\bexynos-sysmmu (?<iommu>\S+): .*?\[(?<access>READ|WRITE)\] .*\bFAULT occurred at (?<address>0x[0-9a-f]+)/i,
    "FAULT occurred at",
  ],
  [
    "apple_dart",
    /\bapple-dart (?<iommu>\S+): .*?translation fault: .* at (?<address>0x[0-9a-f]+)/i,
    "translation fault:",
  ],
  [
    "riscv",
    /\briscv,?[-\w]*iommu (?<iommu>\S+): Fault \d+ devid: 0x[0-9a-f]+ iotval: (?<address>[0-9a-f]+)/i,
  ],
  [
    "xen_vtd",
    /\(XEN\).*DMAR: ?\[DMA (?<access>Read|Write)\] Request device \[(?<iommu>[^\]]+)\] fault addr (?<address>[0-9a-f]+)/i,
  ],
  [
    "xen_amd",
    /\(XEN\).*AMD-Vi: IO_PAGE_FAULT: (?<iommu>[0-9a-f:.]+|domain = \w+, device id = \w+),? (?:\w+ addr|fault address =) (?<address>(?:0x)?[0-9a-f]+)/i,
  ],
];

/** Of an address that a device or its bus does not reach. */
const OVERFLOW: Readonly<Record<string, ReadGroup>> = {
  driver: TEXT,
  device: TEXT,
  address: ADDRESS,
  size_bytes: Number,
  mask: ADDRESS,
  bus_limit: ADDRESS,
};

/** Begins a line of Xen, whose faults are not printed as the kernel prints them. */
export const XEN = "(XEN)";

export const LINE_RULES: readonly LineRule[] = [
  {
    kind: "iommu_fault_status",
    words: "fault status reg",
    pattern: /\bhandling fault status reg (?:0x)?([0-9a-f]{1,8})\b/i,
    facts: ([, digits]) => {
      const status = parseInt(digits!, 16);
      return {
        status,
        pending: (status & 2) !== 0,
        overflow: (status & 1) !== 0,
        record_index: (status >> 8) & 0xff,
        errors: statusErrors(status),
      };
    },
  },
  {
    kind: "suppressed",
    words: "callbacks suppressed",
    pattern: /(\w+): (\d+) callbacks suppressed/,
    facts: groupsAre({ function: TEXT, count: Number }),
  },
  {
    kind: "invalidation_error",
    words: "detected Invalidation",
    pattern:
      /\bVT-d detected Invalidation (Queue|Time-?out|Completion) Error: (?:Reason|SID) (?:0x)?([0-9a-f]+)\b/i,
    facts: ([, name, value]) => ({
      format: "vtd",
      error: `invalidation_${name!.toLowerCase().replace("-", "")}`,
      value: parseInt(value!, 16),
    }),
    more: [{
      pattern: /\bQI (HEAD|PRIOR): (.+?) qw0 = (?:0x)?[0-9a-f]+/,
      add: ([, which, type], facts) => ({
        ...facts,
        [which === "HEAD" ? "head_type" : "prior_type"]: type === "UNKNOWN" ? null : type!,
      }),
    }],
  },
  {
    kind: "invalidation_error",
    pattern: /\bAMD-Vi: Completion-Wait loop timed out/i,
    facts: () => ({ format: "amd", error: "completion_wait_timeout" }),
  },
  {
    kind: "swiotlb_full",
    pattern:
      /(\S+) (\S+): swiotlb buffer is full \(sz: (\d+) bytes\)(?:, total (\d+) \(slots\), used (\d+) \(slots\))?/,
    facts: ([, driver, device, size, total, used]) =>
      swiotlbFacts(driver!, device!, Number(size), number(total), number(used)),
    more: [
      { pattern: /\bDMA: Out of SW-IOMMU space for (\d+) bytes/, add: (_, facts) => facts },
      {
        pattern: /\bswiotlb: coherent allocation failed/,
        add: (_, facts) => ({ ...facts, coherent: true }),
      },
    ],
  },
  {
    kind: "swiotlb_full",
    words: "Out of SW-IOMMU",
    pattern: /(\S+) (\S+): DMA: Out of SW-IOMMU space for (\d+) bytes/,
    facts: ([, driver, device, size]) => swiotlbFacts(driver!, device!, Number(size), null, null),
  },
  {
    kind: "swiotlb_full",
    words: "Out of SW-IOMMU",
    pattern: /\bDMA: Out of SW-IOMMU space for (\d+) bytes at device (\S+)/,
    facts: ([, size, device]) => swiotlbFacts(null, device!, Number(size), null, null),
  },
  {
    kind: "dma_overflow",
    words: "overflow (mask",
    pattern:
      /(\S+) (\S+): (?:swiotlb|DMA|dma_direct)? ?addr (?:0x)?([0-9a-f]+)\+(\d+) overflow \(mask ([0-9a-f]+), bus limit ([0-9a-f]+)\)/,
    facts: groupsAre(OVERFLOW),
  },
  {
    kind: "dma_overflow",
    words: "mask ",
    pattern:
      /(\S+) (\S+): overflow (?:0x)?([0-9a-f]+)\+(\d+) of (?:DMA|device) mask ([0-9a-f]+)(?: bus (?:limit|mask) ([0-9a-f]+))?/,
    facts: groupsAre(OVERFLOW),
  },
  {
    kind: "dma_debug_off",
    pattern: /\bDMA-API: (?:debugging out of memory - disabling|cacheline tracking ENOMEM)/,
    facts: () => ({}),
  },
  {
    kind: "unmap_warning",
    pattern: /\bWARNING: .*\bat (?:\S+ )?(iommu_dma_unmap_(?:page|phys))\+0x/,
    facts: groupsAre({ function: TEXT }),
  },
  {
    kind: "pte_already_set",
    words: "already set",
    pattern:
      /\bPTE for vPFN (?:0x)?([0-9a-f]{1,13}) already set \(to (?:0x)?([0-9a-f]+) not (?:0x)?([0-9a-f]+)\)/i,
    facts: groupsAre({
      address: (frame) => hexOf(`${frame}000`),
      held: ADDRESS,
      wanted: ADDRESS,
    }),
  },
  ...OTHER_IOMMUS.map(([which, pattern, words]): LineRule => ({
    kind: "other_iommu_fault",
    words,
    pattern,
    facts: ({ groups }) => ({
      iommu: groups!.iommu!,
      model: which,
      address: hexOf(groups!.address!),
      access: accessWord(groups?.access),
    }),
  })),
  {
    kind: "dma_debug",
    pattern: /\bDMA-API: /,
    facts: ({ input }) => debugFacts(input),
    more: [{
      pattern: /One of leaked entries details: (.*)/,
      add: ([, details], facts) => leakedEntry(details!, facts),
    }],
  },
  {
    kind: "iommu_page_leak",
    pattern: /\biommu: Detected page leak!/,
    facts: () => ({}),
  },
  {
    kind: "p2pdma",
    words: "ACS redirect",
    pattern: /(\S+): ACS redirect is set between the client and provider \(([^)]+)\)/,
    facts: ([, client, provider]) => ({
      verdict: "acs_redirect",
      client: client!,
      provider: provider!,
      bridges: [],
    }),
    more: [{
      pattern: /\bpci=disable_acs_redir=([0-9a-fA-F:.;]+)/,
      add: ([, list], facts) => ({
        ...facts,
        bridges: list!.split(";").filter((name) => name !== ""),
      }),
    }],
  },
  {
    kind: "p2pdma",
    words: "peer-to-peer DMA",
    pattern:
      /(\S+): cannot be used for peer-to-peer DMA as the client and provider \(([^)]+)\) do not share/,
    facts: groupsAre({ client: TEXT, provider: TEXT }, { verdict: "not_supported" }),
  },
  {
    kind: "p2pdma",
    words: "peer-to-peer DMA",
    pattern:
      /(\S+)(?: \(unnamed\))?: cannot be used for peer-to-peer DMA as it is not a PCI device/,
    facts: groupsAre({ client: TEXT }, { verdict: "not_pci" }),
  },
  {
    kind: "p2pdma",
    words: "P2PDMA",
    pattern: /(\S+): Host bridge not in P2PDMA whitelist: ([0-9a-f]{4}):([0-9a-f]{4})/i,
    facts: groupsAre(
      { bridge: TEXT, vendor: (id) => id.toLowerCase(), device_id: (id) => id.toLowerCase() },
      { verdict: "host_bridge_not_listed" },
    ),
  },
  {
    kind: "p2pdma",
    words: "peer-to-peer DMA",
    pattern: /(\S+): added peer-to-peer DMA memory 0x([0-9a-f]+)-0x([0-9a-f]+)/i,
    facts: groupsAre(
      { provider: TEXT, start: ADDRESS, end: ADDRESS },
      { verdict: "provider_added" },
    ),
  },
  {
    kind: "nvme_timeout",
    pattern:
      /\bnvme (nvme\d+|[0-9a-f:]+\.\d): I\/O (?:tag )?(\d+)(?: \((?:([0-9a-f]{4})|[^)]*)\))?(?: opcode (?:0x)?([0-9a-f]+) \([^)]*\))? QID (\d+) timeout, (.*)/,
    facts: ([, controller, tag, cid, opcode, qid, rest]) => ({
      controller: controller!,
      tag: Number(tag),
      cid: cid === undefined ? null : parseInt(cid, 16),
      qid: Number(qid),
      opcode: opcode === undefined ? null : parseInt(opcode, 16),
      action: TIMEOUT_ACTIONS.find(([words]) => words.test(rest!))?.[1] ?? "other",
      size_bytes: number(/\bsize:(\d+)/.exec(rest!)?.[1]),
    }),
  },
  {
    kind: "nvme_abort_status",
    pattern: /\bnvme (nvme\d+): Abort status: (?:0x)?([0-9a-f]+)/,
    facts: groupsAre({ controller: TEXT, status: CODE }),
  },
  {
    kind: "nvme_down",
    pattern:
      /\bnvme (nvme\d+): controller is down; will reset: CSTS=0x([0-9a-f]+), PCI_STATUS(?:=0x([0-9a-f]+)| read failed.*)/,
    facts: ([, controller, csts, status]) => ({
      controller: controller!,
      csts: parseInt(csts!, 16),
      pci_status: status === undefined ? null : parseInt(status, 16),
      // All ones: the read of the register got no answer, the device is gone from the bus.
      gone: /^f{8}$/.test(csts!),
    }),
  },
  {
    kind: "nvme_error",
    pattern:
      /\b(nvme\d+(?:c\d+)?n\d+): .*?\(0x([0-9a-f]+)\) @ LBA (\d+), (\d+) blocks, .*?\(sct 0x([0-9a-f]+) \/ sc 0x([0-9a-f]+)\)(.*)/,
    facts: ([, disk, opcode, lba, blocks, sct, sc, rest]) => ({
      disk: disk!,
      opcode: parseInt(opcode!, 16),
      lba: Number(lba),
      blocks: Number(blocks),
      sct: parseInt(sct!, 16),
      sc: parseInt(sc!, 16),
      dnr: /\bDNR\b/.test(rest!),
      more: /\bMORE\b/.test(rest!),
    }),
  },
  {
    kind: "nvme_bad_request",
    words: "Incorrectly formed",
    pattern: /(\S+): Incorrectly formed request for payload:(\d+) nents:(\d+)/,
    facts: groupsAre({ device: TEXT, size_bytes: Number, segments: Number }),
  },
  {
    kind: "block_error",
    words: "error, dev ",
    pattern:
      /\b([a-z][\w/ ]{0,39}) error, dev (\S+), sector (\d+)(?: op (?:0x)?([0-9a-f]+):\(\w+\))?(?: flags (?:0x)?([0-9a-f]+))?(?: phys_seg (\d+))?/i,
    facts: ([, status, disk, sector, op, flags, segments]) => ({
      disk: disk!,
      sector: Number(sector),
      op: op === undefined ? null : parseInt(op, 16),
      flags: flags === undefined ? null : parseInt(flags, 16),
      segments: number(segments),
      status: status!.trim(),
    }),
  },
  ...HARDWARE_RULES,
];

function accessWord(word: string | undefined): "read" | "write" | null {
  const name = word?.toLowerCase();
  return name === "read" || name === "write" ? name : null;
}

function number(digits: string | undefined): number | null {
  return digits === undefined ? null : Number(digits);
}

/** What is free of a pool that is this full lies in pieces over the areas of all CPUs. */
const FULL_SHARE = 0.99;

/** Why there was no room. @see rules/traces.md T.52 */
function swiotlbFacts(
  driver: string | null,
  device: string,
  sizeBytes: number,
  totalSlots: number | null,
  usedSlots: number | null,
): LogEntryFacts {
  const cause = sizeBytes > SET_BYTES
    ? "over_segment"
    : totalSlots === null || usedSlots === null
    ? "unknown"
    : (totalSlots - usedSlots) * SLOT_BYTES < sizeBytes || usedSlots >= totalSlots * FULL_SHARE
    ? "full"
    : "fragmented";
  return {
    driver,
    device,
    size_bytes: sizeBytes,
    total_slots: totalSlots,
    used_slots: usedSlots,
    cause,
  };
}
