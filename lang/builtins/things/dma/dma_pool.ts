/** Pools of small blocks that CPU and device share, and their blocks. */
import type { DmaAddr } from "../../../../runtime/address.ts";
import type { DmaPool, PoolBlock } from "../../../../runtime/dma/calls/pool.ts";
import { KernelError } from "../../../../runtime/errno.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { ScriptError } from "../../../values/script_error.ts";
import { dma, isThing, phys, size, thing, toThing } from "../../arguments.ts";
import { TRANSLATED_MACHINE } from "../../calls/parameters.ts";
import type { TypeSpec } from "../../../values/spec.ts";

export interface DmaPoolTarget {
  readonly pool: DmaPool;
  /** How often it was destroyed: blocks from before are gone. */
  destroyed: number;
}

export interface PoolBlockTarget {
  readonly owner: DmaPoolTarget;
  readonly block: PoolBlock;
  /** How often the pool had been destroyed when it was handed out. */
  readonly destroyed: number;
  /** Where the device finds it while it is handed out. */
  readonly addr: DmaAddr;
  /** It was given back: nobody may do so again. */
  freed: boolean;
}

export const POOL_BLOCK: TypeSpec<PoolBlockTarget> = {
  name: "pool_block",
  doc: "A block of a pool.",
  fields: [
    {
      name: "addr",
      kind: "dma",
      doc: "Where the device sees the first byte.",
      get: ({ addr }) => dma(addr),
    },
    {
      name: "phys",
      kind: "phys",
      doc: "Physical address of the first byte.",
      get: ({ block }) => phys(block.phys),
    },
    {
      name: "size",
      kind: "size",
      doc: "Its length.",
      get: ({ owner }) => size(owner.pool.blockSizeBytes),
    },
  ],
  methods: [],
  format: ({ addr, freed, owner }) =>
    `block of ${formatSize(owner.pool.blockSizeBytes)} at ${formatAddress(addr)}${
      freed ? ", given back" : ""
    }`,
  equals: (target, other) => isThing(other, POOL_BLOCK) && other.target === target,
};

export const DMA_POOL: TypeSpec<DmaPoolTarget> = {
  name: "dma_pool",
  doc: "A pool of small blocks of shared memory, as drivers keep them for descriptors. It grows " +
    "by a page, cut from its start; the block given back last is handed out first.",
  fields: [
    {
      name: "block_size",
      kind: "size",
      doc: "Size of a block, rounded up to its alignment.",
      get: ({ pool }) => size(pool.blockSizeBytes),
    },
    { name: "used", kind: "int", doc: "Blocks handed out.", get: ({ pool }) => pool.usedBlocks },
    {
      name: "size",
      kind: "size",
      doc: "Bytes of its pages.",
      get: ({ pool }) => size(pool.sizeBytes),
    },
  ],
  methods: [
    {
      name: "alloc",
      parameters: [],
      result: "@pool_block",
      doc: "Takes a block.",
      example: `${TRANSLATED_MACHINE}let pool = dma_pool(ssd, 256B, 256B)
let first = pool.alloc()
assert first.addr % 4KiB == 0 and pool.alloc().addr == first.addr + 256B
assert pool.used == 2 and pool.size == 4KiB`,
      raises: ["ENOMEM"],
      run(_run, owner) {
        const block = owner.pool.alloc();
        if (block === null) throw new KernelError("ENOMEM", "There is no memory for a block");
        const { destroyed } = owner;
        return thing(POOL_BLOCK, { owner, block, destroyed, addr: block.dma, freed: false });
      },
    },
    {
      name: "free",
      parameters: [{ name: "block", kind: "@pool_block", doc: "What alloc() gave." }],
      result: "nothing",
      doc: "Gives a block back.",
      example: `${TRANSLATED_MACHINE}let pool = dma_pool(ssd, 256B, 256B)
let block = pool.alloc()
pool.free(block)
assert pool.used == 0 and pool.alloc().addr == block.addr, "the last one back is the first out"`,
      run(_run, owner, [value]) {
        const target = toThing(value, POOL_BLOCK, "block");
        const problem = target.owner !== owner
          ? "The block is another pool's"
          : target.freed
          ? "The block was given back before"
          : target.destroyed !== owner.destroyed
          ? "The block went with the pool, which was destroyed"
          : null;
        if (problem !== null) throw new ScriptError("E0919", problem);
        target.freed = true;
        owner.pool.free(target.block, target.block.dma);
        return null;
      },
    },
    {
      name: "destroy",
      parameters: [],
      result: "nothing",
      doc: "Gives all of its pages back. Blocks that are still handed out are gone with them.",
      example: `${TRANSLATED_MACHINE}let pool = dma_pool(ssd, 256B, 256B)
let block = pool.alloc()
pool.destroy()
assert iommu.translate(ssd, block.addr) == none`,
      run(_run, owner) {
        owner.pool.destroy();
        owner.destroyed++;
        return null;
      },
    },
  ],
  format: ({ pool }) =>
    `pool of ${formatSize(pool.blockSizeBytes)} blocks, ${
      formatCount(pool.usedBlocks, "block")
    } handed out`,
  equals: (target, other) => isThing(other, DMA_POOL) && other.target === target,
};
