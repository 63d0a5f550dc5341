/**
 * Messages about memory for DMA: contiguous areas, coherent memory, atomic and small-block pools,
 * page_pool.
 *
 * @see rules/traces.md T.75
 */
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
import { PAGE_ALLOCATIONS } from "./page_allocation.ts";

/** What a call of the contiguous allocator printed for no page. */
const NO_PAGE = /returned\W*(?:\(null\)|(?:0x)?0+)\s*$/;
const PAGE_BYTES = 4096;
const ENOMEM = -12;
const EBUSY = -16;
const EINTR = -4;

const MORE_CMA =
  "enlarge the area: cma=SIZE on the command line, CONFIG_CMA_SIZE_MBYTES, or the size of `linux,cma` in the device tree; CmaTotal and CmaFree are in /proc/meminfo";
const EARLY =
  "allocate once, early (at probe), before the area's pages are lent to page cache and user memory that is pinned there";
const NO_CONTIGUOUS =
  "use an IOMMU, or buffers in pieces (a scatterlist), so that the device needs no contiguous memory";

const FULL: Pick<Cause, "certainty" | "text" | "next"> = {
  certainty: "likely",
  text:
    "-12 (ENOMEM): no free range of this length in the area: it is too small, in use, or in pieces",
  next: [
    MORE_CMA,
    NO_CONTIGUOUS,
    "look for buffers that are never freed: /sys/kernel/mm/cma/NAME/alloc_pages_success and release_pages_success",
  ],
};

const INTERRUPTED: Pick<Cause, "certainty" | "text" | "next"> = {
  certainty: "likely",
  text: "-4 (EINTR): a signal ended the search for the task that waited",
  next: [
    "the task was killed, or its device was closed, while it allocated: no memory is missing",
  ],
};

/** The free ranges of an area, such as `4@572+7@585=> 11 free of 2048 total pages`. */
function freeOf(ranges: unknown): LogEntryFacts {
  const counts = [...String(ranges).matchAll(/(\d+)@\d+/g)].map(([, count]) => Number(count));
  return {
    free_pages: counts.reduce((sum, count) => sum + count, 0),
    longest_free_pages: counts.reduce((most, count) => Math.max(most, count), 0),
  };
}

const isTooShort = (facts: LogEntryFacts) =>
  numberOf(facts, "errno") === ENOMEM &&
  numberOf(facts, "longest_free_pages") < numberOf(facts, "pages");

const IN_PIECES: Omit<Cause, "when"> = {
  id: "pieces",
  certainty: "likely",
  isOne: true,
  text: (facts) =>
    `the longest free range of the area had ${facts.longest_free_pages} pages (${facts.free_pages} are free in all), fewer than the ${facts.pages} that were asked for`,
  next: [
    MORE_CMA,
    NO_CONTIGUOUS,
    "look for buffers that are never freed: /sys/kernel/mm/cma/NAME/alloc_pages_success and release_pages_success",
  ],
};

/** Whether a reserved area has the size 0. A line in MiB prints 0 for a smaller area too, whose base is not 0. */
const isEmptyArea = (facts: LogEntryFacts) =>
  numberOf(facts, "kib") === 0 ||
  numberOf(facts, "mib") === 0 && addressOf(facts, "address") === 0n;

const CMA_CAUSES: readonly Cause[] = inOrder([
  {
    ...IN_PIECES,
    when: (facts) => isTooShort(facts) && typeof facts.device === "string",
  },
  { ...IN_PIECES, when: isTooShort, finding: "contiguous_full" },
  // If the line names a device, the allocation of that device's driver failed. Otherwise the kernel may have
  // used other memory instead.
  {
    id: "full",
    when: (facts) => numberOf(facts, "errno") === ENOMEM && typeof facts.device === "string",
    ...FULL,
  },
  {
    id: "full",
    when: (facts) => numberOf(facts, "errno") === ENOMEM,
    ...FULL,
    finding: "contiguous_full",
  },
  {
    id: "busy",
    when: (facts) => numberOf(facts, "errno") === EBUSY && typeof facts.device === "string",
    certainty: "likely",
    text:
      "-16 (EBUSY): there were free ranges, and pages in each could not be moved out of the way: pinned by a user, under writeback, or in use by the kernel. No other memory served the driver",
    next: [EARLY, MORE_CMA, NO_CONTIGUOUS],
  },
  {
    id: "busy",
    when: (facts) => numberOf(facts, "errno") === EBUSY,
    certainty: "possible",
    text:
      "-16 (EBUSY): there were free ranges, and pages in each could not be moved out of the way: pinned by a user, under writeback, or in use by the kernel. The line does not say whether the caller got other memory",
    next: [`if the caller's own allocation failed: ${EARLY}`, MORE_CMA],
    finding: null,
  },
  {
    id: "interrupted",
    when: (facts) => numberOf(facts, "errno") === EINTR && typeof facts.device === "string",
    ...INTERRUPTED,
  },
  {
    id: "interrupted",
    when: (facts) => numberOf(facts, "errno") === EINTR,
    ...INTERRUPTED,
    finding: null,
  },
  {
    id: "cut",
    when: ({ is_cut }) => is_cut === true,
    certainty: "unknown",
    text:
      "the line is cut before its reason (`ret:`): -12 is no free range of this length (the area is too small, in use, or in pieces), -16 are pages that could not be moved out of the way",
    next: [
      "give the whole line; compare the size with the area (`cma: Reserved` at boot, CmaTotal and CmaFree in /proc/meminfo): a request that is larger than the area never succeeds",
      MORE_CMA,
    ],
  },
  {
    id: "other",
    certainty: "unknown",
    text: "the number after `ret:` is the reason, as a negative errno",
    next: [MORE_CMA],
  },
]);

const pages = (facts: LogEntryFacts) => numberOf(facts, "pages") * PAGE_BYTES;

/** Possible page sizes on Arm and x86. */
const PAGE_SIZES = [PAGE_BYTES, 4 * PAGE_BYTES, 16 * PAGE_BYTES];

/**
 * Combines the driver's line with the line before it, if both are about the same allocation: the
 * size in one line then gives the number of pages in the other.
 */
function ofSameSize(found: LogEntryFacts, facts: LogEntryFacts): LogEntryFacts | null {
  const size = numberOf(found, "size_bytes");
  const isSame = PAGE_SIZES.some((bytes) => Math.ceil(size / bytes) === facts.pages);
  return isSame ? { ...facts, ...found } : null;
}

export const MEMORY: MessageArea = {
  name: "DMA memory",
  page: "rules/traces.md T.75",
  words: [
    "page allocation failure",
    "cma:",
    "Reserved memory:",
    "dma_alloc_coherent",
    "dma_pool",
    "page_pool",
    "coherent",
  ],
  rows: [
    {
      kind: "contiguous_full",
      forms: [
        "cma: {~__cma_alloc|cma_alloc|cma_range_alloc}: {name}: alloc failed, req-size: {pages} pages, ret: {errno}",
        "cma: {~__cma_alloc|cma_alloc|cma_range_alloc}: alloc failed, req-size: {pages} pages, ret: {errno}",
        "cma_alloc: {?{name}: ?}alloc failed, req-size: {pages} pages, ret: {errno}",
        "cma: {function}: {name}: alloc failed, req-size: {pages} pages, ret: {errno}",
        "cma: {function}: alloc failed, req-size: {pages} pages, ret: {errno}",
        // Cut before its reason.
        "{?cma: ?}{~__cma_alloc|cma_alloc|cma_range_alloc}: {?{name}: ?}alloc failed, req-size: {pages} {cut_text=cut_pages}",
      ],
      more: [
        {
          form:
            "{driver} {device}: {~dma_alloc_coherent|dma_alloc_attrs} of size {size_bytes} failed",
          add: ofSameSize,
        },
        {
          form: "{driver} {device}: failed to allocate buffer with size {size_bytes}",
          add: ofSameSize,
        },
        {
          form: "number of available pages: {free_ranges=rest}",
          add: (found, facts) => ({ ...facts, ...found, ...freeOf(found.free_ranges) }),
        },
      ],
      derive: ({ cut_text, ...facts }) => ({
        ...facts,
        ...typeof cut_text === "string" ? { is_cut: true } : {},
        wanted_bytes: pages(facts),
      }),
      condition:
        "One try in one contiguous area failed: no free run of that length (-12), or pages of each free run could not be moved (-16), or a fatal signal (-4). The caller may go on to other memory (at most 10 lines in 5 s)",
      role: "report",
      finding: "contiguous_full",
      means: (facts) =>
        `The contiguous area (CMA) did not give ${facts.pages} pages, ${
          bytesText(pages(facts))
        } with pages of 4 KiB` + (typeof facts.device === "string"
          ? `: the coherent allocation of ${facts.size_bytes} bytes for ${facts.device} failed`
          : ""),
      causes: CMA_CAUSES,
    },
    {
      kind: "coherent_failed",
      forms: [
        "{driver} {device}: {~dma_alloc_coherent|dma_alloc_attrs} of size {size_bytes} failed",
        "{driver} {device}: failed to allocate buffer with size {size_bytes}",
        "{driver} {device}: {~dma_alloc_coherent|pci_alloc_consistent|dma_alloc_attrs} failed: {size_bytes}",
        "{~dma_alloc_coherent|pci_alloc_consistent|dma_alloc_attrs|usb_alloc_coherent} failed",
        "{driver} {device}: {...}*ERROR* Failed to allocate from CMA",
        "{~Unable to|Failed to} allocate contiguous DMA memory region of size {size_bytes}",
        "{driver} {device}: {~Failed|failed|Unable|unable} to {~allocate|alloc} {~DMA memory|coherent memory|DMA buffer|coherent DMA memory|dma coherent memory|consistent memory}",
      ],
      condition: "A driver got no memory from a coherent allocation; the text is the driver's own",
      role: "report",
      finding: "coherent_failed",
      means: (facts) =>
        `A coherent allocation${
          Number.isNaN(numberOf(facts, "size_bytes"))
            ? ""
            : ` of ${bytesText(numberOf(facts, "size_bytes"))}`
        } for ${named(facts, "device")} failed`,
      next: [
        "look at the lines before it: a contiguous area that is full (cma:), a pool that is full (swiotlb, DMA pool), or `page allocation failure` with its order",
        `as a user, try smaller or fewer buffers (a lower resolution, shorter rings), and ${MORE_CMA}`,
        `in the driver, allocate at probe and not later (contiguous memory gets rare while the machine runs), or ${NO_CONTIGUOUS}`,
      ],
    },
    {
      kind: "coherent_failed",
      forms: [
        "{driver} {device}: coherent DMA mask is unset",
        "coherent DMA mask is unset",
        "{driver} {device}: coherent DMA mask {mask} is {...}",
      ],
      role: "report",
      finding: "coherent_failed",
      means: (facts) =>
        `A coherent allocation for ${
          named(facts, "device")
        } failed: no coherent DMA mask is set, or none that memory fits`,
      next: [
        "call dma_set_mask_and_coherent() in probe, before the first allocation, and check its result",
      ],
    },
    {
      kind: "coherent_failed",
      forms: [
        "{driver} {device}: coherent allocation too big (requested {size} mask {mask})",
        "coherent allocation too big (requested {size} mask {mask})",
      ],
      condition:
        "32-bit Arm with CONFIG_DMA_API_DEBUG: the size does not lie below the coherent mask",
      role: "report",
      finding: "coherent_failed",
      means: (facts) =>
        `A coherent allocation of ${facts.size} bytes for ${named(facts, "device")} failed: ` +
        `the coherent DMA mask ${facts.mask} has fewer addresses`,
      next: [
        "if the device addresses more, its driver must set a wider mask (dma_set_coherent_mask()); else allocate less at once",
      ],
    },
    {
      kind: "coherent_failed",
      forms: [
        "DMA pool exhausted for {device}",
        "{driver} {device}: DMA pool exhausted for {function}",
        "ERROR: {size_bytes} KiB atomic DMA coherent pool is too small!",
      ],
      condition:
        "A coherent allocation that may not sleep found no fitting piece in any atomic pool, or there is no such pool",
      role: "report",
      finding: "coherent_failed",
      means: ({ device }) =>
        `A coherent allocation of ${
          device ?? "a device"
        } that may not sleep failed: no atomic pool had a piece for it. It was empty, in pieces, outside of the device's mask, or there is none`,
      next: [
        "enlarge the pool: coherent_pool=SIZE (at least 128 KiB for each GiB of memory is the default)",
        "allocate where the call may sleep (GFP_KERNEL), once",
      ],
    },
    {
      kind: "coherent_failed",
      forms: ["Failed to get suitable pool for {device}", "coherent pool not initialised!"],
      condition:
        "A coherent allocation that may not sleep, and no atomic pool that fits: there is none, or those that fit are used up",
      role: "report",
      finding: "coherent_failed",
      means: ({ device }) =>
        `A coherent allocation of ${
          device ?? "a device"
        } that may not sleep failed: no atomic pool could give the memory; there is none for it, or it is used up`,
      next: [
        "look at boot for `failed to allocate … pool for atomic`: then the pool was not made. Otherwise it is used up: coherent_pool=SIZE asks for a larger one, and an allocation that is never freed fills any",
        "allocate where the call may sleep (GFP_KERNEL), once",
      ],
    },
    {
      kind: "coherent_failed",
      forms: [
        "{driver} {device}: coherent DMA allocations not supported on this platform",
        "coherent DMA allocations not supported on this platform",
      ],
      condition:
        "A device that is not coherent asked for coherent memory, and the architecture can neither remap it nor make it uncached (once per boot)",
      role: "report",
      finding: "coherent_failed",
      means:
        "No device that is not coherent gets coherent memory from this kernel: the allocation failed, and each later one fails without a line",
      next: [
        "if the hardware is coherent, the firmware has to say so (`dma-coherent`, _CCA); else the driver needs dma_alloc_noncoherent() and syncs, or a reserved area (shared-dma-pool)",
      ],
    },
    {
      kind: "coherent_failed",
      forms: ["Freeing invalid buffer {at}"],
      condition: "32-bit Arm: the list of coherent buffers does not have the pointer of a free",
      role: "report",
      finding: "unmap_unknown",
      means:
        "A driver freed a coherent buffer at a CPU address that is no such buffer: a second free, or an address that was changed",
      next: ["look at the stack below: which path of the driver frees the buffer a second time"],
    },
    ...PAGE_ALLOCATIONS,
    {
      kind: "memory_setup",
      forms: [
        "DMA: failed to allocate {kib} KiB {zone} pool for atomic allocation",
        "Reserved memory: failed to init DMA memory pool at {address}, size {kib} KiB",
        "Reserved memory: failed to init DMA memory pool at {address}, size {mib} MiB",
        "Reserved memory: {~incorrect alignment of|unable to setup} CMA region",
        "DMA: failed to allocate {kib} KiB pool for atomic coherent allocation",
        "{~Reserved memory|OF: reserved mem}: failed to allocate memory for node '{name}'{?: size {mib} MiB?}",
        "Reserved memory: failed to reserve memory for node '{name}': base {address}, size {mib} MiB",
        "Reserved memory: failed to reserve memory for node '{name}': base {address}, size {kib} KiB",
        "cma: Reserved memory: {~incorrect alignment of|unable to setup} CMA region",
        "Reserved memory: region for default DMA coherent area is redefined",
        "cma: {name}: reservation failed: err {errno}, node {node=count}",
        "cma: CMA area {name} could not be activated",
        "cma: Not enough slots for CMA reserved regions",
        "cma: Region at {address} defined on low/high memory boundary",
        "cma: Region at {address} must be aligned to {value} bytes",
        "cma: Size ({size}) of region at {address} exceeds limit ({limit_address})",
        "cma: Failed to reserve {mib} MiB",
        "cma: Couldn't {~queue default CMA region for heap creation|store CMA reserved area}",
        "cma: invalid node {node=count} specified",
        "cma: Config string not provided",
      ],
      condition: "At boot, an area of memory for DMA was not set up",
      role: "report",
      means: (facts) =>
        isEmptyArea(facts)
          ? "A node of the device tree asks for an area of no size, and nothing was reserved: the boot loader did not fill the node in, or a template left it empty. It takes no memory from DMA"
          : "An area of memory for DMA was not set up as configured: allocations that count on it fail later",
      next: (facts) => [
        isEmptyArea(facts)
          ? "if the device of the node needs the area (a picture of the boot loader), look why its size is 0; else the line is harmless"
          : "compare cma=, cma_pernuma= and the reserved-memory nodes of the device tree with the machine's memory",
      ],
    },
    {
      kind: "memory_setup",
      forms: [
        "{driver} {device}: reserved memory is beyond device's set DMA address range",
        "reserved memory is beyond device's set DMA address range",
      ],
      condition:
        "A reserved area is attached to a device, and its end lies above the coherent mask of that moment, or above the bus limit",
      role: "report",
      means: ({ device }) =>
        `The reserved area of ${
          device ?? "a device"
        } ends above the coherent mask that the device has so far. It is used all the same; whether the device reaches it depends on the mask that its driver sets later`,
      next: [
        "compare the end of the area with the mask that the driver sets (dma_set_mask_and_coherent), and with the bus's dma-ranges",
      ],
    },
    {
      kind: "dma_pool_error",
      forms: [
        "{driver} {device}: {function} {pool}, {at} (corrupted)",
        "{function} {pool}, {at} (corrupted)",
      ],
      condition:
        "At an allocation, a free block of the pool does not have its fill pattern (CONFIG_SLUB_DEBUG_ON)",
      role: "report",
      finding: "dma_pool_error",
      means:
        "A free block of a DMA pool does not have the pattern that it was freed with: a device or the CPU wrote into it after the free",
      next: [
        "look for the device's writes into a block that it was told of before the free: descriptors and status blocks of requests that timed out",
      ],
    },
    {
      kind: "dma_pool_error",
      forms: [
        "{driver} {device}: {function} {pool}, {at}/{address} (bad {~dma|vaddr})",
        "{function} {pool}, {at}/{address} (bad {~dma|vaddr})",
        "{driver} {device}: {function} {pool}, {at} (bad vaddr)/{address}",
        "{function} {pool}, {at} (bad vaddr)/{address}",
      ],
      condition: "At a free, the bus address is in no page of the pool (CONFIG_SLUB_DEBUG_ON)",
      role: "report",
      finding: "dma_pool_error",
      always: { class: "bad_address" },
      means:
        "A driver gave a DMA pool an address that is none of its blocks, or that does not belong to the CPU address",
      next: [
        "pair each dma_pool_free() with its dma_pool_alloc(): the pool, the CPU address and the DMA address",
      ],
    },
    {
      kind: "dma_pool_error",
      forms: [
        "{driver} {device}: {function} {pool}, dma {address} already free",
        "{function} {pool}, dma {address} already free",
      ],
      condition: "At a free, the block is on the free list (CONFIG_SLUB_DEBUG_ON)",
      role: "report",
      finding: "double_free",
      means: "A driver freed a block of a DMA pool twice",
      next: ["look at the error path and the completion: one of the two frees is too many"],
    },
    {
      kind: "dma_pool_error",
      forms: [
        "{driver} {device}: dma_pool_destroy {pool} busy",
        "dma_pool_destroy {pool} busy",
        "{driver} {device}: dma_pool_destroy {pool}, {at} busy",
        "dma_pool_destroy {pool}, {at} busy",
      ],
      condition: "The pool is destroyed while blocks are in use",
      role: "report",
      finding: "leak",
      means: "A driver destroyed a DMA pool while a block of it was allocated",
      next: [
        "free each block before dma_pool_destroy(): older kernels give the page of the block in the line",
      ],
    },
    {
      kind: "coherent_failed",
      forms: ["trying to free invalid coherent area: {at}"],
      condition: "The pointer of a free is no remapped coherent area",
      role: "report",
      finding: "unmap_unknown",
      means:
        "A driver freed a coherent buffer at a CPU address that is no such buffer: a second free, or an address that was changed",
    },
    {
      kind: "page_pool_stalled",
      forms: [
        "page_pool_release_retry() stalled pool shutdown: id {pool_id}, {inflight} inflight {seconds_stalled} sec",
        "page_pool_release_retry() stalled pool shutdown{?: {...}?} {inflight} inflight {seconds_stalled} sec",
      ],
      condition:
        "At the earliest 60 s after a pool was destroyed: pages are still out, and no network device shows the pool any more",
      role: "report",
      finding: "page_pool_stalled",
      means: (facts) =>
        `A driver's page_pool is shut down, and ${facts.inflight} of its pages have not come back for ` +
        `${facts.seconds_stalled} s. Releases before 6.16 keep them mapped for the device; newer ones unmap them when the pool is shut down`,
      causes: [
        {
          id: "negative",
          when: (facts) => numberOf(facts, "inflight") < 0,
          certainty: "likely",
          isOne: true,
          text: "the count is negative: more pages were returned than were given out",
          next: ["look for a page that is returned to the pool twice (page_pool_put_page)"],
        },
        {
          id: "held",
          when: (facts) => !(numberOf(facts, "inflight") < 0),
          certainty: "possible",
          text:
            "somebody holds the pages: a socket whose data nobody reads, packets in a queue or a tap, " +
            "or a driver that forgot pages of its ring when it freed it. Only the last is a leak",
          next: [
            "close the sockets, or end the processes, that received data by this interface: if the count falls, no driver leaks",
            "else look at the driver's ring cleanup: each page needs page_pool_put_full_page(); `ynl --family netdev --dump page-pool-get` lists the pools and their devices",
          ],
        },
      ],
    },
    {
      kind: "page_pool_stalled",
      forms: [
        "Negative({inflight}) inflight packet-pages",
      ],
      condition: "At a release of a page_pool, more pages had come back than had gone out",
      role: "report",
      finding: "page_pool_stalled",
      means: ({ inflight }) =>
        `A driver's page_pool got more pages back than it gave out (${inflight}): the pool is not freed, and stays for good`,
      causes: [{
        id: "negative",
        certainty: "likely",
        text:
          "a page was returned twice, or to another pool than its own, by the driver or the stack",
        next: ["look for a page that is returned to the pool twice (page_pool_put_page)"],
      }],
    },
    {
      kind: "memory_setup",
      forms: ["page_pool_create{~_percpu|}() gave up with errno {errno}"],
      condition: "A page_pool could not be made",
      role: "report",
      means: ({ errno }) =>
        "A driver could not make a page_pool: " +
        (errno === -22
          ? "-22 (EINVAL): a flag or a direction that it does not take (only FROM_DEVICE or BIDIRECTIONAL; a sync needs a map and max_len)"
          : errno === -12
          ? "-12 (ENOMEM): no memory for it"
          : errno === -95
          ? "-95 (EOPNOTSUPP): a provider of memory needs a map and a sync"
          : `${errno} is the reason`),
      next: ["look at the parameters that the driver gives to page_pool_create()"],
    },
    {
      kind: "map_failed",
      forms: [
        "couldn't track DMA mapping, please report to netdev@",
        "unexpected DMA address, please report to netdev@",
      ],
      condition:
        "A page of a page_pool was mapped, and its address could not be stored (32-bit kernels), or the table of mapped pages had no index left (once per boot)",
      role: "consequence",
      follows: ["swiotlb_full"],
      means:
        "A page_pool undid the map of a page that it could not keep track of: the allocation failed",
      next: [
        "report it with the release and the driver, as the line asks; a 32-bit kernel cannot store a 64-bit address that is not page-aligned",
      ],
    },
    {
      kind: "state",
      forms: [
        "{zone~DMA|DMA32} [mem {start}-{end}]",
        "{zone~DMA|DMA32} zone: {pages} pages{...}",
      ],
      role: "state",
      means:
        "Memory that devices of a narrow DMA mask reach: a zone of the page allocator, at boot. An empty zone is no error",
    },
    {
      kind: "state",
      forms: [
        "cma: dma_alloc_from_contiguous(cma {at}, count {pages}, align {order})",
        "cma: dma_release_from_contiguous(page {...})",
        "{~cma: |}dma_contiguous_reserve{~: reserved|(limit|_area: reserved}{...}",
        "cma: cma_declare_contiguous{...}(size {...})",
        "cma: cma_alloc(cma {at}, {...}count {pages}, align {order})",
        "cma: cma_release(page {...})",
      ],
      role: "state",
      means:
        "A call of the contiguous allocator, printed for debugging; the result of an allocation is a line of its own (`returned`). Pages that are allocated and never released with the same size are a leak",
    },
    {
      kind: "memory_setup",
      forms: [
        "cma: cma_alloc(): returned{...}{~(null)|00000000}",
        "{~cma: |}dma_alloc_from_contiguous(): returned{...}{~(null)|00000000}",
      ],
      derive: (facts, line) => NO_PAGE.test(line) ? facts : null,
      role: "state",
      means:
        "The result of a call of the contiguous allocator, printed for debugging: no page, so the allocation failed",
    },
    {
      kind: "state",
      forms: [
        "cma: cma_alloc(): returned {page=rest}",
        "{~cma: |}dma_alloc_from_contiguous(): returned {page=rest}",
      ],
      derive: (facts, line) => NO_PAGE.test(line) ? null : facts,
      role: "state",
      means:
        "The result of a call of the contiguous allocator, printed for debugging: a page, so the allocation succeeded",
    },
    {
      kind: "memory_setup",
      forms: ["{driver} {device}: acpi dma get range failed: {errno}, try to get ranges from iort"],
      role: "report",
      means: ({ device, errno }) =>
        `The ACPI core found no range of DMA addresses (_DMA) for ${device} (${errno}) and takes those of the IORT, or none: then the device gets its usual mask. By itself it is no error`,
      next: [
        "only if the device does DMA and fails: compare the _DMA method or the IORT node of its bridge with what the bus reaches",
      ],
    },
    {
      kind: "state",
      forms: [
        "{function}: [{start}, {end}) PFNs busy",
        "alloc_contig_range test_pages_isolated({start}, {end}) failed",
        "{function}(): memory range at {...} is busy, retrying",
      ],
      role: "state",
      means:
        "Pages of this range (page frames, in hex) could not be moved out of the way: one try of an allocation of contiguous pages. The next range is tried; another line says whether the allocation failed",
    },
    {
      kind: "state",
      forms: ["DMA: default coherent area is set"],
      condition: "A global pool for coherent memory was set at boot",
      role: "state",
      means:
        "Coherent memory of devices that are not coherent comes from this pool alone: when it is full, the allocation fails without a line",
    },
    {
      kind: "state",
      forms: ["Reserved memory: bypass {name} node, using cmdline CMA params instead"],
      condition: "cma= on the command line, and a default area in the device tree",
      role: "state",
      means:
        "The size of the contiguous area comes from cma= on the command line, and not from the device tree's node",
    },
    {
      kind: "state",
      forms: [
        "cma: Reserved {mib} MiB{...}",
        "cma: Reserved {kib} KiB at {...}",
        "Memory: {...}available ({...}cma-reserved",
        "cma: number of available pages:",
        "cma: range {count}:",
        "Reserved memory: created {~CMA|DMA} memory pool at {address}, size {count} {~MiB|KiB}",
        "OF: reserved mem: {start}..{end} ({kib} KiB) {~map|nomap} {~reusable|non-reusable} {name}",
        "OF: reserved mem: initialized node {...}",
        "OF: reserved mem: node {name} compatible matching {...}",
        "Reserved memory: initialized node {...}",
        "DMA: preallocated {kib} KiB {zone} pool for atomic allocations",
        "DMA: preallocated {kib} KiB GFP_KERNEL|{zone} pool for atomic allocations",
        "{kib} KB, linux,{name}",
        "DMA: preallocated {kib} KiB pool for atomic coherent allocations",
      ],
      role: "state",
      means: "The size and the place of memory for DMA",
    },
  ],
};
