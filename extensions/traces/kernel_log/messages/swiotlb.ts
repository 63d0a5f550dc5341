/**
 * Messages about bounce buffers, and about addresses that a device cannot reach.
 *
 * @see rules/traces.md T.52, T.77, rules/dma.md 6
 */
import { SET_BYTES, SLOT_BYTES } from "@dmalab/runtime/basics";
import type { LogEntryFacts } from "../log_facts.ts";
import {
  addressOf,
  bytesText,
  type Cause,
  inOrder,
  type MessageArea,
  named,
  numberOf,
} from "./message.ts";

const SET_SLOTS = SET_BYTES / SLOT_BYTES;
/** The largest minimum alignment that drivers ask for, in slots: NVMe's 4 KiB. */
const PAGE_SLOTS = 4096 / SLOT_BYTES;

const needed = (facts: LogEntryFacts) => Math.ceil(numberOf(facts, "size_bytes") / SLOT_BYTES);
const free = (facts: LogEntryFacts) =>
  Math.max(0, numberOf(facts, "total_slots") - numberOf(facts, "used_slots"));

/**
 * The smallest number of used slots with which every set of 128 slots can be so fragmented that no
 * set has room for a buffer. With this number, there is one used slot in each possible place of the
 * buffer. Buffers of a page and more begin at even slots (dma.6.2).
 */
function leastUsedToScatter(facts: LogEntryFacts): number {
  const slots = needed(facts);
  const stride = slots < PAGE_SLOTS ? slots : Math.ceil(slots / PAGE_SLOTS) * PAGE_SLOTS;
  const sets = Math.floor(numberOf(facts, "total_slots") / SET_SLOTS);
  return sets * Math.floor(SET_SLOTS / stride);
}

const LIMIT_TRANSFERS =
  "limit the size of one mapping: dma_max_mapping_size() returns the device's limit, and the block layer or the driver must respect it (max_sectors, max_segment_size)";
const WIDER_MASK =
  "avoid the bounce: a driver that sets a 64-bit mask (dma_set_mask_and_coherent) on a device that can address all memory needs no bounce buffer; swiotlb=force, an untrusted (external) device and a confidential guest bounce regardless";
const MASK_WITH_BIT =
  "avoid the bounce: this machine encrypts its memory (SME), so a driver needs a mask that includes the encryption bit of the address (dma_set_mask_and_coherent with 64 bits on a device that can address all memory); mem_encrypt=off as a diagnosis";
/**
 * The step to avoid a bounce. Guests with encrypted memory bounce every mapping, whatever the mask
 * is. The kernel's own line about encryption does not say whether it runs as a guest.
 */
const avoidBounce = ({ encryption }: LogEntryFacts): readonly string[] =>
  encryption === undefined ? [WIDER_MASK] : encryption === "host" ? [MASK_WITH_BIT] : [];
/** Steps with the step to avoid the bounce at their end. */
const orAvoid = (...steps: readonly string[]) => (facts: LogEntryFacts) => [
  ...steps,
  ...avoidBounce(facts),
];
const MAKE_POOL =
  "make the kernel allocate a pool: swiotlb=force, or swiotlb=SLOTS,force (every map is bounced then). swiotlb=SLOTS alone makes none where the kernel has found that the devices reach all memory";
const LOOK_FOR_LEAKS =
  "look for mappings that are never unmapped: `io_tlb_used` in /sys/kernel/debug/swiotlb that only grows, or `dmalab trace check` with the swiotlb and dma events";
const ENLARGE = "enlarge the pool: swiotlb=SLOTS (a slot has 2 KiB; 65536 for 128 MiB)";
const COHERENT_NEXT = [
  "give coherent allocations memory that the device reaches: CMA (CONFIG_DMA_CMA, cma=SIZE), or a wider coherent mask (dma_set_coherent_mask); the bounce pool has at most 256 KiB for one of them",
  "allocate the buffer in pieces of at most 256 KiB, or once at probe, while memory is not fragmented",
];

/**
 * Possible reasons why the pool refused a mapping. They are tested in order against the numbers of
 * the line, and the first reason that fits counts.
 */
const FULL_CAUSES: readonly Cause[] = inOrder([
  {
    id: "coherent",
    when: ({ coherent }) => coherent === true,
    certainty: "possible",
    text: (facts) =>
      "the page allocator gave no memory for it: none of that length was free, or none within the coherent " +
      "mask. The bounce pool, tried after it, " +
      (numberOf(facts, "size_bytes") > SET_BYTES
        ? "has at most 256 KiB for one buffer, so it could not help"
        : "was full, in pieces, or out of the device's reach") +
      ". A `page allocation failure` before it says that pages were missing; a mask in a line `hwdev DMA mask` is the limit",
    next: COHERENT_NEXT,
  },
  {
    id: "over_segment",
    when: (facts) => numberOf(facts, "size_bytes") > SET_BYTES,
    certainty: "likely",
    isOne: true,
    text:
      "one mapping is larger than 256 KiB (IO_TLB_SEGSIZE slots), the largest bounce buffer of a mainline kernel: it fails however much is free",
    next: orAvoid(LIMIT_TRANSFERS),
  },
  {
    id: "no_pool",
    when: (facts) => numberOf(facts, "total_slots") === 0,
    certainty: "likely",
    isOne: true,
    text: "the pool has no slots: the kernel allocated none, or gave its memory back at boot",
    next: orAvoid(
      MAKE_POOL,
      "or let an IOMMU translate for the device (intel_iommu=on, a virtual IOMMU for a guest): it then reaches all memory",
    ),
  },
  {
    id: "unknown",
    when: ({ total_slots, used_slots }) => total_slots === null || used_slots === null,
    certainty: "unknown",
    text:
      "the line does not tell how much was free, because it is cut or of an old release: the pool was full, in pieces, or out of the device's reach",
    next: orAvoid(LOOK_FOR_LEAKS, ENLARGE),
  },
  {
    id: "full",
    when: (facts) => free(facts) < needed(facts),
    certainty: "likely",
    isOne: true,
    text: (facts) =>
      `${bytesText(free(facts) * SLOT_BYTES)} are free, less than the mapping needs: too many ` +
      "mappings at once, mappings that are never unmapped, or a pool that is too small",
    next: orAvoid(LOOK_FOR_LEAKS, ENLARGE),
  },
  {
    id: "alignment",
    when: (facts) => numberOf(facts, "used_slots") < leastUsedToScatter(facts),
    certainty: "likely",
    text: (facts) =>
      `${
        bytesText(free(facts) * SLOT_BYTES)
      } are free, and ${facts.used_slots} used slots are too few ` +
      `to leave no piece of ${
        needed(facts)
      } slots: the free pieces do not have the alignment that the ` +
      "device or the IOMMU asks for (min_align_mask, the alignment of an allocation, a segment boundary), " +
      "or the device does not reach them. Linux 6.1 refused such mappings by a regression; its stable releases have the fix",
    next: orAvoid(
      "a larger pool does not help. Look at the driver's dma_set_min_align_mask() and at the size it maps: with a mask, dma_max_mapping_size() is smaller than 256 KiB",
      "on 6.1 update to a newer stable release",
    ),
  },
  {
    id: "fragmented",
    certainty: "likely",
    text: (facts) =>
      `${bytesText(free(facts) * SLOT_BYTES)} are free, but not in one piece of ` +
      `${
        bytesText(needed(facts) * SLOT_BYTES)
      }: what is free lies in pieces, or at another alignment than ` +
      "the device needs; each CPU's area of the pool has only its share, and a buffer lies within one group of 128 slots",
    next: orAvoid(
      "map smaller pieces, or fewer at once: a large buffer needs that many free slots in a row",
      LOOK_FOR_LEAKS,
      ENLARGE,
    ),
  },
]);

const refusedText = (facts: LogEntryFacts) =>
  `The bounce pool refused a mapping${
    Number.isNaN(numberOf(facts, "size_bytes"))
      ? ""
      : ` of ${bytesText(numberOf(facts, "size_bytes"))}`
  }: the map failed`;
const coherentText = (facts: LogEntryFacts) =>
  `The bounce pool had no coherent memory of ${
    bytesText(numberOf(facts, "size_bytes"))
  }: the allocation failed`;

const lastByte = (facts: LogEntryFacts): bigint | null => {
  const address = addressOf(facts, "address");
  const size = numberOf(facts, "size_bytes");
  return address === null || Number.isNaN(size) ? null : address + BigInt(Math.max(0, size - 1));
};
const isAbove = (facts: LogEntryFacts, name: string): boolean => {
  const [last, limit] = [lastByte(facts), addressOf(facts, name)];
  return last !== null && limit !== null && limit > 0n && last > limit;
};
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

const NO_BOUNCE =
  "a bounce pool would carry the mapping: check that one exists (`software IO TLB: mapped` at boot; swiotlb=force makes one) and lies within the limit; memory of another device (dma_map_resource in the stack) is never bounced";

/** What a bounce pool would do for a mapping: it carries none that is larger than a segment of the pool. */
const bounceStep = (facts: LogEntryFacts) =>
  numberOf(facts, "size_bytes") > SET_BYTES
    ? "no bounce pool carries a mapping of this size (at most 256 KiB in a mainline kernel): limit the size of one mapping (dma_max_mapping_size()), or use memory within the limit"
    : NO_BOUNCE;

/** Addresses from this bit on are beyond the memory of machines: a bit of memory encryption. */
const ENCRYPTION_BIT = 46n;

const LIMITS = ["mask", "bus_limit"] as const;
const limitText = (facts: LogEntryFacts) => (name: "mask" | "bus_limit") =>
  name === "mask" ? `the mask ${facts.mask}` : `the bus limit ${facts.bus_limit}`;

const OVERFLOW_CAUSES: readonly Cause[] = inOrder([
  {
    id: "masked",
    when: (facts) => lastByte(facts) === null,
    certainty: "unknown",
    text: "the reporter masked the address",
    next: [
      "ask for the line with its address: the address says whether the mask or the bus is too small",
    ],
  },
  {
    id: "no_bus_address",
    when: (facts) => addressOf(facts, "address") === ALL_ONES,
    certainty: "likely",
    isOne: true,
    text:
      "the memory has no address on the device's bus (all ones): it lies outside the bus's ranges (dma-ranges)",
    next: [
      "compare dma-ranges of the bus in the device tree, or the _DMA method in ACPI, with where memory is",
    ],
  },
  {
    id: "mask_unset",
    when: (facts) => addressOf(facts, "mask") === 0n,
    certainty: "likely",
    isOne: true,
    text: "the device's DMA mask is 0: no driver set it",
    next: [
      "call dma_set_mask_and_coherent() before the first map, and check its result; of a device that a driver creates itself, set dev->dma_mask first",
    ],
  },
  {
    id: "pool_out_of_reach",
    when: (facts) => facts.is_pool === true && LIMITS.some((name) => isAbove(facts, name)),
    certainty: "likely",
    isOne: true,
    text: (facts) =>
      `the bounce pool itself lies where the device does not reach: its slot ends at 0x${
        lastByte(facts)!.toString(16)
      }, above ${
        LIMITS.filter((name) => isAbove(facts, name)).map(limitText(facts)).join(" and ")
      }`,
    next: [
      "look where the pool lies (`software IO TLB: mapped [mem …]` of the same boot), and why above the mask: memory encryption of a guest allows it anywhere; a wider mask, or a device that needs no small one",
    ],
  },
  {
    id: "encryption_bit",
    when: (facts) => isAbove(facts, "mask") && (lastByte(facts)! >> ENCRYPTION_BIT) > 0n,
    certainty: "likely",
    text: (facts) =>
      `the address 0x${
        lastByte(facts)!.toString(16)
      } has a bit that no memory of a machine has: the bit of memory encryption (SME), which the mask ${facts.mask} lacks`,
    next: [MASK_WITH_BIT],
  },
  {
    id: "mask_and_bus",
    when: (facts) => isAbove(facts, "mask") && isAbove(facts, "bus_limit"),
    certainty: "likely",
    isOne: true,
    text: (facts) =>
      `the memory ends at 0x${
        lastByte(facts)!.toString(16)
      }, above the DMA mask ${facts.mask} and above ` +
      `the bus limit ${facts.bus_limit}: a wider mask alone does not help`,
    next: (facts) => [
      bounceStep(facts),
      "compare dma-ranges (or _DMA) of the bus with what the bus carries: a limit of the device tree may be wrong",
    ],
  },
  {
    id: "bus_limit",
    when: (facts) => isAbove(facts, "bus_limit"),
    certainty: "likely",
    isOne: true,
    text: (facts) =>
      `the memory ends at 0x${
        lastByte(facts)!.toString(16)
      }: within the DMA mask ${facts.mask}, and above ` +
      `the bus limit ${facts.bus_limit}. The device's mask is right; the bus does not carry these addresses (dma-ranges)`,
    next: (facts) => [
      bounceStep(facts),
      "compare dma-ranges (or _DMA) of the bus with what the bus carries: a limit of the device tree may be wrong",
    ],
  },
  {
    id: "mask",
    when: (facts) => isAbove(facts, "mask"),
    certainty: "likely",
    isOne: true,
    text: (facts) =>
      `the memory ends at 0x${
        lastByte(facts)!.toString(16)
      }, above the device's DMA mask ${facts.mask}`,
    next: (facts) => [
      "if the device addresses more, its driver must set a wider mask: dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)), and check the result",
      bounceStep(facts),
    ],
  },
  {
    id: "within_limits",
    certainty: "possible",
    text:
      "mask and bus limit both reach the memory: it had to be bounced for another reason, and there is no pool: forced bouncing (a confidential guest), a small buffer that fills no cache line on hardware that is not coherent, or the start of the bus's range",
    next: (facts) => [bounceStep(facts)],
  },
]);

export const SWIOTLB: MessageArea = {
  name: "bounce buffers",
  page: "rules/traces.md T.52",
  words: ["swiotlb", "software IO TLB", "SW-IOMMU", "SWIOTLB"],
  rows: [
    {
      kind: "swiotlb_full",
      forms: [
        "{driver} {device}{? {interface_name}?}: swiotlb buffer is full (sz: {size_bytes} bytes){?, total {total_slots} (slots), used {used_slots} (slots)?}",
        "{driver} {device}: DMA: Out of SW-IOMMU space for {size_bytes} bytes",
        "{~DMA|PCI-DMA}: Out of SW-IOMMU space for {size_bytes} bytes at device {device}",
        "{device}: swiotlb buffer is full{? (sz: {size_bytes} bytes)?}{?, total {total_slots} (slots), used {used_slots} (slots)?}",
        "swiotlb buffer is full (sz: {size_bytes} bytes){?, total {total_slots} (slots), used {used_slots} (slots)?}",
      ],
      more: [
        {
          form: "DMA: Out of SW-IOMMU space for {shown_bytes} bytes",
          add: ({ shown_bytes }, facts) => shown_bytes === facts.size_bytes ? facts : null,
        },
        {
          form: "swiotlb: coherent allocation failed{? for device {device}?}",
          add: ({ device = null }, facts) =>
            device === null || device === facts.device ? { ...facts, coherent: true } : null,
        },
      ],
      condition:
        "A bounce buffer was asked for, and no area of any pool of the device had a fitting run of free slots (at most 10 lines in 5 s; not with DMA_ATTR_NO_WARN)",
      role: "report",
      finding: "swiotlb_full",
      means: (facts) => facts.coherent === true ? coherentText(facts) : refusedText(facts),
      causes: FULL_CAUSES,
    },
    {
      kind: "swiotlb_full",
      forms: [
        "{driver} {device}: swiotlb: coherent allocation failed{~,|} size={size_bytes}",
        "swiotlb: coherent allocation failed{? for device {device}?}{~,|} size={size_bytes}",
      ],
      always: { coherent: true },
      condition:
        "The page allocator gave no coherent memory within the mask, and neither did the bounce pool (releases before 5.0)",
      role: "report",
      finding: "swiotlb_full",
      means: coherentText,
      causes: FULL_CAUSES,
    },
    {
      kind: "swiotlb_full",
      forms: [
        // At a map, the kernel panics in older releases: it names no device then.
        "{driver} {device}: Can not allocate SWIOTLB buffer earlier",
        "Can not allocate SWIOTLB buffer earlier",
      ],
      condition: "A bounce buffer was asked for, and the device has no pool or one without slots",
      role: "report",
      finding: "swiotlb_full",
      means: (facts) =>
        `A map of ${
          named(facts, "device")
        } had to be bounced, and there is no bounce pool: the map failed`,
      causes: [{
        id: "no_pool",
        certainty: "possible",
        text:
          "the set-up of the pool failed at boot (`software IO TLB: …: Failed to allocate`), or none was asked for (no line `software IO TLB: mapped`). Maps are forced to bounce here: swiotlb=force, encrypted memory, or Xen",
        next: [
          MAKE_POOL,
          "reserve less or elsewhere (crashkernel=, memmap=), or allow the pool above 4 GiB (swiotlb=any)",
        ],
      }],
    },
    {
      kind: "swiotlb_full",
      forms: [
        "software IO TLB: Cannot allocate buffer",
        "Cannot allocate SWIOTLB buffer",
        "software IO TLB: No low mem",
        "software IO TLB: Failed to decrypt default memory pool, disabling it",
      ],
      condition: "At boot, the default pool has no slots",
      role: "report",
      finding: "swiotlb_full",
      means: "The kernel has no bounce pool: a map of memory that a device does not reach fails",
      causes: [{
        id: "no_pool",
        certainty: "likely",
        text:
          "no memory for the pool at boot, below the limit that it needs; or none was asked for (swiotlb=noforce)",
        next: [
          "reserve less or elsewhere (crashkernel=, memmap=), or allow the pool above 4 GiB (swiotlb=any)",
          WIDER_MASK,
        ],
      }],
    },
    {
      kind: "memory_setup",
      forms: ["xen:swiotlb_xen: Warning: only able to allocate {mib} MB for software IO TLB"],
      condition: "The domain had not so much free memory in one piece",
      role: "report",
      means: ({ mib }) =>
        `The domain's own kernel found no more than ${mib} MB in one piece for its bounce pool, and goes on with so much; whether Xen makes it usable for devices is said by the lines after it`,
      next: [
        "give the domain more memory, or ask for a smaller pool (swiotlb= on its kernel's command line)",
      ],
    },
    {
      kind: "memory_setup",
      forms: [
        "Failed to get contiguous memory for DMA from Xen!{? (rc:{errno})?}",
        "Cannot allocate Xen-SWIOTLB buffer{? (rc:{errno})?}",
      ],
      more: [{
        form:
          "You either: don't have the permissions, do not have enough free memory under 4GB, or the hypervisor memory is too fragmented!{? (rc:{errno})?}",
      }],
      condition:
        "The kernel of a domain asked Xen for memory that is contiguous in the machine, for its bounce pool, and did not get it",
      role: "report",
      finding: "contiguous_full",
      means: ({ errno }) =>
        `The domain has no bounce pool: Xen gave it no memory that is contiguous in the machine and within the devices' reach${
          typeof errno === "number" ? ` (rc ${errno})` : ""
        }. A device that needs the pool does not work in this domain`,
      causes: [{
        id: "no_memory_of_xen",
        certainty: "likely",
        text:
          "Xen has too little free memory below 4 GiB or only in pieces, or the domain has no permission for it",
        next: [
          "look how much memory Xen has free (`xl info`: free_memory), start the domain early after the boot, and keep memory for it (dom0_mem= on Xen's command line)",
          "ask for a smaller pool (swiotlb= on the command line of the domain's kernel)",
        ],
      }],
    },
    {
      kind: "memory_setup",
      forms: ["pcifront {device}: Could not setup SWIOTLB!"],
      condition: "The frontend for PCI devices of a domain of Xen asked for its bounce pool",
      role: "consequence",
      follows: ["memory_setup"],
      means:
        "The domain gets none of the PCI devices that it was given: the frontend needs a bounce pool, and there is none. The lines before it say why",
      next: ["look at the lines about the pool before it (`swiotlb`, `xen:swiotlb_xen`)"],
    },
    {
      kind: "memory_setup",
      forms: [
        "software IO TLB: {text}: Failed to allocate {size_bytes} bytes{? align={value}?}{? tlb structure?}",
        "software IO TLB: {text}: Failed to allocate mem->areas",
        "software IO TLB: {text}: Failed to remap {size_bytes} bytes",
        "software IO TLB: Failed to allocate new pool",
        "Warning: only able to allocate {mib} MB for software IO TLB",
        "Failed to decrypt restricted DMA pool",
        "Restricted DMA pool must be accessible within the linear mapping",
      ],
      condition: "Setting up a pool or one more piece of it failed",
      role: "report",
      means:
        "A bounce pool, or a piece that it should grow by, could not be set up: maps of memory out of a device's reach may fail",
      next: [
        "read the line `software IO TLB: mapped` of the same boot: it gives the pool that exists",
      ],
    },
    {
      kind: "mapping_warning",
      forms: [
        "{driver} {device}: Buffer overflow detected. Allocation size: {size_bytes}. Mapping size: {map_size=count}.",
        "Buffer overflow detected. Allocation size: {size_bytes}. Mapping size: {map_size=count}.",
      ],
      condition:
        "A copy between a buffer and its slots (map, sync or unmap) is longer than what is left in the slots (once per boot)",
      role: "report",
      finding: "mapping_warning",
      means: ({ device, map_size, size_bytes }) =>
        `A copy of ${map_size} bytes for ${
          device ?? "a device"
        } was cut: only ${size_bytes} bytes are left in the bounce slots of its mapping`,
      causes: [{
        id: "longer_than_map",
        certainty: "likely",
        text:
          "a sync or an unmap with a larger size than the map, or one that begins within the mapping and ends behind it. The stack below says which call it was",
        next: [
          "look at the call in the stack, and give it the size of its map: `dmalab trace check` with the dma events compares them",
        ],
      }],
    },
    {
      kind: "coherent_failed",
      forms: ["Cannot allocate pages from non page-aligned swiotlb addr {address}"],
      condition: "Coherent memory from a restricted pool came at a place that is not page-aligned",
      role: "report",
      finding: "coherent_failed",
      means: ({ address }) =>
        `A coherent allocation from a restricted DMA pool failed: its place ${address} is not page-aligned`,
      next: [
        "align the base of the pool's node in the device tree (`restricted-dma-pool`) to the page size",
      ],
    },
    {
      kind: "memory_setup",
      forms: ["Alloc alignment may prevent fulfilling requests with max mapping_size"],
      condition:
        "Slots with an alignment above the page size were asked for: the granule of the IOMMU is larger than a page (once per boot)",
      role: "report",
      means:
        "A device asks for both a minimum alignment and an allocation alignment: mappings near dma_max_mapping_size() may find no slot",
      next: [LIMIT_TRANSFERS],
    },
    {
      kind: "state",
      forms: [
        "software IO TLB: SWIOTLB bounce buffer size adjusted {slabs_before=count} -> {slabs=count} slabs",
        "software IO TLB: only able to allocate {mib} MB",
      ],
      condition: "At the set-up of the pool, memory for the whole of it was not to be had",
      role: "state",
      means:
        "The bounce pool is smaller than was asked for: memory for it was tried in smaller and smaller pieces",
    },
    {
      kind: "state",
      forms: ["software IO TLB: tearing down default memory pool"],
      condition:
        "After the IOMMUs are set up, the platform says that nothing has to be bounced (in 6.12 on x86 only for the GART, in older releases also for VT-d and AMD)",
      role: "state",
      means:
        "The kernel gave the default bounce pool back: from here on nothing can be bounced there. A total of slots in a later line is no memory that exists",
    },
    {
      kind: "state",
      forms: [
        "software IO TLB: area num {count}",
        "software IO TLB: SWIOTLB bounce buffer size {~roundup to|adjusted to} {mib}MB",
        "Placing {mib}MB software IO TLB between {start} - {end}",
        "software IO TLB at phys {start} - {end}",
        "software IO TLB: mapped [mem {start}-{end}] ({mib}MB)",
        "software IO TLB [mem {start}-{end}] ({mib}MB) mapped at [{...}]",
        "software IO TLB: Reserved memory: created restricted DMA pool at {address}, size {mib} MiB",
      ],
      condition: "Setting up the pool at boot",
      role: "state",
      means:
        "The size and the place of a bounce pool. Only a later line `tearing down default memory pool` says that it was given back",
    },
    {
      kind: "state",
      forms: [
        "software IO TLB: Memory encryption is active and system is using DMA bounce buffers",
        "Memory encryption is active and system is using DMA bounce buffers",
        "Memory Encryption Features active: {rest}",
      ],
      condition: "At boot with memory encryption, or at the first bounce of such a boot",
      role: "state",
      means:
        "The machine's memory is encrypted. A guest with encrypted memory bounces every mapping; a host with SME bounces mappings of devices with a mask that lacks the encryption bit",
    },
    {
      kind: "state",
      forms: ["PCI-DMA: Using {~software|swiotlb|soft} bounce buffering for IO (SWIOTLB)"],
      condition:
        "At boot, after the IOMMUs are set up: bouncing is wanted, and nobody has switched it off",
      role: "state",
      means:
        "Memory that a device cannot address is bounced. It does not say that no IOMMU translates: the types of the IOMMU groups do",
    },
    {
      kind: "dma_overflow",
      forms: [
        "{driver} {device}: {~swiotlb addr|DMA addr|dma_direct addr|addr} {address}+{size_bytes} overflow (mask {mask}, bus limit {bus_limit})",
        "{function}: overflow {address}+{size_bytes} of device mask {mask}",
        "{driver} {device}: overflow {address}+{size_bytes} of {~DMA|device} mask {mask}{? bus {~limit|mask} {bus_limit}?}",
      ],
      derive: (facts, line) => /swiotlb addr/.test(line) ? { ...facts, is_pool: true } : facts,
      condition:
        "The memory, or for `swiotlb addr` the slot that was found for it, lies outside of the mask, the bus limit or the ranges of the bus; or it must be bounced for another reason. The device has no pool that serves it (once per boot for a place of the code)",
      role: "report",
      finding: "dma_overflow",
      means: (facts) =>
        `A map of ${bytesText(numberOf(facts, "size_bytes"))} failed: ${
          named(facts, "device")
        } does not reach the memory, and it could not be bounced`,
      causes: OVERFLOW_CAUSES,
    },
  ],
};
