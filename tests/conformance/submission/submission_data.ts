/** The captured system calls (tests/golden/kernel/README.md, `submissions/`), and their memory. */
import { type DataExtent, vecOf } from "../kernel/kernel_data.ts";
import { GIB, MIB, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { UserPiece, UserRun } from "./bio_builder.ts";

/** One system call of the test program. */
export interface CapturedCall {
  /** The call's number, from 1. */
  readonly submission: number;
  /** The layout family. */
  readonly kind: string;
  readonly how: "preadv" | "aio" | "passthru" | "passthru_vec" | "ioctl";
  readonly op: "read" | "write" | "discard";
  readonly slba: number;
  readonly bytes: number;
  /** The return value, and `errno` if the call failed. */
  readonly result: number;
  readonly errno: number;
  /** The physically contiguous runs of each buffer. */
  readonly pieces: readonly (readonly DataExtent[])[];
}

/** Possible operations of calls, by how they are made. */
export const OPS_OF: Readonly<Record<CapturedCall["how"], readonly CapturedCall["op"][]>> = {
  preadv: ["read", "write"],
  aio: ["read", "write"],
  passthru: ["read", "write"],
  passthru_vec: ["read", "write"],
  ioctl: ["discard"],
};

const LARGE_PAGE_BYTES = 2 * MIB;
/** Kinds of calls with single pages as buffers. */
const SINGLE_PAGE_KINDS = new Set(["anon_run", "anon_pages", "pt_anon"]);
/**
 * A kind of call with a first buffer of single pages. Its other buffers consist of large pages, and
 * fill the first buffer up to whole blocks.
 */
const FILLED_UP_KIND = "anon_run";
/** Kinds of calls with buffers that can be single pages or large pages. */
const EITHER_KINDS = new Set(["mix", "aio"]);
/**
 * Address range of device memory: on the captured machines, RAM was only below 2 GiB and above 4
 * GiB, but for those for riscv64, whose RAM begins at 2 GiB.
 */
const DEVICES_FROM = 2 * GIB;
const DEVICES_TO = 4 * GIB;

/**
 * Finds out which kind of memory captured buffers consisted of.
 *
 * The captures contain only physical runs, but the end of a vector depends on folios. The test
 * program had two kinds of host memory: a buffer of large pages, and single pages as from any
 * allocation. A 2 MiB range contains only one kind, so that the neighbours of a run show the run's
 * kind.
 */
export class CapturedMemory {
  /** Numbers of 2 MiB ranges that are known to consist of single pages. */
  readonly #singles = new Set<number>();
  /** Numbers of 2 MiB ranges that are known to be large pages. */
  readonly #large = new Set<number>();

  /**
   * @param calls All calls of one run.
   * @param hasDevices Whether a range of addresses is device memory.
   */
  constructor(calls: readonly CapturedCall[], private readonly hasDevices: boolean = true) {
    for (const { kind, pieces } of calls) {
      for (const [index, runs] of pieces.entries()) {
        // In large pages, a buffer is a single run, or each of its runs after the first begins at a
        // large page.
        const scattered = runs.slice(1).some(([phys]) => phys % LARGE_PAGE_BYTES !== 0);
        const isFiller = kind === FILLED_UP_KIND && index > 0;
        const sort = (SINGLE_PAGE_KINDS.has(kind) && !isFiller) || scattered
          ? this.#singles
          : EITHER_KINDS.has(kind)
          ? null
          : this.#large;
        if (sort === null) continue;
        for (const [phys, sizeBytes] of runs) markPages(sort, phys, sizeBytes);
      }
    }
  }

  piecesOf(call: CapturedCall): readonly UserPiece[] {
    return call.pieces.map((runs) =>
      runs.map(([phys, sizeBytes]): UserRun => ({
        ...vecOf([phys, sizeBytes]),
        folioBytes: this.#isLarge(phys) ? LARGE_PAGE_BYTES : PAGE_SIZE_BYTES,
        provider: this.#isOfDevice(phys) ? "peer" : null,
      }))
    );
  }

  #isOfDevice(phys: number): boolean {
    return this.hasDevices && phys >= DEVICES_FROM && phys < DEVICES_TO;
  }

  #isLarge(phys: number): boolean {
    if (this.#isOfDevice(phys)) return false;
    const page = Math.floor(phys / LARGE_PAGE_BYTES);
    return this.#large.has(page) && !this.#singles.has(page);
  }
}

function markPages(pages: Set<number>, phys: number, sizeBytes: number): void {
  const last = Math.floor((phys + sizeBytes - 1) / LARGE_PAGE_BYTES);
  for (let page = Math.floor(phys / LARGE_PAGE_BYTES); page <= last; page++) pages.add(page);
}
