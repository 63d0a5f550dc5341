/** Coherent memory that a tree's mapping layer allocates, from pages that an operation names. */
import { PAGE_STRUCT_BYTES, TREE_PAGE_MAP } from "@dmalab/c_drivers";
import type { OperationResult } from "./oracle/compare.ts";
import type { MappingOperation } from "./oracle/mapping_operations.ts";
import { PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { TreeImports, TreeModule, TreeValue } from "./tree_module.ts";

/** CPU addresses of coherent memory begin here, above all memory of the module. */
const VIRTUAL_START = 2 ** 45;

export class TreeCoherent {
  #pages: readonly number[] = [];
  #taken = 0;
  #next = VIRTUAL_START;
  /** The tree's arrays of pages, by CPU addresses. */
  readonly #arrays = new Map<number, TreeValue>();
  readonly #memories = new Map<number, readonly [at: number, size: number, dma: number]>();

  constructor(readonly tree: () => TreeModule) {}

  run(device: number, operation: MappingOperation): OperationResult {
    const id = operation.id as number;
    if (operation.op === "alloc") {
      const dma = this.#alloc(device, id, operation.size as number, operation.pages as number[]);
      return { dma };
    }
    const [at, size, dma] = this.#memories.get(id)!;
    this.tree().call("dma_free_attrs", device, size, at, dma, 0);
    return {};
  }

  /** @returns The memory's address for the device, or null. */
  #alloc(device: number, id: number, size: number, pages: readonly number[]): number | null {
    const { memory } = this.tree();
    [this.#pages, this.#taken] = [pages, 0];
    const handle = memory.take(8);
    const at = this.tree().call("lab_alloc", device, size, handle);
    const dma = memory.word(handle);
    memory.give(handle);
    if (at === 0) return null;
    this.#memories.set(id, [at, size, dma]);
    return dma;
  }

  imports(): TreeImports {
    const take = (size: TreeValue) => BigInt(this.tree().memory.take(Number(size)));
    return {
      __kvmalloc_node_noprof: take,
      kvfree: (at) => this.tree().memory.give(Number(at)),
      // The allocator that the tree calls from 7.3 on.
      alloc_pages_node_noprof: (_node, _flags, order) => this.#take(2 ** Number(order)),
      __alloc_pages_noprof: (_flags, order) => this.#take(2 ** Number(order)),
      __free_pages: () => {},
      split_page: () => {},
      is_vmalloc_addr: (at) => Number(Number(at) >= VIRTUAL_START),
      dma_common_pages_remap: (pages, size) => {
        const at = this.#next;
        this.#next += Math.ceil(Number(size) / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
        this.#arrays.set(at, pages);
        return BigInt(at);
      },
      dma_common_find_pages: (at) => this.#arrays.get(Number(at)) ?? 0n,
      dma_common_free_remap: () => {},
    };
  }

  /** The next pages as a block; 0 if they are not contiguous and aligned. */
  #take(count: number): bigint {
    const block = this.#pages.slice(this.#taken, this.#taken + count);
    const [first = 0] = block;
    const isBlock = block.length === count && first % (count * PAGE_SIZE_BYTES) === 0 &&
      block.every((page, index) => page === first + index * PAGE_SIZE_BYTES);
    if (!isBlock) return 0n;
    this.#taken += count;
    return BigInt(TREE_PAGE_MAP + first / PAGE_SIZE_BYTES * PAGE_STRUCT_BYTES);
  }
}
