/** The memory of a step: the request's ranges, and their contents before and after. */
import {
  alignDown,
  type BioVec,
  MIB,
  NO_VECS,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  SECTOR_SIZE_BYTES,
} from "@dmalab/runtime";
import { type DataExtent, extentOf, vecOf } from "../kernel/kernel_data.ts";
import { fillPages, pagesOf, type Run, writePattern } from "./damage.ts";
import {
  type DefectCase,
  type DefectCommand,
  type DefectRequest,
  type DefectStep,
  distinctRequests,
  shownMemory,
} from "./defect_data.ts";
import type { DefectHost } from "./defect_machine.ts";
import type { StepRequest } from "./step_run.ts";
import type { UserPiece, UserRun } from "../submission/bio_builder.ts";

const ADDRESS_BYTES = 8;

export class StepMemory {
  readonly request: StepRequest;
  /** The data in order, as contiguous memory. */
  readonly data: readonly DataExtent[];
  /** The user's metadata; empty if the kernel generates it. */
  readonly metadata: readonly DataExtent[];
  /** The known pages of the user's buffers. */
  readonly pages: ReadonlySet<number>;
  /** Address of the second piece of the first step: a page that the program fills later. */
  readonly #ownPage: number | null;
  /**
   * Copies between the user's metadata and the kernel's, if the kernel cannot use the user's
   * directly.
   */
  readonly #copies: readonly { readonly user: DataExtent; readonly kernel: number }[];

  constructor(
    private readonly host: DefectHost,
    captured: DefectCase,
    private readonly step: DefectStep,
  ) {
    this.#ownPage = captured.steps[0]?.request.pieces?.[1]?.[0] ?? null;
    const { request } = step;
    const commands = distinctRequests(step.commands)
      .toSorted((a, b) => (a.sector ?? 0) - (b.sector ?? 0));
    const shown = commands.flatMap((command) => shownMemory(command).data);
    const offsetBytes = request.offset_bytes ?? shownOffsetBytes(captured);
    const ios = this.#ios(shown);
    const pieces = ios.map((each) => userPieces(each, shown));
    this.data = pieces.flat(2).map(extentOf);
    const metadata = this.#metadata(captured, commands);
    const mustCopy = metadata.user.some(([phys, bytes]) =>
      ((phys | bytes) & host.disk.limits.dmaAlignmentMask) !== 0
    );
    this.#copies = mustCopy ? [{ user: metadata.user[0]!, kernel: metadata.vecs[0]!.phys }] : [];
    this.metadata = metadata.user;
    this.pages = pagesOf([...this.data, ...this.metadata, ...shownRuns(step)]);
    this.request = {
      kind: request.kind,
      op: request.op ?? "read",
      offsetBytes,
      data: pieces,
      metadata: metadata.vecs,
      cutAbove: captured.id.includes("multipath")
        ? step.commands.map(({ sector }) => sector ?? 0)
        : null,
    };
  }

  /** Fills the memory as the program did before the step. */
  prepare(): void {
    const { memory } = this.host.machine;
    fillPages(memory, this.pages);
    for (const { kernel } of this.#copies) {
      memory.fill(alignDown(kernel, PAGE_SIZE_BYTES) as PhysAddr, PAGE_SIZE_BYTES, 0);
    }
    if (this.request.op === "write") {
      writePattern(memory, this.data, this.request.offsetBytes);
      for (const [phys, sizeBytes] of this.metadata) memory.fill(phys as PhysAddr, sizeBytes, 1);
    }
    const other = this.step.damage?.other_memory;
    if (typeof other === "number" && this.#ownPage !== null) this.#aim(this.#ownPage, other);
  }

  /** Copies the metadata of a read to the user's memory, if the kernel had to use a copy. */
  finish(): void {
    if (this.request.op !== "read") return;
    for (const { user: [phys, sizeBytes], kernel } of this.#copies) {
      this.host.machine.memory.copy(kernel as PhysAddr, phys as PhysAddr, sizeBytes);
    }
  }

  /** Fills a page with the addresses of other memory, as the program does. */
  #aim(page: number, other: number): void {
    const { memory } = this.host.machine;
    for (let at = 0; at < PAGE_SIZE_BYTES; at += ADDRESS_BYTES) {
      const target = other + (at / ADDRESS_BYTES) * PAGE_SIZE_BYTES;
      memory.writeU64((page + at) as PhysAddr, target);
      if (at / ADDRESS_BYTES < MAX_PAGES) fillPages(memory, [target]);
    }
  }

  /** The parts of each I/O's buffer. */
  #ios(shown: readonly DataExtent[]): readonly (readonly DataExtent[])[] {
    const { request } = this.step;
    const { blockSizeBytes } = this.host.disk;
    switch (request.kind) {
      case "preadv":
        return [piecesOf(request, shown)];
      case "io_submit":
        return request.pieces!.map((piece) => [piece]);
      case "passthrough":
        return [[request.data as DataExtent]];
      case "io_uring": {
        const sizeBytes = request.blocks_each! * blockSizeBytes;
        const first = request.data as number;
        return request.metadata_pages!.map((_, index) => [[first + index * sizeBytes, sizeBytes]]);
      }
    }
  }

  #metadata(
    captured: DefectCase,
    commands: readonly DefectCommand[],
  ): { readonly vecs: readonly BioVec[]; readonly user: readonly DataExtent[] } {
    const { request } = this.step;
    const { namespace: { metadataBytes }, blockSizeBytes } = this.host.disk;
    if (metadataBytes === 0) return { vecs: NO_VECS, user: [] };
    const ofData = (bytes: number) => (bytes / blockSizeBytes) * metadataBytes;
    if (request.kind === "passthrough") {
      if (request.metadata === undefined) return { vecs: NO_VECS, user: [] };
      const [start, sizeBytes] = request.metadata;
      const shown = longestShown(captured, request.metadata);
      const second = request.metadata_second_page ?? null;
      const vecs = userMetadata(start, sizeBytes, second, shown);
      // If the kernel copies the metadata, the device uses the copy. The user's memory is then at
      // the address that the user passed.
      const copied = ((start | sizeBytes) & this.host.disk.limits.dmaAlignmentMask) !== 0;
      return { vecs, user: copied ? [request.metadata] : vecs.map(extentOf) };
    }
    if (request.kind === "io_uring") {
      const each = ofData(request.blocks_each! * blockSizeBytes);
      const vecs = request.metadata_pages!.flatMap(([first, last], index) => {
        const shown = commands[index] === undefined ? [] : shownMemory(commands[index]!).metadata;
        return userMetadata(first, each, samePage(first, last) ? null : last, shown);
      });
      return { vecs, user: vecs.map(extentOf) };
    }
    const first = request.pieces?.[0]?.[1] ?? 0;
    const vecs = commands.flatMap((command) => {
      const total = ofData(command.bytes);
      const pieceBytes = request.kind === "io_submit" ? ofData(first) : total;
      return kernelMetadata(total, pieceBytes, shownMemory(command).metadata);
    });
    return { vecs, user: [] };
  }
}

/** Number of pages that a list from the small pool can point to. */
const MAX_PAGES = 32;

/**
 * The disk offset that the program of a case uses. It is read from the commands of the first step
 * with a request that does not name an offset.
 */
function shownOffsetBytes({ steps }: DefectCase): number {
  const first = steps.find(({ request }) => request.offset_bytes === undefined);
  const sectors = (first?.commands ?? []).map(({ sector }) => sector ?? 0);
  return sectors.length === 0 ? 0 : Math.min(...sectors) * SECTOR_SIZE_BYTES;
}

/**
 * The longest list of a user's metadata that a recorded step of a case shows. Other steps may show
 * less: a refused request shows only a part.
 */
function longestShown(captured: DefectCase, [start, sizeBytes]: DataExtent): readonly DataExtent[] {
  let longest: readonly DataExtent[] = [];
  for (const { request, commands } of captured.steps) {
    const asked = request.metadata;
    if (asked === undefined || asked[0] !== start || asked[1] !== sizeBytes) continue;
    for (const command of commands) {
      const { metadata } = shownMemory(command);
      if (metadata.length > longest.length) longest = metadata;
    }
  }
  return longest;
}

function samePage(first: number, last: number): boolean {
  return alignDown(first, PAGE_SIZE_BYTES) === alignDown(last, PAGE_SIZE_BYTES);
}

/** Memory of the user in which the record found wrong data. */
function shownRuns({ damage }: DefectStep): readonly DataExtent[] {
  const runs = (damage?.runs ?? []) as unknown as readonly Run[];
  return runs.map(([, phys, sizeBytes]): DataExtent => [phys, sizeBytes]);
}

/** Buffers of more than a page were cut from pages of this size. */
const LARGE_PAGE_BYTES = 2 * MIB;
/** Address range of peer memory; its pages are known one by one. */
const PEER_FROM = 0x8000_0000;
const PEER_TO = 0x1_0000_0000;
/**
 * First address for parts of a buffer that no record shows. These parts lie after all other memory,
 * and are never adjacent to each other.
 */
const UNSEEN_FROM = 0x1_4000_0000;

const PIECES_RULE = /^(\d+) pieces of (\d+) bytes, (\d+) bytes apart$/;

/**
 * The parts of a user's buffer in order. If a rule describes the parts, they begin at the first
 * recorded address.
 */
function piecesOf(
  request: DefectRequest,
  shown: readonly DataExtent[],
): readonly DataExtent[] {
  if (request.pieces !== undefined && request.pieces.length > 0) return request.pieces;
  const rule = PIECES_RULE.exec(request.pieces_rule ?? "");
  if (rule !== null) {
    const [count, sizeBytes, stride] = rule.slice(1).map(Number) as [number, number, number];
    const first = shown[0]?.[0] ?? 0;
    return Array.from(
      { length: count },
      (_, index): DataExtent => [first + index * stride, sizeBytes],
    );
  }
  // A request without pieces and without a rule only has to wait. Its buffer is its recorded
  // memory.
  return shown;
}

/**
 * The physically contiguous runs of each part. A run ends at the end of a large page; the part then
 * continues at the recorded address.
 */
function userPieces(
  pieces: readonly DataExtent[],
  shown: readonly DataExtent[],
): readonly UserPiece[] {
  return pieces.map(([phys, sizeBytes]) => {
    const peer = phys >= PEER_FROM && phys < PEER_TO;
    const folioBytes = peer ? PAGE_SIZE_BYTES : LARGE_PAGE_BYTES;
    const runs: UserRun[] = [];
    let at = phys;
    for (let left = sizeBytes; left > 0;) {
      const taken = Math.min(left, LARGE_PAGE_BYTES - at % LARGE_PAGE_BYTES);
      runs.push({ ...vecOf([at, taken]), folioBytes, provider: peer ? "peer" : null });
      left -= taken;
      if (left > 0) at = continuation(at + taken, shown);
    }
    return runs;
  });
}

/**
 * The address at which a buffer continues: directly after `end`, unless the record shows another
 * segment there.
 */
function continuation(end: number, shown: readonly DataExtent[]): number {
  const index = shown.findIndex(([phys, sizeBytes]) => phys + sizeBytes === end);
  return shown[index + 1]?.[0] ?? end;
}

/**
 * A user's metadata: first its recorded part, then the rest at the addresses that the request
 * names.
 *
 * @param start First byte, as the user gave it.
 * @param secondPage Address of the second page, if the user named it.
 */
function userMetadata(
  start: number,
  sizeBytes: number,
  secondPage: number | null,
  shown: readonly DataExtent[],
): readonly BioVec[] {
  const vecs: BioVec[] = [];
  let left = sizeBytes;
  const add = (phys: number, bytes: number) => {
    const taken = Math.min(bytes, left);
    if (taken > 0) vecs.push({ phys: phys as PhysAddr, sizeBytes: taken });
    left -= taken;
  };
  for (const [phys, bytes] of shown) add(phys, bytes);
  if (vecs.length === 0) add(start, PAGE_SIZE_BYTES - start % PAGE_SIZE_BYTES);
  if (secondPage !== null) add(secondPage, left);
  for (let unseen = UNSEEN_FROM; left > 0; unseen += 2 * PAGE_SIZE_BYTES) {
    add(unseen, PAGE_SIZE_BYTES);
  }
  return vecs;
}

/**
 * The kernel's own metadata: first the recorded pieces, then one piece for each bio with metadata
 * that was never mapped. A kernel allocates a power of two of bytes, aligned to its size. The
 * record shows which allocation was used, but no address inside the allocation.
 */
function kernelMetadata(
  sizeBytes: number,
  pieceBytes: number,
  shown: readonly DataExtent[],
): readonly BioVec[] {
  const vecs = shown.map(([phys, bytes]) => vecOf([alignDown(phys, bytes & -bytes), bytes]));
  let done = shown.reduce((sum, [, bytes]) => sum + bytes, 0);
  for (let unseen = UNSEEN_FROM; done < sizeBytes; unseen += 2 * PAGE_SIZE_BYTES) {
    vecs.push({ phys: (unseen + 64) as PhysAddr, sizeBytes: pieceBytes });
    done += pieceBytes;
  }
  return vecs;
}
