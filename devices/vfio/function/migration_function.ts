/**
 * The device's side of a migration: holds the device's state, and transfers the state to and from
 * the buffer that a key describes.
 *
 * The device fetches a key's table of page addresses and keeps a copy of the table. It accesses
 * these addresses page by page, through the IOMMU if there is one, like every access of a device.
 *
 * @see rules/hmm-rdma-vfio.md chapter 3
 */
import {
  ADDRESS_LIMIT,
  type Bytes,
  type DeviceAccess,
  type DmaAddr,
  eventId,
  foldedHigh,
  INJECTION,
  invariant,
  type Machine,
  Random,
  realHigh,
} from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { CommandPort, DirtyReport } from "../command_port.ts";

const VFIO_DATA = eventId("vfio.data");
const ENTRY_BYTES = 8;
const RECORD_BYTES = 8;

export class MigrationFunction implements CommandPort {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #seed: number;
  /** The state; generated at its first use. */
  #state: Uint8Array | null = null;
  readonly #keys = new Map<number, DeviceKey>();
  #lastKey = 0;
  #commandPage: DmaAddr | null = null;
  #dirty: DirtyPages | null = null;

  /** @param seed Seed of a fresh device's state. */
  constructor(machine: Machine, dev: DmaDevice, readonly stateBytes: Bytes, seed: number) {
    this.#machine = machine;
    this.#dev = dev;
    this.#seed = seed;
  }

  /** The device state that a migration transfers. */
  get state(): Uint8Array {
    return this.#state ??= freshState(this.#seed, this.stateBytes);
  }

  /**
   * Changes the device's state, as the device's own work would. Bytes after the given ones stay
   * unchanged.
   */
  changeState(bytes: Uint8Array): void {
    this.state.set(bytes.subarray(0, this.stateBytes));
  }

  get keyCount(): number {
    return this.#keys.size;
  }

  /**
   * Records a write of the device to its guest's memory, rather than to a buffer of a migration.
   */
  noteWrite(dma: number, sizeBytes: Bytes): void {
    this.#dirty?.note(dma, sizeBytes);
  }

  shareCommandPage(dma: DmaAddr): void {
    this.#commandPage = dma;
  }

  beginKey(entries: number, pageBytes: Bytes, lengthBytes: Bytes): number {
    const key = ++this.#lastKey;
    this.#keys.set(key, new DeviceKey(entries, pageBytes, lengthBytes));
    return key;
  }

  fetchEntries(key: number, first: number, count: number): boolean {
    invariant(this.#commandPage !== null, `${this.#dev.name} shares no page with its driver`);
    const words = new Int32Array(count * ENTRY_BYTES / 4);
    const { bus } = this.#machine;
    if (!bus.readWords(this.#dev, this.#commandPage, words, INJECTION["queue.read"])) return false;
    this.#keys.get(key)?.take(first, words);
    return true;
  }

  destroyKey(key: number): void {
    this.#keys.delete(key);
  }

  save(key: number): boolean {
    return this.#move(key, this.state, this.stateBytes, "write");
  }

  load(key: number, sizeBytes: Bytes): boolean {
    const taken = new Uint8Array(sizeBytes);
    if (!this.#move(key, taken, sizeBytes, "read")) return false;
    this.changeState(taken);
    return true;
  }

  track(first: DmaAddr, sizeBytes: Bytes, pageBytes: Bytes): void {
    this.#dirty = new DirtyPages(first, sizeBytes, pageBytes);
  }

  report(key: number): DirtyReport | null {
    const dirty = this.#dirty;
    if (dirty === null) return null;
    const pages = dirty.lowest(Math.floor((this.#keys.get(key)?.lengthBytes ?? 0) / RECORD_BYTES));
    const records = new Uint8Array(pages.length * RECORD_BYTES);
    const view = new DataView(records.buffer);
    pages.forEach((page, index) => {
      view.setUint32(index * RECORD_BYTES, page, true);
      view.setUint32(index * RECORD_BYTES + 4, realHigh(Math.floor(page / 2 ** 32)), true);
    });
    if (!this.#move(key, records, records.length, "write")) return null;
    dirty.forget(pages);
    return { records: pages.length, more: dirty.count > 0 };
  }

  stopTracking(): void {
    this.#dirty = null;
  }

  forget(): void {
    this.#keys.clear();
    this.#dirty = null;
  }

  /**
   * Transfers bytes between the device and the memory of a key, page by page.
   * @returns False at the first page that cannot be accessed; pages before it have been
   *   transferred.
   */
  #move(number: number, bytes: Uint8Array, sizeBytes: Bytes, access: DeviceAccess): boolean {
    const key = this.#keys.get(number);
    if (key === undefined || key.fetched < key.entries || sizeBytes > key.lengthBytes) return false;
    const { bus, events } = this.#machine;
    const dev = this.#dev;
    for (let entry = 0, done = 0; done < sizeBytes; entry++) {
      const count = Math.min(key.pageBytes, sizeBytes - done);
      const dma = key.addressAt(entry);
      if (dma >= ADDRESS_LIMIT) {
        bus.faultWide(dev, access, Math.floor(dma / 2 ** 32));
        return false;
      }
      const reached = access === "write"
        ? bus.write(dev, dma, bytes, done, count)
        : bus.read(dev, dma, bytes, done, count);
      if (!reached) return false;
      if (events.tick(VFIO_DATA)) {
        events.emit(VFIO_DATA, {
          key: number,
          index: entry,
          dma: dma as DmaAddr,
          size_bytes: count,
          access,
        });
      }
      done += count;
    }
    return true;
  }
}

/** Random bytes, the same for the same seed. */
function freshState(seed: number, sizeBytes: Bytes): Uint8Array {
  const random = new Random(seed);
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = random.nextU32();
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** The pages of a range that the device has written since the last report. */
class DirtyPages {
  readonly #first: number;
  readonly #end: number;
  readonly #pageBytes: Bytes;
  readonly #pages = new Set<number>();

  /** @param first First address of the range, a multiple of `pageBytes`. */
  constructor(first: number, sizeBytes: Bytes, pageBytes: Bytes) {
    this.#first = first;
    invariant(sizeBytes > 0 && pageBytes > 0, "No page is followed");
    this.#end = first + sizeBytes;
    this.#pageBytes = pageBytes;
  }

  /** Notes a write by the device. */
  note(dma: number, sizeBytes: Bytes): void {
    const end = Math.min(dma + sizeBytes, this.#end);
    const start = Math.max(dma, this.#first);
    const pageBytes = this.#pageBytes;
    for (let page = Math.floor(start / pageBytes) * pageBytes; page < end; page += pageBytes) {
      this.#pages.add(page);
    }
  }

  /** The lowest dirty pages, at most `count`, ascending. */
  lowest(count: number): readonly number[] {
    return [...this.#pages].sort((a, b) => a - b).slice(0, count);
  }

  /** Removes reported pages. */
  forget(pages: readonly number[]): void {
    invariant(pages.length <= this.#pages.size, "More pages are reported than are dirty");
    for (const page of pages) this.#pages.delete(page);
  }

  get count(): number {
    return this.#pages.size;
  }
}

/** The device's copy of a key's table: the address of each page of a buffer. */
export class DeviceKey {
  /** Low and high halves of the 64-bit addresses, which may be too large for a number. */
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  /** Number of fetched entries. */
  fetched = 0;

  /**
   * @param entries Number of pages of the buffer.
   * @param pageBytes Size of the page that an entry describes.
   * @param lengthBytes Size of the key's buffer.
   */
  constructor(entries: number, readonly pageBytes: Bytes, readonly lengthBytes: Bytes) {
    this.#low = new Uint32Array(entries);
    this.#high = new Uint32Array(entries);
  }

  get entries(): number {
    return this.#low.length;
  }

  /** Copies entries from memory: two words each. */
  take(first: number, words: Int32Array): void {
    invariant(first + words.length / 2 <= this.entries, "More entries arrive than the key has");
    for (let at = 0; at < words.length / 2; at++) {
      this.#low[first + at] = words[2 * at]!;
      this.#high[first + at] = words[2 * at + 1]!;
    }
    this.fetched = Math.max(this.fetched, first + words.length / 2);
  }

  /** The address in an entry; 2^53 or more if no number represents it. */
  addressAt(entry: number): number {
    return foldedHigh(this.#high[entry]!) * 2 ** 32 + this.#low[entry]!;
  }
}
