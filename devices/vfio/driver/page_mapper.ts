/**
 * Maps a buffer's pages for the device: `register_dma_pages` and its opposite.
 *
 * @see rules/hmm-rdma-vfio.md 3.2, 3.3
 */
import {
  type DmaAddr,
  ERRNO,
  errnoName,
  type EventFields,
  eventId,
  invariant,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import type { DmaDevice, DmaDirection, Scatterlist } from "@dmalab/runtime/dma";
import type { KeyMailbox } from "./key_mailbox.ts";
import type { MigrationBuffer } from "./migration_buffer.ts";

const REGISTER = eventId("vfio.register");
const UNREGISTER = eventId("vfio.unregister");
const UNWIND = eventId("vfio.unwind");
const RULE = "hmm-rdma-vfio.3.2";

/** How a buffer is mapped: as one IOVA range, page by page, or as one list. */
type Way = EventFields<"vfio.register">["rule"];

/**
 * The physical address with which an IOVA range is requested without a page, so that the range
 * begins on a granule.
 */
const NO_PAGE = 0 as PhysAddr;

/** A buffer to map, with its table. */
interface Registration {
  readonly buffer: MigrationBuffer;
  readonly mailbox: KeyMailbox;
  readonly dir: DmaDirection;
}

export class PageMapper {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  /**
   * Whether only the linked part of the range is destroyed after a failed link. The rest of the
   * range may then leak.
   */
  readonly #destroysLinkedPart: boolean;

  constructor(machine: Machine, dev: DmaDevice) {
    this.#machine = machine;
    this.#dev = dev;
    this.#destroysLinkedPart = !machine.kernel.destroy_frees_mapped_length ||
      machine.kernel.vfio_partial_destroy;
  }

  /**
   * Maps all pages and writes their addresses into the table.
   * @returns 0, or a negative errno if nothing is mapped.
   */
  register(registration: Registration): number {
    const { buffer, dir } = registration;
    const { dma, events } = this.#machine;
    const error = buffer.list !== null
      ? this.#mapList(registration, buffer.list)
      : dma.dmaIovaTryAlloc(this.#dev, buffer.state, NO_PAGE, buffer.sizeBytes)
      ? this.#linkAll(registration)
      : this.#mapAll(registration);
    if (error === 0 && events.tick(REGISTER)) {
      events.emit(REGISTER, this.#mappingOf(registration), {
        rule: RULE,
        inputs: {
          range: this.#wayOf(buffer) === "iova",
          translated: this.#dev.domain !== null,
          bytes: buffer.sizeBytes,
          direction: dir,
        },
      });
    }
    return error;
  }

  /** Unmaps a buffer completely. */
  unregister(registration: Registration): void {
    const { buffer, dir } = registration;
    const { dma, events } = this.#machine;
    const dev = this.#dev;
    if (buffer.list !== null) dma.dmaUnmapSg(dev, buffer.list, dir);
    else if (dma.dmaUseIova(buffer.state)) {
      dma.dmaIovaDestroy(dev, buffer.state, buffer.sizeBytes, dir);
    } else this.#unmapBelow(buffer.npages, registration);
    if (events.tick(UNREGISTER)) events.emit(UNREGISTER, this.#mappingOf(registration));
  }

  #wayOf({ list, state }: MigrationBuffer): Way {
    if (list !== null) return "scatterlist";
    return this.#machine.dma.dmaUseIova(state) ? "iova" : "single";
  }

  /** Fields of a mapping in events. */
  #mappingOf({ buffer, mailbox }: Registration) {
    const { direction: dir, id, npages: pages } = buffer;
    return { buffer: id, pages, dma: mailbox.entryAt(0), rule: this.#wayOf(buffer), dir };
  }

  /** Links each page into the buffer's range, with one sync for all of them. */
  #linkAll(registration: Registration): number {
    const { buffer, mailbox, dir } = registration;
    const { dma } = this.#machine;
    const dev = this.#dev;
    const { pageBytes, pages, state } = buffer;
    for (const [index, page] of pages.entries()) {
      const offset = index * pageBytes;
      const error = dma.dmaIovaLink(dev, state, page, offset, pageBytes, dir);
      if (error !== 0) {
        this.#undoLinks(index, registration, error);
        return error;
      }
      invariant(offset < buffer.sizeBytes, "A link lies behind its buffer");
      mailbox.setEntry(index, state.addr + offset as DmaAddr);
    }
    const error = dma.dmaIovaSync(dev, state, 0, buffer.sizeBytes);
    if (error !== 0) {
      this.#emitUnwind(pages.length, buffer, "iova", error);
      dma.dmaIovaDestroy(dev, state, buffer.sizeBytes, dir);
    }
    return error;
  }

  /** Undoes links after a failure. @see rules/hmm-rdma-vfio.md 3.2 and 4.8 */
  #undoLinks(linked: number, { buffer, dir }: Registration, error: number): void {
    const { dma } = this.#machine;
    const dev = this.#dev;
    this.#emitUnwind(linked, buffer, "iova", error);
    const linkedBytes = linked * buffer.pageBytes;
    invariant(linkedBytes <= buffer.sizeBytes, "More is undone than the buffer has");
    if (this.#destroysLinkedPart) {
      dma.dmaIovaDestroy(dev, buffer.state, linkedBytes, dir);
      return;
    }
    if (linked > 0) dma.dmaIovaUnlink(dev, buffer.state, 0, linkedBytes, dir);
    dma.dmaIovaFree(dev, buffer.state);
  }

  #mapAll(registration: Registration): number {
    const { buffer, mailbox, dir } = registration;
    const { dma } = this.#machine;
    for (const [index, page] of buffer.pages.entries()) {
      const address = dma.dmaMapPage(this.#dev, page, 0, buffer.pageBytes, dir);
      if (dma.dmaMappingError(this.#dev, address) !== 0) {
        this.#emitUnwind(index, buffer, "single", -ERRNO.ENOMEM);
        this.#unmapBelow(index, registration);
        return -ERRNO.ENOMEM;
      }
      mailbox.setEntry(index, address);
    }
    return 0;
  }

  /** Unmaps the pages before `end`, the last first, by their addresses in the table. */
  #unmapBelow(end: number, { buffer, mailbox, dir }: Registration): void {
    const { dma } = this.#machine;
    for (let index = end - 1; index >= 0; index--) {
      dma.dmaUnmapPage(this.#dev, mailbox.entryAt(index), buffer.pageBytes, dir);
    }
  }

  /** Maps the whole list at once, and writes an entry for each page of its ranges. */
  #mapList({ buffer, mailbox, dir }: Registration, list: Scatterlist): number {
    const error = this.#machine.dma.dmaMapSgtable(this.#dev, list, dir);
    if (error !== 0) return error;
    let index = 0;
    for (const { dma, sizeBytes } of list.mapped()) {
      for (let at = 0; at < sizeBytes; at += buffer.pageBytes) {
        mailbox.setEntry(index++, dma + at as DmaAddr);
      }
    }
    return 0;
  }

  #emitUnwind(mapped: number, buffer: MigrationBuffer, way: Way, error: number): void {
    const { events } = this.#machine;
    if (!events.tick(UNWIND)) return;
    events.emit(UNWIND, {
      buffer: buffer.id,
      mapped_pages: mapped,
      pages: buffer.npages,
      rule: way,
      error: errnoName(error),
    }, {
      rule: RULE,
      inputs: {
        linked_only: way === "iova" && mapped < buffer.npages && this.#destroysLinkedPart,
        bytes: buffer.sizeBytes,
        page_bytes: buffer.pageBytes,
      },
    });
  }
}
