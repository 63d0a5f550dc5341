/**
 * Messages of the kernel's DMA API checker, and warnings of the mapping calls themselves.
 *
 * @see rules/traces.md T.53, rules/dma.md 8.2
 */
import { REPORT_CLASSES } from "@dmalab/runtime/vocabulary";
import { hexOf } from "../entry.ts";
import type { Fact, LogEntryFacts } from "../log_facts.ts";
import { READ_STACKS } from "../../ledger/finding_kinds.ts";
import { type CheckerClass, OLD_CLASSES } from "./checker_classes.ts";
import {
  type Cause,
  inOrder,
  type MessageArea,
  type MessageRow,
  STACK_LINES,
  stateRows,
} from "./message.ts";

/** Further wordings of classes: from other releases, or from a second check of the same class. */
const MORE_TEXTS: readonly (readonly [CheckerClass, string])[] = [
  ["sync_size", "device driver syncs DMA memory outside allocated range"],
  // Releases before 4.5 print no blank.
  ["map_stack", "device driver maps memory fromstack"],
  ["map_vmalloc", "device driver maps memory from vmalloc area"],
  ["cpu_touches_mapped", "cpu touching an active dma mapped cacheline"],
];

/** Wordings that do not have the form `DMA-API: DRIVER DEVICE: TEXT [KEY=VALUE]`. */
const OTHER_FORMS: Partial<Record<CheckerClass, readonly string[]>> = {
  cacheline_overlap_many: [
    "DMA-API: exceeded {count} overlapping mappings of cacheline {cacheline}",
    "exceeded {count} overlapping mappings of cacheline {cacheline}",
    // Linux 3.14 to 3.18 count mappings by page frame.
    "exceeded {count} overlapping mappings of pfn {frame}",
  ],
  map_vmalloc: [
    "{driver} {device}: rejecting DMA map of vmalloc memory",
    "rejecting DMA map of vmalloc memory",
    // The USB core refuses the buffer before the map.
    "{driver} {device}: {~transfer buffer|setup packet} {~not|is not} dma capable",
    "{~transfer buffer|setup packet} {~not|is not} dma capable",
  ],
  map_stack: [
    "{driver} {device}: {~transfer buffer|setup packet} is on stack",
    "{~transfer buffer|setup packet} is on stack",
  ],
};

/** When the checker prints the line of a class. */
const CONDITIONS: Partial<Record<CheckerClass, string>> = {
  unmap_unknown:
    "At an unmap or a coherent free, the checker has no single fitting record of this device and address",
  unmap_error_value: "At an unmap, the address is the value of a failed map",
  unmap_size: "At an unmap, the record of the address has another size",
  unmap_kind: "At an unmap, the record was made by a call of another kind (map, list, coherent)",
  free_cpu_address: "At a free of coherent memory, the record has another physical address",
  unmap_entries: "At an unmap of a list, the record has another number of entries",
  unmap_direction: "At an unmap, the record has another direction",
  error_unchecked:
    "At an unmap of a single mapping: dma_mapping_error() was never called for its record",
  map_stack: "At a map, the buffer lies on the stack of the current task",
  map_text: "At a map, the buffer overlaps the kernel's text or read-only data",
  map_invalid: "At dma_map_single(), the address is none of the linear map",
  map_vmalloc:
    "dma_map_single() was called with an address of the vmalloc range (once per boot for a place of the code; releases before 5.3 print it from the checker), or the USB core found such a buffer",
  cacheline_overlap:
    "At a map for writing by the device, another such mapping begins in the same cache line",
  cacheline_overlap_many:
    "More than seven further live mappings begin in one cache line (once per boot)",
  sync_unknown: "At a sync, no record of this device contains the range",
  sync_size:
    "At a sync, the record that was found is shorter than the range (releases before 6.12)",
  sync_direction: "At a sync, the record has another direction, and is not bidirectional",
  sync_for_cpu_read_only: "At a sync for the CPU, the device was not allowed to write",
  sync_for_device_write_only: "At a sync for the device, the device was not allowed to read",
  sync_entries: "At a sync of a list, the record has another number of entries",
  segment_too_long:
    "At a map of a list, an entry is longer than max_seg_size, which is 64 KiB unless a driver sets it (CONFIG_DMA_API_DEBUG_SG)",
  segment_boundary:
    "At a map of a list, a mapped segment crosses the boundary mask, which is 4 GiB unless a driver sets it (CONFIG_DMA_API_DEBUG_SG)",
  leak_at_unbind:
    "A driver was unbound from a device of PCI or vio, and records of the device exist",
};

/** The maximum segment size of a device of which no driver sets one. */
const DEFAULT_SEGMENT_BYTES = 65536;

/** Causes of those classes for which the line can give more information than the class. */
const CLASS_CAUSES: Partial<Record<CheckerClass, readonly Cause[]>> = {
  unmap_unknown: [{
    id: "no_record",
    certainty: "likely",
    finding: "unmap_unknown",
    text:
      "a second unmap, another struct device than that of the map, or a changed address. The checker is wrong where the mapping is older than its records, where it ran out of them, or where one buffer is mapped twice at the same address",
  }],
  sync_unknown: [{
    id: "no_record",
    certainty: "likely",
    finding: "sync_unknown",
    text:
      "a sync after the unmap, one for another struct device, or one of a range that no single mapping contains: longer than the mapping, or across two",
    next: [
      "compare address and size with the maps of the device: a sync lies within one mapping, between its map and its unmap",
      READ_STACKS,
    ],
  }],
  segment_too_long: [
    {
      id: "limit_not_set",
      when: ({ max }) => max === DEFAULT_SEGMENT_BYTES,
      certainty: "likely",
      text:
        "65536 is the limit of a device of which no driver sets one; the hardware may take longer segments",
      next: [
        "set the limit of the hardware: dma_set_max_seg_size() in probe, for the device that is mapped (that of the DMA engine, if it does the DMA)",
      ],
    },
    {
      id: "limit_ignored",
      when: ({ max }) => max !== DEFAULT_SEGMENT_BYTES,
      certainty: "likely",
      text: "what builds the list does not respect the limit that the driver has set",
      next: [
        "look at what builds the list: max_segment_size of the queue, or sg_alloc_table_from_pages_segment()",
      ],
    },
  ],
  segment_boundary: [{
    id: "boundary",
    certainty: "possible",
    text:
      "what builds the list does not respect the boundary, no driver has set the hardware's (ffffffff is the default), or the IOMMU's merge crossed it",
    next: ["set the boundary of the hardware: dma_set_seg_boundary() in probe"],
  }],
  cacheline_overlap_many: [{
    id: "piled_up",
    certainty: "likely",
    text: (facts) =>
      `mappings of ${
        facts.cacheline === null
          ? `page frame ${facts.frame}`
          : `cache line ${facts.cacheline} (the number of the line, no address)`
      } pile up: unmaps are missing, ` +
      "or the same memory is mapped many times at once, as user memory that is registered again and again",
    next: [
      "look for the missing unmap: the stack below the warning is of the map that was one too many; `dmalab trace check` with the dma events shows which mappings stay",
      "if a program registers the same memory many times (RDMA), this is what it does: the kernel only stops counting",
    ],
  }],
  map_vmalloc: [{
    id: "not_contiguous",
    certainty: "likely",
    isOne: true,
    text: ({ refused_by }) =>
      "vmalloc memory is contiguous for the CPU only; with CONFIG_VMAP_STACK buffers on the stack are vmalloc memory too. " +
      (refused_by === "usb core"
        ? "The USB core refused the buffer, and the transfer failed"
        : "The map failed: the call returned DMA_MAPPING_ERROR"),
    next: [
      "allocate the buffer with kmalloc(), not on the stack and not in a module's data; or map the pages of a vmalloc buffer one by one (vmalloc_to_page(), or a scatterlist)",
    ],
  }],
  map_stack: [{
    id: "stack",
    certainty: "likely",
    isOne: true,
    text:
      "the buffer is a variable of a function: it shares cache lines with the stack, and is gone when the function returns",
    next: ["allocate the buffer with kmalloc()"],
  }],
};

const BRACKET = /\[([^\]]*)\]/g;
const CACHE_LINE_BYTES = 64;

/**
 * Keys of the `key=value` pairs in brackets. Each key gives the name of a fact, and how to parse
 * the value.
 */
const KEYS: Readonly<Record<string, readonly [string, "hex" | "count"]>> = {
  "device address": ["address", "hex"],
  "start": ["address", "hex"],
  "end": ["end", "hex"],
  "boundary": ["boundary", "hex"],
  "size": ["size_bytes", "count"],
  "allocation size": ["size_bytes", "count"],
  "map size": ["map_size", "count"],
  "unmap size": ["unmap_size", "count"],
  "sync offset+size": ["sync_end", "count"],
  "map count": ["map_count", "count"],
  "unmap count": ["unmap_count", "count"],
  "sync count": ["sync_count", "count"],
  "count": ["count", "count"],
  "len": ["len", "count"],
  "max": ["max", "count"],
  "cln": ["cacheline", "hex"],
  "cpu alloc address": ["cpu_alloc_address", "hex"],
  "cpu free address": ["cpu_free_address", "hex"],
};
const WORDS = /^(mapped as|unmapped as|mapped with|unmapped with|synced with) (.*)$/;

function bracketFacts(text: string): Record<string, Fact> {
  const facts: Record<string, Fact> = {};
  for (const [, inside] of text.matchAll(BRACKET)) {
    const words = WORDS.exec(inside!);
    if (words !== null) {
      facts[words[1]!.replace(" ", "_")] = words[2]!;
      continue;
    }
    const equals = inside!.indexOf("=");
    const key = KEYS[inside!.slice(0, equals)];
    const value = inside!.slice(equals + 1);
    if (equals < 0 || key === undefined) continue;
    const [name, kind] = key;
    if (kind === "hex") facts[name] = /^0x[0-9a-f]+$/i.test(value) ? hexOf(value) : null;
    else facts[name] = Number.parseInt(value, 10);
  }
  return facts;
}

const isFunction = (device: Fact | undefined) =>
  typeof device === "string" && /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(device);

function checkerFacts(facts: LogEntryFacts, line: string): LogEntryFacts {
  const found: Record<string, Fact> = { ...facts, address: null, ...bracketFacts(line) };
  if (String(found.class).startsWith("map_") && typeof found.len === "number") {
    found.size_bytes = found.len;
    delete found.len;
  }
  // The USB core returns an error before any map.
  if (/dma capable/i.test(line)) found.refused_by = "usb core";
  // PCI functions report it on x86; other machines have lines of other sizes.
  if (line.includes("[cln=") && typeof found.cacheline === "string" && isFunction(found.device)) {
    found.phys = `0x${(Number.parseInt(found.cacheline, 16) * CACHE_LINE_BYTES).toString(16)}`;
  }
  return found;
}

/** Adds the first caller of a stack that is in a driver; the further ones change nothing. */
function firstCaller(found: LogEntryFacts, facts: LogEntryFacts): LogEntryFacts {
  const { frame_offset: _, ...caller } = found;
  return facts.caller === undefined ? { ...facts, ...caller } : facts;
}

function classDoc(name: CheckerClass): string {
  if (name in OLD_CLASSES) return OLD_CLASSES[name as keyof typeof OLD_CLASSES];
  const { doc, rule } = REPORT_CLASSES[name as keyof typeof REPORT_CLASSES];
  return `${doc} See ${rule}`;
}

function checkerRow(name: CheckerClass, texts: readonly string[]): MessageRow {
  return {
    kind: "dma_debug",
    forms: [
      // The first form is that of 5.0 and later releases. The second form, with the device first,
      // is that of earlier releases.
      ...texts.map((text) => `DMA-API: {driver} {device}: ${text}`),
      ...texts.map((text) => `{driver} {device}: DMA-API: ${text}`),
      // For pasted lines that lost the device, and for releases that print no device.
      ...texts.map((text) => `DMA-API: ${text}`),
      ...OTHER_FORMS[name] ?? [],
    ],
    always: { class: name },
    derive: checkerFacts,
    ...name === "leak_at_unbind"
      ? {
        more: [{
          form: "One of leaked entries details: {details}",
          add: ({ details }, facts) => ({ ...facts, ...bracketFacts(String(details)) }),
        }],
      }
      : {},
    role: "report",
    ...CONDITIONS[name] === undefined ? {} : { condition: CONDITIONS[name] },
    finding: name,
    means: classDoc(name),
    ...CLASS_CAUSES[name] === undefined ? {} : { causes: CLASS_CAUSES[name] },
  };
}

/** The first words of the checker's own texts, after the device. */
const CHECKER_WORDS = "device driver";

/**
 * The rows of all classes. If two classes have the same wording, only the earlier class gets a row
 * for it.
 */
function checkerRows(): MessageRow[] {
  const texts = new Map<CheckerClass, string[]>();
  const taken = new Set<string>();
  for (const [name, { log }] of Object.entries(REPORT_CLASSES)) {
    if (log === null || !log.startsWith(CHECKER_WORDS) && name in OTHER_FORMS || taken.has(log)) {
      continue;
    }
    taken.add(log);
    texts.set(name as CheckerClass, [log]);
  }
  for (const [name, text] of MORE_TEXTS) {
    texts.set(name, [...texts.get(name) ?? [], text]);
  }
  for (const name of Object.keys(OTHER_FORMS) as CheckerClass[]) {
    if (!texts.has(name)) texts.set(name, []);
  }
  return [...texts].map(([name, each]) => checkerRow(name, each));
}

export const CHECKER: MessageArea = {
  name: "DMA API checker",
  page: "rules/traces.md T.53",
  words: ["DMA-API"],
  rows: [
    {
      kind: "dma_debug_off",
      forms: ["DMA-API: {~debugging out of memory - disabling|cacheline tracking ENOMEM}"],
      condition:
        "The checker had no record left for a mapping, or no memory for its tree of cache lines",
      role: "report",
      means:
        "The kernel's DMA-API debugging ran out of entries and disabled itself: the absence of " +
        "reports from here on proves nothing",
      next: ["boot with a larger dma_debug_entries="],
    },
    ...checkerRows(),
    {
      kind: "unmap_warning",
      forms: [
        "WARNING: {...}at {...}{function~iommu_dma_unmap_phys|iommu_dma_unmap_page|iommu_dma_unmap_sg}+0x",
      ],
      role: "report",
      condition: "At an unmap, the domain of the IOMMU has nothing mapped at the address",
      finding: "unmap_unknown",
      means:
        "The driver unmapped an address at which the IOMMU has no mapping: a second unmap, a wrong " +
        "device or a wrong address. The call trace names the driver",
    },
    {
      kind: "unmap_warning",
      forms: [
        "WARNING: {...}at {...}{function~__iommu_dma_unmap|__arm_lpae_unmap|arm_lpae_unmap_pages|__arm_v7s_unmap}+0x",
      ],
      condition:
        "At an unmap, the page table gave up fewer or more bytes than were asked for, or had an empty entry",
      role: "report",
      means: ({ function: name }) =>
        `The kernel warned in ${name}(): the page table had less than the unmap asked for`,
      causes: [{
        id: "not_mapped",
        certainty: "likely",
        finding: "unmap_unknown",
        text:
          "a second unmap, a longer one than the map, a wrong device or a wrong address. The call trace names the driver",
        next: [
          "compare the arguments of the unmap with what the driver kept of the map: `dmalab trace check` with the dma and iommu events",
        ],
      }],
    },
    {
      kind: "pte_already_set",
      forms: [
        "WARNING: {...}at {...}{function~__arm_lpae_map|arm_lpae_init_pte|__arm_v7s_map}+0x",
      ],
      condition: "At a map, the page table had an entry, or a larger block, where the map writes",
      role: "report",
      means: ({ function: name }) =>
        `The kernel warned in ${name}(): the page table had an entry where the map wrote`,
      causes: [{
        id: "overlap",
        certainty: "likely",
        finding: "mapped_over",
        text:
          "two users of one IOVA range: an unmap that was skipped or shorter than its map, or a second map of a range by a user of the IOMMU API. The call trace names the caller",
        next: [
          "look for an unmap of this range that was skipped, or that had a shorter length: `dmalab trace check` with the dma and iommu events",
        ],
      }],
    },
    {
      kind: "map_unaligned",
      forms: ["WARNING: {...}at {...}{function~arm_lpae_map_pages}+0x"],
      condition:
        "At a map, the IOVA is above the input width, the physical address above the output width, or the page size is none of the table's",
      role: "report",
      finding: "map_unaligned",
      means: ({ function: name }) =>
        `The kernel warned in ${name}(): an address of the map has more bits than the SMMU's page table takes, or its page size is none of the table's. The map failed`,
      next: [
        "compare the addresses with the line `ias N-bit, oas N-bit` of the SMMU at boot; the call trace names the caller",
      ],
    },
    {
      kind: "mapping_warning",
      forms: ["WARNING: {...}at {...}{function~xen_swiotlb_free_coherent}+0x"],
      condition:
        "Coherent memory was freed that does not lie below the coherent mask, or that is not contiguous for the machine (once per boot)",
      role: "report",
      finding: "mapping_warning",
      means:
        "The kernel warned in xen_swiotlb_free_coherent(): the memory was not freed, and is lost",
      causes: [{
        id: "changed",
        certainty: "possible",
        text:
          "the coherent mask was changed between the allocation and the free, or address or size are not those of the allocation",
        next: ["look at the caller in the stack: which buffer it frees, and when it sets the mask"],
      }],
    },
    {
      kind: "mapping_warning",
      forms: [
        "WARNING: {...}at {...}kernel/dma/mapping.c:{source_line} {function~dma_map_sgtable|dma_map_phys|dma_map_page_attrs|dma_map_sg_attrs|dma_map_single_attrs|dma_map_resource|dma_alloc_attrs|dma_free_attrs|__dma_map_sg_attrs}+0x",
        "WARNING: {...}at {...}kernel/dma/mapping.c:{source_line} {function~dma_map_sgtable|dma_map_phys|dma_map_page_attrs|dma_map_sg_attrs|dma_map_single_attrs|dma_map_resource|dma_alloc_attrs|dma_free_attrs|__dma_map_sg_attrs}",
      ],
      more: [
        { form: "{caller=function}+{frame_offset} drivers/{caller_file=name}", add: firstCaller },
        { form: "{caller=function}+{frame_offset} [{caller_module=word_text}]", add: firstCaller },
      ],
      reachLines: STACK_LINES,
      condition:
        "The device has no DMA mask (maps), its coherent mask is zero or the flags have __GFP_COMP (allocations), interrupts are off (free), or a map of a list returned a code that it may not (once per boot; the free each time)",
      role: "report",
      finding: "mapping_warning",
      means: ({ caller, caller_file, caller_module, function: name }) =>
        `The kernel warned in ${name}()` +
        (name === "dma_free_attrs"
          ? ": it was called with interrupts off. "
          : ": the call was wrong. ") +
        (caller === undefined
          ? "A stack below it, if the log has one, names the driver"
          : `The first driver in the stack is ${
            caller_module ?? `drivers/${caller_file}`
          }, in ${caller}()`),
      causes: [
        {
          id: "interrupts_off",
          when: ({ function: name }) => name === "dma_free_attrs",
          certainty: "likely",
          isOne: true,
          text:
            "coherent memory was freed with interrupts off, or under a spinlock that disables them (c-api.14): the free may sleep",
          next: [
            "free coherent memory where the driver may sleep: after the lock, or from a work item",
          ],
        },
        {
          id: "mask_unset",
          when: ({ function: name }) => name !== "dma_free_attrs",
          certainty: "likely",
          text:
            "the device has no DMA mask, or no coherent mask for an allocation: no driver set it, as of a device that a driver creates itself, or the call got another struct device. Rarer: an allocation with __GFP_COMP, or a code of the IOMMU's driver that a map of a list may not return",
          next: [
            "call dma_set_mask_and_coherent() before the first map; of a device that a driver creates itself, set dev->dma_mask first, or map with the parent that does the DMA",
          ],
        },
      ],
    },
    {
      kind: "mapping_warning",
      forms: [
        "kernel BUG at {...}kernel/dma/{file=word_text}.c:{source_line}",
        "kernel BUG at {...}lib/{file~swiotlb}.c:{source_line}",
        "kernel BUG at {...}/{file~dma-mapping|dma-noncoherent|dma-nommu|dma-default}.c:{source_line}",
      ],
      more: [
        {
          form: "{~pc : |pc: |RIP: |RIP is at |PC is at |IP is at |NIP }{...}{function}+0x",
          add: (found, facts) =>
            facts.function == null && found.function !== "__bug" ? { ...facts, ...found } : facts,
        },
      ],
      reachLines: STACK_LINES,
      role: "report",
      finding: "mapping_warning",
      means: ({ file, function: name }) =>
        `The kernel stopped at a check of its DMA code, in ${file}.c${
          typeof name === "string" ? `, ${name}()` : ""
        }. A stack below it, if the log has one, names the driver`,
      causes: inOrder([
        {
          id: "no_bytes",
          when: ({ function: name }) => /swiotlb_tbl_map_single/.test(String(name)),
          certainty: "likely",
          text: "a map of 0 bytes was bounced: older releases stop where the number of slots is 0",
          next: [
            "look at the length that the driver maps (dma_map_single, dma_map_sg): a buffer that is empty, or a list entry of length 0",
          ],
        },
        {
          id: "older_arm",
          when: ({ file }) => file === "dma-mapping",
          certainty: "possible",
          text:
            "older releases for Arm stop there at an address that they cannot turn into one of memory (a buffer from vmalloc(), on a stack or in a module, or a length that runs out of the memory), at coherent memory that is freed or allocated where the code may not sleep, or at a wrong direction: the line of the source says which",
          next: [
            "look at the source of this release at the line, and at the caller in the stack: where it gets the buffer, the length and the direction of the map, and whether it holds a lock",
          ],
        },
        {
          id: "other",
          certainty: "unknown",
          text: "the line of the source says which check it was",
          next: ["look at the source of this release at the line, and at the caller in the stack"],
        },
      ]),
    },
    {
      kind: "mapping_warning",
      forms: [
        "BUG: KASAN: {problem=text} in {function~swiotlb_bounce|swiotlb_tbl_map_single|swiotlb_tbl_unmap_single|swiotlb_sync_single|dma_direct_map_page|dma_direct_map_sg|dma_direct_sync_single|iommu_dma_map_page|iommu_dma_map_sg}",
      ],
      condition: "KASAN is on, and a function of the DMA API touched memory that it may not",
      role: "report",
      finding: "mapping_warning",
      means: ({ function: name, problem }) =>
        `KASAN caught a wrong access (${problem}) in ${name}(). A stack below it, if the log has one, names the caller`,
      causes: inOrder([
        {
          id: "copy",
          when: ({ function: name }) => /bounce|sync/.test(String(name)),
          certainty: "possible",
          text:
            "a copy between the bounce buffer and the driver's buffer used memory that is none: a sync or an unmap after the buffer was freed, or of more bytes than it has; in a confidential guest also an address or a size that the host has changed",
          next: [
            "look at the address and the size of the access in the line below, and compare them with the map of the caller in the stack: `dmalab trace check` with the dma and swiotlb events",
          ],
        },
        {
          id: "other",
          certainty: "unknown",
          text: "the address of the access and the stack say which argument of the call was wrong",
          next: [
            "look at the caller in the stack: the buffer, the list or the device that it gave",
          ],
        },
      ]),
    },
    {
      kind: "mapping_warning",
      forms: [
        "WARNING: {...}at {...}dma-mapping{~-common|}.h:{source_line} {function}+0x",
        "WARNING: {...}at {...}dma-mapping{~-common|}.h:{source_line}",
      ],
      more: [
        { form: "{caller=function}+{frame_offset} drivers/{caller_file=name}", add: firstCaller },
        { form: "{caller=function}+{frame_offset} [{caller_module=word_text}]", add: firstCaller },
      ],
      reachLines: STACK_LINES,
      role: "report",
      finding: "mapping_warning",
      means: ({ function: name }) =>
        `The kernel warned in a call of the DMA API that is compiled into ${
          typeof name === "string" ? `${name}()` : "its caller"
        }. A stack below it, if the log has one, names the callers`,
      causes: inOrder([
        {
          id: "interrupts_off",
          when: ({ function: name }) => /free/i.test(String(name)),
          certainty: "possible",
          text:
            "coherent memory was freed with interrupts off, or under a spinlock that disables them (c-api.14): the free may sleep",
          next: [
            "free coherent memory where the driver may sleep: after the lock, or from a work item",
          ],
        },
        {
          id: "no_coherent_mask",
          when: ({ function: name }) => /alloc/i.test(String(name)),
          certainty: "possible",
          text:
            "where the function allocates: the device has no coherent DMA mask, as one that a driver created itself, or another struct device than that of the bus was given. Where it maps a buffer: the direction is none of the three",
          next: [
            "look which struct device the caller gives, and whether its driver called dma_set_mask_and_coherent(); memory is allocated for the device that does the DMA, most often the parent on the bus",
          ],
        },
        {
          id: "argument",
          certainty: "possible",
          text:
            "the direction is none of the three, the list is empty, or the device has no DMA mask",
          next: [
            "look at the caller in the stack: the direction and the list that it gives, and whether the driver of its device called dma_set_mask_and_coherent()",
          ],
        },
      ]),
    },
    {
      kind: "iommu_page_leak",
      forms: ["iommu: Detected page leak!"],
      role: "report",
      means: "A page was freed or handed out while an IOMMU still maps it for a device (dma.8.4)",
      next: [
        "the stack below is of the free: look for the unmap that should have come before it",
      ],
    },
    {
      kind: "memory_setup",
      forms: ["leaking DMA memory that can't be {~decrypted|re-encrypted}"],
      condition:
        "At a free in a guest with encryption, the change of the pages back to encrypted failed",
      role: "report",
      means:
        "The host did not change the encryption of a coherent buffer: the pages are given up, because they may still be shared",
      next: [
        "look at the error before it: the change of the page's encryption failed; the memory is lost until a reboot",
      ],
    },
    {
      kind: "memory_setup",
      forms: ["attempt to add DMA range to existing map"],
      condition: "A second offset was set for a device that has a map of ranges",
      role: "report",
      means:
        "A second range of bus addresses was set for a device that has one: the second is ignored",
      next: ["look who sets the DMA ranges of the device twice: the bus, and a driver"],
    },
    ...stateRows([
      ["The heading of the stack of the map, below a report of the checker", "DMA-API: Mapped at:"],
      [
        "A counter of the checker: the entries that it has for live mappings",
        "DMA-API: dma_debug_entry pool grown to {count}",
        "DMA-API: preallocated {count} debug entries",
      ],
      [
        "The checker looks at one driver, or at all again",
        "DMA-API: switching off dma-debug driver filter",
        "DMA-API: enable driver filter for driver [{driver}]",
      ],
      [
        "Whether the checker of the DMA API is on",
        "DMA-API: debugging {~enabled by kernel config|disabled on kernel command line}",
      ],
    ]),
    {
      kind: "dma_debug_dump",
      forms: [
        "{driver} {device} {mapped_as~single|page|scatter-gather|coherent|resource|phys|noncoherent} idx {bucket=count} P={phys} {...}D={address} L={size} {...}{check~dma map error not checked|dma map error checked|dma map error check not applicable}",
      ],
      role: "report",
      means: ({ check, device, mapped_as, size }) =>
        `A line of the checker's dump (debugfs, dma-api/dump): a live ${mapped_as} mapping of ${device}, of ${size} bytes. It is no error` +
        (check === "dma map error not checked"
          ? "; the driver has not called dma_mapping_error() for it so far"
          : ""),
      next: [
        "no command reads a dump. Compare two dumps of the same machine: a number of lines of one device that only grows is a leak; `dmalab trace check` finds it in a trace of the dma events",
      ],
    },
    {
      kind: "dma_debug_off",
      forms: ["DMA-API: debugging out of memory error - disabled"],
      condition: "At boot, the checker got no memory for its records",
      role: "report",
      means: "The checker is off: no record was to be had. The absence of reports proves nothing",
      next: ["ask for fewer records with dma_debug_entries="],
    },
    {
      kind: "dma_debug_off",
      forms: ["DMA-API: {count} debug entries requested but only {max} allocated"],
      condition: "At boot, the checker got fewer records than were asked for. It is on",
      role: "report",
      means: "The checker has fewer entries than were asked for, and is on",
      next: ["ask for fewer with dma_debug_entries=, or look why the memory was short at boot"],
    },
  ],
};
