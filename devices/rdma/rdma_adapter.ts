/**
 * An RDMA device with on-demand paging, and its driver. Accesses of the device and the host's steps
 * of handling a page fault are separate activities, so that other activities may run between them.
 *
 * @see rules/hmm-rdma-vfio.md chapter 2
 */
import {
  type ActivityHandler,
  type Bytes,
  type DmaAddr,
  ERRNO,
  errnoName,
  eventId,
  invariant,
  type Machine,
  type PhysAddr,
  type VirtAddr,
} from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { CHILD_BYTES, ImplicitRegion } from "./implicit_region.ts";
import { MemoryRegion } from "./memory_region.ts";
import { PageFault, type RdmaAccess } from "./page_fault.ts";
import { getUmem, type UmemKind, type UmemRequest } from "./umem_odp.ts";

const FAULT_EVENT = eventId("odp.fault");
const HANDLED = eventId("odp.handled");

/**
 * Kinds of activities. `ACCESS` continues an access of the device. The next two are the host's two steps of a
 * page fault. The last one destroys an empty child region.
 */
const ACCESS = 0;
const READ_PAGES = 1;
const MAP_PAGES = 2;
const DESTROY = 3;

export type RegionRequest = Omit<UmemRequest, "kind">;

export class RdmaAdapter implements ActivityHandler {
  readonly regions: (MemoryRegion | ImplicitRegion)[] = [];
  readonly #machine: Machine;
  readonly #accesses = new Map<number, RdmaAccess>();
  readonly #leaving = new Map<number, MemoryRegion>();
  #numbered = 0;
  #posted = 0;

  constructor(
    machine: Machine,
    readonly name: string,
    /** The DMA device; null for a software device. */
    readonly dev: DmaDevice | null,
    /** Size of one update of the device's table. */
    readonly updateBytes: Bytes,
  ) {
    this.#machine = machine;
  }

  /** Regions with pages, including those about to be destroyed. */
  get pagedRegions(): readonly MemoryRegion[] {
    const known = this.regions.flatMap((region) =>
      region instanceof ImplicitRegion ? region.children : [region]
    );
    return [...known, ...this.#leaving.values()];
  }

  /**
   * Whether this is a software device. A software device has only a list of page frames, and the
   * CPU copies its bytes.
   */
  get software(): boolean {
    return this.dev === null;
  }

  /**
   * Registers memory of a process.
   * @returns The region, or a negative errno.
   * @throws {KernelError} EFAULT if a defect allocates a DMA map for a software device.
   * @see rules/hmm-rdma-vfio.md 2.1
   */
  register(request: RegionRequest): MemoryRegion | number {
    const made = this.#asMine(() =>
      this.#make("explicit", `mr${this.#numbered + 1}`, request, null)
    );
    if (typeof made === "number") return made;
    this.#numbered++;
    this.regions.push(made);
    return made;
  }

  /**
   * Registers the whole address space of a process.
   * @returns The region, or -EINVAL for huge pages, or without on-demand paging.
   * @see rules/hmm-rdma-vfio.md 2.1
   */
  registerImplicit(
    request: Omit<RegionRequest, "virt" | "sizeBytes">,
  ): ImplicitRegion | number {
    const { huge, onDemand, writable } = request;
    if (!onDemand || huge) return -ERRNO.EINVAL;
    const name = `mr${++this.#numbered}`;
    let children = 0;
    const parent: ImplicitRegion = new ImplicitRegion(name, writable, (start) =>
      this.#make(
        "child",
        `${name}.${++children}`,
        { ...request, virt: start, sizeBytes: CHILD_BYTES },
        (child) => {
          parent.forget(child);
          this.#leaving.set(this.#post(DESTROY), child);
        },
      ));
    this.regions.push(parent);
    return parent;
  }

  #make(
    kind: UmemKind,
    name: string,
    request: RegionRequest,
    onEmpty: ((region: MemoryRegion) => void) | null,
  ): MemoryRegion | number {
    const { sizeBytes, virt } = request;
    const region = new MemoryRegion(this.#machine, {
      name,
      device: this.name,
      virt,
      sizeBytes,
      updateBytes: this.updateBytes,
      onEmpty,
    });
    const umem = getUmem(this.#machine, this.dev, { ...request, kind }, region);
    if (typeof umem === "number") return umem;
    region.attach(umem);
    return region;
  }

  /** Ends a region: accesses to it end with EACCES. @see rules/hmm-rdma-vfio.md 2.5 */
  deregister(region: MemoryRegion | ImplicitRegion): void {
    const index = this.regions.indexOf(region);
    if (index >= 0) this.regions.splice(index, 1);
    this.#asMine(() => region.release());
  }

  /** Queues an access of the device. */
  submit(access: RdmaAccess): void {
    const id = this.#post(ACCESS);
    invariant(!access.done, "An access is submitted after its end");
    this.#accesses.set(id, access);
  }

  /**
   * Maps pages for the device before it accesses them.
   * @returns The number of pages, or a negative errno.
   * @see rules/hmm-rdma-vfio.md 2.4
   */
  prefetch(
    region: MemoryRegion | ImplicitRegion,
    virt: VirtAddr,
    sizeBytes: Bytes,
    fault: boolean,
    downgrade: boolean,
  ): number {
    let pages = 0;
    for (const part of this.#parts(region, virt, sizeBytes)) {
      if (typeof part === "number") return part;
      const pageFault = new PageFault(this.#machine, part.region, { ...part, fault, downgrade });
      const mapped = this.#asMine(() => pageFault.run());
      if (mapped < 0) return mapped;
      part.region.statistics.prefetch += mapped;
      pages += mapped;
    }
    return pages;
  }

  /**
   * The regions of an address range, each with its part of the range; a negative errno in place of
   * a part that has no region.
   */
  *#parts(region: MemoryRegion | ImplicitRegion, virt: VirtAddr, sizeBytes: Bytes) {
    if (!(region instanceof ImplicitRegion)) {
      yield { region, virt, sizeBytes };
      return;
    }
    if (region.released) {
      yield -ERRNO.EFAULT;
      return;
    }
    let at = virt as number;
    const end = virt + sizeBytes;
    while (at < end) {
      const child = region.childFor(at);
      if (typeof child === "number") {
        yield child;
        return;
      }
      const stop = Math.min(end, child.virt + child.sizeBytes);
      yield { region: child, virt: at as VirtAddr, sizeBytes: stop - at };
      at = stop;
    }
  }

  /** A page fault of a region, to be handled step by step; or a negative errno. */
  pageFault(
    region: MemoryRegion | ImplicitRegion,
    virt: VirtAddr,
    sizeBytes: Bytes,
  ): PageFault | number {
    const [part] = this.#parts(region, virt, sizeBytes);
    if (part === undefined || typeof part === "number") return part ?? -ERRNO.EFAULT;
    return new PageFault(this.#machine, part.region, { ...part, fault: true, downgrade: false });
  }

  #post(kind: number): number {
    const id = ++this.#posted;
    this.#asMine(() => this.#machine.activities.post(this, kind, id));
    return id;
  }

  /** Attributes the events of `act` to this device. */
  #asMine<T>(act: () => T): T {
    return this.#machine.events.context.asDevice(this.name, act);
  }

  runActivity(kind: number, id: number): void {
    if (kind === DESTROY) {
      invariant(this.#leaving.has(id), "A region is destroyed that does not leave");
      this.#leaving.get(id)!.release();
      this.#leaving.delete(id);
    } else {
      const access = this.#accesses.get(id);
      invariant(access !== undefined, `No access has the number ${id}`);
      if (kind === ACCESS || access.fault!.region.released) this.#goOn(id, access);
      else if (kind === READ_PAGES) this.#readPages(id, access);
      else this.#mapPages(id, access);
      if (access.done) this.#accesses.delete(id);
    }
  }

  /**
   * Continues an access: moves bytes up to a page that is not present. Also called if the region in
   * which the access faulted was removed. If the whole registered region was removed, the access
   * ends. If only a child region was removed, the device requests the page again.
   */
  #goOn(id: number, access: RdmaAccess): void {
    const { region, sizeBytes, write } = access;
    const bounded = region instanceof ImplicitRegion || region.covers(access.virt, sizeBytes);
    const allowed = region instanceof ImplicitRegion ? region.writable : region.umem.writable;
    if (region.released || !bounded || write && !allowed) {
      access.end("EACCES");
      return;
    }
    while (access.doneBytes < sizeBytes) {
      const part = region instanceof ImplicitRegion ? region.childAt(access.at) : region;
      const reached = part === null ? null : part.reach(access.at, write);
      if (reached === null) {
        this.#raise(id, access);
        return;
      }
      const count = Math.min(reached.leftBytes, sizeBytes - access.doneBytes);
      invariant(count > 0, "An access makes no progress");
      if (!this.#move(access, reached.address, count)) {
        access.end("EIO");
        return;
      }
      access.doneBytes += count;
      invariant(access.doneBytes <= sizeBytes, "An access goes beyond its end");
    }
    access.end(null);
  }

  /** Moves bytes by DMA, or by the CPU for a software device. */
  #move(access: RdmaAccess, address: number, count: Bytes): boolean {
    const { bus, hostMemory } = this.#machine;
    const { bytes, doneBytes, write } = access;
    if (this.dev !== null) {
      return write
        ? bus.write(this.dev, address as DmaAddr, bytes, doneBytes, count)
        : bus.read(this.dev, address as DmaAddr, bytes, doneBytes, count);
    }
    if (write) hostMemory.write(address as PhysAddr, bytes, doneBytes, count);
    else hostMemory.read(address as PhysAddr, bytes, doneBytes, count);
    return true;
  }

  /**
   * Reports a page fault to the host. The report contains the address of the fault, and the number
   * of bytes that the access still has to move.
   */
  #raise(id: number, access: RdmaAccess): void {
    const { events } = this.#machine;
    const { at, region, sizeBytes, write } = access;
    access.faults++;
    if (access.faultedAt === at) access.refaults++;
    access.faultedAt = at;
    if (events.tick(FAULT_EVENT)) {
      events.emit(FAULT_EVENT, {
        region: region.name,
        virt: at,
        size_bytes: sizeBytes - access.doneBytes,
        access: write ? "write" : "read",
      });
    }
    const fault = this.pageFault(region, at, sizeBytes - access.doneBytes);
    if (typeof fault === "number") {
      this.#handled(access, null, fault);
      return;
    }
    access.fault = fault;
    this.#machine.activities.post(this, READ_PAGES, id);
  }

  /** First step of the host: reads the process's page table. */
  #readPages(id: number, access: RdmaAccess): void {
    const fault = access.fault!;
    const read = fault.read();
    if (typeof read === "number" && read !== 0) this.#handled(access, fault, read);
    else this.#machine.activities.post(this, read === 0 ? MAP_PAGES : READ_PAGES, id);
  }

  /**
   * Second step of the host: maps the pages for the device, if they have not changed since the first
   * step read them.
   */
  #mapPages(id: number, access: RdmaAccess): void {
    const fault = access.fault!;
    const mapped = fault.map();
    if (mapped !== "again") this.#handled(access, fault, mapped);
    if (!access.done) this.#machine.activities.post(this, mapped === 0 ? ACCESS : READ_PAGES, id);
  }

  /** Ends a page fault: the device continues the access, or the access ends. */
  #handled(access: RdmaAccess, fault: PageFault | null, error: number): void {
    const { events } = this.#machine;
    if (fault !== null && error === 0) {
      const { statistics } = fault.region;
      statistics.faults += fault.mappedEntries;
      statistics.faultsHandled++;
    }
    if (events.tick(HANDLED)) {
      events.emit(HANDLED, {
        region: fault?.region.name ?? access.region.name,
        virt: access.at,
        pages: error === 0 ? fault?.mappedEntries ?? 0 : 0,
        result: error === 0 ? "OK" : errnoName(error),
      }, { rule: "hmm-rdma-vfio.2.2", inputs: { refaults: access.refaults } });
    }
    access.fault = null;
    if (error !== 0) access.end(errnoName(error));
  }
}
