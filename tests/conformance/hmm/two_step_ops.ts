/** Performs the operations of tests/golden/hmm that call the DMA API directly. */
import type { DmaAddr, Machine, PhysAddr } from "@dmalab/runtime";
import {
  attributeWords,
  type DmaDevice,
  type DmaDirection,
  DmaIovaState,
  UNLIMITED_BYTES,
} from "@dmalab/runtime/dma";
import type { JsonObject } from "../difference.ts";
import type { HmmOp } from "./hmm_given.ts";
import type { InnerLines } from "./hmm_inner.ts";
import { addressOrNull, type AddressWords, attributeMask } from "./hmm_words.ts";

const PAGE_BYTES = 4096;
const MSB_OF_STATE_ADDRESSES = 64;
/** The kernel's domain type for each mode; null without an IOMMU. */
const DOMAIN_TYPES = { off: null, passthrough: 4, strict: 3, lazy: 11 } as const;

/** A run of mapped pages in a page table: IOVA, physical address, bytes. */
type TableRun = [iova: number, phys: number, bytes: number];

export class TwoStepOps {
  readonly #states = new Map<number, DmaIovaState>();
  /** States with ranges that are larger than the model's address space. */
  readonly #beyond = new Set<number>();

  constructor(
    private readonly machine: Machine,
    private readonly dev: DmaDevice,
    private readonly inner: InnerLines,
    private readonly words: AddressWords,
  ) {}

  readonly #ways: Readonly<Record<string, (op: HmmOp) => JsonObject>> = {
    try_alloc: (op) => this.#tryAlloc(op),
    link: (op) => this.#link(op),
    sync: (op) => this.#onState(op),
    unlink: (op) => this.#onState(op),
    destroy: (op) => this.#onState(op),
    free: (op) => this.#onState(op),
    map_phys: (op) => this.#mapPhys(op),
    unmap_phys: (op) => this.#unmapPhys(op),
    set_mask: (op) => this.#setMask(op),
    set_min_align_mask: ({ mask }) => {
      this.dev.minAlignMask = mask as number;
      return {};
    },
    query: () => this.#query(),
    table: (op) => ({ map: this.#runs(op, false) }),
    residual_removed: (op) => ({ map: this.#remove(op) }),
  };

  /** Performs an operation; null for one that is not of the DMA API. */
  run(op: HmmOp): JsonObject | null {
    if (this.#isBeyond(op)) return this.#asGiven(op);
    return Object.hasOwn(this.#ways, op.op) ? this.#ways[op.op]!(op) : null;
  }

  /** The call of an operation, in the form that the record uses for a call that did not return. */
  enteredBy(op: HmmOp): JsonObject {
    if (op.op.startsWith("hmm")) return {};
    const state = op.op === "free" ? stateOf(this.#state(op)) : {};
    return { calls: [{ call: `dma_iova_${op.op}`, ...state }] };
  }

  /**
   * Whether an operation uses a range that the model's addresses cannot represent. Such an
   * operation is not performed: its results are taken from the record until the range is freed.
   */
  #isBeyond(op: HmmOp): boolean {
    const slot = op.state as number;
    if (op.op === "try_alloc") {
      const reserved = op.ok === 1 && Number(op.size) >= this.words.spaceBytes;
      if (reserved) this.#beyond.add(slot);
      return reserved;
    }
    return op.op === "free" && this.#beyond.delete(slot);
  }

  #asGiven({ addr, inner, ok, state_size }: HmmOp): JsonObject {
    const given = { addr: addr!, state_size: state_size!, inner: inner! };
    return this.words.recorded(ok === undefined ? given : { ok, ...given }) as JsonObject;
  }

  #state({ state }: HmmOp): DmaIovaState {
    return this.#states.getOrInsertComputed(state as number, () => new DmaIovaState());
  }

  #tryAlloc(op: HmmOp): JsonObject {
    const state = new DmaIovaState();
    this.#states.set(op.state as number, state);
    const phys = this.words.number(op.phys) as PhysAddr;
    const size = Number(op.size);
    const ok = this.machine.dma.dmaIovaTryAlloc(this.dev, state, phys, size);
    return { ok: ok ? 1 : 0, ...stateOf(state), ...this.#inside() };
  }

  #link(op: HmmOp): JsonObject {
    const state = this.#state(op);
    const phys = op.phys as PhysAddr;
    const offset = op.offset as number;
    const attrs = attributeMask(op.attrs);
    this.inner.around = {
      link: { addr: state.addr, offset, phys },
      attrs: attributeWords(attrs),
    };
    const dir = op.dir as DmaDirection;
    const ret = this.machine.dma.dmaIovaLink(
      this.dev,
      state,
      phys,
      offset,
      Number(op.size),
      dir,
      attrs,
    );
    return { ret, ...flagOf(state), ...this.#inside() };
  }

  #onState(op: HmmOp): JsonObject {
    const { dev, machine: { dma } } = this;
    const state = this.#state(op);
    const dir = op.dir as DmaDirection;
    const attrs = attributeMask(op.attrs);
    const offset = op.offset as number;
    switch (op.op) {
      case "sync":
        return { ret: dma.dmaIovaSync(dev, state, offset, op.size as number), ...this.#inside() };
      case "unlink":
        dma.dmaIovaUnlink(dev, state, offset, op.size as number, dir, attrs);
        return this.#inside();
      case "destroy":
        dma.dmaIovaDestroy(dev, state, op.mapped as number, dir, attrs);
        break;
      default:
        dma.dmaIovaFree(dev, state);
    }
    return { ...stateOf(state), ...flagOf(state), ...this.#inside() };
  }

  #mapPhys(op: HmmOp): JsonObject {
    const attrs = attributeMask(op.attrs);
    this.inner.around = { link: null, attrs: attributeWords(attrs) };
    const dma = this.machine.dma.dmaMapPhys(
      this.dev,
      op.phys as PhysAddr,
      op.size as number,
      op.dir as DmaDirection,
      attrs,
    );
    return { dma: addressOrNull(dma), ...this.#inside() };
  }

  #unmapPhys(op: HmmOp): JsonObject {
    this.machine.dma.dmaUnmapPhys(
      this.dev,
      this.words.number(op.dma) as DmaAddr,
      op.size as number,
      op.dir as DmaDirection,
      attributeMask(op.attrs),
    );
    return this.#inside();
  }

  #setMask({ mask }: HmmOp): JsonObject {
    const bits = mask === null ? MSB_OF_STATE_ADDRESSES : Math.log2((mask as number) + 1);
    return { ret: this.machine.dma.dmaSetMask(this.dev, bits) };
  }

  #query(): JsonObject {
    const { dev, machine: { dma, iommu } } = this;
    const limit = (bytes: number) => bytes === UNLIMITED_BYTES ? null : bytes;
    return {
      required_mask: dma.dmaGetRequiredMask(dev),
      max_mapping: limit(dma.dmaMaxMappingSize(dev)),
      opt_mapping: limit(dma.dmaOptMappingSize(dev)),
      merge_boundary: dma.dmaGetMergeBoundary(dev),
      need_unmap: dma.dmaNeedUnmap(dev) ? 1 : 0,
      addressing_limited: dma.dmaAddressingLimited(dev) ? 1 : 0,
      domain_type: DOMAIN_TYPES[iommu.modeOf(dev)],
      mask: dev.maskBits === MSB_OF_STATE_ADDRESSES ? null : 2 ** dev.maskBits - 1,
    };
  }

  /**
   * The mappings in the page table, as runs. A leaf may extend beyond the last address; a lookup
   * does not find that part of the leaf.
   * @param seesZero Whether to include entries that map address 0. A translation reports such
   *   entries as not mapped.
   */
  #runs(op: HmmOp, seesZero: boolean): TableRun[] {
    const runs: TableRun[] = [];
    const { domain } = this.dev;
    if (domain === null) return runs;
    const from = this.words.number(op.from);
    const end = Math.min(
      from + (op.pages as number) * PAGE_BYTES,
      seesZero ? Infinity : domain.table.lastAddress + 1,
    );
    domain.table.forEachLeaf(from, end - 1, (leaf, leafPhys, sizeBytes) => {
      const hidden = leafPhys === 0 && !seesZero ? PAGE_BYTES : 0;
      const skip = Math.max(hidden, from - leaf);
      const iova = leaf + skip;
      const phys = leafPhys + skip;
      const bytes = Math.min(leaf + sizeBytes, end) - iova;
      if (bytes <= 0) return;
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[2] === iova && last[1] + last[2] === phys) {
        last[2] += bytes;
      } else runs.push([iova, phys, bytes]);
    });
    return runs;
  }

  /**
   * Removes the remaining entries of a case from the table, page by page, without a call of the DMA
   * layer. Tables that become empty stay allocated.
   */
  #remove(op: HmmOp): TableRun[] {
    const runs = this.#runs(op, true);
    for (const [iova, , bytes] of runs) {
      for (let done = 0; done < bytes; done += PAGE_BYTES) {
        this.dev.domain!.table.unmap(iova + done, PAGE_BYTES);
      }
    }
    return runs;
  }

  #inside(): JsonObject {
    const lines = this.inner.take();
    return lines.length === 0 ? {} : { inner: lines };
  }
}

function stateOf({ addr, sizeBytes }: DmaIovaState): JsonObject {
  return { addr, state_size: sizeBytes };
}

function flagOf({ bounced }: DmaIovaState): JsonObject {
  return bounced ? { uses_bounce: true } : {};
}
