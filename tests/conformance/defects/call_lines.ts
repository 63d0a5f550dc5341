/** Tells what happened to a command in the words of the recorded defects. */
import type { MachineEvent } from "@dmalab/runtime";
import { errnoOf, type Fields } from "../kernel/capture_words.ts";
import type { CallLine } from "./defect_data.ts";

/** Every recorded machine had pages of 4 KiB where addresses are translated. */
const GRANULE_BYTES = 4096;

const ITERATOR_CALLS: ReadonlySet<string> = new Set([
  "blk_rq_dma_map_iter_start",
  "blk_rq_dma_map_iter_next",
  "blk_rq_integrity_dma_map_iter_start",
  "blk_rq_integrity_dma_map_iter_next",
]);

/** A call that has not returned. */
interface OpenCall {
  readonly api: string;
  readonly given: Fields;
  /** Index of the first line inside it. */
  readonly from: number;
  /** Made to fail at its entry: as if it had not been called. */
  injected: boolean;
  /** It parked a range; what it frees after that was parked before. */
  parked: boolean;
}

/** A range that was reserved for linking. */
interface Range {
  readonly addr: number;
  readonly sizeBytes: number;
}

/** Collects the lines of one command, event by event. */
export class CallLines {
  readonly lines: CallLine[] = [];
  readonly #ranges: Range[] = [];
  readonly #open: OpenCall[] = [];
  /** Where the line of the iterator's segment goes; -1 when it is reported or there is none. */
  #segmentAt = -1;
  #reserved = 0;
  /** What each event inside a call tells. */
  readonly #happened: Readonly<Record<string, (given: Fields) => void>> = {
    "block.segment": (given) => {
      if (given.path !== "bus") return;
      this.#tell("segment", given, ["phys", "size_bytes"]);
      this.#segmentAt = -1;
    },
    "iova.alloc": (given) => {
      this.#reserved = given.start as number;
      this.#tell("iova.reserve", given, ["size_bytes", "start"]);
    },
    "iova.free": (given) => {
      if (this.#isLate(given.to === "flush_queue")) return;
      this.#tell("iova.release", given, ["start", "size_bytes"]);
    },
    "iommu.map": (given) => this.#tell("pagetable.map", given, ["iova", "phys", "size_bytes"]),
    "iommu.map_failed": (given) => {
      this.#tell("pagetable.map", given, ["iova", "phys", "size_bytes"]);
      this.#tell("pagetable.unmap", given, ["iova", "undone_bytes", "undone_bytes"]);
    },
    "iommu.unmap": (given) =>
      this.#tell("pagetable.unmap", given, ["iova", "size_bytes", "unmapped_bytes"]),
    inject: () => {
      for (const call of this.#open) call.injected = true;
    },
  };
  /** What each call tells when it returns. */
  readonly #returned: Readonly<Record<string, (call: OpenCall, result: Fields) => void>> = {
    dma_iova_try_alloc: ({ given }, { result }) => {
      if (result !== true) return;
      const addr = this.#reserved + (given.phys as number) % GRANULE_BYTES;
      this.#ranges.push({ addr, sizeBytes: given.size as number });
      this.#tell("iova.alloc", given, ["phys", "size"], addr);
    },
    dma_iova_link: ({ given }, result) =>
      this.#tell("iommu.link", given, ["phys", "offset", "size"], errnoOf(result)),
    dma_iova_sync: ({ given }, result) =>
      this.#tell("iova.sync", given, ["offset", "size"], errnoOf(result)),
    dma_iova_destroy: (call) => this.#destroyed(call),
    dma_map_phys: ({ given }, { result }) =>
      this.#tell("dma.map", given, ["phys", "size"], result as number | null),
    dma_unmap_phys: ({ given }) => this.#tell("dma.unmap", given, ["dma", "size"]),
    dma_pool_alloc: ({ given }, { result }) => {
      if (typeof result !== "number" || result < 0) return;
      this.#tell("pool.alloc", given, ["size_bytes"], result);
    },
    dma_pool_free: ({ given }) => this.#tell("pool.free", given, ["size_bytes", "dma"]),
  };

  add({ name, fields }: MachineEvent): void {
    const given = fields as Fields;
    if (name.startsWith("call.")) this.#enter(name.slice("call.".length), given);
    else if (name.startsWith("ret.")) this.#leave(name.slice("ret.".length), given);
    else this.#happened[name]?.(given);
  }

  #enter(api: string, given: Fields): void {
    if (ITERATOR_CALLS.has(api)) this.#segmentAt = this.lines.length;
    if (api === "dma_iova_link" || api === "dma_map_phys") this.#segment(given);
    this.#open.push({ api, given, from: this.lines.length, injected: false, parked: false });
  }

  /** The iterator's step is reported before what is done with it. */
  #segment(given: Fields): void {
    const iterating = this.#open.some(({ api }) => ITERATOR_CALLS.has(api));
    if (!iterating) return;
    const at = this.#segmentAt < 0 ? this.lines.length : this.#segmentAt;
    this.lines.splice(at, 0, ["segment", given.phys as number, given.size as number]);
    this.#segmentAt = -1;
  }

  /** Ranges are freed when they are parked; leaving the queue is no new release. */
  #isLate(parked: boolean): boolean {
    const call = this.#open.at(-1);
    if (call === undefined) return !parked;
    if (parked) call.parked = true;
    return call.parked && !parked;
  }

  /** Adds a line of numbers that were given, with what came of them. */
  #tell(
    name: string,
    given: Fields,
    fields: readonly string[],
    ...results: (number | null)[]
  ): void {
    this.lines.push([name, ...fields.map((field) => given[field] as number), ...results]);
  }

  #leave(api: string, result: Fields): void {
    const call = this.#open.pop();
    if (call !== undefined && !call.injected) this.#returned[api]?.(call, result);
  }

  /** One that links nothing any more ends in the other call, whose release had no probe. */
  #destroyed({ given, from }: OpenCall): void {
    const inside = this.lines.splice(from);
    const mapped = given.mapped_len as number;
    const start = inside.find(([name]) => name === "pagetable.unmap" || name === "iova.release")
      ?.[1];
    const range = this.#ranges.findLast(({ addr }) => addr - addr % GRANULE_BYTES === start) ??
      { addr: 0, sizeBytes: 0 };
    this.lines.push(["iova.destroy", range.addr, mapped]);
    if (mapped === 0) this.lines.push(["iova.freeState", range.addr, range.sizeBytes]);
    else this.lines.push(...inside);
  }
}
