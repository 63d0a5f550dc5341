/**
 * A device's accesses to memory: reads and writes at addresses as the device sees them.
 *
 * An access is cut at page borders. Direct routes between peers are tried first. The IOMMU
 * translates accesses that go to the root complex. A target that is not memory is unreachable.
 *
 * @see rules/dma.md chapter 5; p2p.md
 */
import {
  ADDRESS_LIMIT,
  type Bytes,
  DMA_MAPPING_ERROR,
  lowBitsOf,
  type PhysAddr,
  realHigh,
} from "../../address.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import { type FailureInjector, INJECTION, type InjectionPoint } from "../../injection.ts";
import type { EventContext } from "../../event_context.ts";
import type { AccessWatcher, DmaMachine } from "../dma_machine.ts";
import { MemoryPage } from "../../memory/physical_memory.ts";
import type { DmaChecker } from "../checker/dma_checker.ts";
import type { DmaDevice } from "./device.ts";
import type { ScatterOutput } from "../scatterlist.ts";
import type { IommuDomain } from "../../iommu/domain.ts";

const READ = INJECTION["device.read"];
const WRITE = INJECTION["device.write"];
const LIMIT = ADDRESS_LIMIT;

const PAGE_BYTES = 4096;
/** A peer router's answer for an access that is lost below the root complex. */
const PEER_LOST = -2;

/** Generates the bytes of a page in place. */
export interface PageMaker {
  makePage(page: MemoryPage): void;
}

/** Memory as devices read and write it. */
export class DeviceBus {
  readonly #machine: DmaMachine;
  readonly #context: EventContext;
  readonly #pageBytes: Bytes;
  readonly #checker: DmaChecker | null;
  readonly #watchers: readonly AccessWatcher[];
  /** The pieces of the current request: physical address and length of each. */
  readonly #phys: number[] = [];
  readonly #sizeBytes: number[] = [];
  /** Buffer for a page that cannot be generated in place. */
  #ownPage: MemoryPage | null = null;

  /** @internal */
  constructor(machine: DmaMachine) {
    this.#machine = machine;
    this.#context = machine.events.context;
    this.#checker = machine.checker;
    this.#watchers = machine.accessWatchers;
    // No piece may cross a granule, nor a page of the memory to which a granule is mapped.
    this.#pageBytes = Math.min(4096, machine.config.iommu.granuleBytes);
  }

  /**
   * Reads memory for a device.
   *
   * @param dma First byte as the device sees it.
   * @param into Receives the bytes from `offset` on.
   * @param point Injection point of the access: for data, or for a queue.
   * @returns False after a fault; then nothing was read, except from parts of a merged range.
   */
  read(
    dev: DmaDevice,
    dma: number,
    into: Uint8Array,
    offset: number,
    sizeBytes: Bytes,
    point: InjectionPoint = READ,
  ): boolean {
    if (dev.merged !== null) {
      const parts = dev.merged.partsOf(dma, sizeBytes);
      if (parts !== null) return this.#eachPart("read", dev, parts, into, offset, point);
    }
    const { faults, memory, deviceMemory: special } = this.#machine;
    if (faults !== null && this.#isRefused(faults, point, dev, dma, "read")) return false;
    const pieces = this.#resolve(dev, dma, sizeBytes, "read");
    if (pieces < 0) return false;
    let at = offset;
    for (let piece = 0; piece < pieces; piece++) {
      const count = this.#sizeBytes[piece]!;
      const phys = this.#phys[piece]! as PhysAddr;
      if (special === null) memory.read(phys, into, at, count);
      else special.read(dev, phys, into, at, count);
      at += count;
    }
    return true;
  }

  /**
   * Writes memory for a device. All pages are translated before any byte changes, except in parts of
   * a merged range.
   * @param point Injection point of the access: for data, or for a queue.
   * @returns False after a fault; then nothing was written, except in parts of a merged range.
   */
  write(
    dev: DmaDevice,
    dma: number,
    from: Uint8Array,
    offset: number,
    sizeBytes: Bytes,
    point: InjectionPoint = WRITE,
  ): boolean {
    if (dev.merged !== null) {
      const parts = dev.merged.partsOf(dma, sizeBytes);
      if (parts !== null) return this.#eachPart("write", dev, parts, from, offset, point);
    }
    const { faults, memory, deviceMemory: special } = this.#machine;
    if (faults !== null && this.#isRefused(faults, point, dev, dma, "write")) return false;
    const pieces = this.#resolve(dev, dma, sizeBytes, "write");
    if (pieces < 0) return false;
    let at = offset;
    memory.writer = dev.name;
    for (let piece = 0; piece < pieces; piece++) {
      const count = this.#sizeBytes[piece]!;
      const phys = this.#phys[piece]! as PhysAddr;
      if (special === null) memory.write(phys, from, at, count);
      else special.write(dev, phys, from, at, count);
      at += count;
    }
    memory.writer = null;
    return true;
  }

  /**
   * Reads 32-bit words that lie in one page, such as a queue's entry (`nvme.read4k`).
   *
   * @param dma A multiple of 4.
   * @param into Receives the words; its length is the number of words to read.
   * @param page Cached page of the queue for reads; null if none is cached.
   * @returns False after a fault; then nothing was read.
   * @internal
   */
  readWords(
    dev: DmaDevice,
    dma: number,
    into: Int32Array,
    point: InjectionPoint = READ,
    page: EntryPage | null = null,
  ): boolean {
    const { faults, memory, deviceMemory: special } = this.#machine;
    if (faults !== null && this.#isRefused(faults, point, dev, dma, "read")) return false;
    const phys = this.#resolveEntry(dev, dma, into.byteLength, "read", page);
    if (phys < 0) return false;
    if (special === null) memory.readWords(phys as PhysAddr, into);
    else special.read(dev, phys as PhysAddr, bytesOf(into), 0, into.byteLength);
    return true;
  }

  /**
   * Writes 32-bit words that lie in one page; `dma` is a multiple of 4. Returns false after a
   * fault.
   * @param page Cached page of the queue for writes; null if none is cached.
   * @internal
   */
  writeWords(
    dev: DmaDevice,
    dma: number,
    from: Int32Array,
    point: InjectionPoint = WRITE,
    page: EntryPage | null = null,
  ): boolean {
    const { faults, memory, deviceMemory: special } = this.#machine;
    if (faults !== null && this.#isRefused(faults, point, dev, dma, "write")) return false;
    const phys = this.#resolveEntry(dev, dma, from.byteLength, "write", page);
    if (phys < 0) return false;
    memory.writer = dev.name;
    if (special === null) memory.writeWords(phys as PhysAddr, from);
    else special.write(dev, phys as PhysAddr, bytesOf(from), 0, from.byteLength);
    memory.writer = null;
    return true;
  }

  /**
   * Writes a whole page of generated data, directly in memory if nothing prevents that
   * (`nvme.read4k`).
   *
   * @param dev A device without merged ranges: `write` looks for these, this call does not, because a
   *   larger function is not inlined.
   * @param dma First byte of a page of 4 KiB.
   * @returns False after a fault; then no data was generated.
   * @internal
   */
  writePage(dev: DmaDevice, dma: number, maker: PageMaker): boolean {
    const { faults, memory, deviceMemory: special } = this.#machine;
    const point = WRITE;
    if (faults !== null && this.#isRefused(faults, point, dev, dma, "write")) return false;
    const phys = this.#resolveOne(dev, dma, PAGE_BYTES, "write");
    if (phys < 0) return false;
    memory.writer = dev.name;
    if (special === null) {
      maker.makePage(memory.pageForWriting(phys));
      memory.onWrite?.(phys, PAGE_BYTES);
    } else {
      const page = this.#ownPage ??= new MemoryPage(new Uint8Array(PAGE_BYTES));
      maker.makePage(page);
      special.write(dev, phys as PhysAddr, page.bytes, 0, PAGE_BYTES);
    }
    memory.writer = null;
    return true;
  }

  /**
   * Records a fault of a device at an address that no number can represent. The fault shows the
   * error value instead of the address.
   * @param high The upper 32 bits of the address, as `foldedHigh` returns them.
   * @internal
   */
  faultWide(dev: DmaDevice, access: DeviceAccess, high: number): void {
    const outer = this.#context.enterDevice(dev.name);
    const { iommu } = this.#machine;
    iommu.fault(dev, DMA_MAPPING_ERROR, access, iommu.tooWide(dev, high % 2 ** 32));
    this.#context.leaveDevice(outer);
  }

  /**
   * Accesses the parts of a merged range in their order, until one faults. `read` and `write` pass
   * no callback, because its variables would take memory at each access (`nvme.read4k.off`).
   */
  #eachPart(
    access: DeviceAccess,
    dev: DmaDevice,
    parts: readonly ScatterOutput[],
    bytes: Uint8Array,
    offset: number,
    point: InjectionPoint,
  ): boolean {
    let at = offset;
    for (const { dma, sizeBytes } of parts) {
      const isDone = access === "read"
        ? this.read(dev, dma, bytes, at, sizeBytes, point)
        : this.write(dev, dma, bytes, at, sizeBytes, point);
      if (!isDone) return false;
      at += sizeBytes;
    }
    return true;
  }

  /**
   * True if the injection point makes this access fail; the access then causes a fault with the
   * injected reason.
   */
  #isRefused(
    faults: FailureInjector,
    point: InjectionPoint,
    dev: DmaDevice,
    dma: number,
    access: DeviceAccess,
  ): boolean {
    const outer = this.#context.enterDevice(dev.name);
    const reason = faults.reasonAt(point);
    if (reason !== null) this.#machine.iommu.fault(dev, dma, access, reason, true);
    this.#context.leaveDevice(outer);
    return reason !== null;
  }

  /**
   * Like `#resolveOne`, but reuses the last result for the page where that is still valid (`nvme.read4k`).
   */
  #resolveEntry(
    dev: DmaDevice,
    dma: number,
    sizeBytes: Bytes,
    access: DeviceAccess,
    page: EntryPage | null,
  ): PhysAddr | -1 {
    if (dev.merged !== null) dma = dev.merged.addressInPart(dma);
    if (page === null) return this.#resolveOne(dev, dma, sizeBytes, access);
    const offset = dma - page.dma;
    if (
      offset >= 0 && offset + sizeBytes <= this.#pageBytes && this.#isAsBefore(page, dev)
    ) {
      return page.phys + offset as PhysAddr;
    }
    const phys = this.#resolveOne(dev, dma, sizeBytes, access);
    if (phys >= 0) this.#remember(page, dev, dma, phys);
    return phys;
  }

  /** Whether the remembered result for a page is still valid. If so, the translation is counted. */
  #isAsBefore(page: EntryPage, dev: DmaDevice): boolean {
    const { domain } = page;
    if (dev.domain !== domain || dev.refusal !== null || this.#watchers.length !== 0) return false;
    const { iommu, peers } = this.#machine;
    if (peers !== null) return false;
    return domain === null || iommu.translateAgain(domain, page.iotlbEntry, page.iotlbSerial);
  }

  /**
   * Caches the translation of a page. Nothing is cached if each access must be observed (by peers, the checker or
   * a device TLB), if a host has the tables, if the bus has a range map, or if memory ends in the page.
   */
  #remember(page: EntryPage, dev: DmaDevice, dma: number, phys: number): void {
    const { iommu: { iotlb }, memory, peers } = this.#machine;
    const { domain } = dev;
    if (peers !== null || this.#checker !== null || dev.rangeMap !== null) return;
    if (dev.deviceTlb !== null || (domain !== null && domain.hostMappings !== null)) return;
    const offset = dma & (this.#pageBytes - 1);
    if (!memory.covers(phys - offset, this.#pageBytes)) return;
    page.dma = dma - offset;
    page.phys = phys - offset;
    page.domain = domain;
    if (domain === null) return;
    page.iotlbEntry = iotlb.newest;
    page.iotlbSerial = iotlb.serialOf(iotlb.newest);
  }

  /** The physical address of a piece, or -1 after a fault. */
  #resolveOne(
    dev: DmaDevice,
    dma: number,
    sizeBytes: Bytes,
    access: DeviceAccess,
  ): PhysAddr | -1 {
    const outer = this.#context.enterDevice(dev.name);
    if (dev.addressBits < 64) dma = lowBitsOf(dma, dev.addressBits);
    const phys = this.#resolvePiece(dev, dma, sizeBytes, access);
    if (phys >= 0) this.#checkUntranslated(dev, dma, sizeBytes, access);
    this.#context.leaveDevice(outer);
    if (phys >= 0 && this.#watchers.length !== 0) this.#watch(dev, dma, phys, sizeBytes, access);
    return phys;
  }

  /** Fills the list of pieces; returns how many there are, or -1 after a fault. */
  #resolve(dev: DmaDevice, dma: number, sizeBytes: Bytes, access: DeviceAccess): number {
    const outer = this.#context.enterDevice(dev.name);
    if (dev.addressBits < 64) dma = lowBitsOf(dma, dev.addressBits);
    let pieces = 0;
    let at = dma;
    let left = sizeBytes;
    while (left > 0) {
      // Addresses wrap around after the last one that the hardware can drive.
      if (dev.addressBits < 64) at = lowBitsOf(at, dev.addressBits);
      const page = Math.floor(at / this.#pageBytes) * this.#pageBytes;
      const room = page + this.#pageBytes - at;
      const count = left < room ? left : room;
      const phys = this.#resolvePiece(dev, at, count, access);
      if (phys < 0) {
        this.#context.leaveDevice(outer);
        return -1;
      }
      this.#phys[pieces] = phys;
      this.#sizeBytes[pieces] = count;
      pieces++;
      at += count;
      left -= count;
    }
    if (pieces > 0) this.#checkUntranslated(dev, dma, sizeBytes, access);
    this.#context.leaveDevice(outer);
    if (this.#watchers.length === 0) return pieces;
    for (let piece = 0, from = dma; piece < pieces; from += this.#sizeBytes[piece++]!) {
      this.#watch(dev, from, this.#phys[piece]!, this.#sizeBytes[piece]!, access);
    }
    return pieces;
  }

  #watch(dev: DmaDevice, dma: number, phys: number, sizeBytes: Bytes, access: DeviceAccess): void {
    for (const watcher of this.#watchers) {
      watcher.accessed(dev, dma, phys as PhysAddr, sizeBytes, access);
    }
  }

  #resolvePiece(
    dev: DmaDevice,
    dma: number,
    sizeBytes: Bytes,
    access: DeviceAccess,
  ): PhysAddr | -1 {
    const { peers, iommu, memory } = this.#machine;
    if (dma < 0 || dma >= LIMIT || dev.refusal !== null) {
      return this.#outOfReach(dev, dma, access);
    }
    if (peers !== null) {
      const peer = peers.resolveBusAddress(dev, dma, access);
      if (peer === PEER_LOST) return iommu.fault(dev, dma, access, "peer_blocked");
      if (peer >= 0) {
        if (dev.domain !== null) this.#checker?.accesses.touched(dev, dma, sizeBytes, access);
        return peer as PhysAddr;
      }
    }
    const { staleAccesses } = iommu;
    const phys = dev.domain === null
      ? iommu.passThrough(dev, dma, access)
      : iommu.translate(dev, dma, access);
    if (phys < 0) return -1;
    if (peers !== null && !peers.passesRoot(dev, dma, phys as PhysAddr, access)) {
      return iommu.fault(dev, dma, access, "peer_blocked");
    }
    if (!memory.covers(phys, sizeBytes)) return iommu.fault(dev, dma, access, "unreachable");
    if (this.#checker !== null && dev.domain !== null && iommu.staleAccesses === staleAccesses) {
      this.#checker.accesses.touched(dev, dma, sizeBytes, access);
    }
    return phys;
  }

  /**
   * For a device without translation, checks a whole access at once, so that an access to many
   * pages is reported only once.
   */
  #checkUntranslated(dev: DmaDevice, dma: number, sizeBytes: Bytes, access: DeviceAccess): void {
    if (this.#checker === null || dev.domain !== null) return;
    this.#checker.accesses.touched(dev, dma, sizeBytes, access);
  }

  #outOfReach(dev: DmaDevice, dma: number, access: DeviceAccess): -1 {
    const { iommu } = this.#machine;
    const high = realHigh(Math.floor(dma / 2 ** 32));
    return iommu.fault(dev, dma, access, dev.refusal ?? iommu.tooWide(dev, high));
  }
}

/** The memory of an array of words, as bytes. */
function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

const NOWHERE = Infinity;

/**
 * Cached translation of a page of a queue, from the device's last read or write of an entry in that
 * page. The cache helps because the device accesses the same page again and again (`nvme.read4k`).
 * There is one object for each queue and kind of access; `DeviceBus` writes it, and checks before
 * each use whether it is still valid.
 */
export class EntryPage {
  /** First byte of the page, as the device sees it. */
  dma = NOWHERE;
  /** First byte of the memory to which the page leads. */
  phys = 0;
  /** The domain that translates the page; null without translation. */
  domain: IommuDomain | null = null;
  iotlbEntry = 0;
  /**
   * Serial number of the translation in IOTLB entry `iotlbEntry`. If the number has changed, the
   * entry was replaced.
   */
  iotlbSerial = 0;
}
