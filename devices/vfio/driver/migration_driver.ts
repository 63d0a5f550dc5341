/**
 * The driver of a migratable device. It has buffers for the device's state, and the keys by which
 * the device accesses these buffers.
 *
 * @see rules/hmm-rdma-vfio.md chapter 3
 */
import {
  type Bytes,
  type DmaAddr,
  ERRNO,
  type ErrnoName,
  errnoName,
  type EventFields,
  eventId,
  INJECTION,
  invariant,
  KernelError,
  type Machine,
  realHigh,
  type Why,
} from "@dmalab/runtime";
import {
  type CoherentMemory,
  DMA_FROM_DEVICE,
  type DmaDevice,
  type DmaDirection,
} from "@dmalab/runtime/dma";
import { type CommandPort, ENTRIES_PER_COMMAND } from "../command_port.ts";
import { DirtyTracker } from "./dirty_tracker.ts";
import { KeyMailbox } from "./key_mailbox.ts";
import { MigrationBuffer } from "./migration_buffer.ts";
import { addPages, dropPages, giveCost, takeCost } from "./page_array.ts";
import { PageMapper } from "./page_mapper.ts";

const BUFFER = eventId("vfio.buffer");
const KEY = eventId("vfio.key");
const RULE = "hmm-rdma-vfio.3.3";
const COMMAND_PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;

export class MigrationDriver {
  /** Buffers in use. */
  readonly buffers = new Set<MigrationBuffer>();
  /** Buffers that were put and can be reused, first in, first out. */
  readonly spare: MigrationBuffer[] = [];
  /** Whether the device is detached and cannot be accessed. */
  detached = false;
  /** Tracks the pages that the device writes; null while tracking is off. */
  tracker: DirtyTracker | null = null;
  readonly #mapper: PageMapper;
  readonly #commandPage: CoherentMemory;
  #lastBuffer = 0;

  /** @throws {KernelError} ENOMEM if no page for commands can be allocated. */
  constructor(readonly machine: Machine, readonly dev: DmaDevice, readonly port: CommandPort) {
    this.#mapper = new PageMapper(machine, dev);
    const page = machine.dma.dmaAllocCoherent(dev, COMMAND_PAGE_BYTES);
    if (page === null) throw this.#failed("ENOMEM", "has no page for commands");
    this.#commandPage = page;
    port.shareCommandPage(page.dma);
  }

  /**
   * Allocates a buffer, and maps it unless it is for headers.
   *
   * @param dir The direction; null for a buffer that is never mapped.
   * @param apart Whether to avoid adjacent pages, as far as memory allows.
   * @throws {KernelError} ENOMEM, or an error of `mapBuffer`. The buffer is freed before the error
   *   is thrown, except with the defects of rules/hmm-rdma-vfio.md 4.7 and 4.8.
   */
  allocBuffer(npages: number, dir: DmaDirection | null, apart: boolean): MigrationBuffer {
    return this.#asDevice(() => {
      const buffer = this.#newBuffer(npages, dir, apart);
      this.#tell("allocated", buffer);
      return buffer;
    });
  }

  /**
   * A buffer of at least `npages` pages: the first spare buffer of the same direction that is large
   * enough. Smaller spare buffers before it are freed. If no spare buffer is large enough, a new
   * buffer is allocated.
   */
  getBuffer(npages: number, dir: DmaDirection | null, apart: boolean): MigrationBuffer {
    return this.#asDevice(() => {
      let freed = 0;
      for (const buffer of [...this.spare]) {
        if (buffer.dir !== dir) continue;
        this.spare.splice(this.spare.indexOf(buffer), 1);
        if (buffer.npages >= npages) {
          this.buffers.add(buffer);
          this.#tell("reused", buffer, { wanted_pages: npages, freed });
          return buffer;
        }
        this.#release(buffer);
        freed++;
      }
      const buffer = this.#newBuffer(npages, dir, apart);
      this.#tell("allocated", buffer, { wanted_pages: npages, freed });
      return buffer;
    });
  }

  /** Keeps a buffer for its next user; it stays mapped. */
  putBuffer(buffer: MigrationBuffer): void {
    this.#asDevice(() => {
      this.#drop(buffer);
      invariant(!this.spare.includes(buffer), "A buffer is spare twice");
      this.spare.push(buffer);
      this.#tell("put", buffer);
    });
  }

  /** Frees a buffer: its key, its mappings, its table, its pages. */
  freeBuffer(buffer: MigrationBuffer): void {
    this.#asDevice(() => {
      this.#drop(buffer);
      this.#release(buffer);
    });
  }

  /**
   * Maps a buffer for the device: a table is written, the pages are mapped, and the device creates
   * a key from the table.
   *
   * @throws {KernelError} ENOTCONN, EINVAL, ENOMEM, or the error of mapping or of the device.
   * @see rules/hmm-rdma-vfio.md 3.3
   */
  mapBuffer(buffer: MigrationBuffer): void {
    this.#asDevice(() => this.#map(buffer));
  }

  /**
   * Makes the device write its state into a buffer. @returns The number of bytes. @throws
   * {KernelError}
   */
  save(buffer: MigrationBuffer): Bytes {
    return this.#asDevice(() => {
      const key = this.#keyOf(buffer);
      const { stateBytes } = this.port;
      if (buffer.sizeBytes < stateBytes) {
        throw this.#failed("ENOSPC", `has ${stateBytes} bytes of state, not ${buffer.sizeBytes}`);
      }
      if (!this.port.save(key)) throw this.#failed("EIO", "cannot write its state to the buffer");
      invariant(stateBytes <= buffer.sizeBytes, "More state is saved than the buffer holds");
      return stateBytes;
    });
  }

  /** Makes the device load its state from a buffer. @throws {KernelError} */
  load(buffer: MigrationBuffer, sizeBytes: Bytes): void {
    this.#asDevice(() => {
      const key = this.#keyOf(buffer);
      if (sizeBytes > buffer.sizeBytes || sizeBytes > this.port.stateBytes) {
        throw this.#failed("EINVAL", `cannot take ${sizeBytes} bytes out of the buffer`);
      }
      if (!this.port.load(key, sizeBytes)) {
        throw this.#failed("EIO", "cannot read its state from the buffer");
      }
    });
  }

  /**
   * Begins to track which pages of a range the device writes. The device reports them through a
   * separate buffer.
   * @throws {KernelError} EBUSY if tracking is already on, else as `allocBuffer`.
   */
  track(first: DmaAddr, sizeBytes: Bytes, pageBytes: Bytes, npages: number): DirtyTracker {
    return this.#asDevice(() => {
      if (this.tracker !== null) throw this.#failed("EBUSY", "tracks dirty pages already");
      const buffer = this.#newBuffer(npages, DMA_FROM_DEVICE, false);
      this.#tell("allocated", buffer);
      invariant(buffer.key !== null, "Dirty pages are reported to a buffer without a key");
      this.port.track(first, sizeBytes, pageBytes);
      this.tracker = new DirtyTracker(this, buffer);
      return this.tracker;
    });
  }

  /** Ends the tracking, and frees its buffer. */
  stopTracking(tracker: DirtyTracker): void {
    this.port.stopTracking();
    invariant(this.tracker === tracker, "A tracker stops that does not follow the device");
    this.tracker = null;
    this.freeBuffer(tracker.buffer);
  }

  /** Resets the device, which cannot be accessed until it is attached again. It forgets all keys. */
  detach(): void {
    this.detached = true;
    this.port.forget();
  }

  /** The buffer's key, for use in a command. @throws {KernelError} ENOTCONN, EINVAL */
  #keyOf(buffer: MigrationBuffer): number {
    if (this.detached) throw this.#failed("ENOTCONN", "is detached");
    if (buffer.key === null) throw this.#failed("EINVAL", "has no key to the buffer");
    return buffer.key;
  }

  #newBuffer(npages: number, dir: DmaDirection | null, apart: boolean): MigrationBuffer {
    const { machine } = this;
    const buffer = new MigrationBuffer(++this.#lastBuffer, dir, machine.pages.pageSizeBytes);
    if (npages > 0 && addPages(machine, buffer, npages, apart) !== 0) {
      throw this.#failed("ENOMEM", `gets no ${npages} pages`);
    }
    if (dir !== null) {
      try {
        this.#map(buffer);
      } catch (error) {
        dropPages(machine, buffer);
        throw error;
      }
    }
    this.buffers.add(buffer);
    return buffer;
  }

  #map(buffer: MigrationBuffer): void {
    const { dir, npages, pageBytes } = buffer;
    if (this.detached) throw this.#failed("ENOTCONN", "is detached");
    if (buffer.mailbox !== null || npages === 0) {
      throw this.#failed("EINVAL", npages === 0 ? "maps no pages" : "has mapped the buffer before");
    }
    invariant(dir !== null, "A buffer for headers is never mapped");
    const mailbox = new KeyMailbox(npages, pageBytes);
    const { machine } = this;
    if (!takeCost(machine, "key_table", mailbox.sizeBytes)) {
      throw this.#failed("ENOMEM", `gets no table of ${mailbox.sizeBytes} bytes`);
    }
    const registration = { buffer, mailbox, dir };
    let error = this.#mapper.register(registration);
    if (error === 0) {
      error = this.#createKey(buffer, mailbox);
      if (error !== 0) this.#mapper.unregister(registration);
    }
    if (error !== 0) {
      giveCost(machine.events, "key_table", mailbox.sizeBytes);
      throw this.#failed(errnoName(error), `cannot map a buffer of ${npages} pages`);
    }
    buffer.mailbox = mailbox;
  }

  /** Makes the device create a key from a table. @returns 0 or a negative errno. */
  #createKey(buffer: MigrationBuffer, mailbox: KeyMailbox): number {
    const { faults } = this.machine;
    const injected = faults === null ? 0 : faults.errnoAt(INJECTION["vfio.key"]);
    if (injected !== 0) return injected;
    const { entries, lengthBytes } = mailbox;
    const key = this.port.beginKey(entries, buffer.pageBytes, lengthBytes);
    for (let first = 0; first < entries; first += ENTRIES_PER_COMMAND) {
      const count = Math.min(ENTRIES_PER_COMMAND, entries - first);
      this.#writeEntries(mailbox, first, count);
      if (this.port.fetchEntries(key, first, count)) continue;
      this.port.destroyKey(key);
      return -ERRNO.EIO;
    }
    mailbox.key = key;
    this.#tellKey(buffer, mailbox, "made");
    return 0;
  }

  #tellKey(
    { id }: MigrationBuffer,
    { entries, key, lengthBytes }: KeyMailbox,
    state: EventFields<"vfio.key">["state"],
  ): void {
    const { events } = this.machine;
    if (!events.tick(KEY)) return;
    events.emit(KEY, { buffer: id, key, entries, size_bytes: lengthBytes, state });
  }

  /** Writes a part of a table to the page from which the device fetches it. */
  #writeEntries(mailbox: KeyMailbox, first: number, count: number): void {
    const bytes = new Uint8Array(count * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < count; at++) {
      const dma = mailbox.entryAt(first + at);
      view.setUint32(at * ENTRY_BYTES, dma, true);
      view.setUint32(at * ENTRY_BYTES + 4, realHigh(Math.floor(dma / 2 ** 32)), true);
    }
    this.machine.hostMemory.write(this.#commandPage.physOf(0), bytes, 0, bytes.length);
  }

  /** Removes a buffer that is no longer in use. */
  #drop(buffer: MigrationBuffer): void {
    invariant(this.buffers.delete(buffer), `The buffer is not in use by ${this.dev.name}`);
  }

  #release(buffer: MigrationBuffer): void {
    const { dir, mailbox } = buffer;
    this.#tell("freed", buffer);
    if (mailbox !== null) {
      this.port.destroyKey(mailbox.key);
      this.#tellKey(buffer, mailbox, "destroyed");
      this.#mapper.unregister({ buffer, mailbox, dir: dir! });
      giveCost(this.machine.events, "key_table", mailbox.sizeBytes);
    }
    buffer.mailbox = null;
    dropPages(this.machine, buffer);
    buffer.freed = true;
  }

  #tell(
    action: EventFields<"vfio.buffer">["action"],
    buffer: MigrationBuffer,
    inputs: Why["inputs"] | null = null,
  ): void {
    const { events } = this.machine;
    if (!events.tick(BUFFER)) return;
    const why = inputs === null ? null : { rule: RULE, inputs };
    const { direction, id, npages } = buffer;
    events.emit(BUFFER, { buffer: id, action, pages: npages, dir: direction }, why);
  }

  /** Runs `act` with its events attributed to this device. */
  #asDevice<T>(act: () => T): T {
    return this.machine.events.context.asDevice(this.dev.name, act);
  }

  #failed(errno: ErrnoName, what: string): KernelError {
    return new KernelError(errno, `${this.dev.name} ${what}`);
  }
}
