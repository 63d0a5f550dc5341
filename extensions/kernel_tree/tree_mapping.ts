/**
 * The tree's own mapping layer for one device or for a group of two devices. It has the interface of
 * `MappingModel`.
 */
import type { LayoutWanted } from "@dmalab/c_drivers/tree";
import type { Implementation, OperationResult } from "./oracle/compare.ts";
import {
  answerOf,
  kernelCallOf,
  type MappingOperation,
  RAM_BYTES,
} from "./oracle/mapping_operations.ts";
import type { HmmOperation } from "./oracle/hmm_operations.ts";
import type { QueueFields, RequestOperation } from "./oracle/request_operations.ts";
import type { TableShape } from "./oracle/table_formats.ts";
import type { PeerFields } from "./oracle/peers.ts";
import { PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { DMA_TO_DEVICE, slabBytes } from "@dmalab/runtime/dma";
import type { Parts } from "./link_tree.ts";
import {
  ARM_FILES,
  ARM_SUBJECT,
  GENERIC_SUBJECTS,
  oracleTexts,
  sizeOf,
  TreeDomain,
} from "./tree_domain.ts";
import { TreeCoherent } from "./tree_coherent.ts";
import { NotedCopies } from "./tree_pool.ts";
import { placePeers, REQUEST_IMPORTS, TreeRequests } from "./tree_requests.ts";
import {
  Int,
  type LinkedTree,
  type TreeImports,
  TreeModule,
  TreeStopped,
  type TreeValue,
} from "./tree_module.ts";

const MAPPING_LAYOUT: LayoutWanted = {
  headers: [
    "linux/timer.h",
    "linux/workqueue.h",
    "linux/mm_types.h",
    "linux/scatterlist.h",
    "linux/dma-mapping.h",
  ],
  structs: {
    timer_list: ["function"],
    delayed_work: ["work.func"],
    page: ["_refcount"],
    scatterlist: ["dma_address", "dma_length"],
    sg_table: ["sgl", "nents", "orig_nents"],
    dma_iova_state: ["addr"],
  },
};

/** The tested files of the tree, and the sources that are compiled with them. */
export const MAPPING_PARTS: Parts = {
  subjects: [
    "drivers/iommu/dma-iommu.c",
    "kernel/dma/swiotlb.c",
    "kernel/dma/direct.c",
    "kernel/dma/mapping.c",
    "drivers/iommu/iommu.c",
    ...GENERIC_SUBJECTS,
    ARM_SUBJECT,
  ],
  files: [
    "kernel/dma/mapping.c",
    "kernel/dma/direct.c",
    "drivers/iommu/iova.c",
    "drivers/iommu/iommu-pages.c",
    ...GENERIC_SUBJECTS,
    ...ARM_FILES,
    "lib/rbtree.c",
    "lib/scatterlist.c",
    "lib/list_sort.c",
    "lib/ctype.c",
  ],
  texts: () => oracleTexts("device", "translated", "bounce", "generic", "arm"),
  layout: MAPPING_LAYOUT,
  // Symbols for devices that are not coherent with the CPU's caches.
  symbols: [
    "ARCH_HAS_SYNC_DMA_FOR_CPU",
    "ARCH_HAS_SYNC_DMA_FOR_DEVICE",
    "DMA_BOUNCE_UNALIGNED_KMALLOC",
  ],
};

/** The mapping layer with the block layer's request iterator. */
export const REQUEST_PARTS: Parts = {
  ...MAPPING_PARTS,
  subjects: ["block/blk-mq-dma.c"],
  files: [...MAPPING_PARTS.files, "block/blk-mq-dma.c"],
  texts: () => [...MAPPING_PARTS.texts(), ...oracleTexts("request")],
};

/** The mapping layer with lists of a process's pages. */
export const HMM_PARTS: Parts = {
  ...MAPPING_PARTS,
  subjects: ["mm/hmm.c"],
  files: [...MAPPING_PARTS.files, "mm/hmm.c"],
  texts: () => [...MAPPING_PARTS.texts(), ...oracleTexts("hmm")],
  functions: { hmm_dma_map_alloc: "include/linux/hmm-dma.h" },
};

/** The settings of a device, as fields of an `init` operation. */
interface DeviceFields {
  readonly dma_mask_bits: number;
  readonly bus_limit_bits: number;
  readonly try_32bit_first: boolean;
  readonly untrusted: boolean;
  readonly coherent?: boolean;
  readonly min_align_mask: number;
  readonly seg_boundary_mask: number;
  readonly max_seg_size: number;
}

type Ranges = readonly (readonly [number, number])[];

export class TreeMapping implements Implementation<MappingOperation> {
  readonly #tree: TreeModule;
  readonly #states = new Map<number, number>();
  readonly #lists = new Map<number, readonly [at: number, count: number]>();
  readonly #pages: TreeDomain;
  readonly #noted = new NotedCopies(() => this.#tree);
  readonly #coherent = new TreeCoherent(() => this.#tree);
  #requests: TreeRequests | null = null;
  readonly #hmm: TreeHmm;
  #caches: unknown[] = [];
  #wentBeyond = false;
  #isLazy = false;
  #devices: readonly number[] = [];
  #domain = 0;
  #reserved: Ranges = [];

  constructor(linked: LinkedTree) {
    this.#pages = new TreeDomain(() => this.#tree);
    this.#tree = new TreeModule(linked, { ...this.#pages.imports(), ...this.#imports() });
    this.#tree.makePageMap(RAM_BYTES / PAGE_SIZE_BYTES);
    this.#hmm = new TreeHmm(this.#tree);
  }

  run(operation: MappingOperation): OperationResult {
    if (operation.op === "reserved") {
      this.#reserved = operation.ranges as Ranges;
      return {};
    }
    if (operation.op === "init") {
      this.#init(operation);
      return {};
    }
    this.#tree.cpu = operation.cpu === undefined ? this.#tree.cpu : operation.cpu as number;
    this.#pages.begin();
    this.#noted.begin();
    this.#caches = [];
    this.#wentBeyond = false;
    const answer = this.#answer(operation);
    return {
      ...answer,
      events: this.#pages.flushes,
      copies: this.#noted.copies,
      // The fills of bounce buffers. They differ between two trees if only one of the trees zeroes
      // bytes next to the data, or overwrites data.
      fills: this.#noted.fills,
      caches: this.#caches,
      went_beyond_32bit: this.#wentBeyond,
      warn: this.#pages.warnings,
    };
  }

  #init(operation: MappingOperation): void {
    const number = (name: string) => operation[name] as number;
    const tree = this.#tree;
    const ranges = (operation.ranges ?? this.#reserved) as Ranges;
    tree.startCpus(number("cpus"));
    if (tree.call("iova_cache_get") !== 0) throw new TreeStopped("iova_cache_get() fails");
    const force = operation.bounce_force === true ? ",force" : "";
    this.#noted.start(
      number("bounce_start"),
      number("bounce_slots"),
      `${number("bounce_areas")}${force}`,
    );
    tree.call("lab_machine", RAM_BYTES);
    const fields = [operation, ...operation.second === undefined ? [] : [operation.second]];
    this.#devices = fields.map((each, place) => this.#make(place, each as DeviceFields));
    for (const [first, last] of ranges) tree.call("lab_reserve", first, last - first + 1);
    for (const range of (operation.bus_ranges ?? []) as readonly number[][]) {
      tree.call("lab_bus_range", ...range);
    }
    if (operation.peers !== undefined) placePeers(tree, operation.peers as PeerFields);
    if (operation.queue !== undefined) {
      this.#requests = new TreeRequests(tree, this.#devices[0]!, operation.queue as QueueFields);
    }
    const { mode } = operation;
    this.#isLazy = mode !== "strict";
    if (mode === "direct") return;
    this.#domain = this.#pages.make(operation as MappingOperation & TableShape);
    if (tree.call("lab_group_domain", this.#domain, mode !== "strict") === 0) {
      throw new TreeStopped("The domain cannot allocate");
    }
    for (const [place, device] of this.#devices.entries()) {
      const isLow = (fields[place] as DeviceFields).try_32bit_first;
      if (tree.call("lab_attach", device, mode === "lazy-single", isLow) === 0) {
        throw new TreeStopped("A device is not attached");
      }
    }
  }

  #make(place: number, fields: DeviceFields): number {
    const tree = this.#tree;
    const bits = (count: number) => (1n << BigInt(count)) - 1n;
    const device = tree.call(
      "lab_device",
      new Int(place),
      bits(fields.dma_mask_bits),
      fields.bus_limit_bits === 0 ? 0 : bits(fields.bus_limit_bits),
      fields.untrusted,
      fields.coherent !== false,
    );
    const { max_seg_size, min_align_mask, seg_boundary_mask } = fields;
    tree.call("lab_limits", device, min_align_mask, seg_boundary_mask, max_seg_size);
    return device;
  }

  #answer(operation: MappingOperation): OperationResult {
    const number = (name: string) => operation[name] as number;
    const tree = this.#tree;
    const dir = new Int(operation.dir as number);
    const attrs = (operation.attrs ?? 0) as number;
    const device = this.#deviceOf(operation);
    switch (operation.op) {
      case "map_sg":
        return this.#mapList(operation, dir, attrs);
      case "alloc":
      case "free":
        return this.#coherent.run(device, operation);
      case "rq_map":
      case "rq_list":
      case "rq_unmap":
        return this.#requests!.run(operation as RequestOperation);
      case "hmm_alloc":
      case "hmm_fill":
      case "hmm_map":
      case "hmm_unmap":
      case "hmm_free":
        return this.#hmm.run(device, operation as MappingOperation & HmmOperation);
      case "unmap_sg": {
        const [at, count] = this.#lists.get(number("id"))!;
        tree.call("dma_unmap_sg_attrs", device, at, new Int(count), dir, attrs);
        return {};
      }
      case "sync_sg_for_cpu":
      case "sync_sg_for_device": {
        const [at, count] = this.#lists.get(number("id"))!;
        tree.call(`lab_${operation.op}`, device, at, new Int(count), dir);
        return {};
      }
      case "advance": {
        const { timers } = tree.advance(number("ms"));
        return { now: tree.nowMs, fired: timers };
      }
      case "state":
        return {
          now: tree.nowMs,
          // The anchor of the rbtree is not counted.
          iova_nodes: this.#domain === 0 ? 0 : tree.call("lab_ranges", this.#domain) - 1,
          // In lazy mode, the kernel frees table pages together with ranges, but the model counts
          // only pages in use. Therefore table pages are not compared.
          ...this.#isLazy ? {} : { tables: this.#pages.tables },
          bounce_slots_used: this.#noted.usedSlots,
          try_32bit_first: tree.call("lab_prefers_low", this.#devices[0]!) !== 0,
          ...this.#devices.length === 1 ? {} : {
            second_32bit_first: tree.call("lab_prefers_low", this.#devices[1]!) !== 0,
          },
        };
      case "limits":
        return limitsOf(tree, device);
      default:
        return this.#call(operation);
    }
  }

  /** The device that makes the call. */
  #deviceOf({ dev = 0 }: MappingOperation): number {
    return this.#devices[dev as number]!;
  }

  /**
   * Calls a kernel function, with the arguments that are listed in the function's row of the table.
   */
  #call(operation: MappingOperation): OperationResult {
    const tree = this.#tree;
    const { bits = 0, dir = 0, op } = operation as { bits?: number; dir?: number; op: string };
    const id = operation.id as number;
    if (op === "iova_try_alloc") {
      this.#states.set(id, tree.memory.take(tree.layout.sizeOf("dma_iova_state")));
    }
    const state = this.#states.get(id);
    const call = kernelCallOf(operation, {
      dev: this.#deviceOf(operation),
      dir: new Int(dir),
      mask: (1n << BigInt(bits)) - 1n,
      state,
    });
    if (call === null) throw new RangeError(`There is no operation ${op}`);
    const name = op.startsWith("sync_") ? `lab_${op}` : call.name;
    const result = tree.call(name, ...call.args as readonly (TreeValue | Int)[]);
    const addr = state === undefined
      ? undefined
      : tree.memory.word(state + tree.layout.offsetOf("dma_iova_state.addr"));
    return answerOf(call.name, result, addr);
  }

  #mapList(operation: MappingOperation, dir: Int, attrs: number): OperationResult {
    const { layout, memory } = this.#tree;
    const segments = operation.in as Ranges;
    const bytes = layout.sizeOf("scatterlist");
    const at = memory.take(segments.length * bytes);
    this.#tree.call("sg_init_table", at, new Int(segments.length));
    for (const [index, [phys, size]] of segments.entries()) {
      this.#tree.call("lab_list_set", at, new Int(index), phys, new Int(size));
    }
    this.#lists.set(operation.id as number, [at, segments.length]);
    const table = memory.take(layout.sizeOf("sg_table"));
    const member = (name: string) => table + layout.offsetOf(`sg_table.${name}`);
    memory.view.setBigUint64(member("sgl"), BigInt(at), true);
    memory.view.setUint32(member("nents"), segments.length, true);
    memory.view.setUint32(member("orig_nents"), segments.length, true);
    const error = this.#tree.call("dma_map_sgtable", this.#deviceOf(operation), table, dir, attrs);
    const count = error === 0 ? memory.view.getUint32(member("nents"), true) : 0;
    if (count > segments.length) {
      throw new TreeStopped(`a list of ${segments.length} entries is mapped to ${count}`);
    }
    const out = Array.from({ length: count }, (_, index) => [
      memory.word(at + index * bytes + layout.offsetOf("scatterlist.dma_address")),
      memory.view.getUint32(at + index * bytes + layout.offsetOf("scatterlist.dma_length"), true),
    ]);
    memory.give(table);
    return { ret: error === 0 ? count : error, out };
  }

  #imports(): TreeImports {
    const tree = () => this.#tree;
    return {
      ...this.#noted.imports(),
      ...REQUEST_IMPORTS,
      ...this.#coherent.imports(),
      walk_system_ram_range: (_first, _count, argument, visit) =>
        tree().callPointer(
          Number(visit),
          0n,
          BigInt(RAM_BYTES / PAGE_SIZE_BYTES),
          BigInt(argument),
        ),
      kmalloc_size_roundup: (size) => BigInt(slabBytes(Number(size))),
      arch_sync_dma_for_device: (phys, size) => {
        this.#caches.push(["clean", Number(phys), Number(size)]);
      },
      arch_sync_dma_for_cpu: (phys, size, dir) => {
        // Architectures do nothing for this direction. @see rules/dma.md 2.2
        if (Number(dir) === DMA_TO_DEVICE) return;
        this.#caches.push(["invalidate", Number(phys), Number(size)]);
      },
      _dev_notice: () => {
        this.#wentBeyond = true;
      },
    };
  }
}

function limitsOf(tree: TreeModule, device: number): OperationResult {
  return {
    opt_mapping_size: sizeOf(tree.call("dma_opt_mapping_size", device)),
    max_mapping_size: String(
      BigInt.asUintN(64, BigInt(tree.call("dma_max_mapping_size", device))),
    ),
    merge_boundary: tree.call("dma_get_merge_boundary", device),
    required_mask: sizeOf(tree.call("dma_get_required_mask", device)),
    addressing_limited: tree.call("dma_addressing_limited", device) !== 0,
  };
}

/** Lists of pages that devices map with a tree's own `mm/hmm.c`, with the interface of `HmmModel`. */
class TreeHmm {
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
