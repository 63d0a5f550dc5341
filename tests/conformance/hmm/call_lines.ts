/** The DMA calls inside an operation on a page-wise map, as tests/golden/hmm tells them. */
import { directionNumber, errnoOf, type Fields } from "../kernel/capture_words.ts";
import type { Machine, MachineEvent } from "@dmalab/runtime";
import type { Json } from "../difference.ts";
import type { InnerLines } from "./hmm_inner.ts";
import { attributeList } from "./hmm_words.ts";

const CALLS = [
  "dma_iova_try_alloc",
  "dma_iova_free",
  "dma_iova_link",
  "dma_iova_sync",
  "dma_iova_unlink",
  "dma_map_phys",
  "dma_unmap_phys",
] as const;

/** One call: its name, its arguments and results, and what happened inside. */
export type HmmCallLine = Record<string, Json>;

export class HmmCallLines {
  #calls: HmmCallLine[] = [];
  #open: HmmCallLine | null = null;
  #listens = false;

  constructor(machine: Machine, private readonly inner: InnerLines) {
    const names = CALLS.flatMap((call) => [`call.${call}`, `ret.${call}`] as const);
    machine.events.listen((event) => this.#add(event), names);
  }

  /** An operation begins, inside of which calls are reported. */
  begin(): void {
    this.#listens = true;
  }

  /** The calls since the operation began, which are forgotten. Warnings without an owner are the last one. */
  take(): HmmCallLine[] {
    const calls = this.#calls;
    this.#listens = false;
    const rest = this.inner.take();
    if (rest.length > 0) calls.push({ call: "(other)", inner: rest });
    this.#calls = [];
    this.#open = null;
    return calls;
  }

  #add({ fields, name }: MachineEvent): void {
    if (!this.#listens) return;
    const of = fields as Fields;
    if (name.startsWith("call.")) {
      this.#open = { call: name.slice("call.".length), ...argumentsOf(of) };
      return;
    }
    const call = this.#open;
    if (call === null) return;
    Object.assign(call, resultsOf(call.call as string, of));
    const lines = this.inner.take();
    if (lines.length > 0) call.inner = lines;
    this.#calls.push(call);
    this.#open = null;
  }
}

function argumentsOf({ attrs, dev: _dev, dir, ...numbers }: Fields): HmmCallLine {
  return {
    ...numbers as HmmCallLine,
    ...(dir === undefined ? {} : { dir: directionNumber(dir) }),
    ...attributeList(attrs),
  };
}

function resultsOf(call: string, result: Fields): HmmCallLine {
  switch (call) {
    case "dma_iova_try_alloc":
      return { ok: result.result === true ? 1 : 0 };
    case "dma_iova_link":
    case "dma_iova_sync":
      return { ret: errnoOf(result) };
    case "dma_map_phys":
      return { dma: result.result as number | null };
    default:
      return {};
  }
}
