/** The types of DMA pools, and of the small blocks of a pool, which CPU and device share. */
import { type DmaAddr, KernelError } from "@dmalab/runtime";
import type { DmaDevice, DmaPool, PoolBlock } from "@dmalab/runtime/dma";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import type { HandleType } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { param } from "../../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "../../calls/example_machines.ts";
import { ATOMIC, driversDevice } from "../../calls/parameters.ts";

export interface DmaPoolTarget {
  readonly pool: DmaPool;
  /** The device of its blocks. */
  readonly dev: DmaDevice;
  /** How often the pool was destroyed; blocks that were allocated before the last time are invalid. */
  destroyed: number;
}

export interface PoolBlockTarget {
  readonly owner: DmaPoolTarget;
  readonly block: PoolBlock;
  /** The pool's `destroyed` when the block was allocated. */
  readonly destroyed: number;
  /** The block's device address while it is allocated. */
  readonly addr: DmaAddr;
  /** True after the block was freed: freeing it again is a double free. */
  freed: boolean;
}

export const POOL_BLOCK: HandleType<PoolBlockTarget> = {
  name: "pool_block",
  doc: "A block of a pool.",
  fields: fieldsOf<PoolBlockTarget>((f) => ({
    addr: f.dma("Where the device sees the first byte.", ({ addr }) => addr),
    phys: f.phys("Physical address of the first byte.", ({ block }) => block.phys),
    size: f.size("Its length.", ({ owner }) => owner.pool.blockSizeBytes),
  })),
  format: ({ addr, freed, owner }) =>
    `block of ${formatSize(owner.pool.blockSizeBytes)} at ${formatAddress(addr)}${
      freed ? ", freed" : ""
    }`,
};

const method = methodsOf<DmaPoolTarget>();

export const DMA_POOL: HandleType<DmaPoolTarget> = {
  name: "dma_pool",
  doc: "A pool of small blocks of coherent memory, as drivers use for descriptors. It grows by a " +
    "page, divided from its start; the block freed last is allocated first.",
  fields: fieldsOf<DmaPoolTarget>((f) => ({
    block_size: f.size(
      "Size of a block, rounded up to its alignment.",
      ({ pool }) => pool.blockSizeBytes,
    ),
    used: f.int("Blocks allocated.", ({ pool }) => pool.usedBlocks),
    size: f.size("Bytes of its pages.", ({ pool }) => pool.sizeBytes),
  })),
  methods: [
    method({
      name: "alloc",
      parameters: [ATOMIC],
      result: POOL_BLOCK,
      doc: "Allocates a block.",
      example: `${TRANSLATED_MACHINE}let pool = dma_pool(ssd, 256B, 256B)
let first = pool.alloc()
let second = pool.alloc()
assert first.addr % 4KiB == 0 and second.addr == first.addr + 256B
assert pool.used == 2 and pool.size == 4KiB
pool.free(second)
pool.free(first)`,
      raises: ["ENOMEM"],
      context: "gfp",
      run(_run, owner) {
        driversDevice(owner.dev);
        const block = owner.pool.alloc();
        if (block === null) throw new KernelError("ENOMEM", "There is no memory for a block");
        const { destroyed } = owner;
        return { owner, block, destroyed, addr: block.dma, freed: false };
      },
    }),
    method({
      name: "free",
      parameters: [param.handle("block", POOL_BLOCK, "The result of alloc().")],
      doc: "Frees a block.",
      example: `${TRANSLATED_MACHINE}let pool = dma_pool(ssd, 256B, 256B)
let block = pool.alloc()
pool.free(block)
assert pool.used == 0
let again = pool.alloc()
assert again.addr == block.addr, "the last one back is the first out"
pool.free(again)`,
      run(_run, owner, [target]) {
        const problem = target.owner !== owner
          ? "The block is another pool's"
          : target.freed
          ? "The block was freed before"
          : target.destroyed !== owner.destroyed
          ? "The block was freed when its pool was destroyed"
          : null;
        if (problem !== null) throw new ValueError(problem);
        driversDevice(owner.dev);
        target.freed = true;
        owner.pool.free(target.block, target.block.dma);
      },
    }),
    method({
      name: "destroy",
      doc: "Frees all pages of the pool, also those with blocks that are still allocated.",
      example: `${TRANSLATED_MACHINE}let pool = dma_pool(ssd, 256B, 256B)
let block = pool.alloc()
pool.free(block)
pool.destroy()
assert iommu.translate(ssd, block.addr) == none`,
      context: "sleeps",
      run(_run, owner) {
        driversDevice(owner.dev);
        owner.pool.destroy();
        owner.destroyed++;
      },
    }),
  ],
  format: ({ pool }) =>
    `pool of ${formatSize(pool.blockSizeBytes)} blocks, ${
      formatCount(pool.usedBlocks, "block")
    } allocated`,
};
