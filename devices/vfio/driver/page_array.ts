/**
 * Allocates and frees the pages of a buffer.
 *
 * @see rules/hmm-rdma-vfio.md 3.1, 3.3, 4.7
 */
import {
  allocPagesBulk,
  type Bytes,
  dereferenceNull,
  ERRNO,
  type EventFields,
  eventId,
  type EventStream,
  INJECTION,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import { SCATTER_ENTRY_BYTES, Scatterlist } from "@dmalab/runtime/dma";
import { type MigrationBuffer, PAGE_ENTRY_BYTES } from "./migration_buffer.ts";

const ADD_PAGES = eventId("vfio.add_pages");
const FREE_PAGES = eventId("vfio.free_pages");
const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** The purpose of an allocation, in events. */
type Cost = EventFields<"mem.alloc">["what"];

/** Records an allocation of the driver's own memory. @returns False if it fails. */
export function takeCost(machine: Machine, what: Cost, sizeBytes: Bytes): boolean {
  const { events, faults } = machine;
  if (faults !== null && faults.errnoAt(INJECTION.kvmalloc) !== 0) return false;
  if (events.tick(MEM_ALLOC)) {
    events.emit(MEM_ALLOC, { what, size_bytes: sizeBytes, from: "kvmalloc" });
  }
  return true;
}

export function giveCost(events: EventStream, what: Cost, sizeBytes: Bytes): void {
  if (events.tick(MEM_FREE)) {
    events.emit(MEM_FREE, { what, size_bytes: sizeBytes, from: "kvmalloc" });
  }
}

/**
 * Allocates the pages of a new buffer in bulk, until the buffer has all of them.
 *
 * @param apart Whether to avoid adjacent pages, as far as memory allows.
 * @returns 0, or -ENOMEM after freeing all pages.
 * @throws {KernelError} EFAULT with the defect of 4.7: allocated pages are leaked.
 */
export function addPages(
  machine: Machine,
  buffer: MigrationBuffer,
  wantedPages: number,
  apart: boolean,
): number {
  const { vfio_page_array_crash: crashes, vfio_scatterlist: keepsList } = machine.kernel;
  const arrayBytes = wantedPages * PAGE_ENTRY_BYTES;
  if (!keepsList && !takeCost(machine, "page_array", arrayBytes)) {
    return -ERRNO.ENOMEM;
  }
  const { events } = machine;
  while (buffer.npages < wantedPages) {
    const wanted = wantedPages - buffer.npages;
    const taken = allocPagesBulk(machine, buffer.pages, wanted, apart);
    if (events.tick(ADD_PAGES)) {
      events.emit(ADD_PAGES, { buffer: buffer.id, pages: taken, wanted_pages: wanted }, {
        rule: "hmm-rdma-vfio.3.1",
        inputs: { had: buffer.npages - taken, apart },
      });
    }
    if (taken > 0) continue;
    const walksWrong = buffer.npages >= 2 && crashes;
    if (walksWrong) walkFromWrongPointer(machine, buffer);
    freePages(machine, buffer);
    if (!keepsList) giveCost(events, "page_array", arrayBytes);
    return -ERRNO.ENOMEM;
  }
  if (!keepsList) return 0;
  const list = chunksOf(buffer);
  if (takeCost(machine, "scatterlist", list.count * SCATTER_ENTRY_BYTES)) {
    buffer.list = list;
    return 0;
  }
  freePages(machine, buffer);
  return -ERRNO.ENOMEM;
}

/** Frees the pages in reverse order, then the array of pages. */
export function dropPages(machine: Machine, buffer: MigrationBuffer): void {
  const { list, npages } = buffer;
  if (npages === 0) return;
  freePages(machine, buffer);
  const { events } = machine;
  if (list === null) giveCost(events, "page_array", npages * PAGE_ENTRY_BYTES);
  else giveCost(events, "scatterlist", list.count * SCATTER_ENTRY_BYTES);
  buffer.list = null;
}

function freePages({ events, pages }: Machine, buffer: MigrationBuffer): void {
  if (buffer.npages === 0) return;
  pages.free([...buffer.pages].reverse());
  if (events.tick(FREE_PAGES)) events.emit(FREE_PAGES, { buffer: buffer.id, pages: buffer.npages });
  buffer.pages.length = 0;
}

/**
 * Simulates the defect of 4.7: a loop over the page array uses a wrong pointer. Index 0 gives the
 * first page, but index 1 does not give the second entry of the array. It gives the word after the
 * pointer to the array. That word is the address in the IOVA state, which is 0 while nothing is
 * mapped.
 */
function walkFromWrongPointer({ events, pages }: Machine, buffer: MigrationBuffer): never {
  pages.free([buffer.pages[0]!]);
  buffer.pages.shift();
  if (events.tick(FREE_PAGES)) events.emit(FREE_PAGES, { buffer: buffer.id, pages: 1 });
  dereferenceNull(
    events,
    "mlx5vf_add_pages",
    `the word after the pointer to the page array, ${buffer.state.addr}, is taken for a page`,
  );
}

/** The pages as a list of contiguous ranges. */
function chunksOf({ pageBytes, pages }: MigrationBuffer): Scatterlist {
  const chunks: { phys: PhysAddr; sizeBytes: Bytes }[] = [];
  for (const phys of pages) {
    const last = chunks.at(-1);
    if (last !== undefined && last.phys + last.sizeBytes === phys) last.sizeBytes += pageBytes;
    else chunks.push({ phys, sizeBytes: pageBytes });
  }
  return new Scatterlist(chunks);
}
