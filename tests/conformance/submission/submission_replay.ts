/**
 * Replays captured system calls, and compares the resulting requests.
 *
 * A captured request refers to the calls that own the memory in it. The kernel allocated some
 * memory for itself: pages of the page cache, and a discard's list of ranges. The addresses of such
 * memory do not follow from the rules of the block layer, so they are inputs from the captures.
 * Everything else is compared.
 */
import {
  type Bio,
  BIO_FLAG,
  type BioVec,
  BLK_STS,
  blkStatusErrno,
  blkStatusName,
  type BlockOp,
  type BlockRequest,
  ERRNO,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  SECTOR_SIZE_BYTES,
} from "@dmalab/runtime";
import { attempt, firstDifference, isDifference, type Json } from "../difference.ts";
import type { GroupCount } from "../group_result.ts";
import { hostOf } from "../kernel/captured_run.ts";
import {
  type CaptureCase,
  type CaptureEnvironment,
  caseNumber,
  type DataExtent,
  extentOf,
  vecOf,
} from "../kernel/kernel_data.ts";
import type { Outcome } from "../kernel/kernel_replay.ts";
import { profileOf, separateMetadataBytes } from "../kernel/kernel_machine.ts";
import { KERNEL_NAMES, type KernelProfile } from "@dmalab/runtime/kernels";
import { type CapturedCall, CapturedMemory, OPS_OF } from "./submission_data.ts";
import { type KernelPages, SubmissionModel } from "./submission_model.ts";
import { blockStatusOf } from "@dmalab/devices";

/** The kernel's flag of a request into which no bio may be merged. */
const REQ_NOMERGE = 0x4000;
const RULE = "block.1.5";

/** The system calls of one configuration, with their requests. */
export interface CapturedSubmissions {
  readonly environment: CaptureEnvironment;
  readonly calls: readonly CapturedCall[];
  /** All requests of the run, also the ones that the kernel built wrongly. */
  readonly cases: readonly CaptureCase[];
  /** The model's outcome of each request, by id. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/** Replays all calls of a run and counts each. */
export function replaySubmissions(captured: CapturedSubmissions, count: GroupCount): void {
  const { environment, outcomes } = captured;
  const calls = captured.calls.filter((call) => hasWords(call, count));
  const host = hostOf(environment, []);
  if (isDifference(host)) {
    for (const { submission } of calls) count.add(`submission ${submission}`, host, null);
    return;
  }
  const { driver: { limits }, machine: { kernel } } = host;
  const blockSectors = limits.logicalBlockSizeBytes / SECTOR_SIZE_BYTES;
  const { nomerges = 0, scheduler } = environment.config;
  const setup = {
    nomerges,
    scheduled: scheduler !== undefined,
    wholeBlocks: wantsWholeBlocks(environment.kernel),
  };
  const memory = new CapturedMemory(calls, environment.config.architecture !== "riscv64");
  const lost = new LostRequests(environment, captured.cases);
  const ofCalls = new CasesOfCalls(captured.cases);
  const groups = new Set(captured.cases.map(({ request }) => request.group));
  const sameGroup = (last: CapturedCall, call: CapturedCall) =>
    last.how === "aio" && call.how === "aio" && !groups.has(call.submission);
  const replay = (group: readonly CapturedCall[]) => {
    const refused = new Map<CapturedCall, boolean>();
    const expected = new Map(group.map((call) => [call, ofCalls.of(call, group)]));
    const metadataAt = givenMetadata([...expected.values()].flat(), blockSectors);
    const model = new SubmissionModel(limits, kernel, { ...setup, metadataAt });
    // If a plug sends the newest requests first, the order of the requests shows when the plug was
    // flushed. Therefore all calls of the group are replayed together.
    const together = (last: CapturedCall, call: CapturedCall) =>
      kernel.plug_newest_first || continues(last, call, blockSectors);
    for (const burst of chunk(group, together)) {
      const outcomes = model.run(
        burst,
        (call) => memory.piecesOf(call),
        (call) => givenPages(call, expected.get(call)!),
      );
      burst.forEach((call, index) => refused.set(call, outcomes[index]!));
    }
    return group.map((call) => {
      const sent = model.sent.filter((request) => belongsTo(request, call, blockSectors));
      const cases = asSent(expected.get(call)!, sent);
      // A plug that sends the newest requests first mixes the calls of a group.
      const beside = kernel.plug_newest_first ? [...expected.values()].flat() : cases;
      const requests = lost.withoutLost(sent, cases, beside);
      const ends = cases.flatMap(({ id }) => outcomes.get(id) ?? []);
      return firstDifference(expectedForm(call, cases), {
        ...callResult(call, refused.get(call)! ? REFUSED : 0, ends),
        requests: requestForms(requests, cases, blockSectors, kernel.no_gap_bit),
      });
    });
  };
  const hasBlocks = environment.config.metadata_extended !== true;
  for (const call of calls) {
    if (hasBlocks || isPassthrough(call)) continue;
    const expected = expectedForm(call, ofCalls.of(call, [call]));
    const got = { ...resultBehindTheEnd(call), requests: [] };
    count.add(`submission ${call.submission}`, firstDifference(expected, got), RULE);
  }
  const toBlocks = hasBlocks ? calls : calls.filter(isPassthrough);
  for (const group of chunk(toBlocks, sameGroup)) {
    const differences = attempt(() => replay(group));
    for (const [index, { submission }] of group.entries()) {
      const difference = isDifference(differences) ? differences : differences[index] ?? null;
      count.add(`submission ${submission}`, difference, RULE);
    }
  }
}

/**
 * The last release that is known to refuse direct I/O if the length of a buffer is not a multiple
 * of the block size.
 */
const WHOLE_BLOCKS_UP_TO: KernelProfile = "6.12.117";

function wantsWholeBlocks(kernel: string): boolean {
  return KERNEL_NAMES.indexOf(profileOf(kernel)) <= KERNEL_NAMES.indexOf(WHOLE_BLOCKS_UP_TO);
}

/** Whether a call's operation is known; counts a call with an unknown operation as different. */
function hasWords({ how, op, submission }: CapturedCall, count: GroupCount): boolean {
  const words: readonly string[] = OPS_OF[how] ?? [];
  if (words.includes(op)) return true;
  const difference = { path: "op", expected: op, got: words.join(" or ") };
  count.add(`submission ${submission}`, difference, RULE);
  return false;
}

/** Splits a list before each item that does not belong to the previous one. */
function chunk<T>(items: readonly T[], together: (last: T, item: T) => boolean): T[][] {
  const chunks: T[][] = [];
  for (const item of items) {
    const last = chunks.at(-1)?.at(-1);
    if (last !== undefined && together(last, item)) chunks.at(-1)!.push(item);
    else chunks.push([item]);
  }
  return chunks;
}

/**
 * Whether two calls were submitted together, as far as it matters.
 *
 * The captures do not say which calls were submitted together. If calls of a burst continue each
 * other on the disk, this is no accident: they count as submitted together. Other calls cannot be
 * merged, so it does not matter whether they were submitted together.
 */
function continues(previous: CapturedCall, call: CapturedCall, blockSectors: number): boolean {
  return previous.how === "aio" && call.how === "aio" && previous.kind === call.kind &&
    previous.op === call.op && previous.submission + 1 === call.submission &&
    previous.slba * blockSectors + previous.bytes / SECTOR_SIZE_BYTES === call.slba * blockSectors;
}

/** The captured requests of a run, by call: for each call, the requests that contain parts of it. */
class CasesOfCalls {
  readonly #named = new Map<number, Set<CaptureCase>>();
  /**
   * Requests that never had a command, by group. Such a request names only the first call of its
   * group.
   */
  readonly #ofGroup: ReadonlyMap<number | undefined, readonly CaptureCase[]>;

  constructor(cases: readonly CaptureCase[]) {
    const groups = cases.filter(({ request }) => request.submissions === undefined);
    this.#ofGroup = Map.groupBy(groups, ({ request }) => request.group);
    for (const captured of cases) {
      for (const submission of captured.request.submissions ?? []) {
        this.#named.getOrInsertComputed(submission, () => new Set()).add(captured);
      }
    }
  }

  /** The requests of one call, in the order in which they were sent. */
  of(call: CapturedCall, group: readonly CapturedCall[]): readonly CaptureCase[] {
    const ofGroup = this.#ofGroup.get(group[0]!.submission) ?? [];
    return [
      ...this.#named.get(call.submission) ?? [],
      ...ofGroup.filter(({ request }) => holdsPartOf(request.bios, call)),
    ].sort((a, b) => caseNumber(a.id) - caseNumber(b.id));
  }
}

/** Whether a request begins in a call's memory. */
function holdsPartOf(bios: readonly (readonly DataExtent[])[], call: CapturedCall): boolean {
  const pieces = call.pieces.flat();
  return bios.some(([first]) =>
    first !== undefined &&
    pieces.some(([start, size]) => first[0] >= start && first[0] < start + size)
  );
}

/**
 * Gives each refused request its own call's error. In the record it has the error of the first call
 * in the group of calls that were submitted together.
 */
export function withOwnErrors(
  cases: readonly CaptureCase[],
  calls: readonly CapturedCall[],
): readonly CaptureCase[] {
  return cases.map((captured) => {
    const { group, bios, source, submissions } = captured.request;
    if (captured.command !== null || submissions !== undefined || source !== "aio") return captured;
    const own = calls.find((call) => call.submission >= group! && holdsPartOf(bios, call));
    return own === undefined || own.submission === group
      ? captured
      : { ...captured, user_errno: own.errno };
  });
}

/**
 * A call's requests in the order in which they were sent. A refused request has the number of a
 * later try. Therefore the request is identified by its memory.
 */
function asSent(
  cases: readonly CaptureCase[],
  sent: readonly BlockRequest[],
): readonly CaptureCase[] {
  if (cases.every(({ request }) => request.slba !== undefined)) return cases;
  const placeOf = ({ request }: CaptureCase) =>
    sent.findIndex(({ bios }) => bios[0]?.parts()[0]?.phys === request.bios[0]?.[0]?.[0]);
  return cases.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** The kernel's own metadata of the first bio of each request, by the bio's first sector. */
function givenMetadata(
  cases: readonly CaptureCase[],
  blockSectors: number,
): (sector: number) => readonly BioVec[] | null {
  const known = new Map(
    cases.flatMap(({ request: { integrity, slba } }) =>
      integrity === undefined || slba === undefined
        ? []
        : [[slba * blockSectors, integrity.map(vecOf)] as const]
    ),
  );
  return (sector) => known.get(sector) ?? null;
}

/**
 * Returns a function that returns, one by one, the pages in a call's requests that the kernel
 * allocated for itself. The pages are searched for when the function is first called.
 */
function givenPages(call: CapturedCall, cases: readonly CaptureCase[]): KernelPages {
  let pages: readonly number[] | null = null;
  let index = 0;
  return () => ((pages ??= pagesBesides(call, cases))[index++] ?? 0) as PhysAddr;
}

/** Pages of a call's requests that are not in the call's own memory. */
function pagesBesides(call: CapturedCall, cases: readonly CaptureCase[]): readonly number[] {
  const runs = call.pieces.flat();
  return cases.flatMap(({ request }) => request.bios.flat().flatMap(pagesOf))
    .filter((phys) => !runs.some(([start, size]) => phys >= start && phys < start + size));
}

function pagesOf([phys, sizeBytes]: DataExtent): number[] {
  const pages: number[] = [];
  for (let at = 0; at < sizeBytes; at += PAGE_SIZE_BYTES) pages.push(phys + at);
  return pages;
}

/**
 * Whether a request contains blocks of a call. For each request, the captures name every call of
 * the group that has blocks in the request.
 */
function belongsTo(request: BlockRequest, call: CapturedCall, blockSectors: number): boolean {
  if (call.how === "ioctl") return true;
  if (opName(request.op) !== call.op) return false;
  const first = slbaOf(request, blockSectors) * blockSectors;
  const last = first + request.bytes / SECTOR_SIZE_BYTES;
  const start = call.slba * blockSectors;
  return first < start + call.bytes / SECTOR_SIZE_BYTES && start < last;
}

function expectedForm(call: CapturedCall, cases: readonly CaptureCase[]): Json {
  return {
    result: call.result,
    errno: call.errno,
    requests: cases.map((captured) => {
      const { request } = captured;
      const form: Record<string, Json> = {
        op: request.op,
        bytes: request.bytes,
        bios: request.bios,
        nr_phys_segments: request.nr_phys_segments,
      };
      // A passthrough command's metadata is in the caller's memory, which is not in the record.
      if (request.user_command !== true || separateMetadataBytes(captured.config) === 0) {
        form["nr_integrity_segments"] = request.nr_integrity_segments;
      }
      if (request.phys_gap_bit !== undefined) form["phys_gap_bit"] = request.phys_gap_bit;
      if (request.segments !== undefined) form["segments"] = request.segments;
      if (captured.command !== null) {
        form["user_command"] = request.user_command;
        form["no_merge"] = (request.cmd_flags & REQ_NOMERGE) !== 0;
        if (request.op !== "dsm") form["slba"] = request.slba!;
      }
      return form;
    }),
  };
}

function requestForms(
  requests: readonly BlockRequest[],
  cases: readonly CaptureCase[],
  blockSectors: number,
  hasNoGapBit: boolean,
): Json {
  return requests.map((request, index) => {
    const captured = cases[index];
    const ranges = request.specialPayload;
    const form: Record<string, Json> = {
      op: opName(request.op),
      bytes: request.payloadBytes,
      bios: ranges === null ? request.bios.map(extentsOf) : [[[ranges.phys, ranges.sizeBytes]]],
      nr_phys_segments: request.nrPhysSegments,
    };
    if (!request.userCommand || request.limits.metadataBytes === 0) {
      form["nr_integrity_segments"] = request.nrIntegritySegments;
    }
    if (captured?.request.phys_gap_bit !== undefined) {
      form["phys_gap_bit"] = hasNoGapBit ? null : request.gapBit;
    }
    if (captured?.request.segments !== undefined) {
      form["segments"] = request.segments().map(extentOf);
    }
    if (captured === undefined || captured.command !== null) {
      form["user_command"] = request.userCommand;
      form["no_merge"] = request.closed || request.hasFlag(BIO_FLAG.NOMERGE);
      if (ranges === null) form["slba"] = slbaOf(request, blockSectors);
    }
    return form;
  });
}

/** First block of a request; for a user's command, the number that the user gave. */
function slbaOf({ sector, userCommand }: BlockRequest, blockSectors: number): number {
  return userCommand ? sector : sector / blockSectors;
}

function opName(op: BlockOp): string {
  switch (op) {
    case "drv_in":
      return "read";
    case "drv_out":
      return "write";
    case "discard":
      return "dsm";
    default:
      return op;
  }
}

function extentsOf(bio: Bio): readonly DataExtent[] {
  return bio.parts().map(({ phys, sizeBytes }) => [phys, sizeBytes]);
}

/** The parts of a case that show its position. */
type Numbered = Pick<CaptureCase, "id" | "request">;

/**
 * Finds requests that the record of a run lost.
 *
 * A run says how many requests it dropped (`limits.json`). Requests are numbered, so a gap in the
 * numbers shows where requests were dropped. Nothing else is known about a dropped request.
 */
export class LostRequests {
  /** Numbers between the first and the last request's number that belong to no recorded request. */
  readonly #missing = new Set<number>();

  /** @param cases All requests of the run. */
  constructor({ dropped = 0 }: CaptureEnvironment, cases: readonly Numbered[]) {
    if (dropped === 0) return;
    const numbers = new Set(cases.map(({ id }) => caseNumber(id)));
    const last = Math.max(...numbers);
    for (let number = Math.min(...numbers); number < last; number++) {
      if (!numbers.has(number)) this.#missing.add(number);
    }
  }

  /**
   * The requests of a call that the record can contain.
   * @param got All requests that the model made for the call.
   * @param recorded The call's requests in the record.
   * @param beside Recorded requests that may have numbers adjacent to those of lost requests.
   */
  withoutLost<R extends BlockRequest>(
    got: readonly R[],
    recorded: readonly Numbered[],
    beside: readonly Numbered[] = recorded,
  ): readonly R[] {
    let lost = this.#missingBeside(beside);
    if (lost === 0) return got;
    const sectors = new Set(recorded.map(({ request }) => request.slba));
    // A request that never had a command has no block number in the record. Therefore its memory
    // identifies the request.
    const starts = new Set(
      recorded.flatMap(({ request: { bios, slba } }) =>
        slba === undefined ? [bios[0]?.[0]?.[0]] : []
      ),
    );
    return got.filter(({ bios, sector }) =>
      sectors.has(sector) || (starts.size > 0 && starts.has(bios[0]?.parts()[0]?.phys)) ||
      lost-- <= 0
    );
  }

  /**
   * Number of missing request numbers directly before, between and directly after the numbers of
   * some cases. If there are no cases, all missing numbers are counted, because they may belong to
   * a call without any recorded request.
   */
  #missingBeside(recorded: readonly Numbered[]): number {
    if (recorded.length === 0) return this.#missing.size;
    const beside = new Set<number>();
    for (const { id } of recorded) {
      for (const step of [-1, 1]) {
        let number = caseNumber(id) + step;
        for (; this.#missing.has(number); number += step) beside.add(number);
      }
    }
    return beside.size;
  }
}

/** A call's `result` and `errno`, in the captures' form. */
type CallResult = Pick<CapturedCall, "result" | "errno">;

/** The errno of a call that was refused before it made a request. */
const REFUSED: number = ERRNO.EINVAL;

/** Whether a call passes its own command to the driver, without the block device. */
function isPassthrough({ how }: CapturedCall): boolean {
  return how === "passthru" || how === "passthru_vec";
}

/**
 * The result of a call to a block device of 0 bytes. The kernel creates such a device for a disk
 * with blocks of data and metadata. Every position is beyond the device's end.
 */
export function resultBehindTheEnd(call: CapturedCall): CallResult {
  const errno = call.how === "ioctl" ? ERRNO.EINVAL : call.op === "write" ? ERRNO.ENOSPC : 0;
  return resultOf(call, errno, 0);
}

/**
 * The result of a call.
 *
 * @param errno The reason if the call was refused before it had made all its requests; otherwise 0.
 * @param outcomes Outcomes of the requests that contain parts of the call's data.
 */
function callResult(
  call: CapturedCall,
  errno: number,
  outcomes: readonly Outcome[],
): CallResult {
  const failed = outcomes.find(({ nvmeStatus, status }) =>
    status !== BLK_STS.OK || nvmeStatus !== 0
  );
  // For a user's own command that the controller refused, the call returns the controller's status.
  if (isPassthrough(call) && errno === 0 && failed !== undefined && failed.nvmeStatus !== 0) {
    return { result: failed.nvmeStatus, errno: 0 };
  }
  const failure = errno !== 0 || failed === undefined ? errno : errnoOf(failed);
  const movesBytes = call.how === "preadv" || call.how === "aio";
  return resultOf(call, failure, movesBytes ? call.bytes : 0);
}

function resultOf({ how }: CapturedCall, errno: number, bytes: number): CallResult {
  if (errno === 0) return { result: bytes, errno };
  return { result: how === "aio" ? -errno : -1, errno };
}

function errnoOf({ nvmeStatus, status }: Outcome): number {
  const blockStatus = status === BLK_STS.OK ? blockStatusOf(nvmeStatus) : status;
  return ERRNO[blkStatusErrno(blkStatusName(blockStatus))];
}
