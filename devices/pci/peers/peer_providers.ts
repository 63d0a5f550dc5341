/**
 * Every provider of a machine, and the calls by which drivers register, allocate and free peer
 * memory.
 *
 * As elsewhere in the runtime, calls return 0 or a negative errno.
 *
 * @see rules/p2p.md 9.3, 9.7, 9.8
 */
import {
  type Bytes,
  type DmaAddr,
  ERRNO,
  eventId,
  INJECTION,
  invariant,
  type Machine,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import type { PciFunction } from "../pci_function.ts";
import { PeerMemory } from "./peer_memory.ts";
import { type BarProvider, PeerProvider, type UserMapping } from "./peer_provider.ts";

const P2P_PROVIDER = eventId("p2p.provider");

/** Pages for device memory can only be made in units of this size. @see rules/p2p.md 9.3 */
export const PAGES_UNIT_BYTES: Bytes = 2 * MIB;
/** Standard memory BARs of a function: 0 to 5. */
const STANDARD_BARS = 6;

/** Charge in host memory for a page that a program has mapped, including the work of freeing it. */
const MAPPED_PAGE_BYTES = 64;
const PAGE_UNITS = 16;

function mappedCost(sizeBytes: Bytes): Bytes {
  return MAPPED_PAGE_BYTES * Math.ceil(sizeBytes / PAGE_SIZE_BYTES);
}

/** A user program's request to map memory through the provider's file. */
interface UserMapRequest {
  readonly sizeBytes: Bytes;
  readonly offsetBytes?: Bytes;
  readonly isPrivate?: boolean;
}

/** @internal */
export class PeerProviders {
  readonly #machine: Machine;
  readonly #providers = new Map<PciFunction, PeerProvider>();
  readonly #onLend: () => void;
  /** The provider found last: consecutive lookups are often for the same one. */
  #last: PeerProvider | null = null;
  /** Bounds of all peer memory, so that a lookup of host memory takes one comparison. */
  #low = Infinity;
  #high = 0;

  /** @param onLend Called when memory with pages is added. */
  constructor(machine: Machine, onLend: () => void) {
    this.#machine = machine;
    this.#onLend = onLend;
  }

  /** Every provider with a bound driver, in the order of registration. */
  get all(): readonly PeerProvider[] {
    return [...this.#providers.values()].filter(({ leaving }) => leaving !== "left");
  }

  /** The provider of a function, or null before its registration and after its unbinding. */
  of(func: PciFunction): PeerProvider | null {
    const provider = this.#providers.get(func);
    return provider === undefined || provider.leaving === "left" ? null : provider;
  }

  /**
   * The provider of a function, even after its unbinding; null if the function never was a
   * provider.
   */
  everOf(func: PciFunction): PeerProvider | null {
    return this.#providers.get(func) ?? null;
  }

  /** The provider with pages at an address, or null. */
  holding(phys: number): PeerProvider | null {
    if (phys < this.#low || phys >= this.#high) return null;
    if (this.#last !== null && this.#last.rangeOf(phys) !== null) return this.#last;
    for (const provider of this.#providers.values()) {
      if (provider.leaving === "left" || provider.rangeOf(phys) === null) continue;
      this.#last = provider;
      return provider;
    }
    return null;
  }

  /** Whether the kernel is built with peer-to-peer DMA. */
  get built(): boolean {
    return this.#machine.config.pciP2pdma;
  }

  /**
   * Registers a driver's function as a provider.
   * @returns 0, or -EOPNOTSUPP in a kernel without the feature.
   */
  register(func: PciFunction): number {
    if (!this.built) return -ERRNO.EOPNOTSUPP;
    this.init(func);
    return 0;
  }

  /** Makes a function a provider; a second call has no effect. */
  init(func: PciFunction): PeerProvider {
    const known = this.of(func);
    if (known !== null) return known;
    const provider = new PeerProvider(func);
    this.#providers.set(func, provider);
    this.#emit(provider);
    return provider;
  }

  /**
   * The memory of one BAR for peers, without pages: it exists as long as the driver is bound.
   * @returns Null for a BAR that is not memory, and before `init` (with a warning). Always null in
   *   a release that does not support peer memory without pages.
   * @see rules/p2p.md 9.3, 9.9
   */
  barProvider(func: PciFunction, barIndex: number): BarProvider | null {
    if (this.#machine.kernel.peer_memory_needs_pages) return null;
    if (!func.bars.some(({ index }) => index === barIndex)) return null;
    const provider = this.of(func);
    if (provider === null) {
      this.#machine.warnings.warn(
        "pcim_p2pdma_provider",
        `${func.name} is asked for a provider, but was never initialised`,
      );
      return null;
    }
    return provider.bars.get(barIndex) ?? null;
  }

  /**
   * Makes pages for a part of a BAR, and adds this part to the function's pool.
   * @param sizeBytes 0 for the rest of the BAR.
   * @returns 0; -EOPNOTSUPP in a kernel without the feature; -EINVAL for a missing BAR, for a part
   *   that is not inside the BAR, and for a part that does not begin and end at multiples of 2 MiB,
   *   the unit of device pages.
   */
  addResource(
    func: PciFunction,
    barIndex: number,
    sizeBytes: Bytes = 0,
    offsetBytes: Bytes = 0,
  ): number {
    if (!this.built) return -ERRNO.EOPNOTSUPP;
    const bar = barIndex < STANDARD_BARS
      ? func.bars.find(({ index }) => index === barIndex)
      : undefined;
    if (bar === undefined || offsetBytes < 0 || offsetBytes >= bar.sizeBytes) return -ERRNO.EINVAL;
    const wantedBytes = sizeBytes === 0 ? bar.sizeBytes - offsetBytes : sizeBytes;
    if (wantedBytes < 0 || wantedBytes + offsetBytes > bar.sizeBytes) return -ERRNO.EINVAL;
    const basePhys = (bar.basePhys + offsetBytes) as PhysAddr;
    const end = basePhys + wantedBytes;
    if (basePhys % PAGES_UNIT_BYTES !== 0 || end % PAGES_UNIT_BYTES !== 0) return -ERRNO.EINVAL;
    const provider = this.init(func);
    // Pages can be made only once.
    if (
      provider.ranges.some((range) =>
        range.basePhys < end && basePhys < range.basePhys + range.sizeBytes
      )
    ) return -ERRNO.EEXIST;
    provider.pool ??= new PeerMemory();
    provider.pool.add(basePhys, wantedBytes);
    invariant(
      basePhys + wantedBytes <= bar.basePhys + bar.sizeBytes,
      "Peer memory goes beyond its BAR",
    );
    provider.ranges.push({ bar, basePhys, sizeBytes: wantedBytes });
    this.#low = Math.min(this.#low, basePhys);
    this.#high = Math.max(this.#high, end);
    this.#onLend();
    this.#emit(provider);
    return 0;
  }

  /** Sets whether `find` may return the provider; has no effect before `init`. */
  publish(func: PciFunction, publishes: boolean): void {
    const provider = this.of(func);
    if (provider === null) return;
    provider.publishes = publishes;
    this.#emit(provider);
  }

  /**
   * Allocates memory of a provider.
   * @returns The address of the memory; null if no memory is left, or for a function that is no
   *   provider.
   */
  alloc(func: PciFunction, sizeBytes: Bytes): PhysAddr | null {
    const provider = this.of(func);
    if (provider === null) return null;
    if (provider.pool === null && provider.leaving === "no") {
      this.#machine.checker?.peers.withoutPool(func.name);
      return null;
    }
    const { faults } = this.#machine;
    if (faults && faults.errnoAt(INJECTION.pci_alloc_p2pmem) !== 0) return null;
    return provider.take(sizeBytes);
  }

  /**
   * Frees an allocation of `alloc`.
   * @returns False if this function has no allocation at the address.
   */
  free(func: PciFunction, phys: PhysAddr): boolean {
    const provider = this.of(func);
    if (provider?.pool == null || provider.pool.takenAt(phys) === 0) return false;
    // The pages of a user mapping are freed when the mapping is unmapped, and not here.
    for (const { pages } of provider.userMappings) {
      this.#machine.budget.work(pages.length);
      if (pages.includes(phys)) return false;
    }
    this.#give(provider, phys);
    this.#mayLeave(provider);
    return true;
  }

  #give(provider: PeerProvider, phys: PhysAddr): void {
    const { checker } = this.#machine;
    checker?.memory.freed(provider.pool!.pagesAt(phys), PAGE_SIZE_BYTES);
    provider.give(phys);
  }

  /** The bus address of a function's memory; 0 for null, and for a function that is no provider. */
  busAddress(func: PciFunction, phys: PhysAddr | null): DmaAddr {
    const provider = this.of(func);
    return provider === null || phys === null ? 0 as DmaAddr : provider.busAddress(phys);
  }

  /** Maps memory into a user's program. @returns The mapping, or a negative errno. */
  userMap(func: PciFunction, request: UserMapRequest): UserMapping | number {
    if (request.isPrivate === true || (request.offsetBytes ?? 0) !== 0) return -ERRNO.EINVAL;
    const provider = this.of(func);
    if (provider === null || provider.pool === null || provider.leaving !== "no") {
      return -ERRNO.ENODEV;
    }
    if (request.sizeBytes > provider.availableBytes) return -ERRNO.ENOMEM;
    this.#machine.budget.demand(mappedCost(request.sizeBytes));
    const phys = provider.pool.alloc(request.sizeBytes);
    if (phys === null) return -ERRNO.ENOMEM;
    this.#machine.budget.hold(mappedCost(request.sizeBytes));
    const pages = provider.pool.split(phys);
    provider.references += pages.length;
    const mapping = { pages };
    provider.userMappings.add(mapping);
    return mapping;
  }

  /** Unmaps memory from a user's program, also when the program ends. */
  userUnmap(func: PciFunction, mapping: UserMapping): void {
    const provider = this.of(func);
    if (provider === null || !provider.userMappings.delete(mapping)) return;
    for (const page of mapping.pages) {
      this.#machine.budget.work(PAGE_UNITS);
      this.#give(provider, page);
    }
    this.#machine.budget.release(mappedCost(PAGE_SIZE_BYTES * mapping.pages.length));
    this.#mayLeave(provider);
  }

  /**
   * Unbinds the function's driver: user mappings are removed, allocations fail from now on, and the
   * unbinding waits until all pages are freed.
   *
   * Memory without pages has no such protection: it is freed when this call returns.
   *
   * @returns False if the unbinding waits. It continues when the last page is freed.
   */
  unbind(func: PciFunction): boolean {
    const provider = this.of(func);
    if (provider === null) return true;
    for (const mapping of [...provider.userMappings]) this.userUnmap(func, mapping);
    provider.leaving = "waits";
    if (provider.references > 0) this.#emit(provider);
    return this.#mayLeave(provider);
  }

  #mayLeave(provider: PeerProvider): boolean {
    if (provider.leaving !== "waits" || provider.references > 0) return provider.leaving === "left";
    invariant(provider.userMappings.size === 0, "A driver leaves mapped peer memory behind");
    provider.leaving = "left";
    provider.routes.clear();
    if (this.#last === provider) this.#last = null;
    for (const { bar, func } of provider.bars.values()) {
      this.#machine.checker?.peers.revoked(
        this.#machine.iommu,
        func.name,
        bar.basePhys,
        bar.sizeBytes,
      );
    }
    this.#emit(provider);
    return true;
  }

  #emit(provider: PeerProvider): void {
    const { events } = this.#machine;
    if (!events.tick(P2P_PROVIDER)) return;
    events.emit(P2P_PROVIDER, {
      provider: provider.func.name,
      state: provider.state,
      size_bytes: provider.sizeBytes,
      available_bytes: provider.availableBytes,
      references: provider.references,
    });
  }
}
