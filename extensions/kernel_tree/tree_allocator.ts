/** The tree's own IOVA allocator, with the interface of `IovaModel`. */
import type { Implementation, OperationResult } from "./oracle/compare.ts";
import type { IovaOperation } from "./oracle/iova_operations.ts";
import type { Parts } from "./link_tree.ts";
import { type LinkedTree, TreeModule, TreeStopped } from "./tree_module.ts";

/** The tested files of the tree, and the sources that are compiled with them. */
export const ALLOCATOR: Parts = {
  subjects: ["drivers/iommu/iova.c"],
  files: ["drivers/iommu/iova.c", "lib/rbtree.c"],
  texts: () => [
    "#include <linux/rbtree.h>\n" +
    "struct rb_node *lab_first(struct rb_root *root) { return rb_first(root); }\n",
  ],
  layout: {
    headers: ["linux/iova.h", "linux/rbtree.h", "linux/workqueue.h", "linux/timer.h"],
    structs: {
      iova_domain: [
        "rbroot",
        "cached_node",
        "cached32_node",
        "dma_32bit_pfn",
        "max32_alloc_size",
        "cpuhp_dead",
      ],
      iova: ["node", "pfn_lo", "pfn_hi"],
      delayed_work: ["work.func"],
      timer_list: ["function"],
    },
  },
};

/** Page number of the rbtree's sentinel, above every range. */
const NO_PFN = 2 ** 60;

export class TreeAllocator implements Implementation<IovaOperation> {
  readonly #tree: TreeModule;
  #domain = 0;

  constructor(linked: LinkedTree) {
    this.#tree = new TreeModule(linked);
  }

  run(operation: IovaOperation): OperationResult {
    const tree = this.#tree;
    tree.cpu = "cpu" in operation ? operation.cpu : 0;
    switch (operation.op) {
      case "init":
        return this.#init(operation.granule, operation.start_pfn, operation.cpus);
      case "alloc_fast": {
        const { flush, limit_pfn, size } = operation;
        return { pfn: tree.call("alloc_iova_fast", this.#domain, size, limit_pfn, flush) };
      }
      case "free_fast":
        tree.call("free_iova_fast", this.#domain, operation.pfn, operation.size);
        return {};
      case "alloc": {
        const { aligned, limit_pfn, size } = operation;
        const [lo, hi] = this.#range(
          tree.call("alloc_iova", this.#domain, size, limit_pfn, aligned),
        );
        return { lo, hi };
      }
      case "free":
        tree.call("free_iova", this.#domain, operation.pfn);
        return {};
      case "reserve": {
        const { hi, lo } = operation;
        const [outLo, outHi] = this.#range(tree.call("reserve_iova", this.#domain, lo, hi));
        return { out_lo: outLo, out_hi: outHi };
      }
      case "find": {
        const [lo, hi] = this.#range(tree.call("find_iova", this.#domain, operation.pfn));
        return { lo, hi };
      }
      case "advance":
        return { works: tree.advance(operation.ms).works, now: tree.nowMs };
      case "cpu_dead":
        tree.stopCpu(
          operation.cpu,
          this.#domain + tree.layout.offsetOf("iova_domain.cpuhp_dead"),
        );
        return { online: tree.onlineCount };
      case "cpu_up":
        tree.restartCpu(operation.cpu);
        return { online: tree.onlineCount };
      case "state":
        return this.#state(operation.ranges !== undefined);
    }
  }

  #init(granule: number, startPfn: number, cpus: number): OperationResult {
    const tree = this.#tree;
    tree.startCpus(cpus);
    if (tree.call("iova_cache_get") !== 0) throw new TreeStopped("iova_cache_get() fails");
    this.#domain = tree.memory.take(tree.layout.sizeOf("iova_domain"));
    tree.call("init_iova_domain", this.#domain, granule, startPfn);
    if (tree.call("iova_domain_init_rcaches", this.#domain) !== 0) {
      throw new TreeStopped("iova_domain_init_rcaches() fails");
    }
    return { dma_32bit_pfn: this.#member("iova_domain.dma_32bit_pfn") };
  }

  #state(withRanges: boolean): OperationResult {
    const tree = this.#tree;
    const ranges: (readonly [number, number])[] = [];
    const root = this.#domain + tree.layout.offsetOf("iova_domain.rbroot");
    const most = tree.memory.view.byteLength / tree.layout.sizeOf("iova");
    const countRound = tree.countRounds(most, "the tree of ranges leads back to a node");
    for (let node = tree.call("lab_first", root); node !== 0; node = tree.call("rb_next", node)) {
      countRound();
      const [lo, hi] = this.#rangeOf(node);
      if (lo < NO_PFN) ranges.push([lo, hi]);
    }
    const pages = ranges.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0);
    const cursor = (member: string) => {
      const [lo, hi] = this.#rangeOf(this.#member(member));
      return hi >= NO_PFN ? "anchor" : lo;
    };
    return {
      nodes: ranges.length,
      pages,
      cached: cursor("iova_domain.cached_node"),
      cached32: cursor("iova_domain.cached32_node"),
      max32_alloc_size: this.#member("iova_domain.max32_alloc_size"),
      ...withRanges ? { ranges } : {},
    };
  }

  #member(name: string): number {
    const { layout, memory } = this.#tree;
    return memory.word(this.#domain + layout.offsetOf(name));
  }

  #rangeOf(node: number): readonly [number, number] {
    const { layout, memory } = this.#tree;
    const at = node - layout.offsetOf("iova.node");
    return [
      memory.word(at + layout.offsetOf("iova.pfn_lo")),
      memory.word(at + layout.offsetOf("iova.pfn_hi")),
    ];
  }

  #range(iova: number): readonly [number | null, number | null] {
    return iova === 0
      ? [null, null]
      : this.#rangeOf(iova + this.#tree.layout.offsetOf("iova.node"));
  }
}
