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

  add({ name, fields }: MachineEvent): void {
    const given = fields as Fields;
    if (name.startsWith("call.")) this.#enter(name.slice("call.".length), given);
    else if (name.startsWith("ret.")) this.#leave(name.slice("ret.".length), given);
    else this.#happened(name, given);
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

  #happened(name: string, given: Fields): void {
    switch (name) {
      case "block.segment":
        if (given.path !== "bus") break;
        this.#tell("segment", given, "phys", "size_bytes");
        this.#segmentAt = -1;
        break;
      case "iova.alloc":
        this.#reserved = given.start as number;
        this.#tell("iova.reserve", given, "size_bytes", "start");
        break;
      case "iova.free":
        if (!this.#isLate(given.to === "flush_queue")) {
          this.#tell("iova.release", given, "start", "size_bytes");
        }
        break;
      case "iommu.map":
        this.#tell("pagetable.map", given, "iova", "phys", "size_bytes");
        break;
      case "iommu.map_failed":
        this.#tell("pagetable.map", given, "iova", "phys", "size_bytes");
        this.#tell("pagetable.unmap", given, "iova", "undone_bytes", "undone_bytes");
        break;
      case "iommu.unmap":
        this.#tell("pagetable.unmap", given, "iova", "size_bytes", "unmapped_bytes");
        break;
      case "inject":
        for (const call of this.#open) call.injected = true;
        break;
    }
  }

  /** Ranges are freed when they are parked; leaving the queue is no new release. */
  #isLate(parked: boolean): boolean {
    const call = this.#open.at(-1);
    if (call === undefined) return !parked;
    if (parked) call.parked = true;
    return call.parked && !parked;
  }

  /** Adds a line of numbers. */
  #tell(name: string, given: Fields, ...fields: readonly string[]): void {
    this.lines.push([name, ...fields.map((field) => given[field] as number)]);
  }

  #leave(api: string, result: Fields): void {
    const call = this.#open.pop();
    if (call === undefined || call.injected) return;
    const number = (field: string) => call.given[field] as number;
    switch (api) {
      case "dma_iova_try_alloc": {
        if (result.result !== true) break;
        const addr = this.#reserved + number("phys") % GRANULE_BYTES;
        this.#ranges.push({ addr, sizeBytes: number("size") });
        this.lines.push(["iova.alloc", number("phys"), number("size"), addr]);
        break;
      }
      case "dma_iova_link": {
        const piece = [number("phys"), number("offset"), number("size")];
        this.lines.push(["iommu.link", ...piece, errnoOf(result)]);
        break;
      }
      case "dma_iova_sync":
        this.lines.push(["iova.sync", number("offset"), number("size"), errnoOf(result)]);
        break;
      case "dma_iova_destroy":
        this.#destroyed(call);
        break;
      case "dma_map_phys": {
        const dma = result.result as number | null;
        this.lines.push(["dma.map", number("phys"), number("size"), dma]);
        break;
      }
      case "dma_unmap_phys":
        this.#tell("dma.unmap", call.given, "dma", "size");
        break;
      case "dma_pool_alloc":
        if (typeof result.result !== "number" || result.result < 0) break;
        this.lines.push(["pool.alloc", number("size_bytes"), result.result]);
        break;
      case "dma_pool_free":
        this.#tell("pool.free", call.given, "size_bytes", "dma");
        break;
    }
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
