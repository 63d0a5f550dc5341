/** Pools of blocks for descriptor lists. @see rules/c-api.md 5 */
import { callEntries, type CArguments, type CCallEntry } from "../call_entry.ts";
import { type CKernel, GFP } from "../c_kernel.ts";
import { CPools } from "../c_pools.ts";
import { kernelEntry } from "../kernel_entry.ts";
import { since72 } from "./mapping.ts";

export function createPool(
  kernel: CKernel,
  [name, dev, sizeBytes, alignBytes, boundaryBytes]: CArguments,
): number {
  kernel.maySleep();
  return kernel.part(CPools).create(kernel.device(dev), {
    name: kernel.memory.textAt(name),
    sizeBytes: kernel.exact(sizeBytes, "size"),
    alignBytes,
    boundaryBytes,
  });
}

export const POOL_CALLS: readonly CCallEntry[] = [
  ...callEntries({
    "struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align, size_t boundary)":
      createPool,
    "struct dma_pool *dma_pool_create_node(const char *name, struct device *dev, size_t size, size_t align, size_t boundary, int node)":
      {
        isIn: since72,
        run: createPool,
      },
  }),
  kernelEntry("dma_pool_alloc", (kernel, [pool, gfp, handle]) => {
    if (!kernel.memory.isOpen(handle, 8)) {
      throw kernel.crash("dma_pool_alloc() without a place for the address");
    }
    const block = kernel.part(CPools).alloc(pool, (gfp & GFP.ZERO) !== 0);
    if (block === null) return 0;
    kernel.memory.putAddress(handle, block.dma);
    return block.at;
  }),
  kernelEntry(
    "dma_pool_free",
    (kernel, [pool, cpu, handle]) => kernel.part(CPools).free(pool, cpu, handle),
  ),
  {
    c: "void dma_pool_destroy(struct dma_pool *pool)",
    run(kernel, [pool]) {
      kernel.maySleep();
      kernel.part(CPools).destroy(pool);
    },
  },
];
