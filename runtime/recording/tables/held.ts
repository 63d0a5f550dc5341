/**
 * Tables of resources other than ranges and page-table entries: coherent memory, blocks of pools,
 * host memory, peer memory, and allocations of C drivers.
 */
import { alignUp, hexAddress, PAGE_SIZE_BYTES } from "../../address.ts";
import { DMA, INT, optional, PHYS, SIZE, TEXT } from "../../vocabulary/fields.ts";
import { MAPPING_EVENTS } from "../../vocabulary/mapping_events.ts";
import type { AnyTableSpec, HistoryTableSpec, TableEvent } from "../history_table_spec.ts";

const COHERENT_FIELDS = { device: TEXT, dma: DMA, size_bytes: SIZE };

export const COHERENT: HistoryTableSpec<typeof COHERENT_FIELDS, "coherent"> = {
  name: "coherent",
  doc: "A driver has allocated memory that it shares with a device.",
  fields: COHERENT_FIELDS,
  key: ["device", "dma"],
  size: "size_bytes",
  moving: ["dma"],
  changes: {
    "call.dma_alloc_coherent": (rows, { seq, fields: { size } }) => {
      rows.call = { seq, size_bytes: size, pool: "" };
    },
    "ret.dma_alloc_coherent": (rows, { seq, device, fields: { result } }) => {
      if (result === null) return;
      rows.begin(seq, { device: device!, dma: result, size_bytes: rows.call!.size_bytes });
    },
    "call.dma_free_coherent": (rows, { seq, device, fields: { dma, size } }) => {
      rows.endRange(seq, [device!], dma, dma + size);
    },
  },
  leak: {
    kind: "shared_memory",
    at: ({ dma, size_bytes }) => [dma, size_bytes],
    text: (bytes, start) => `${bytes} bytes of coherent memory at ${hexAddress(start)} not freed`,
  },
};

const POOL_FIELDS = { device: TEXT, pool: TEXT, dma: DMA, size_bytes: SIZE, call: INT };

/**
 * `call` is the event of the allocating call. Memory by which the pool grew during that call is not
 * a leak.
 */
export const POOL_BLOCKS: HistoryTableSpec<typeof POOL_FIELDS, "pool_blocks"> = {
  name: "pool_blocks",
  doc: "A driver has allocated a block of a DMA pool.",
  fields: POOL_FIELDS,
  key: ["device", "pool", "dma"],
  isBag: true,
  changes: {
    "call.dma_pool_alloc": (rows, { seq, fields: { pool, size_bytes } }) => {
      rows.call = { seq, size_bytes, pool };
    },
    "ret.dma_pool_alloc": (rows, { seq, device, fields: { result } }) => {
      if (result === null) return;
      const { pool, seq: call, size_bytes } = rows.call!;
      rows.begin(seq, { device: device!, pool, dma: result, size_bytes, call });
    },
    // A block that is freed with a wrong address is free all the same.
    "call.dma_pool_free": (rows, { seq, device, fields: { dma, pool } }) => {
      if (rows.end(seq, [device!, pool, dma])) return;
      rows.endBest(seq, (row) => row.device === device && row.pool === pool ? 0 : null);
    },
  },
  leak: {
    kind: "pool_block",
    at: ({ dma, size_bytes }) => [dma, size_bytes],
    text: (bytes, start, { pool }) =>
      `${bytes}-byte block of the pool "${pool}" at ${hexAddress(start)} not freed`,
    isApart: true,
  },
};

const MEMORY_FIELDS = {
  device: optional(TEXT),
  request: optional(INT),
  what: MAPPING_EVENTS["mem.alloc"].fields.what,
  size_bytes: SIZE,
};

/** Kinds of memory that another table tracks, or that cannot leak. */
const COUNTED_ELSEWHERE: ReadonlySet<string> = new Set(["pool_page", "descriptor"]);

/**
 * How well a block matches the device and request of a freeing event. The caller passes only blocks
 * with a matching use and size.
 */
export function likeness(
  row: { readonly createdSeq: number; readonly device?: unknown; readonly request?: unknown },
  { device, request }: Pick<TableEvent, "device" | "request">,
): number {
  return (row.device === device ? 2 : 0) + (row.request === request ? 1 : 0);
}

export const HOST_MEMORY: HistoryTableSpec<typeof MEMORY_FIELDS, "host_memory"> = {
  name: "host_memory",
  doc: "Host memory that a mapping needs is allocated.",
  fields: MEMORY_FIELDS,
  key: ["what", "device", "size_bytes", "request"],
  isBag: true,
  changes: {
    "mem.alloc": (rows, { seq, device, request, fields: { size_bytes, what } }) => {
      rows.begin(seq, { device, request, what, size_bytes });
    },
    "mem.free": (rows, event) => {
      const { seq, device, request, fields: { size_bytes, what } } = event;
      if (rows.end(seq, [what, device ?? NaN, size_bytes, request ?? NaN])) return;
      rows.endBest(seq, (row) => {
        return row.what === what && row.size_bytes === size_bytes ? likeness(row, event) : null;
      });
    },
  },
  leak: {
    kind: "memory",
    at: ({ size_bytes, what }) => COUNTED_ELSEWHERE.has(what) ? null : [null, size_bytes],
    text: (bytes, _start, { what }) => `${bytes} bytes of ${what} not freed`,
  },
};

const PEER_FIELDS = { device: TEXT, phys: PHYS, size_bytes: SIZE };

const PEER_MEMORY: HistoryTableSpec<typeof PEER_FIELDS, "peer_memory"> = {
  name: "peer_memory",
  doc: "A driver has allocated memory of a device for peer-to-peer DMA.",
  fields: PEER_FIELDS,
  key: ["phys"],
  size: "size_bytes",
  moving: ["phys"],
  changes: {
    "call.pci_alloc_p2pmem": (rows, { seq, fields: { size } }) => {
      rows.call = { seq, size_bytes: alignUp(size, PAGE_SIZE_BYTES), pool: "" };
    },
    "ret.pci_alloc_p2pmem": (rows, { seq, device, fields: { result } }) => {
      if (result === null) return;
      rows.begin(seq, { device: device!, phys: result, size_bytes: rows.call!.size_bytes });
    },
    "call.pci_free_p2pmem": (rows, { seq, fields: { phys, size } }) => {
      rows.endRange(seq, [], phys, phys + alignUp(size, PAGE_SIZE_BYTES));
    },
  },
  leak: {
    kind: "peer_memory",
    at: ({ phys, size_bytes }) => [phys, size_bytes],
    text: (bytes, start, { device }) =>
      `${bytes} bytes of P2P memory of "${device}" at ${hexAddress(start)} not freed`,
  },
};

const DRIVER_FIELDS = { phys: PHYS, size_bytes: SIZE };

const DRIVER_MEMORY: HistoryTableSpec<typeof DRIVER_FIELDS, "driver_memory"> = {
  name: "driver_memory",
  doc: "A driver in C has allocated memory.",
  fields: DRIVER_FIELDS,
  key: ["phys"],
  size: "size_bytes",
  moving: ["phys"],
  changes: {
    "driver.alloc": (rows, { seq, fields }) => rows.begin(seq, fields),
    "driver.free": (rows, { seq, fields: { phys, size_bytes } }) => {
      rows.endRange(seq, [], phys, phys + size_bytes);
    },
  },
  leak: {
    kind: "driver_memory",
    at: ({ phys, size_bytes }) => [phys, size_bytes],
    text: (bytes, start) => `${bytes} bytes of memory at ${hexAddress(start)} not freed`,
  },
};

const HANDLER_FIELDS = { device: TEXT, irq: INT };

const IRQ_HANDLERS: HistoryTableSpec<typeof HANDLER_FIELDS, "irq_handlers"> = {
  name: "irq_handlers",
  doc: "A driver in C has registered a handler of an interrupt.",
  fields: HANDLER_FIELDS,
  key: ["irq"],
  isBag: true,
  changes: {
    "driver.request_irq": (rows, { seq, device, fields: { irq } }) => {
      rows.begin(seq, { device: device!, irq });
    },
    "driver.free_irq": (rows, { seq, fields: { irq } }) => void rows.end(seq, [irq]),
  },
  leak: {
    kind: "interrupt",
    at: ({ irq }) => [irq, 1],
    text: (_count, irq) => `handler of irq ${irq} not freed`,
    isApart: true,
  },
};

export const HELD_TABLES = [
  COHERENT,
  POOL_BLOCKS,
  HOST_MEMORY,
  PEER_MEMORY,
  DRIVER_MEMORY,
  IRQ_HANDLERS,
] as const satisfies readonly AnyTableSpec[];
