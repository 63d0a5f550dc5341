/**
 * Operations on lists of pages, which devices map page by page, and the results that the model
 * gives for the operations.
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  HMM_PFN,
  type HmmDmaMap,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
  type Machine,
} from "@dmalab/runtime";
import { type DmaDevice, PeerMemo } from "@dmalab/runtime/dma";
import type { OperationResult } from "./compare.ts";

export type HmmOperation =
  & { readonly id: number; readonly dev?: number; readonly cpu?: number }
  & (
    | { readonly op: "hmm_alloc"; readonly pages: number; readonly entry_bytes: number }
    /** Writes an entry as a range fault does. */
    | { readonly op: "hmm_fill"; readonly index: number; readonly pfn: number }
    | { readonly op: "hmm_map" | "hmm_unmap"; readonly index: number }
    | { readonly op: "hmm_free" }
  );

/** Bit of an entry's upper half at which its flags begin. */
const FLAG_SHIFT = 26;
/** The flag "DMA mapped" in an operation's `flags`. */
export const MAPPED_FLAG = HMM_PFN.DMA_MAPPED >>> FLAG_SHIFT;

export class HmmModel {
  readonly #maps = new Map<number, HmmDmaMap>();

  constructor(readonly machine: Machine) {}

  run(dev: DmaDevice, line: HmmOperation): OperationResult {
    const { machine } = this;
    if (line.op === "hmm_alloc") {
      const made = hmmDmaMapAlloc(machine, dev, line.pages, line.entry_bytes as Bytes);
      if (typeof made === "number") return { ret: made };
      this.#maps.set(line.id, made);
      return { ret: 0, mode: made.mode };
    }
    const map = this.#maps.get(line.id)!;
    if (line.op === "hmm_free") {
      hmmDmaMapFree(machine, dev, map);
      return {};
    }
    const { index, op } = line;
    if (op === "hmm_fill") {
      map.pfns.replace(index, HMM_PFN.VALID, 0, line.pfn);
      return {};
    }
    const flags = () => map.pfns.flags(index) >>> FLAG_SHIFT;
    if (op === "hmm_unmap") {
      return { ret: hmmDmaUnmapPfn(machine, dev, map, index), flags: flags() };
    }
    const memo = machine.peers === null ? null : new PeerMemo();
    const dma = hmmDmaMapPfn(machine, dev, map, index, memo);
    return { dma: dma === DMA_MAPPING_ERROR ? null : dma, flags: flags() };
  }
}
