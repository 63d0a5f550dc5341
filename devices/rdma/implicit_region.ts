/**
 * A region of a process's whole address space. The region has no pages itself. It creates a child
 * region for each range that the device accesses, and destroys the child region when that is empty.
 *
 * @see rules/hmm-rdma-vfio.md 2.1, 2.3 (6)
 */
import { alignDown, type Bytes, invariant, type VirtAddr } from "@dmalab/runtime";
import { type MemoryRegion, newStatistics, type RegionStatistics } from "./memory_region.ts";

/**
 * Size of a child region. The rules do not specify this size. A region of this size has a table of
 * 4 KiB.
 */
export const CHILD_BYTES: Bytes = 2 * 1024 * 1024;

export class ImplicitRegion {
  /** It was deregistered. */
  released = false;
  /** Child regions by their first addresses, in the order of their creation. */
  readonly #children = new Map<number, MemoryRegion>();
  readonly #gone: RegionStatistics = newStatistics();

  constructor(
    readonly name: string,
    readonly writable: boolean,
    readonly make: (start: VirtAddr) => MemoryRegion | number,
  ) {}

  get children(): readonly MemoryRegion[] {
    return [...this.#children.values()];
  }

  /** The counters of all children, including removed ones. */
  get statistics(): RegionStatistics {
    const sum = { ...this.#gone };
    for (const child of this.children) addTo(sum, child.statistics);
    return sum;
  }

  /** The child that contains an address, or null if no child contains it. */
  childAt(virt: number): MemoryRegion | null {
    return this.#children.get(alignDown(virt, CHILD_BYTES)) ?? null;
  }

  /** The child that contains an address, created on demand; or a negative errno. */
  childFor(virt: number): MemoryRegion | number {
    const start = alignDown(virt, CHILD_BYTES) as VirtAddr;
    const known = this.#children.get(start);
    if (known !== undefined) return known;
    invariant(!this.released, "A released region makes a child");
    const made = this.make(start);
    if (typeof made !== "number") this.#children.set(start, made);
    return made;
  }

  /** Removes a child that will be destroyed: the next access creates a new one. */
  forget(child: MemoryRegion): void {
    invariant(child.virt % CHILD_BYTES === 0, "A child begins inside another");
    if (this.#children.get(child.virt) !== child) return;
    this.#children.delete(child.virt);
    addTo(this.#gone, child.statistics);
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    for (const child of this.children) {
      this.forget(child);
      child.release();
    }
  }
}

function addTo(sum: RegionStatistics, more: RegionStatistics): void {
  for (const key of Object.keys(sum) as (keyof RegionStatistics)[]) sum[key] += more[key];
}
