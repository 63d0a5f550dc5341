/**
 * Replays one captured configuration on the model: every request through the driver, every
 * allocation through the allocator, in the order the history tells.
 *
 * Given to the model are the description of the machine, the requests, the command ids and the
 * addresses of descriptor blocks; everything else must come out (tests/golden/kernel/README.md,
 * "What is given and what must come out").
 */
import { type DmaAddr, SECTOR_SIZE_BYTES } from "../../runtime/address.ts";
import { Bio, BIO_FLAG, type BlockOp, sliceVecs, vecsSizeBytes } from "../../runtime/block/bio.ts";
import { BLK_STS } from "../../runtime/errno.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { Iod } from "../../devices/nvme/driver/command/iod.ts";
import { NvmeRequest } from "../../devices/nvme/driver/command/nvme_request.ts";
import { type CapturedCalls, capturedCalls } from "./capture_form.ts";
import type { LinkedRange } from "./captured_inner.ts";
import { capturedCommand } from "./command_form.ts";
import { type Difference, firstDifference, type Json } from "../difference.ts";
import {
  type CaptureCall,
  type CaptureCase,
  type CaptureRequest,
  type Extent,
  extentOf,
  vecOf,
} from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";
import { RequestRecords } from "./request_records.ts";

/** Flag bits of a request that reach the command (the capture prints the kernel's numbers). */
const REQ_FUA = 1 << 17;
const REQ_READ_AHEAD = 1 << 19;
const NO_RANGES: ReadonlySet<number> = new Set();
/** Ranges of one command that the emulated controller took (tests/golden/kernel/README.md). */
const MOST_RECORDED_RANGES = 1024;

const OPCODES: Readonly<Record<string, number>> = { read: 2, write: 1 };

/** A request between its mapping and its completion. */
interface Live {
  /** What the model made of it, in the captures' form. */
  readonly got: Readonly<Record<string, Json>>;
  /** Null after a refusal: its mapping is undone already. */
  readonly iod: Iod | null;
  readonly ranges: LinkedRange[];
  /** The calls that undid a refused request's data. */
  readonly undoing: readonly CaptureCall[];
  readonly request: NvmeRequest;
}

/** How a request's life ended on the model. */
export interface Completion {
  readonly events: readonly MachineEvent[];
  /** Where anything of the request differs from the capture; null when all of it agrees. */
  readonly difference: Difference | null;
}

export class KernelReplay {
  readonly #records: RequestRecords;
  readonly #tellsDeferral: boolean;
  readonly #iods = new Map<number, Iod>();
  readonly #live = new Map<CaptureCase, Live>();
  #events: MachineEvent[] = [];

  /** @param cases All requests of the run, in the order in which they were mapped. */
  constructor(private readonly host: CapturedMachine, cases: readonly CaptureCase[]) {
    this.#records = new RequestRecords(cases);
    this.#tellsDeferral = cases.some(tellsDeferral);
    host.machine.events.listen((event) => this.#events.push(event));
  }

  /**
   * Prepares a request as the driver would. Another request may complete in the middle of it.
   * @returns The events of this request.
   */
  map(captured: CaptureCase): readonly MachineEvent[] {
    const { driver, pools } = this.host;
    pools.small.expect(captured.map);
    pools.large.expect(captured.map);
    const outer = this.#events;
    const events: MachineEvent[] = this.#events = [];
    const iod = this.#iodOf(captured);
    const request = makeRequest(captured, driver.limits);
    iod.request = request;
    request.iod = iod;
    const status = driver.prepare(iod, request);
    this.#events = outer;
    const refused = status !== BLK_STS.OK;
    const ranges: LinkedRange[] = [];
    const undone = refused ? undoingBegins(events) : events.length;
    const told = this.#told(events.slice(0, undone), ranges);
    const got: Record<string, Json> = {
      map: told.calls.map(comparable),
      sg: told.listOutputs,
      command: refused ? null : capturedCommand(driver.viewCommand(iod)),
      accesses: refused || captured.device === undefined
        ? null
        : this.#accesses(iod, captured.device.accesses),
      queue_status: refused ? status : null,
    };
    // Of a refused request no iterator is told.
    if (captured.command !== null) got.iter = iteratorResults(events);
    if (captured.request.segments !== undefined) got.segments = request.segments().map(extentOf);
    const undoing = this.#told(events.slice(undone), ranges).calls;
    this.#live.set(captured, { request, ranges, undoing, iod: refused ? null : iod, got });
    return events;
  }

  /**
   * Completes a request that was mapped, and compares all of it with the capture.
   * @param freedNext IO addresses that the record shows freed right behind being given back.
   */
  complete(captured: CaptureCase, freedNext: ReadonlySet<number> = NO_RANGES): Completion {
    const live = this.#live.get(captured);
    if (live === undefined) throw new Error(`${captured.id} completes before it was mapped`);
    this.#live.delete(captured);
    const outer = this.#events;
    const events: MachineEvent[] = this.#events = [];
    let unmap = live.undoing;
    if (live.iod !== null) {
      this.host.driver.complete(live.iod, live.request);
      unmap = this.#told(events, live.ranges, freedNext).calls;
    }
    this.#events = outer;
    const got = { ...live.got, unmap: unmap.map(comparable) };
    return { events, difference: firstDifference(expectedForm(captured), got) };
  }

  /** Does something that belongs to no request: its events are nobody's. */
  aside(work: () => void): void {
    const outer = this.#events;
    this.#events = [];
    work();
    this.#events = outer;
  }

  #told(
    events: readonly MachineEvent[],
    ranges: LinkedRange[],
    freedNext: ReadonlySet<number> = NO_RANGES,
  ): CapturedCalls {
    return capturedCalls(events, ranges, { told: this.#tellsDeferral, freedNext });
  }

  /** A record lives on between its requests, as in the kernel. */
  #iodOf(captured: CaptureCase): Iod {
    const record = this.#records.numberOf(captured);
    let iod = this.#iods.get(record);
    if (iod === undefined) this.#iods.set(record, iod = new Iod(record, this.host.pools));
    return iod;
  }

  /** The emulated controller gave up at the range after its last; it recorded the beginning. */
  #accesses(iod: Iod, recorded: readonly Extent[]): Json {
    const { ranges } = this.host.controller.resolve(iod.sqe);
    return recorded.length > MOST_RECORDED_RANGES ? ranges.slice(0, recorded.length) : ranges;
  }
}

/** A request's record has a range that was parked. */
function tellsDeferral({ map, unmap = [] }: CaptureCase): boolean {
  return [...map, ...unmap].some(({ inner = [] }) =>
    inner.some(({ op, deferred }) => op === "iova_free" && deferred === true)
  );
}

function makeRequest(captured: CaptureCase, limits: NvmeRequest["limits"]): NvmeRequest {
  const given = captured.request;
  const vecs = given.bios.map((bio) => bio.map(vecOf));
  const discard = given.op === "dsm";
  let sector = (given.slba * limits.logicalBlockSizeBytes) / SECTOR_SIZE_BYTES;
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
  if (given.user_command) request.template = userCommand(given, limits.logicalBlockSizeBytes);
  return request;
}

/** A refused request tells only the pieces that were walked, those of the data first. */
function metadataOf(given: CaptureRequest): readonly Extent[] {
  if (given.mapped_segments !== undefined) {
    let dataBytes = given.bytes;
    return given.mapped_segments.filter(([, sizeBytes]) => (dataBytes -= sizeBytes) < 0);
  }
  return (given.bios.length > 1 ? given.integrity_segments : given.integrity) ?? [];
}

/** Where a refused request's data begins to be undone: the captures count that as unmapping. */
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
    // A user's buffer is as long as the user says; the kernel's own is as long as the format says.
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

/** The command as the user program gave it to the driver. */
function userCommand(given: CaptureRequest, blockSizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  bytes[0] = OPCODES[given.op] ?? 0;
  view.setUint32(4, 1, true);
  view.setUint32(40, given.slba % 2 ** 32, true);
  view.setUint32(44, Math.floor(given.slba / 2 ** 32), true);
  view.setUint32(48, given.bytes / blockSizeBytes - 1, true);
  return bytes;
}

/** What the DMA iterator's calls gave, as the captures print it. */
function iteratorResults(events: readonly MachineEvent[]): Json {
  const results: Json[] = [];
  let last: readonly [DmaAddr, number] = [0 as DmaAddr, 0];
  let coalesced: readonly [DmaAddr, number] | null = null;
  for (const event of events) {
    const fields = event.fields as Readonly<Record<string, unknown>>;
    if (event.name === "call.blk_rq_dma_map_iter_start") coalesced = null;
    else if (event.name === "block.segment") {
      last = [fields.dma as DmaAddr, fields.size_bytes as number];
      coalesced = coalesced === null ? last : [coalesced[0], coalesced[1] + last[1]];
    } else if (event.name === "ret.blk_rq_dma_map_iter_start") {
      const [addr, length] = coalesced ?? last;
      results.push(fields.result === true ? ["istart", 1, addr, length] : ["istart", 0]);
    } else if (event.name === "ret.blk_rq_dma_map_iter_next") {
      results.push(fields.result === true ? ["inext", 1, ...last] : ["inext", 0]);
    }
  }
  return results;
}

function expectedForm(captured: CaptureCase): Record<string, Json> {
  const { command, device, iter = [], map, queue_status, request, sg, unmap = [] } = captured;
  return {
    map: map.map(comparable),
    sg: sg?.mapped ?? null,
    command,
    unmap: unmap.map(comparable),
    accesses: device?.accesses ?? null,
    queue_status: queue_status ?? null,
    ...(command === null ? {} : { iter }),
    ...(request.segments === undefined ? {} : { segments: request.segments }),
  };
}

/** A call without what says nothing: an empty `inner`, attributes of 0. */
function comparable(call: CaptureCall): Json {
  const { inner, attrs, ...rest } = call;
  const body: Record<string, Json> = {};
  for (const [key, value] of Object.entries(rest)) if (value !== undefined) body[key] = value;
  if (inner !== undefined && inner.length > 0) body.inner = inner;
  if (attrs !== undefined && attrs !== 0) body.attrs = attrs;
  return body;
}
