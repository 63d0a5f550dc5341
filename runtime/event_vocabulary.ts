/**
 * The event vocabulary: everything that can happen, with the numbers that describe it.
 *
 * This table is the contract between the runtime and the devices, which produce events, and all
 * who read them: assertions, counters, the checker, traces, the stepper, exports. Names and fields
 * here stay; more may be added. Field names end in their unit (`_bytes`, `_ns`); addresses are
 * bare. `docs/events.md` is the page for readers.
 *
 * To add an event, add one entry here and emit it.
 */
import type { DmaAddr, PhysAddr, VirtAddr } from "./address.ts";

/** What a field holds. `leaves` is a list of `[leaf size in bytes, count]` pairs. */
export type FieldKind =
  | "dma"
  | "phys"
  | "virt"
  | "size"
  | "int"
  | "bool"
  | "word"
  | "text"
  | "words"
  | "leaves"
  | "value";

type FieldType<K extends FieldKind> = K extends "dma" ? DmaAddr
  : K extends "phys" ? PhysAddr
  : K extends "virt" ? VirtAddr
  : K extends "size" | "int" ? number
  : K extends "bool" ? boolean
  : K extends "word" | "text" ? string
  : K extends "words" ? readonly string[]
  : K extends "leaves" ? readonly (readonly [number, number])[]
  : FieldValue;

/** Any value a field can have. */
export type FieldValue =
  | number
  | boolean
  | string
  | null
  | readonly string[]
  | readonly (readonly [number, number])[];

interface EventEntry {
  /** When it happens, as a sentence fragment for tables and help. */
  readonly when: string;
  readonly fields: Readonly<Record<string, FieldKind>>;
}

/** Every event but the `call.` and `ret.` pairs, which `KERNEL_CALLS` lists. */
export const EVENT_TABLE = {
  "iova.alloc": {
    when: "a range of IO virtual addresses was reserved",
    fields: { start: "dma", size_bytes: "size", limit: "dma", source: "word" },
  },
  "iova.free": {
    when: "a range of IO virtual addresses was given back",
    fields: { start: "dma", size_bytes: "size", to: "word" },
  },
  "iommu.map": {
    when: "page-table entries were written",
    fields: { iova: "dma", phys: "phys", size_bytes: "size", prot: "word", leaves: "leaves" },
  },
  "iommu.map_failed": {
    when: "page-table entries could not be written; those that were are gone again",
    fields: { iova: "dma", phys: "phys", size_bytes: "size", undone_bytes: "size", error: "word" },
  },
  "iommu.unmap": {
    when: "page-table entries were cleared",
    fields: { iova: "dma", size_bytes: "size", unmapped_bytes: "size", leaves: "leaves" },
  },
  "iommu.sync_map": {
    when: "new mappings were made visible; always called, hardware or not",
    fields: { iova: "dma", size_bytes: "size" },
  },
  "iotlb.sync": {
    when: "the hardware was told to forget translations",
    fields: {
      kind: "word",
      start: "dma",
      size_bytes: "size",
      hw_start: "dma",
      hw_size_bytes: "size",
    },
  },
  "flush_queue.add": {
    when: "a range was queued for a later flush (lazy mode)",
    fields: { pending: "int" },
  },
  "flush_queue.flush": {
    when: "the flush queue was flushed (lazy mode)",
    fields: { entries: "int", reason: "word" },
  },
  "iommu.translate": {
    when: "a device access was translated",
    fields: { dma: "dma", phys: "phys", access: "word", hit: "word" },
  },
  "iommu.fault": {
    when: "a device access was not translated",
    fields: { dma: "dma", access: "word", reason: "word" },
  },
  "swiotlb.map": {
    when: "bounce-buffer slots were taken",
    fields: {
      slot: "int",
      slots: "int",
      orig_phys: "phys",
      tlb_phys: "phys",
      size_bytes: "size",
      align_mask: "int",
      dir: "word",
    },
  },
  "swiotlb.unmap": {
    when: "bounce-buffer slots were given back",
    fields: {
      slot: "int",
      slots: "int",
      // None for slots that held nothing when they were given back.
      orig_phys: "value",
      tlb_phys: "phys",
      size_bytes: "size",
      dir: "word",
      attrs: "words",
    },
  },
  "swiotlb.copy": {
    when: "bytes were copied into or out of a bounce buffer",
    fields: { direction: "word", orig_phys: "phys", tlb_phys: "phys", size_bytes: "size" },
  },
  "swiotlb.full": {
    when: "no bounce-buffer slot fitted",
    fields: { wanted_bytes: "size", cause: "word" },
  },
  "dma.map": {
    when: "one mapping was made, whichever API made it",
    fields: {
      api: "word",
      phys: "phys",
      dma: "dma",
      size_bytes: "size",
      dir: "word",
      path: "word",
    },
  },
  "dma.unmap": {
    when: "one mapping ended, whichever API ended it",
    fields: {
      api: "word",
      phys: "phys",
      dma: "dma",
      size_bytes: "size",
      dir: "word",
      path: "word",
    },
  },
  "dma.sync": {
    when: "ownership of a mapping moved",
    fields: { for: "word", dma: "dma", size_bytes: "size" },
  },
  "cache.clean": {
    when: "a non-coherent device's buffer was written back from the CPU's caches",
    fields: { phys: "phys", size_bytes: "size" },
  },
  "cache.invalidate": {
    when: "a non-coherent device's buffer was dropped from the CPU's caches",
    fields: { phys: "phys", size_bytes: "size" },
  },
  "dma.report": {
    when: "the checker found a driver's mistake, or a hazard",
    fields: {
      class: "word",
      rule: "text",
      text: "text",
      first_site: "value",
      second_site: "value",
      beyond_kernel: "bool",
    },
  },
  "kernel.warn": {
    when: "the kernel itself printed a warning",
    fields: { at: "word", text: "text" },
  },
  "mem.alloc": {
    when: "host memory that a mapping costs was taken",
    fields: { what: "word", size_bytes: "size", from: "word" },
  },
  "mem.free": {
    when: "host memory that a mapping cost was given back",
    fields: { what: "word", size_bytes: "size", from: "word" },
  },
  "block.split": {
    when: "a bio was cut",
    fields: { at_sectors: "int", rule: "word", limit: "int" },
  },
  "block.merge": {
    when: "two were joined, or refused",
    fields: { rule: "word", joined: "bool" },
  },
  "block.segment": {
    when: "the DMA iterator produced a segment",
    fields: { phys: "phys", size_bytes: "size", dma: "dma", path: "word" },
  },
  "block.status": {
    when: "an iterator or request ended with a status",
    fields: { status: "word" },
  },
  "nvme.choose": {
    when: "the data pointer format was chosen",
    fields: { format: "word" },
  },
  "nvme.metadata": {
    when: "it was chosen how the command leads to its metadata",
    fields: { format: "word" },
  },
  "nvme.prp": {
    when: "a PRP entry was written; index -1 and -2 are PRP1 and PRP2 of the command",
    fields: { index: "int", entry: "dma", list_page: "value" },
  },
  "nvme.sgl": {
    when: "an SGL descriptor was written",
    fields: { type: "word", address: "dma", length_bytes: "size" },
  },
  "nvme.submit": {
    when: "a command was put into a submission queue",
    fields: { queue: "int", slot: "int", cid: "int", opcode: "int" },
  },
  "nvme.doorbell": {
    when:
      "the host rang a doorbell: `sq_tail` after putting commands, `cq_head` after taking results",
    fields: { queue: "int", value: "int", which: "word" },
  },
  "nvme.shadow_doorbell": {
    when: "the host left a doorbell's value in memory; `rung`: it writes the register as well",
    fields: { queue: "int", value: "int", which: "word", rung: "bool" },
  },
  "nvme.fetch": {
    when: "the controller fetched a command",
    fields: { queue: "int", cid: "int" },
  },
  "nvme.walk": {
    when: "the controller read one PRP entry or SGL descriptor from host memory",
    fields: { entry: "int", dma: "dma" },
  },
  "nvme.data": {
    when: "the controller moved data",
    fields: { dma: "dma", size_bytes: "size", dir: "word" },
  },
  "nvme.host_memory": {
    when: "the controller looked a block up in memory that the host has lent it",
    fields: { dma: "dma", hit: "bool" },
  },
  "nvme.complete": {
    when: "the controller posted a completion",
    fields: { cid: "int", status: "int" },
  },
  "nvme.unmap": {
    when: "the driver ended a request's data mapping",
    fields: { rule: "word" },
  },
  "nvme.timeout": {
    when: "a command had no answer in time, and what the driver did about it",
    fields: { queue: "int", cid: "int", action: "word" },
  },
  "nvme.cancel": {
    when: "the driver ended a command that its controller will not answer any more",
    fields: { queue: "int", cid: "int" },
  },
  "nvme.state": {
    when: "a controller came to be something else for its driver",
    fields: { state: "word", reason: "word" },
  },
  "irq": {
    when: "a completion interrupt was raised",
    fields: { vector: "int", cpu: "int" },
  },
  "p2p.route": {
    when: "a route between two PCI functions was worked out",
    fields: {
      provider: "text",
      client: "text",
      distance: "value",
      map_type: "word",
      hops: "words",
      cached: "bool",
    },
  },
  "p2p.provider": {
    when: "a device began, changed or ended lending its memory to peers",
    fields: {
      provider: "text",
      state: "word",
      size_bytes: "size",
      available_bytes: "size",
      references: "int",
    },
  },
  "p2p.choose": {
    when: "a provider was chosen for some clients",
    fields: { clients: "words", provider: "value", distance: "value", tied: "words" },
  },
  "pci.tlp": {
    when: "a transaction went from one function to the next",
    fields: {
      from: "text",
      to: "text",
      hop: "int",
      address: "dma",
      verdict: "word",
      kind: "word",
    },
  },
  "hmm.fault": {
    when: "a part of a process's page table was read into a list of page frames",
    fields: {
      virt: "virt",
      size_bytes: "size",
      valid: "int",
      writable: "int",
      brought_in: "int",
      result: "word",
    },
  },
  "hmm.invalidate": {
    when: "a part of a process's address space is about to change",
    fields: { virt: "virt", size_bytes: "size", reason: "word" },
  },
  "vfio.buffer": {
    when: "a migration buffer was allocated, taken from the spare ones, put there, or freed",
    fields: { buffer: "int", action: "word", pages: "int", dir: "word" },
  },
  "vfio.add_pages": {
    when: "pages were taken in bulk for a migration buffer, as many as could be had",
    fields: { buffer: "int", pages: "int", wanted_pages: "int" },
  },
  "vfio.free_pages": {
    when: "pages of a migration buffer were given back",
    fields: { buffer: "int", pages: "int" },
  },
  "vfio.register": {
    when: "the pages of a migration buffer were mapped; `dma`: the first of them",
    fields: { buffer: "int", pages: "int", dma: "dma", rule: "word", dir: "word" },
  },
  "vfio.unwind": {
    when: "a page of a migration buffer could not be mapped: those before it are undone",
    fields: { buffer: "int", mapped_pages: "int", pages: "int", rule: "word", error: "word" },
  },
  "vfio.unregister": {
    when: "the mappings of a migration buffer ended",
    fields: { buffer: "int", pages: "int", dma: "dma", rule: "word", dir: "word" },
  },
  "vfio.key": {
    when: "a device made a key to a migration buffer out of its table, or forgot one",
    fields: { buffer: "int", key: "int", entries: "int", size_bytes: "size", state: "word" },
  },
  "vfio.data": {
    when: "a device moved a page of migration data: `index` is its entry in the key's table",
    fields: { key: "int", index: "int", dma: "dma", size_bytes: "size", access: "word" },
  },
  "vfio.dirty": {
    when: "a device reported pages that it has written; `more`: the buffer had no room for all",
    fields: { records: "int", more: "bool" },
  },
  "odp.fault": {
    when: "an RDMA device met a page that it was not told of",
    fields: { region: "text", virt: "virt", size_bytes: "size", access: "word" },
  },
  "odp.handled": {
    when: "the host ended a page fault of an RDMA device",
    fields: { region: "text", virt: "virt", pages: "int", result: "word" },
  },
  "odp.retry": {
    when: "a process's page table was read in vain: it was changing, or changed since",
    fields: { region: "text", cause: "word" },
  },
  "odp.table": {
    when: "the host wrote entries of an RDMA device's table",
    fields: { region: "text", index: "int", entries: "int", valid: "int" },
  },
  "odp.invalidate": {
    when: "pages were taken back from an RDMA device",
    fields: {
      region: "text",
      virt: "virt",
      size_bytes: "size",
      zapped: "int",
      unmapped: "int",
    },
  },
  "odp.dirty": {
    when: "a page that an RDMA device may have written was marked as written",
    fields: { region: "text", phys: "phys" },
  },
  "inject": {
    when: "a fault was injected: the nth passing of a point failed, with this error",
    fields: { point: "text", nth: "int", error: "word" },
  },
} as const satisfies Record<string, EventEntry>;

/**
 * Kernel API functions whose entry and return are events, with the arguments by their kernel names.
 *
 * `call.<name>` carries the arguments; `ret.<name>` carries `result`, and `error` with an errno's
 * name or null.
 */
export const KERNEL_CALLS = [
  "dma_map_phys",
  "dma_unmap_phys",
  "dma_map_page",
  "dma_unmap_page",
  "dma_map_single",
  "dma_unmap_single",
  "dma_map_resource",
  "dma_unmap_resource",
  "dma_map_sg",
  "dma_map_sgtable",
  "dma_unmap_sg",
  "dma_sync_single_for_cpu",
  "dma_sync_single_for_device",
  "dma_sync_sg_for_cpu",
  "dma_sync_sg_for_device",
  "dma_iova_try_alloc",
  "dma_iova_link",
  "dma_iova_sync",
  "dma_iova_unlink",
  "dma_iova_destroy",
  "dma_iova_free",
  "dma_alloc_coherent",
  "dma_free_coherent",
  "dma_pool_alloc",
  "dma_pool_free",
  "dma_set_mask",
  "dma_set_coherent_mask",
  "blk_rq_dma_map_iter_start",
  "blk_rq_dma_map_iter_next",
  "blk_rq_dma_unmap",
  "blk_rq_integrity_dma_map_iter_start",
  "blk_rq_integrity_dma_map_iter_next",
  "pci_p2pdma_map_type",
  "pci_p2pdma_distance",
  "pci_alloc_p2pmem",
  "pci_free_p2pmem",
  "pci_p2pmem_find",
  "hmm_dma_map_alloc",
  "hmm_dma_map_free",
  "hmm_dma_map_pfn",
  "hmm_dma_unmap_pfn",
] as const;

export type KernelCall = (typeof KERNEL_CALLS)[number];

const MAP_PHYS = ["dev", "phys", "size", "dir", "attrs"];
const UNMAP_ONE = ["dev", "dma", "size", "dir", "attrs"];
const LIST = ["dev", "sg", "nents", "dir", "attrs"];
const SYNC_ONE = ["dev", "dma", "size", "dir"];
const SYNC_LIST = ["dev", "sg", "nents", "dir"];
const LINKED = ["dev", "offset", "size", "dir", "attrs"];
const ITERATION = ["req", "dev"];

/** The arguments that `call.<name>` carries. */
export const CALL_ARGUMENTS: Readonly<Record<KernelCall, readonly string[]>> = {
  dma_map_phys: MAP_PHYS,
  dma_unmap_phys: UNMAP_ONE,
  dma_map_page: ["dev", "page", "offset", "size", "dir", "attrs"],
  dma_unmap_page: UNMAP_ONE,
  dma_map_single: MAP_PHYS,
  dma_unmap_single: UNMAP_ONE,
  dma_map_resource: MAP_PHYS,
  dma_unmap_resource: UNMAP_ONE,
  dma_map_sg: LIST,
  dma_map_sgtable: LIST,
  dma_unmap_sg: LIST,
  dma_sync_single_for_cpu: SYNC_ONE,
  dma_sync_single_for_device: SYNC_ONE,
  dma_sync_sg_for_cpu: SYNC_LIST,
  dma_sync_sg_for_device: SYNC_LIST,
  dma_iova_try_alloc: ["dev", "phys", "size"],
  dma_iova_link: ["dev", "phys", "offset", "size", "dir", "attrs"],
  dma_iova_sync: ["dev", "offset", "size"],
  dma_iova_unlink: LINKED,
  dma_iova_destroy: ["dev", "mapped_len", "dir", "attrs"],
  dma_iova_free: ["dev"],
  dma_alloc_coherent: ["dev", "size"],
  dma_free_coherent: ["dev", "size", "dma"],
  dma_pool_alloc: ["pool", "size_bytes"],
  dma_pool_free: ["pool", "size_bytes", "dma"],
  dma_set_mask: ["dev", "bits"],
  dma_set_coherent_mask: ["dev", "bits"],
  blk_rq_dma_map_iter_start: ITERATION,
  blk_rq_dma_map_iter_next: ITERATION,
  blk_rq_dma_unmap: ["req", "dev", "mapped"],
  blk_rq_integrity_dma_map_iter_start: ITERATION,
  blk_rq_integrity_dma_map_iter_next: ITERATION,
  pci_p2pdma_map_type: ["provider", "client"],
  pci_p2pdma_distance: ["provider", "clients"],
  pci_alloc_p2pmem: ["dev", "size"],
  pci_free_p2pmem: ["dev", "phys", "size"],
  pci_p2pmem_find: ["clients"],
  hmm_dma_map_alloc: ["dev", "pages", "size"],
  hmm_dma_map_free: ["dev"],
  hmm_dma_map_pfn: ["dev", "index"],
  hmm_dma_unmap_pfn: ["dev", "index"],
};

type TableName = keyof typeof EVENT_TABLE;

/** The name of any event. */
export type EventName = TableName | `call.${KernelCall}` | `ret.${KernelCall}`;

/** The fields an event of name `N` carries. */
export type EventFields<N extends EventName> = N extends TableName ? {
    readonly [F in keyof (typeof EVENT_TABLE)[N]["fields"]]: FieldType<
      (typeof EVENT_TABLE)[N]["fields"][F] & FieldKind
    >;
  }
  : N extends `ret.${KernelCall}` ? { readonly result: FieldValue; readonly error: string | null }
  : Readonly<Record<string, FieldValue>>;

/** Every event's name, in the order of their numbers. */
export const EVENT_NAMES: readonly EventName[] = [
  ...(Object.keys(EVENT_TABLE) as TableName[]),
  ...KERNEL_CALLS.flatMap((call): EventName[] => [`call.${call}`, `ret.${call}`]),
];

const NUMBERS = new Map<string, number>(EVENT_NAMES.map((name, index) => [name, index]));

/** An event's number, which indexes counters and prices; -1 for a name that is no event. */
export function eventNumber(name: string): number {
  return NUMBERS.get(name) ?? -1;
}

/**
 * An event's number as a typed handle, resolved once when a module loads.
 *
 * @example
 * ```ts
 * const IOVA_ALLOC = eventId("iova.alloc");
 * ```
 */
export type EventId<N extends EventName = EventName> = number & { readonly eventName?: N };

/** The handle to count and emit an event by. */
export function eventId<N extends EventName>(name: N): EventId<N> {
  return NUMBERS.get(name)! as EventId<N>;
}
