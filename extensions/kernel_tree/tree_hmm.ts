/** Lists of pages that devices map with a tree's own `mm/hmm.c`, with the interface of `HmmModel`. */
import type { OperationResult } from "./oracle/compare.ts";
import type { HmmOperation } from "./oracle/hmm_operations.ts";
import type { TreeModule } from "./tree_module.ts";

export class TreeHmm {
  readonly #maps = new Map<number, number>();

  constructor(readonly tree: TreeModule) {}

  run(device: number, line: HmmOperation): OperationResult {
    const { tree } = this;
    if (line.op === "hmm_alloc") {
      const map = tree.call("lab_hmm_new");
      const ret = tree.call("hmm_dma_map_alloc", device, map, line.pages, line.entry_bytes);
      if (ret !== 0) return { ret };
      this.#maps.set(line.id, map);
      const has = (what: string) => tree.call(`lab_hmm_has_${what}`, map) !== 0;
      return { ret, mode: has("range") ? "iova" : has("list") ? "list" : "stateless" };
    }
    const map = this.#maps.get(line.id)!;
    if (line.op === "hmm_free") {
      tree.call("hmm_dma_map_free", device, map);
      return {};
    }
    const { index, op } = line;
    if (op === "hmm_fill") {
      tree.call("lab_hmm_fill", map, index, line.pfn);
      return {};
    }
    const flags = () => tree.call("lab_hmm_flags", map, index);
    if (op === "hmm_unmap") {
      return { ret: tree.call("hmm_dma_unmap_pfn", device, map, index) !== 0, flags: flags() };
    }
    const dma = tree.call("lab_hmm_map", device, map, index);
    return { dma: dma < 0 ? null : dma, flags: flags() };
  }
}
