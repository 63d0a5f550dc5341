/**
 * The driver of a device that can be migrated: buffers for its state, and the keys by which the
 * device finds them.
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
  /** Buffers that were put and wait for the next user, first in, first out. */
  readonly spare: MigrationBuffer[] = [];
  /** The device cannot be reached for now. */
  detached = false;
  /** Follows which pages the device writes; null while tracking is off. */
  tracker: DirtyTracker | null = null;
  readonly #mapper: PageMapper;
  readonly #commandPage: CoherentMemory;
  #lastBuffer = 0;

  /** @throws {KernelError} ENOMEM when there is no page for commands. */
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
   * @param dir Null: pages only.
   * @param apart No two pages are neighbours, as far as memory goes.
   * @throws {KernelError} ENOMEM, or what `mapBuffer` raises; nothing of the buffer is left then,
   *   but for the defects of 4.7 and 4.8.
   */
  allocBuffer(npages: number, dir: DmaDirection | null, apart: boolean): MigrationBuffer {
    return this.#asDevice(() => {
      const buffer = this.#newBuffer(npages, dir, apart);
      this.#tell("allocated", buffer);
      return buffer;
    });
  }

  /**
   * A buffer of at least so many pages: the first spare one of the same direction that is large
   * enough. Smaller ones that are met on the way are freed; without one, one is allocated.
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

  /** Keeps a buffer, mapped as it is, for its next user. */
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
   * Has the device see a buffer's pages: a table is written, the pages are mapped, and the device
   * makes a key of both.
   *
   * @throws {KernelError} ENOTCONN, EINVAL, ENOMEM, or what mapping and the device fail with.
   * @see rules/hmm-rdma-vfio.md 3.3
   */
  mapBuffer(buffer: MigrationBuffer): void {
    this.#asDevice(() => this.#map(buffer));
  }

  /** Has the device write its state into a buffer. @returns How many bytes. @throws {KernelError} */
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

  /** Has the device take its state out of a buffer. @throws {KernelError} */
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
   * Begins to follow which pages of a range the device writes; it reports them through a separate
   * buffer.
   * @throws {KernelError} EBUSY when that is done already, else as `allocBuffer`.
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

  /** Ends that, and frees the buffer. */
  stopTracking(tracker: DirtyTracker): void {
    this.port.stopTracking();
    invariant(this.tracker === tracker, "A tracker stops that does not follow the device");
    this.tracker = null;
    this.freeBuffer(tracker.buffer);
  }

  /** The device is reset, and cannot be reached until it is attached again. It forgets all keys. */
  detach(): void {
    this.detached = true;
    this.port.forget();
  }

  /** The use of a buffer's key. @throws {KernelError} ENOTCONN, EINVAL */
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

  /** The device makes a key of a table; 0 or a negative errno. */
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

  /** Puts a part of a table where the device fetches it. */
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

  /** A buffer is no longer in use. */
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

  /** Runs `act` with this device as the one that its events belong to. */
  #asDevice<T>(act: () => T): T {
    return this.machine.events.context.asDevice(this.dev.name, act);
  }

  #failed(errno: ErrnoName, what: string): KernelError {
    return new KernelError(errno, `${this.dev.name} ${what}`);
  }
}
