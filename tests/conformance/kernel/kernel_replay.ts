/**
 * Replays one captured configuration on the model, in the order of the history. Every request
 * passes through the driver, every allocation through the allocator.
 *
 * Inputs of the model are the description of the machine, the requests, the command ids and the
 * addresses of descriptor blocks. Everything else is compared (tests/golden/kernel/README.md, "What
 * is given and what must come out").
 */
import {
  Bio,
  BIO_FLAG,
  BLK_STS,
  type BlkStatus,
  blkStatusErrno,
  blkStatusName,
  type BlockOp,
  type DmaAddr,
  ERRNO,
  invariant,
  type MachineEvent,
  SECTOR_SIZE_BYTES,
  sliceVecs,
  TagMap,
  vecsSizeBytes,
} from "@dmalab/runtime";
import { Iod, type NvmeCommandView, NvmeRequest, type SglDescriptor } from "@dmalab/devices";
import { type CapturedCalls, capturedCalls, type LinkedRange } from "./capture_form.ts";
import type { CaptureConfig } from "./capture_config.ts";
import {
  attempt,
  type Difference,
  firstDifference,
  isDifference,
  type Json,
} from "../difference.ts";
import {
  type CaptureCall,
  type CaptureCase,
  type CaptureRequest,
  type DataExtent,
  extentOf,
  type Probes,
  probesOf,
  vecOf,
} from "./kernel_data.ts";
import {
  type CapturedMachine,
  describe,
  descriptionForm,
  transferredBlockBytes,
} from "./kernel_machine.ts";
import { givenBlocks } from "./recorded_pool.ts";

/** Flag bits of a request that reach the command (the capture prints the kernel's numbers). */
const REQ_FUA = 1 << 17;
const REQ_READ_AHEAD = 1 << 19;
/**
 * The largest number of a command's ranges that the emulated controller handled. The controller
 * recorded the first range beyond this number, too.
 */
const MAX_RANGES = 1024;
/**
 * The controller's status for a command with more ranges than `MAX_RANGES`: an internal error, with
 * "do not retry".
 */
const TOO_MANY_RANGES = 0x4006;

const OPCODES: Readonly<Record<string, number>> = { read: 2, write: 1 };

/** The model's result for a request, in the captures' form. */
type Form = Readonly<Record<string, Json>>;

/** A request between its mapping and its completion. */
interface Live {
  readonly got: Form;
  /** The driver's record of the request. Null after a refusal: the mapping has been undone. */
  readonly iod: Iod | null;
  readonly ranges: LinkedRange[];
  /** The calls that undid the mapping of a refused request's data. */
  readonly undoing: readonly CaptureCall[];
  readonly request: NvmeRequest;
}

/** The results of a request from the model's driver and controller. */
export interface Outcome {
  /** OK, or the status with which the driver refused the request. */
  readonly status: BlkStatus;
  /** The controller's. */
  readonly nvmeStatus: number;
}

/** The end of a request on the model. */
interface Completion {
  readonly events: readonly MachineEvent[];
  /** The first difference between the request and the capture; null if all of it agrees. */
  readonly difference: Difference | null;
}

export class KernelReplay {
  /** Outcomes of the mapped requests, by their ids. */
  readonly outcomes = new Map<string, Outcome>();
  readonly #records: RequestRecords;
  readonly #probes: Probes;
  readonly #head: Form;
  readonly #iods = new Map<number, Iod>();
  readonly #live = new Map<CaptureCase, Live | Difference>();
  #events: MachineEvent[] = [];

  /** @param cases All requests of the run, in the order in which they were mapped. */
  constructor(private readonly host: CapturedMachine, cases: readonly CaptureCase[]) {
    this.#records = new RequestRecords(cases);
    this.#probes = probesOf(host.environment);
    const { iommu_domain_type: _, ...head } = descriptionForm(describe(host));
    this.#head = head;
    host.machine.events.listen((event) => this.#events.push(event));
  }

  /**
   * Prepares a request as the driver would. Another request may complete during the preparation.
   * @returns The events of this request.
   */
  map(captured: CaptureCase): readonly MachineEvent[] {
    const { result, events } = this.#watched((events) => this.#map(captured, events));
    this.#live.set(captured, result);
    return events;
  }

  /** Completes a request that was mapped, and compares all of it with the capture. */
  complete(captured: CaptureCase): Completion {
    const live = this.#live.get(captured);
    invariant(live !== undefined, `${captured.id} completes before it was mapped`);
    this.#live.delete(captured);
    if (isDifference(live)) return { events: [], difference: live };
    const { result, events } = this.#watched((events) => this.#complete(live, events));
    const difference = isDifference(result)
      ? result
      : firstDifference(expectedForm(captured), result);
    return { events, difference };
  }

  /**
   * Runs work that belongs to no request.
   * @returns Its events.
   */
  aside(work: () => void): readonly MachineEvent[] {
    return this.#watched(work).events;
  }

  /** Runs work with a separate list of events. An error becomes the result. */
  #watched<T>(
    work: (events: readonly MachineEvent[]) => T,
  ): { readonly result: T | Difference; readonly events: readonly MachineEvent[] } {
    const outer = this.#events;
    const events: MachineEvent[] = this.#events = [];
    const result = attempt(() => work(events));
    this.#events = outer;
    return { result, events };
  }

  #map(captured: CaptureCase, events: readonly MachineEvent[]): Live {
    const { driver, environment, pools } = this.host;
    const given = givenBlocks(captured.map);
    pools.small.expect(given);
    pools.large.expect(given);
    const iod = this.#iodOf(captured);
    const request = makeRequest(captured, driver.limits, environment.config);
    iod.request = request;
    request.iod = iod;
    const status = driver.prepare(iod, request);
    const refused = status !== BLK_STS.OK;
    const ranges: LinkedRange[] = [];
    const undone = refused ? undoingBegins(events) : events.length;
    const made = this.#callsIn(events.slice(0, undone), ranges);
    const undoing = this.#callsIn(events.slice(undone), ranges).calls;
    const seen = refused ? null : this.#seenByDevice(iod);
    this.outcomes.set(captured.id, { status, nvmeStatus: seen?.status ?? 0 });
    const got = {
      ...this.#head,
      map: made.calls.map(comparable),
      sg: made.listOutputs,
      ...(seen === null ? refusal(status, captured) : {
        command: capturedCommand(driver.viewCommand(iod)),
        iter: iteratorResults(events, this.#probes),
        ...seen,
        queue_status: null,
        user_errno: null,
      }),
      ...(captured.request.segments === undefined
        ? {}
        : { segments: request.segments().map(extentOf) }),
    };
    return { request, ranges, undoing, iod: refused ? null : iod, got };
  }

  #complete({ got, iod, ranges, request, undoing }: Live, events: readonly MachineEvent[]): Form {
    if (iod === null) return { ...got, unmap: undoing.map(comparable) };
    this.host.driver.complete(iod, request);
    return { ...got, unmap: this.#callsIn(events, ranges).calls.map(comparable) };
  }

  #callsIn(events: readonly MachineEvent[], ranges: LinkedRange[]): CapturedCalls {
    return capturedCalls(events, ranges, this.#probes);
  }

  /** The driver's record of a request. It is reused for later requests, as in the kernel. */
  #iodOf(captured: CaptureCase): Iod {
    const record = this.#records.numberOf(captured);
    return this.#iods.getOrInsertComputed(record, () => new Iod(record, this.host.pools));
  }

  /**
   * The controller's accesses for a command. The captures do not record the range list of a discard
   * command.
   */
  #seenByDevice(iod: Iod): { readonly accesses: Json; readonly status: number } {
    const { ranges, status } = this.host.controller.resolve(iod.sqe);
    const accesses = iod.request!.op === "discard" ? null : ranges.slice(0, MAX_RANGES + 1);
    return { accesses, status: ranges.length > MAX_RANGES ? TOO_MANY_RANGES : status };
  }
}

/**
 * The result of a request that never became a command. If a user's call made the request, the user
 * gets an error.
 */
function refusal(status: BlkStatus, { request: { source } }: CaptureCase): Form {
  return {
    command: null,
    iter: null,
    accesses: null,
    status: null,
    queue_status: status,
    user_errno: source === "kernel" ? null : ERRNO[blkStatusErrno(blkStatusName(status))],
  };
}

function makeRequest(
  captured: CaptureCase,
  limits: NvmeRequest["limits"],
  config: CaptureConfig,
): NvmeRequest {
  const given = captured.request;
  const vecs = given.bios.map((bio) => bio.map(vecOf));
  const discard = given.op === "dsm";
  let sector = ((given.slba ?? 0) * limits.logicalBlockSizeBytes) / SECTOR_SIZE_BYTES;
  const bios = discard ? [new Bio("discard", 0, [], 0)] : vecs.map((list) => {
    const sizeBytes = vecsSizeBytes(list);
    const bio = new Bio(operation(given), sector, list, sizeBytes, flags(given));
    sector += sizeBytes / SECTOR_SIZE_BYTES;
    return bio;
  });
  const request = new NvmeRequest("nvme", discard ? "discard" : operation(given), bios, limits);
  if (discard) request.specialPayload = vecs[0]![0]!;
  request.id = 1;
  request.nrPhysSegments = given.nr_phys_segments;
  request.gapBit = given.phys_gap_bit ?? 0;
  request.nrIntegritySegments = given.nr_integrity_segments;
  attachMetadata(request, given);
  request.cid = captured.command?.cid ?? 0;
  if (given.user_command) request.template = userCommand(given, transferredBlockBytes(config));
  return request;
}

/**
 * The metadata of a request. For a refused request, only the pieces that were mapped; data is mapped
 * first.
 */
function metadataOf(given: CaptureRequest): readonly DataExtent[] {
  if (given.mapped_segments !== undefined) {
    let dataBytes = given.bytes;
    return given.mapped_segments.filter(([, sizeBytes]) => (dataBytes -= sizeBytes) < 0);
  }
  return (given.bios.length > 1 ? given.integrity_segments : given.integrity) ?? [];
}

/**
 * For a refused request, the index of the event at which the driver begins to undo the mapping of
 * its data. In the captures, the events from there on count as unmapping.
 */
function undoingBegins(events: readonly MachineEvent[]): number {
  const first = events.findIndex(({ name }) =>
    name === "call.blk_rq_dma_unmap" || name === "call.dma_unmap_phys" ||
    name === "call.dma_unmap_page" || name === "call.dma_unmap_sg"
  );
  return first < 0 ? events.length : first;
}

/** Gives each bio its own part of the metadata. */
function attachMetadata(request: NvmeRequest, given: CaptureRequest): void {
  const vecs = metadataOf(given).map(vecOf);
  const { logicalBlockSizeBytes, metadataBytes } = request.limits;
  let doneBytes = 0;
  for (const bio of request.bios) {
    const last = bio === request.bios.at(-1);
    // The last bio takes the rest, because a user's buffer has the length that the user chose. The
    // kernel's own buffer has the length that the format determines.
    const sizeBytes = last ? Infinity : (bio.sizeBytes / logicalBlockSizeBytes) * metadataBytes;
    bio.metadata = sliceVecs(vecs, doneBytes, sizeBytes);
    doneBytes += sizeBytes;
  }
}

function operation(given: CaptureRequest): BlockOp {
  if (given.user_command) return given.op === "read" ? "drv_in" : "drv_out";
  return given.op as BlockOp;
}

function flags(given: CaptureRequest): number {
  return (given.user_command ? BIO_FLAG.USER : 0) |
    ((given.cmd_flags & REQ_FUA) !== 0 ? BIO_FLAG.FUA : 0) |
    ((given.cmd_flags & REQ_READ_AHEAD) !== 0 ? BIO_FLAG.READ_AHEAD : 0);
}

/** The command as the user's program passed it to the driver. */
function userCommand(given: CaptureRequest, blockSizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  bytes[0] = OPCODES[given.op] ?? 0;
  view.setUint32(4, 1, true);
  view.setUint32(40, (given.slba ?? 0) % 2 ** 32, true);
  view.setUint32(44, Math.floor((given.slba ?? 0) / 2 ** 32), true);
  view.setUint32(48, given.bytes / blockSizeBytes - 1, true);
  return bytes;
}

/** Event of the call that begins to iterate over a request's pieces. */
const ITERATOR_STARTS = "call.blk_rq_dma_map_iter_start";

/** The parts of a case that are compared. */
function expectedForm(captured: CaptureCase): Record<string, Json> {
  const { command, config, device, iter, kernel, limits, map, request, sg, unmap = [] } = captured;
  return {
    kernel,
    config: config as Json,
    limits: { ...limits },
    map: map.map(comparable),
    sg: sg?.mapped ?? null,
    command,
    iter: iter ?? null,
    unmap: unmap.map(comparable),
    accesses: device?.accesses ?? null,
    status: captured.status ?? null,
    queue_status: captured.queue_status ?? null,
    user_errno: captured.user_errno ?? null,
    // Not recorded for all requests.
    ...(request.segments === undefined ? {} : { segments: request.segments }),
  };
}

/** A call without its meaningless fields: an empty `inner`, attributes of 0. */
function comparable(call: CaptureCall): Json {
  const { inner = [], attrs = 0, ...rest } = call;
  const body: Record<string, Json | undefined> = rest;
  if (inner.length > 0) body.inner = inner;
  if (attrs !== 0) body.attrs = attrs;
  return body as Json;
}

/** The results of the DMA iterator's calls in the captures' form; null without a call. */
function iteratorResults(events: readonly MachineEvent[], { nextResults }: Probes): Json {
  if (!events.some(({ name }) => name === ITERATOR_STARTS)) return null;
  const results: Json[] = [];
  let last: readonly [DmaAddr, number] = [0 as DmaAddr, 0];
  let coalesced: readonly [DmaAddr, number] | null = null;
  for (const event of events) {
    const fields = event.fields as Readonly<Record<string, unknown>>;
    if (event.name === ITERATOR_STARTS) coalesced = null;
    else if (event.name === "block.segment") {
      last = [fields.dma as DmaAddr, fields.size_bytes as number];
      coalesced = coalesced === null ? last : [coalesced[0], coalesced[1] + last[1]];
    } else if (event.name === "ret.blk_rq_dma_map_iter_start") {
      const [addr, length] = coalesced ?? last;
      results.push(fields.result === true ? ["istart", 1, addr, length] : ["istart", 0]);
    } else if (event.name === "ret.blk_rq_dma_map_iter_next") {
      const given = nextResults ? last : [0, 0];
      results.push(fields.result === true ? ["inext", 1, ...given] : ["inext", 0]);
    }
  }
  return results;
}

/** A command in the captures' form: its 64 bytes, their fields, and the lists that it points to. */
function capturedCommand(command: NvmeCommandView): Json {
  const view = new DataView(
    command.bytes.buffer,
    command.bytes.byteOffset,
    command.bytes.byteLength,
  );
  const head = {
    opcode: command.opcode,
    cid: command.cid,
    nsid: view.getUint32(4, true),
    mptr: command.mptr,
    sqe: command.bytes.toHex(),
    // Bits 7:6 of the flags byte select PRPs or SGLs.
    psdt: command.bytes[1]! >>> 6,
    ...(command.metadataSgl.length === 0 ? {} : { meta_sgl: command.metadataSgl.map(descriptor) }),
  };
  if (command.format === "prp") {
    const lists = command.prpLists.map(({ dma, entries }) => ({ dma, entries: [...entries] }));
    return {
      ...head,
      prp1: command.prp1,
      prp2: command.prp2,
      ...(lists.length === 0 ? {} : { prp_lists: lists }),
    };
  }
  const list = command.sglList.map(descriptor);
  return {
    ...head,
    sgl1: descriptor(command.sglOfCommand),
    ...(list.length === 0 ? {} : { sgl_list: list }),
  };
}

function descriptor({ type, address, sizeBytes }: SglDescriptor): Json {
  return { addr: address, len: sizeBytes, type };
}

const TAG_BITS = 0xfff;
const TAGS = TAG_BITS + 1;
/** Number of scheduler tags; the driver of the captured queues has far more. */
const SCHEDULER_TAGS = 256;

/**
 * For each request with a command, the number of the driver's record that the request used.
 *
 * Later requests reuse a record, and find the contents that an earlier request left in it. Without
 * a scheduler the request's tag identifies the record. With a scheduler each of the scheduler's
 * tags has a separate record. No command shows the number of such a record, so these numbers are
 * computed.
 *
 * @see rules/nvme.md 2.5, "Records and tags"
 */
export class RequestRecords {
  readonly #numbers = new Map<CaptureCase, number>();
  /** The tags of each queue of the controller. */
  readonly #tags = new Map<number, TagMap>();

  /** @param cases The requests of a run, in the order in which they were mapped. */
  constructor(cases: readonly CaptureCase[]) {
    for (let start = 0; start < cases.length;) {
      const { config, request: { group } } = cases[start]!;
      let end = start + 1;
      while (end < cases.length && group !== undefined && cases[end]!.request.group === group) {
        end++;
      }
      const together = cases.slice(start, end);
      if (config.scheduler !== undefined) this.#schedule(together);
      else for (const captured of together) this.#numbers.set(captured, tagOf(captured));
      start = end;
    }
  }

  /**
   * Assigns tags to the requests of one system call, or of several system calls that were submitted
   * together. No other requests are in flight.
   */
  #schedule(together: readonly CaptureCase[]): void {
    const taken = new Map<CaptureCase, number>();
    for (const captured of together.toSorted((a, b) => firstSubmission(a) - firstSubmission(b))) {
      const { op, user_command } = captured.request;
      taken.set(captured, this.#tagsOf(captured).take(op !== "read" && !user_command));
    }
    for (const captured of together) {
      const tag = taken.get(captured)!;
      this.#tagsOf(captured).free(tag);
      this.#numbers.set(captured, queueOf(captured) * TAGS + tag);
    }
  }

  #tagsOf(captured: CaptureCase): TagMap {
    const queue = queueOf(captured);
    return this.#tags.getOrInsertComputed(queue, () => new TagMap(SCHEDULER_TAGS));
  }

  /**
   * The record's number. -1 for a request without a command: the record of such a request is
   * unknown, and keeps no contents.
   */
  numberOf(captured: CaptureCase): number {
    return captured.command === null ? -1 : this.#numbers.get(captured) ?? -1;
  }
}

function queueOf({ device }: CaptureCase): number {
  return device?.sqid ?? 1;
}

function tagOf(captured: CaptureCase): number {
  return queueOf(captured) * TAGS + ((captured.command?.cid ?? 0) & TAG_BITS);
}

function firstSubmission({ request }: CaptureCase): number {
  return request.submissions?.[0] ?? 0;
}
