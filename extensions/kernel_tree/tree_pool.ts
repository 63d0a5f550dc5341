/** The tree's own pool of bounce buffers, with the interface of `PoolModel`. */
import type { Implementation, OperationResult } from "./oracle/compare.ts";
import { RAM_BYTES } from "./oracle/mapping_operations.ts";
import {
  mapped,
  type PoolOperation,
  type PoolView,
  stateOf,
  usedSlots,
} from "./oracle/pool_operations.ts";
import { PAGE_SIZE_BYTES, SLOT_BYTES } from "@dmalab/runtime";
import { DMA_ATTR } from "@dmalab/runtime/dma";
import { TreeDomain } from "./tree_domain.ts";
import { Int, type LinkedTree, type TreeImports, TreeModule, TreeStopped } from "./tree_module.ts";

/**
 * Records the copies and fills of bounce buffers instead of doing them, because the buffers have no
 * memory in a comparison.
 */
export class NotedCopies {
  #start = 0;
  #slots = 0;
  copies: [from: number, to: number, bytes: number][] = [];
  fills: [at: number, byte: number, bytes: number][] = [];

  constructor(readonly tree: () => TreeModule) {}

  /** Begins an operation with empty records. */
  begin(): void {
    this.copies = [];
    this.fills = [];
  }

  /** Sets the address and size of the tree's pool. */
  place(start: number, slots: number): void {
    this.#start = start;
    this.#slots = slots;
  }

  /** Starts the tree's pool. @param areas The number of areas, and further words of `swiotlb=`. */
  start(start: number, slots: number, areas: string): void {
    this.place(start, slots);
    const { memory } = this.tree();
    if (slots > 0) this.tree().call("lab_bounce_start", memory.takeText(`${slots},${areas}`));
  }

  get usedSlots(): number {
    return this.#slots === 0 ? 0 : this.tree().call("lab_bounce_used");
  }

  imports(): TreeImports {
    const isBounce = (at: number) =>
      at >= this.#start && at < this.#start + this.#slots * SLOT_BYTES;
    return {
      // The pool gets the address that the operation names.
      memblock_alloc_try_nid: (size) =>
        Number(size) === this.#slots * SLOT_BYTES
          ? BigInt(this.#start)
          : BigInt(this.tree().memory.take(Number(size))),
      memcpy: (to, from, size) => {
        const [target, source, count] = [Number(to), Number(from), Number(size)];
        if (isBounce(target) || isBounce(source)) this.copies.push([source, target, count]);
        else this.tree().memory.copy(target, source, count);
        return to;
      },
      memset: (at, byte, size) => {
        const fill = [Number(at), Number(byte), Number(size)] as const;
        if (fill[0] < this.#start || this.#slots === 0) this.tree().memory.fill(...fill);
        else this.fills.push([...fill]);
        return at;
      },
      _dev_info: () => {},
      _dev_warn: () => {},
    };
  }
}

export class TreePool implements Implementation<PoolOperation> {
  readonly #tree: TreeModule;
  readonly #noted: NotedCopies;
  readonly #domain: TreeDomain;
  #device = 0;
  #areas = 0;
  #view: PoolView = { start: 0, slots: 0, isUsed: () => false };

  constructor(linked: LinkedTree) {
    this.#domain = new TreeDomain(() => this.#tree);
    this.#noted = new NotedCopies(() => this.#tree);
    this.#tree = new TreeModule(linked, { ...this.#domain.imports(), ...this.#noted.imports() });
    this.#tree.makePageMap(RAM_BYTES / PAGE_SIZE_BYTES);
  }

  run(operation: PoolOperation): OperationResult {
    const tree = this.#tree;
    this.#noted.begin();
    this.#domain.begin();
    const { copies } = this.#noted;
    switch (operation.op) {
      case "size_for_cpus": {
        const { cpus, slots_before } = operation;
        tree.call("lab_bounce_size", slots_before, new Int(cpus));
        const [slots, areas] = ["slots", "areas"].map((name) => tree.call(`lab_bounce_${name}`));
        return { slots, areas, areas_used: tree.call("lab_bounce_areas_used") };
      }
      case "init": {
        const { areas_asked, slots, start } = operation;
        tree.startCpus(1);
        this.#noted.place(start, slots);
        tree.call("lab_bounce_make", slots, new Int(areas_asked));
        tree.call("lab_machine", RAM_BYTES);
        this.#device = tree.call("lab_device", new Int(0), -1n, 0, false, true);
        this.#areas = tree.call("lab_bounce_areas_of_pool");
        if (this.#areas === 0) throw new TreeStopped("The tree makes no pool");
        const isUsed = (slot: number) => tree.call("lab_bounce_slot_used", slot) !== 0;
        this.#view = { start, slots, isUsed };
        return {
          areas: this.#areas,
          area_slots: Math.floor(slots / this.#areas),
          ...this.#limits(operation),
        };
      }
      case "device":
        return this.#limits(operation);
      case "map": {
        const { alloc_align_mask, cpu, dir, orig, size } = operation;
        tree.cpu = cpu;
        const used = usedSlots(this.#view);
        const how = [new Int(alloc_align_mask), new Int(dir), DMA_ATTR.NO_WARN] as const;
        const tlb = tree.call("swiotlb_tbl_map_single", this.#device, orig, size, ...how);
        return mapped(tlb < 0 ? null : tlb, used, this.#view, copies);
      }
      case "unmap": {
        const { dir, size, skip_sync, tlb } = operation;
        const attrs = skip_sync ? DMA_ATTR.SKIP_CPU_SYNC : 0;
        tree.call("lab_bounce_unmap", tlb, size, new Int(dir), attrs);
        return { copies };
      }
      case "sync_for_cpu":
      case "sync_for_device": {
        const { dir, op, size, tlb } = operation;
        tree.call(`lab_bounce_${op}`, tlb, size, new Int(dir));
        return { copies, warn: this.#domain.warnings };
      }
      case "state":
        return stateOf(
          this.#view,
          Array.from({ length: this.#areas }, (_, area) => ({
            used: tree.call("lab_bounce_area_used", new Int(area)),
            index: tree.call("lab_bounce_area_index", new Int(area)),
          })),
        );
    }
  }

  #limits(
    { min_align_mask, seg_boundary_mask }: PoolOperation & { op: "init" | "device" },
  ): OperationResult {
    this.#tree.call("lab_limits", this.#device, min_align_mask, seg_boundary_mask ?? -1n, 2 ** 16);
    return { max_mapping_size: this.#tree.call("swiotlb_max_mapping_size", this.#device) };
  }
}
