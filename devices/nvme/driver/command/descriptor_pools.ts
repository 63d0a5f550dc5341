/** Where descriptor lists come from: a small and a large pool for each NUMA node. */
import { type Bytes, type DmaAddr, eventId, type EventStream, type Machine } from "@dmalab/runtime";
import { type DescriptorPool, type DmaDevice, DmaPool, type PoolBlock } from "@dmalab/runtime/dma";
import { CTRL_PAGE_BYTES, SMALL_DESCRIPTOR_BYTES } from "../protocol.ts";

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** The two pools a queue takes its descriptor lists from. */
export interface DescriptorPools {
  /** Lists of up to 32 PRP entries or 16 SGL descriptors: 256 bytes. */
  readonly small: DescriptorPool;
  /** Everything longer: whole pages. */
  readonly large: DescriptorPool;
}

/** Pools that the driver creates and destroys itself. */
interface OwnPools extends DescriptorPools {
  readonly small: DmaPool;
  readonly large: DmaPool;
}

/** The pools of each node, made when the first queue of that node is. @see rules/nvme.md 1 */
export class NodePools {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #smallAlignBytes: Bytes;
  readonly #pools: (OwnPools | undefined)[] = [];

  /** @param smallAlignBytes What a small block is aligned to; its size is rounded up to that. */
  constructor(machine: Machine, dev: DmaDevice, smallAlignBytes: Bytes) {
    this.#machine = machine;
    this.#dev = dev;
    this.#smallAlignBytes = smallAlignBytes;
  }

  of(node: number): DescriptorPools {
    return this.#pools[node] ??= {
      small: new DmaPool(
        this.#machine,
        this.#dev,
        "small",
        SMALL_DESCRIPTOR_BYTES,
        this.#smallAlignBytes,
      ),
      large: new DmaPool(this.#machine, this.#dev, "large", CTRL_PAGE_BYTES, CTRL_PAGE_BYTES),
    };
  }

  /** Blocks that requests hold. */
  get usedBlocks(): number {
    let used = 0;
    for (const pools of this.#pools) {
      if (pools !== undefined) used += pools.small.usedBlocks + pools.large.usedBlocks;
    }
    return used;
  }

  /** @throws {InvariantError} When a block is neither allocated nor free. */
  audit(): void {
    for (const pools of this.#pools) {
      pools?.small.audit();
      pools?.large.audit();
    }
  }

  /** Frees all memory: the driver leaves. */
  destroy(): void {
    for (const pools of this.#pools) {
      pools?.small.destroy();
      pools?.large.destroy();
    }
    this.#pools.length = 0;
  }
}

/**
 * Allocates a block and counts what the request costs. Null when there is none.
 *
 * @param rule The rule that chose the pool.
 * @param entries How many entries it was chosen for.
 */
export function takeDescriptor(
  events: EventStream,
  pool: DescriptorPool,
  rule: string,
  entries: number,
): PoolBlock | null {
  const block = pool.alloc();
  if (block !== null && events.tick(MEM_ALLOC)) {
    const sizeBytes = pool.blockSizeBytes;
    events.emit(
      MEM_ALLOC,
      { what: "descriptor", size_bytes: sizeBytes, from: poolName(pool) },
      { rule, inputs: { entries } },
    );
  }
  return block;
}

/** Frees a block by the DMA address that the command has for it. */
export function returnDescriptor(
  events: EventStream,
  pool: DescriptorPool,
  block: PoolBlock,
  dma: DmaAddr,
): void {
  pool.free(block, dma);
  if (events.tick(MEM_FREE)) {
    events.emit(MEM_FREE, {
      what: "descriptor",
      size_bytes: pool.blockSizeBytes,
      from: poolName(pool),
    });
  }
}

function poolName(pool: DescriptorPool): "small" | "large" {
  return pool.blockSizeBytes < CTRL_PAGE_BYTES ? "small" : "large";
}
