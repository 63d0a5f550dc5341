/**
 * A descriptor pool that hands out the addresses that were captured.
 *
 * A pool's own order depends on when other requests' completions came, which the captures do not
 * tell for every run; the addresses are given to a model, not asked of it. When the captured pool
 * grew, this one allocates a page like any driver, so that the page's IO address must come out.
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "../../runtime/address.ts";
import type { DmaDevice } from "../../runtime/dma/device/device.ts";
import type { CoherentMemory } from "../../runtime/dma/calls/mapping.ts";
import type { DescriptorPool, PoolBlock } from "../../runtime/dma/calls/pool.ts";
import { eventId } from "../../runtime/event_vocabulary.ts";
import { FAULT } from "../../runtime/faults.ts";
import type { Machine } from "../../runtime/machine.ts";
import type { CaptureCall } from "./kernel_data.ts";

const CALL_ALLOC = eventId("call.dma_pool_alloc");
const RET_ALLOC = eventId("ret.dma_pool_alloc");
const CALL_FREE = eventId("call.dma_pool_free");
const RET_FREE = eventId("ret.dma_pool_free");

export class RecordedPool implements DescriptorPool {
  /** The captured allocations of the request under way, oldest first. */
  #coming: CaptureCall[] = [];
  readonly #pages = new Map<number, CoherentMemory>();
  /** Blocks that were given back, by the address they were given back with. */
  readonly #free = new Map<DmaAddr, PoolBlock[]>();

  constructor(
    readonly machine: Machine,
    readonly dev: DmaDevice,
    readonly name: "small" | "large",
    readonly blockSizeBytes: Bytes,
  ) {}

  /** Sets the answers for the next request: its captured calls. */
  expect(calls: readonly CaptureCall[]): void {
    this.#coming = calls.filter((call) =>
      call.call === "dma_pool_alloc" && call.pool === this.name
    );
  }

  alloc(): PoolBlock | null {
    const { events, faults } = this.machine;
    if (events.tick(CALL_ALLOC)) {
      events.emit(CALL_ALLOC, { pool: this.name, size_bytes: this.blockSizeBytes });
    }
    const refused = faults !== null && faults.errnoAt(FAULT.dma_pool_alloc) !== 0;
    const recorded = refused ? undefined : this.#coming.shift();
    const block = recorded === undefined ? null : this.#blockAt(recorded);
    const result = block?.dma ?? DMA_MAPPING_ERROR;
    if (events.tick(RET_ALLOC)) events.emit(RET_ALLOC, { result, error: null });
    return block;
  }

  free(block: PoolBlock, dma: DmaAddr): void {
    const { events } = this.machine;
    if (events.tick(CALL_FREE)) {
      events.emit(CALL_FREE, { pool: this.name, size_bytes: this.blockSizeBytes, dma });
    }
    const others = this.#free.get(dma) ?? [];
    this.#free.set(dma, [...others, { phys: block.phys, dma }]);
    if (events.tick(RET_FREE)) events.emit(RET_FREE, { result: null, error: null });
  }

  /** One that was given back under this address, or one that was never used. */
  #blockAt(recorded: CaptureCall): PoolBlock {
    const dma = recorded.dma as DmaAddr;
    this.#growIfRecorded(recorded);
    return this.#free.get(dma)?.pop() ?? { dma, phys: this.#physOf(dma) };
  }

  /** Where the CPU finds a block: in a page this pool grew by, or, before that, at the address itself. */
  #physOf(dma: DmaAddr): PhysAddr {
    const page = this.#pages.get(Math.floor(dma / PAGE_SIZE_BYTES));
    return page === undefined ? (dma as number as PhysAddr) : page.physOf(dma - page.dma);
  }

  #growIfRecorded(recorded: CaptureCall): void {
    const growth = recorded.inner?.find(({ op }) => op === "dma_alloc");
    if (growth === undefined) return;
    const mapped = recorded.inner?.find(({ op }) => op === "iommu_map");
    const phys = (mapped === undefined ? growth.dma : mapped.phys) as PhysAddr;
    const page = this.machine.dma.dmaAllocCoherent(this.dev, growth.size as number, [phys]);
    if (page !== null) this.#pages.set(Math.floor(page.dma / PAGE_SIZE_BYTES), page);
  }
}
