/** Pools of small blocks that a driver in C shares with its device. @see rules/c-api.md 5 */
import { isPowerOfTwo, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import { type DmaDevice, DmaPool, type PoolBlock } from "@dmalab/runtime/dma";
import { formatCount } from "@dmalab/lang/text";
import { GRANULE_BYTES } from "./c_addresses.ts";
import { UNWRITTEN } from "./c_fresh.ts";
import { type CKernel, hex } from "./c_kernel.ts";
import { MARK } from "./c_memory.ts";

/** The largest block of a pool: coherent memory of more is refused, too. */
const MOST_BLOCK_BYTES = 2 ** 22;

interface Pool {
  readonly device: DmaDevice;
  readonly pool: DmaPool;
  readonly name: string;
  readonly blockBytes: number;
  /** Allocated blocks, by their address in C. */
  readonly used: Map<number, PoolBlock>;
  /** Addresses in C of blocks of several pages. */
  readonly rows: Map<PoolBlock, number>;
}

interface PoolRequest {
  readonly name: string;
  readonly sizeBytes: number;
  readonly alignBytes: number;
  /** 0 for none. */
  readonly boundaryBytes: number;
}

export class CPools {
  readonly #pools = new Map<number, Pool>();

  constructor(private readonly kernel: CKernel) {}

  /** Creates a pool. @returns Its handle in C; 0 for impossible sizes. */
  create(device: DmaDevice, { alignBytes, boundaryBytes, name, sizeBytes }: PoolRequest): number {
    // The shadow distinguishes only granules, so blocks are at least a granule apart.
    const align = Math.max(alignBytes, GRANULE_BYTES);
    const boundary = boundaryBytes === 0 ? Infinity : boundaryBytes;
    const whole = isPowerOfTwo(align) && (boundaryBytes === 0 || isPowerOfTwo(boundaryBytes));
    const roomBytes = Math.ceil(sizeBytes / align) * align;
    if (!whole || sizeBytes === 0 || sizeBytes > MOST_BLOCK_BYTES || roomBytes > boundary) return 0;
    const { machine } = this.kernel;
    const pool = new DmaPool(machine, device, "pool", sizeBytes, align, boundary);
    pool.driverName = name;
    const at = this.kernel.handle();
    const kept = { used: new Map(), rows: new Map() };
    this.#pools.set(at, { device, pool, name, blockBytes: sizeBytes, ...kept });
    return at;
  }

  /** Allocates a block. @returns Its address for C and for the device; null without a free block. */
  alloc(at: number, zeroed: boolean): { readonly at: number; readonly dma: number } | null {
    const { blockBytes, device, pool, rows, used } = this.#poolAt(at);
    this.kernel.usesMask(device);
    const block = pool.alloc();
    if (block === null) return null;
    const { memory } = this.kernel;
    const { pages, pageSizeBytes } = pool.memoryOf(block);
    const page = block.phys - block.phys % PAGE_SIZE_BYTES;
    const start = blockBytes <= PAGE_SIZE_BYTES
      ? this.kernel.share(page as PhysAddr, PAGE_SIZE_BYTES) + (block.phys - page)
      : rows.getOrInsertComputed(block, () => this.kernel.shareRow(pages, pageSizeBytes));
    memory.open(start, blockBytes);
    memory.bytes.fill(zeroed ? 0 : UNWRITTEN, start, start + blockBytes);
    memory.fresh.take(start, blockBytes, zeroed, this.kernel.machine.events.context.site);
    used.set(start, block);
    return { at: start, dma: block.dma };
  }

  free(at: number, start: number, dma: number): void {
    const { blockBytes, name, pool, used } = this.#poolAt(at);
    const block = used.get(start);
    if (block === undefined) {
      throw this.kernel.crash(
        `dma_pool_free(${hex(start)}): not a block of pool "${name}"`,
      );
    }
    if (dma !== block.dma) {
      throw this.kernel.crash(
        `dma_pool_free() DMA address mismatch: ${hex(dma)} passed for ${hex(start)}, allocated at ${
          hex(block.dma)
        }`,
      );
    }
    used.delete(start);
    this.kernel.memory.fresh.give(start);
    this.kernel.memory.close(start, blockBytes, MARK.FREED);
    pool.free(block, block.dma);
  }

  destroy(at: number): void {
    if (at === 0) return;
    const { blockBytes, name, pool, used } = this.#poolAt(at);
    if (used.size > 0) {
      const { text } = this.kernel.place;
      const count = formatCount(used.size, "block");
      this.kernel.machine.warnings.warn(
        "dma_pool_destroy",
        `Pool "${name}" is destroyed with ${count} still allocated ${text}`,
      );
    }
    for (const start of used.keys()) {
      this.kernel.memory.fresh.give(start);
      this.kernel.memory.close(start, blockBytes, MARK.FREED);
    }
    pool.destroy();
    this.#pools.delete(at);
  }

  #poolAt(at: number): Pool {
    const pool = this.#pools.get(at);
    if (pool !== undefined) return pool;
    throw this.kernel.crash(`${at === 0 ? "NULL" : hex(at)} is no pool`);
  }
}
