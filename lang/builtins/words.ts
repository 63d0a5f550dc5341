/**
 * Named constants: the bare words of the language, with the kernel's own spelling as an alias.
 *
 * A word means itself and nothing else, so the same word may serve in several places: `mmio` is a
 * kind of region and an attribute, `read` an operation and an access. To add one, add it to the
 * list of its group.
 */
import { DMA_ATTR } from "../../runtime/dma/attributes.ts";
import { MAP_BRANCH, MAP_FAILURE } from "../../runtime/dma/paths/map_branch.ts";
import { BLK_STS, ERRNO } from "../../runtime/errno.ts";
import { EVENT_TABLE, KERNEL_CALLS } from "../../runtime/event_vocabulary.ts";
import { IOMMU_MODEL_NAMES, IOMMU_MODELS } from "../../runtime/iommu/iommu_models.ts";
import { Word } from "../values/value.ts";

/** One constant as help and the reference page show it. */
export interface WordSpec {
  /** The spelling it is printed with. */
  readonly name: string;
  /** Other spellings that mean the same. */
  readonly aliases: readonly string[];
  /** What it belongs to. */
  readonly group: string;
  readonly doc: string;
}

function group(name: string, docs: Readonly<Record<string, string>>): WordSpec[] {
  return Object.entries(docs).map(([word, doc]) => ({ name: word, aliases: [], group: name, doc }));
}

function withKernelNames(specs: readonly WordSpec[], prefix: string): WordSpec[] {
  return specs.map((spec) => ({ ...spec, aliases: [`${prefix}${spec.name.toUpperCase()}`] }));
}

const DIRECTIONS = withKernelNames(
  group("direction", {
    bidirectional: "The device reads and writes the memory.",
    to_device: "The device only reads the memory.",
    from_device: "The device only writes the memory.",
  }),
  "DMA_",
);

const OPERATIONS = withKernelNames(
  group("operation", {
    read: "Disk to memory; also an access of a device that reads memory.",
    write: "Memory to disk; also an access of a device that writes memory.",
    flush: "Make what was written durable; carries no data.",
    write_zeroes: "Write zeroes without carrying data.",
    discard: "Tell the disk that blocks are not needed any more.",
  }),
  "REQ_OP_",
);

const ATTRIBUTE_DOCS: Readonly<Record<keyof typeof DMA_ATTR, string>> = {
  WEAK_ORDERING: "Reads and writes of the mapping may be reordered.",
  WRITE_COMBINE: "Writes of the mapping may be buffered.",
  NO_KERNEL_MAPPING: "The kernel needs no address of its own for the memory.",
  SKIP_CPU_SYNC: "No cache maintenance, and no copy out of a bounce buffer at the unmap.",
  FORCE_CONTIGUOUS: "Coherent memory must be contiguous in physical memory.",
  ALLOC_SINGLE_PAGES: "Coherent memory need not come in large pages.",
  NO_WARN: "A failing mapping is not written to the log.",
  PRIVILEGED: "The mapping is for the device's privileged accesses.",
  MMIO: "The address is no RAM: no cache maintenance and no bounce buffer; also a kind of region.",
  DEBUGGING_IGNORE_CACHELINES: "The checker does not look for overlaps in a cache line.",
  REQUIRE_COHERENT: "Fail rather than bounce or maintain caches.",
  CC_SHARED: "The memory of a confidential guest is shared with the host.",
};

const ATTRIBUTES: readonly WordSpec[] = Object.entries(ATTRIBUTE_DOCS).map(([name, doc]) => ({
  name: name.toLowerCase(),
  aliases: [`DMA_ATTR_${name}`],
  group: "attribute",
  doc,
}));

const STATUS_DOCS: Readonly<Record<keyof typeof BLK_STS, string>> = {
  OK: "It worked.",
  NOTSUPP: "The operation is not supported.",
  TIMEOUT: "The device did not answer in time.",
  NOSPC: "The disk is full.",
  TRANSPORT: "The path to the device failed.",
  TARGET: "The device refused for good.",
  RESV_CONFLICT: "A reservation forbids it.",
  MEDIUM: "The medium failed.",
  PROTECTION: "The protection information does not match.",
  RESOURCE: "Memory or another resource was missing; the block layer tries again.",
  IOERR: "Any other input or output error.",
  AGAIN: "It would have had to wait.",
  DEV_RESOURCE: "The device is short of a resource.",
  ZONE_OPEN_RESOURCE: "Too many zones are open.",
  ZONE_ACTIVE_RESOURCE: "Too many zones are active.",
  OFFLINE: "The device is offline.",
  DURATION_LIMIT: "The command took longer than allowed.",
  INVAL: "The request can never be right for this device.",
  P2PDMA: "Peer memory cannot be reached, as a first proposal of 2021 called it.",
};

const STATUSES: readonly WordSpec[] = Object.entries(STATUS_DOCS).map(([name, doc]) => ({
  name,
  aliases: [`BLK_STS_${name}`],
  group: "status",
  doc,
}));

const ERRNO_DOCS: Readonly<Record<keyof typeof ERRNO, string>> = {
  EPERM: "Not permitted.",
  ENOENT: "No such thing.",
  EIO: "Input or output error.",
  ENXIO: "No such device or address; the page table's word for an unaligned mapping.",
  EAGAIN: "Try again.",
  ENOMEM: "Out of memory or address space; what an error cookie means.",
  EACCES: "Access denied.",
  EFAULT: "Bad address.",
  EBUSY: "Busy.",
  EEXIST: "It is there already.",
  ENODEV: "No such device.",
  EINVAL: "Invalid argument.",
  ENOSPC: "No space left.",
  ERANGE: "Out of range.",
  ENODATA: "No data; a failed medium.",
  ENOLINK: "The link is cut.",
  EOVERFLOW: "Too large for its type.",
  EILSEQ: "The protection information does not match.",
  EOPNOTSUPP: "Not supported.",
  EADDRINUSE: "Something is mapped there already.",
  ENOTCONN: "Not connected: the device is detached.",
  ETIMEDOUT: "Timed out.",
  EREMOTEIO: "The other side refused: peer memory that cannot be reached.",
};

const ERRNOS = group("errno", ERRNO_DOCS);

const FAULT_REASONS = group("fault reason", {
  not_present: "Nothing is mapped at the address.",
  not_writable: "The mapping allows no write.",
  not_readable: "The mapping allows no read.",
  address_width: "The address is wider than the IOMMU translates.",
  reserved: "The address lies in a reserved range.",
  blocked: "The device may not reach anything there.",
});

/** Beside those that are fault reasons of the machine, too. */
const LOGGED_REASONS = group("reason in a fault log", {
  not_allowed: "No permission, by something else than reading and writing.",
  no_entry: "The IOMMU has no entry for the device, or none for its address space.",
  bad_entry: "An entry is there and makes no sense.",
  fetch_failed: "The IOMMU could not read its own tables.",
  ats_refused: "A request of the device's own translation cache was refused.",
  interrupt_refused: "An interrupt was refused.",
  command_failed: "A command to the IOMMU failed.",
});

const VERDICTS = group("verdict on a fault log", {
  never_mapped: "Nothing was ever mapped there for the device.",
  unmapped_early: "A mapping was there, and a call had ended it before the device came.",
  still_cached: "A mapping was there and has ended, but the IOTLB lets the device through.",
  wrong_direction: "A mapping is there, for the other direction.",
  past_end: "The address lies behind the end of a mapping.",
  before_start: "The address lies before the start of a mapping.",
  not_linked: "The range of IO addresses was taken, but nothing was linked there.",
  not_visible: "A mapping is there, and the hardware remembers that nothing was.",
  physical_address: "It is the physical address of mapped memory, not the device's address.",
  other_device: "It is mapped for another device.",
  error_value: "It is the error value of a map that failed.",
  out_of_range: "It has more bits than are translated.",
  access_allowed: "A mapping is there and allows the access.",
  not_translated: "The device is not translated in this machine.",
  injected: "The scenario told the access to fail.",
  no_device: "This machine has no such device.",
  not_a_mapping: "The line is about something else than what a driver maps.",
});

const REPORT_CLASSES = group("report class", {
  unmap_unknown: "Unmapped what was never mapped, or twice.",
  unmap_error_value: "Unmapped the error value.",
  unmap_size: "Unmapped with another size than mapped.",
  unmap_kind: "Unmapped with a function of another family.",
  free_cpu_address: "Freed with another CPU address.",
  unmap_entries: "Unmapped a list with another number of entries.",
  unmap_direction: "Unmapped with another direction than mapped.",
  error_unchecked: "The mapping was never tested for an error.",
  unmap_attributes: "Unmapped with other attributes than mapped.",
  map_stack: "Mapped the kernel's stack.",
  map_text: "Mapped the kernel's code or constants.",
  map_invalid: "Mapped an address that is none.",
  map_vmalloc: "Mapped virtually contiguous memory as if it were physically so.",
  mmio_is_ram: "Mapped ordinary RAM as MMIO.",
  cacheline_overlap: "Two mappings share a cache line.",
  cacheline_overlap_many: "Very many mappings share a cache line.",
  sync_unknown: "Synchronised what is not mapped.",
  sync_size: "Synchronised more than is mapped.",
  sync_direction: "Synchronised with another direction than mapped.",
  sync_for_cpu_read_only: "Synchronised for the CPU what the device only reads.",
  sync_for_device_write_only: "Synchronised for the device what it only writes.",
  sync_entries: "Synchronised a list with another number of entries.",
  segment_too_long: "A segment is longer than the device takes.",
  segment_boundary: "A segment crosses the device's boundary.",
  leak_at_unbind: "The driver left while mappings were live.",
  link_unaligned: "A later link starts inside a granule.",
  link_overlap: "A link overlaps one that is live.",
  link_empty: "A link of no bytes.",
  link_beyond_range: "A link reaches past the allocated range.",
  sync_missing: "A linked range was used before it was made visible.",
  unlink_unlinked: "Unlinked what was not linked.",
  unlink_splits_leaf: "Unlinked a part of a larger page-table entry.",
  unlink_direction: "Unlinked with another direction than linked.",
  unlink_attributes: "Unlinked with other attributes than linked.",
  free_while_linked: "Freed a range that still has links.",
  destroy_short: "Destroyed less than was linked.",
  destroy_twice: "Destroyed or freed twice.",
  iova_leak_at_unbind: "The driver left while an IOVA range was allocated.",
  link_beyond_device_limits: "A link breaks a limit of the device.",
  stale_iotlb_access: "A device used a translation that the page table has no longer.",
  device_outside_buffer: "A device touched memory outside the buffer it was given.",
  stale_cacheline_read: "The CPU read a cache line from before a device wrote its memory.",
  stale_memory_read: "A device read memory whose newest bytes were still in the CPU's caches.",
  dirty_cacheline_lost: "Bytes that the CPU wrote while a device had them were dropped.",
  device_write_lost: "Bytes that a device wrote were overwritten by a line of the CPU's caches.",
  private_memory_access: "A device touched memory of a confidential guest that is not shared.",
  peer_misrouted: "An address meant for a peer's memory led to the host's.",
  peer_memory_without_pool: "Memory was asked for of a provider that was given none.",
  peer_revoked_mapped: "A provider's driver left while its memory was mapped.",
  peer_revoked_queued: "A provider's driver left while addresses of its memory awaited a flush.",
  peer_revoked_cached: "A provider's driver left while the IOTLB still led to its memory.",
  peer_use_after_unbind: "A device used memory whose provider's driver had left.",
});

const MACHINE_WORDS = [
  ...group("IOMMU mode", {
    off: "No IOMMU: devices see physical addresses; also a checker that does not look.",
    passthrough: "An IOMMU that translates nothing.",
    strict: "Translated; every unmap invalidates at once.",
    lazy: "Translated; invalidations are collected in a flush queue.",
  }),
  ...group(
    "IOMMU model",
    Object.fromEntries(IOMMU_MODEL_NAMES.map((name) => [name, IOMMU_MODELS[name].doc])),
  ),
  ...group("checker", {
    report: "Findings are printed and counted.",
    fail: "Findings fail the test.",
  }),
  ...group("region type", { ram: "A named part of the RAM." }),
  ...group("ACS bit", {
    source_validation: "Requests must carry the right requester.",
    translation_blocking: "Translated requests are blocked.",
    request_redirect: "Peer requests go up to the root complex.",
    completion_redirect: "Peer completions go up to the root complex.",
    upstream_forwarding: "Requests that come from above go up again.",
    egress_control: "A bit vector says which ports peers may reach.",
    direct_translated: "Translated requests go straight to the peer.",
    unknown: "Nobody could read whether the function has access control.",
  }),
  ...group("maker of the CPU", {
    intel: "Intel.",
    hygon: "Hygon, whose cores are AMD's.",
    other: "Anybody else.",
  }),
];

const EVENT_WORDS = [
  ...group("data pointer format", {
    prp: "Physical region pages: a list of page addresses.",
    sgl: "A scatter gather list: addresses with lengths.",
    simple_prp: "One segment, described by PRP1 and PRP2 alone.",
    simple_sgl: "One segment, described by one SGL descriptor in the command.",
  }),
  ...group("whether SGLs are used", {
    unsupported: "The queue takes none.",
    supported: "They are used for large segments.",
    forced: "Nothing else can describe the request.",
  }),
  ...group("metadata format", { pointer: "MPTR is where the metadata lies." }),
  ...group("SGL descriptor type", {
    data_block: "A piece of data.",
    segment: "A list of descriptors that goes on in another one.",
    last_segment: "The last list of descriptors.",
  }),
  ...group("mapping path", {
    direct: "The device sees the physical address.",
    iommu: "The IOMMU translates.",
    swiotlb: "Copied through a bounce buffer.",
    bus: "Peer memory at its PCI bus address.",
  }),
  ...group(
    "map branch",
    Object.fromEntries(
      [...Object.values(MAP_BRANCH), ...Object.values(MAP_FAILURE)].map(({ name, doc }) => [
        name,
        doc,
      ]),
    ),
  ),
  ...group("cache line", {
    clean: "The CPU's copy, if there is one, is what memory holds.",
    dirty: "The CPU has written it, and memory does not have that yet.",
    conflict: "The CPU and a device have both written it: one of the two will be lost.",
  }),
  ...group("IOVA source", {
    rcache: "A cache of the CPU.",
    tree: "The tree of ranges.",
    tree_after_flush: "The tree, after the caches were emptied into it.",
    depot: "The depot shared by the CPUs.",
    flush_queue: "The flush queue.",
  }),
  ...group("IO address use", {
    mapped: "The page table leads somewhere from it.",
    taken: "Handed out, with nothing linked in it.",
    cached: "Given back, and kept for the next one of its size.",
    waiting: "Given back in lazy mode: it waits for a flush.",
    reserved: "Never handed out.",
  }),
  ...group("invalidation", {
    map: "Told about a new mapping (caching mode).",
    range: "Told to forget a range.",
    all: "Told to forget a whole domain.",
  }),
  ...group("translation source", {
    iotlb: "The translation was cached.",
    walk: "The page table was walked.",
    stale: "The cached translation is not in the page table any more.",
  }),
  ...group("flush reason", {
    full: "The queue, or the pool, was full.",
    timer: "The timer expired.",
    pressure: "Address space ran out.",
  }),
  ...group("bounce failure", {
    fragmented: "Enough slots are free, but not side by side.",
    over_segment: "More than one segment of slots was asked for.",
    alignment: "No free block has the alignment.",
    leak_suspected: "Slots have been in use for very long.",
  }),
  ...group("copy direction", {
    in: "Into the bounce buffer.",
    out: "Out of the bounce buffer.",
  }),
  ...group("owner", { cpu: "The CPU.", device: "The device." }),
  ...group("limit setter", {
    controller: "What the controller says it takes.",
    dma_mapping: "What the mapping layer maps without extra cost.",
    driver: "What the driver allows itself.",
    block_layer: "What the block layer sets where nobody else does.",
    user: "What the user asked for.",
    max_transfer: "It follows from the hardware limit of one transfer.",
  }),
  ...group("unmap rule", {
    single: "One segment was unmapped.",
    iova: "One IOVA range was destroyed.",
    nothing: "The device needs no unmap.",
    from_sgl: "Addresses were read back from the SGL.",
    saved: "Addresses had been saved at the mapping.",
    scatterlist: "The whole scatterlist was unmapped by one call (6.12).",
    from_prp: "Addresses were rebuilt from the PRP list.",
  }),
  ...group("peer route", {
    bus_addr: "Below a common switch, by bus address.",
    thru_host_bridge: "Through the host bridge.",
    not_supported: "The peers cannot reach each other.",
    forward: "Passed on.",
    redirect: "Sent up.",
    block: "Stopped.",
    completion: "The answer to a read.",
  }),
  ...group("where a list's entry says that its output is a bus address", {
    dma_flags: "In the flag word of its DMA fields.",
    page_link: "In a spare bit of its link to the page, as first proposed.",
  }),
  ...group("state of a provider of peer memory", {
    initialised: "Known as a provider, without memory that has pages.",
    unpublished: "It has memory for peers, which is not offered to those who look for some.",
    published: "It has memory for peers, and is found by those who look for some.",
    unbinding: "Its driver is leaving and waits for the last page.",
    unbound: "Its driver has left.",
  }),
  ...group("why a bio was cut", {
    max_sectors: "More than the queue takes by default.",
    max_hw_sectors: "More than the hardware takes.",
    chunk_sectors: "It would cross a chunk of the disk.",
    max_segments: "More segments than one request carries.",
    virt_boundary: "A gap between two segments that a PRP list cannot describe.",
    max_discard_sectors: "More than one discard covers.",
    max_write_zeroes_sectors: "More than one write of zeroes covers.",
  }),
  ...group("how a bio joined a request, or what kept it out", {
    back: "It follows the request.",
    front: "It precedes the request.",
    integrity: "Only one of them has metadata, or both together have too much.",
    integrity_gap: "A gap between their metadata.",
    gap: "A gap between their data that a PRP list cannot describe.",
    sectors: "Together they would be too long.",
    segments: "Together they would have too many segments.",
    ranges: "Together they would have too many ranges to discard.",
  }),
  ...group("memory that a mapping costs", {
    descriptor: "A page or block of PRP entries or SGL descriptors.",
    dma_vecs: "Addresses and lengths kept for the unmap.",
    metadata: "A kernel's own buffer for metadata.",
    pool_page: "Coherent memory that a pool cuts into blocks.",
    hmm_pfn_list: "The list of page frames of a page-wise map.",
    hmm_dma_list: "The list of addresses of a page-wise map without a range.",
    page_array: "The addresses of a migration buffer's pages.",
    key_table: "What a device makes a key to a migration buffer from.",
  }),
  ...group("where memory comes from", {
    kmalloc: "The kernel's general allocator.",
    kvmalloc: "The same for what may be large: contiguous for the CPU only.",
    large: "The driver's pool of 4096-byte descriptors.",
    mempool: "A pool that keeps a reserve.",
    pool: "A pool that a script made.",
    small: "The driver's pool of 256-byte descriptors.",
    slab: "The kernel's allocator of arrays.",
  }),
  ...group("flag of a page's entry", {
    valid: "There is a page.",
    error: "The page is broken.",
    dma_mapped: "The device can reach the page.",
    p2pdma: "The page is a peer's behind the host bridge.",
    p2pdma_bus: "The page is a peer's, mapped by its bus address.",
  }),
  ...group("how a page-wise map reaches memory", {
    iova: "One range of IO addresses.",
    list: "An address for each page is kept.",
    stateless: "Nothing is kept.",
  }),
  ...group("why an address space changes", {
    migrate: "A page moves to other memory.",
    unmap: "Memory is taken away.",
    protect: "What the process may do with it changes.",
    exit: "The process ends.",
    asked: "Somebody asked for it.",
  }),
  ...group("kind of memory region", {
    explicit: "A stretch of addresses that the driver named.",
    implicit: "Everything that a process has.",
    child: "A part of an implicit one.",
  }),
  ...group("why a page table was read in vain", {
    busy: "It was changing.",
    sequence: "It has changed since.",
  }),
  ...group("doorbell", {
    sq_tail: "New commands in a submission queue.",
    cq_head: "Entries of a completion queue were taken.",
  }),
  ...group("what a driver does about a command without answer", {
    found: "It was answered, only the interrupt was lost.",
    abort: "The controller is asked to abort it.",
    reset: "The controller is reset.",
    patience: "No further Abort may be outstanding: it is given as much time again.",
  }),
  ...group("what a controller is for its driver", {
    live: "It takes commands.",
    resetting: "It is stopped and brought up again; requests wait.",
    dead: "It could not be brought up again: requests end at once.",
    removed: "It has been pulled: requests end at once.",
  }),
  ...group("why a controller came to be something else", {
    up: "It has been brought up.",
    asked: "Somebody asked for it.",
    timeout: "A command had no answer, not even after an Abort.",
    failed: "It says that it has failed (CSTS.CFS).",
    no_answer: "It did not come up again.",
    pulled: "It is not there any more.",
  }),
  ...group("what became of a migration buffer", {
    allocated: "It is new.",
    reused: "It is a spare one.",
    put: "It is spare from here on.",
    freed: "Nothing of it is left.",
  }),
  ...group("what became of a key", {
    made: "The device has read its table.",
    destroyed: "The device has forgotten it.",
  }),
  ...group("protection", { read_write: "The device may read and write." }),
  ...group("fill pattern", {
    counting: "Byte k holds k modulo 256.",
    random: "Bytes from the machine's seeded generator.",
  }),
];

/**
 * Names of events without a dot, and kernel functions, whose bare name means the event of their
 * call: `trace.count(dma_iova_link)`.
 */
const EVENT_NAMES = [
  ...Object.entries(EVENT_TABLE).filter(([name]) => !name.includes(".")).map(
    ([name, { when }]): WordSpec => ({
      name,
      aliases: [],
      group: "event",
      doc: `The event: ${when}.`,
    }),
  ),
  ...KERNEL_CALLS.map((name): WordSpec => ({
    name,
    aliases: [],
    group: "kernel function",
    doc: `The event of a call of ${name}().`,
  })),
];

/** Every constant, group by group. */
export const WORD_SPECS: readonly WordSpec[] = [
  ...DIRECTIONS,
  ...OPERATIONS,
  ...ATTRIBUTES,
  ...STATUSES,
  ...ERRNOS,
  ...FAULT_REASONS,
  ...LOGGED_REASONS,
  ...VERDICTS,
  ...REPORT_CLASSES,
  ...MACHINE_WORDS,
  ...EVENT_WORDS,
  ...EVENT_NAMES,
];

function buildWords(): ReadonlyMap<string, Word> {
  const words = new Map<string, Word>();
  for (const spec of WORD_SPECS) {
    const word = words.get(spec.name) ?? new Word(spec.name);
    for (const spelling of [spec.name, ...spec.aliases]) words.set(spelling, word);
  }
  return words;
}

/** Every spelling with its constant; all spellings of one constant have the same `Word`. */
export const WORDS: ReadonlyMap<string, Word> = buildWords();

/** The constant of a name; a new one for a name the list does not have, such as an event's `why`. */
export function wordValue(name: string): Word {
  return WORDS.get(name) ?? new Word(name);
}
