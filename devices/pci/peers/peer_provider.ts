/**
 * A PCI function that provides memory for peer-to-peer DMA, from its first registration to the
 * unbinding of its driver.
 *
 * @see rules/p2p.md 9.3, 9.7, 9.8
 */
import {
  type Bytes,
  type DmaAddr,
  type EventFields,
  invariant,
  type PhysAddr,
} from "@dmalab/runtime";
import type { Bar, PciFunction } from "../pci_function.ts";
import type { PeerMemory } from "./peer_memory.ts";
import type { PeerRoute } from "./route.ts";

/** A part of a BAR that has struct pages, so that requests can refer to it. */
interface LentRange {
  readonly bar: Bar;
  readonly basePhys: PhysAddr;
  readonly sizeBytes: Bytes;
}

/** The memory of one BAR for peers, with or without pages. */
export interface BarProvider {
  readonly func: PciFunction;
  readonly bar: Bar;
  /** PCI bus address minus CPU address. */
  readonly busOffset: number;
}

/**
 * `initialised`: registered as a provider, but without memory that has pages. `unpublished` and
 * `published`: has memory with pages; `find` considers only published memory. `unbinding`: the
 * driver is being unbound and waits for the last page. `unbound`: the driver is unbound.
 */
type ProviderState = EventFields<"p2p.provider">["state"];

/** A mapping in a user's program: each page has a separate reference. */
export interface UserMapping {
  readonly pages: readonly PhysAddr[];
}

export class PeerProvider {
  /** Memory of the function's standard BARs, by BAR number. */
  readonly bars: ReadonlyMap<number, BarProvider>;
  /** Ranges with pages. */
  readonly ranges: LentRange[] = [];
  /** Cached routes, by the client's address. */
  readonly routes = new Map<number, PeerRoute>();
  /** The pool from which pages are allocated; null before the first range is added. */
  pool: PeerMemory | null = null;
  publishes = false;
  /** References to the device that `find` took and that were not dropped yet. */
  deviceReferences = 0;
  /** Whether the driver was unbound, or is waiting in its unbinding. */
  leaving: "no" | "waits" | "left" = "no";
  /** References to the page map: one for each allocation, and one for each page that a user has mapped. */
  references = 0;
  readonly userMappings = new Set<UserMapping>();

  constructor(readonly func: PciFunction) {
    const { busOffset } = func.hostBridge;
    this.bars = new Map(func.bars.map((bar) => [bar.index, { func, bar, busOffset }]));
  }

  get state(): ProviderState {
    if (this.leaving !== "no") return this.leaving === "waits" ? "unbinding" : "unbound";
    if (this.pool === null) return "initialised";
    return this.publishes ? "published" : "unpublished";
  }

  get sizeBytes(): Bytes {
    return this.pool?.sizeBytes ?? 0;
  }

  get availableBytes(): Bytes {
    return this.pool?.availableBytes ?? 0;
  }

  /** The range that contains an address, or null. */
  rangeOf(phys: number): LentRange | null {
    for (const range of this.ranges) {
      if (phys >= range.basePhys && phys < range.basePhys + range.sizeBytes) return range;
    }
    return null;
  }

  /** The bus address of memory in one of the function's BARs. @see rules/p2p.md 9.1 */
  busAddress(phys: PhysAddr): DmaAddr {
    const { bars, hostBridge, name } = this.func;
    invariant(
      bars.some(({ basePhys, sizeBytes }) => phys >= basePhys && phys < basePhys + sizeBytes),
      `0x${phys.toString(16)} is in no BAR of ${name}`,
    );
    return (phys + hostBridge.busOffset) as DmaAddr;
  }

  /** Allocates memory and takes a reference; null without memory, or if the driver is being unbound. */
  take(sizeBytes: Bytes): PhysAddr | null {
    if (this.pool === null || this.leaving !== "no") return null;
    const phys = this.pool.alloc(sizeBytes);
    if (phys !== null) this.references++;
    return phys;
  }

  /** Frees memory, and drops the reference. */
  give(phys: PhysAddr): void {
    invariant(this.pool !== null, `${this.func.name} has no memory to free`);
    this.pool.free(phys);
    invariant(this.references > 0, "Peer memory is freed more often than allocated");
    this.references--;
  }
}
