/** Records a disk at work: every attempt to prepare a request, with all its results. */
import {
  BLK_STS,
  type BlkStatus,
  blkStatusErrno,
  blkStatusName,
  ERRNO,
  type MachineEvent,
  type PhysAddr,
} from "@dmalab/runtime";
import type { Iod, NvmeDriver, NvmeRequest } from "@dmalab/devices";
import type { CallLine, DefectStep } from "./defect_data.ts";
import type { DefectHost } from "./defect_machine.ts";
import { errnoOf, type Fields } from "../inner_record.ts";
import type { Json } from "../difference.ts";

/** An attempt to prepare a request, and its completion if it was sent. */
interface PreparedCommand {
  readonly request: NvmeRequest;
  readonly calls: CallLines;
  readonly status: BlkStatus;
  /** The command as the device sees it; null when the request could not be prepared. */
  readonly device: DeviceView | null;
  /** Whether the request freed its tag, so that no further try of the request used this tag. */
  released: boolean;
  completed: boolean;
}

export class Transcript {
  commands: PreparedCommand[] = [];
  /** The block layer's work on a bio, in the form of the recorded defects. */
  blockEvents: (readonly [string, number])[] = [];
  /** Sector at which the remaining part of the current bio begins. */
  #bioSector = 0;
  #calls: CallLines | null = null;

  constructor(private readonly host: DefectHost) {
    host.machine.events.listen((event) => this.#hear(event));
    const { driver } = host;
    const prepare = driver.prepare.bind(driver);
    driver.prepare = (iod, request) => this.#prepare(iod, request, prepare);
    const complete = driver.complete.bind(driver);
    driver.complete = (iod, request) => this.#complete(iod, request, complete);
    for (const queue of driver.queues.io) {
      const releaseTag = queue.releaseTag.bind(queue);
      queue.releaseTag = (iod) => {
        const last = this.commands.findLast(({ request }) => request === iod.request);
        if (last !== undefined) last.released = true;
        releaseTag(iod);
      };
    }
  }

  /** Begins a step. */
  clear(): void {
    this.commands = [];
    this.blockEvents = [];
  }

  /** Called before a bio is submitted. */
  bioAt(sector: number): void {
    this.#bioSector = sector;
  }

  #hear(event: MachineEvent): void {
    if (this.#calls !== null) {
      this.#calls.add(event);
    } else if (event.name === "block.split") {
      this.#bioSector += (event.fields as { readonly at_sectors: number }).at_sectors;
      this.blockEvents.push(["bio.split", this.#bioSector]);
    } else if (event.name === "block.merge") {
      const { rule, joined } = event.fields as { readonly rule: string; readonly joined: boolean };
      if (joined) this.blockEvents.push([`merge.${rule}`, this.#bioSector]);
    }
  }

  #prepare(iod: Iod, request: NvmeRequest, prepare: NvmeDriver["prepare"]): BlkStatus {
    const calls = this.#calls = new CallLines();
    const status = prepare(iod, request);
    this.#calls = null;
    const device = status === BLK_STS.OK ? viewFromDevice(this.host, iod, request) : null;
    this.commands.push({ request, calls, status, device, released: false, completed: false });
    return status;
  }

  #complete(iod: Iod, request: NvmeRequest, complete: NvmeDriver["complete"]): void {
    const command = this.commands.findLast((each) => each.request === request)!;
    this.#calls = command.calls;
    complete(iod, request);
    this.#calls = null;
    command.completed = true;
  }
}

/**
 * The lines of a command. If the request could not be prepared, the last line is the outcome. The
 * kernel reports no error for a user's own command.
 */
function linesOf(command: PreparedCommand, outcome: string, errno: number): CallLine[] {
  const { calls: { lines }, request } = command;
  if (outcome === "resource") return [...lines, ["requeue"]];
  const isReported = outcome === "ioerr" && !request.userCommand;
  return isReported ? [...lines, ["request.error", -errno]] : [...lines];
}

/** All recorded machines with translation had pages of 4 KiB. */
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
  /** Index of the first line that was collected during the call. */
  readonly from: number;
  /** Whether the call was made to fail at its entry, as if it had not been called. */
  injected: boolean;
  /**
   * Whether the call has queued a range for flushing. A range that the call frees afterwards was
   * queued before the call.
   */
  parked: boolean;
}

/** A range that was reserved for linking. */
interface Range {
  readonly addr: number;
  readonly sizeBytes: number;
}

/** Collects the lines of one command, event by event. */
class CallLines {
  readonly lines: CallLine[] = [];
  readonly #ranges: Range[] = [];
  readonly #open: OpenCall[] = [];
  /**
   * Position at which the line of the iterator's segment is inserted; -1 if it has been inserted or
   * does not exist.
   */
  #segmentAt = -1;
  #reserved = 0;
  /** For each event inside a call, the function that adds the event's lines. */
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
  /** For each call, the function that adds the call's lines when it returns. */
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

  /** Inserts the line of the iterator's segment before the lines of the call that uses it. */
  #segment(given: Fields): void {
    const iterating = this.#open.some(({ api }) => ITERATOR_CALLS.has(api));
    if (!iterating) return;
    const at = this.#segmentAt < 0 ? this.lines.length : this.#segmentAt;
    this.lines.splice(at, 0, ["segment", given.phys as number, given.size as number]);
    this.#segmentAt = -1;
  }

  /**
   * Whether a freed range was queued before this call. A range counts as freed when it is queued;
   * its removal from the queue is not counted again.
   *
   * @param parked Whether the range is being queued now.
   */
  #isLate(parked: boolean): boolean {
    const call = this.#open.at(-1);
    if (call === undefined) return !parked;
    if (parked) call.parked = true;
    return call.parked && !parked;
  }

  /** Adds a line with some of the given fields, and results. */
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

  /**
   * A destroy without linked memory calls dma_iova_free(); the release inside that call had no
   * probe.
   */
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

/** A descriptor that the controller read, and the number of described bytes that it used. */
interface Descriptor {
  readonly type: number;
  readonly bytes_described: number;
}

interface DeviceView {
  readonly command: Json;
  readonly dataDescriptors: readonly Descriptor[];
  readonly metadataDescriptors: readonly Descriptor[];
  readonly ranges: readonly (readonly [number, number])[];
  readonly metadataRanges: readonly (readonly [number, number])[];
  /** The two entries of the command when it has PRPs. */
  readonly prps: { readonly prp1: number; readonly prp2: number } | null;
  /** 0, or the status with which the command is refused. */
  readonly status: number;
}

/** Resolves a command that was just prepared; no data is moved. */
function viewFromDevice(host: DefectHost, iod: Iod, request: NvmeRequest): DeviceView {
  const view = host.driver.viewCommand(iod);
  const resolved = host.controller.resolve(view.bytes);
  const { metadataBytes } = host.disk.namespace;
  const blocks = request.bytes / host.disk.blockSizeBytes;
  const own = view.sglOfCommand;
  const prps = view.format === "prp" ? { prp1: view.prp1, prp2: view.prp2 } : null;
  const list = iod.usesMetadataSgl ? iod.metaDescriptor : null;
  return {
    command: {
      opcode: view.opcode,
      flags: view.bytes[1]!,
      mptr: view.mptr,
      dptr: prps !== null
        ? { kind: "prp", ...prps }
        : { kind: "sgl", address: own.address, length: own.sizeBytes, type: own.type },
    },
    dataDescriptors: prps !== null ? [] : [{ type: own.type, bytes_described: request.bytes }],
    metadataDescriptors: list === null || resolved.metadataRanges.length === 0 ? [] : [{
      type: host.machine.memory.readU32((list.phys + 12) as PhysAddr) >>> 24,
      bytes_described: blocks * metadataBytes,
    }],
    ranges: resolved.ranges,
    metadataRanges: resolved.metadataRanges,
    prps,
    status: resolved.status,
  };
}

/** Number of listed attempts for a request that is tried repeatedly. */
const LISTED_TRIES = 3;

/** The model's commands, without the later attempts that the record leaves out. */
export function commandForms(commands: readonly PreparedCommand[], step: DefectStep): Json {
  const listed = step.attempts === undefined ? commands : commands.slice(0, LISTED_TRIES);
  const devices = recordedDevices(listed, step);
  return listed.map((command, index) => {
    const { request, status } = command;
    const outcome = outcomeOf(command);
    const errno = ERRNO[blkStatusErrno(blkStatusName(status))];
    const form: Record<string, Json> = {
      bytes: request.bytes,
      sector: request.userCommand ? null : request.sector,
      segments: request.nrPhysSegments,
      integrity_segments: request.nrIntegritySegments,
      gap_bit: request.gapBit,
      calls: linesOf(command, outcome, errno),
      outcome,
    };
    if (command.device !== null) {
      form.command = command.device.command;
      form.status = request.nvmeStatus;
      form.device = devices[index]!;
    }
    return form;
  });
}

/** The record's commands without their tags, which are inputs. */
export function expectedCommands({ commands }: DefectStep): Json {
  return commands.map(({ tag: _, ...command }) => command as unknown as Json);
}

function outcomeOf({ status, released, completed }: PreparedCommand): string {
  if (status === BLK_STS.OK) return completed ? "completed" : "pending";
  if (!released) return "prepared again";
  return status === BLK_STS.RESOURCE ? "resource" : "ioerr";
}

/**
 * The controller's work in the form of the record. The recorder noted each access under the command
 * that was fetched last. The controller read a command's metadata only after all data of the
 * command had moved. Therefore, if several commands are in flight, the metadata of all of them is
 * noted under the last command, in the order in which the transfers of the commands' data ended.
 */
function recordedDevices(commands: readonly PreparedCommand[], step: DefectStep): Json[] {
  const sent = commands.filter(({ device }) => device !== null);
  const last = sent.at(-1);
  const ended = sent.filter(({ device }) => device!.metadataRanges.length > 0)
    .toSorted((a, b) => endOf(a, step) - endOf(b, step));
  return commands.map((command) => {
    const { device } = command;
    if (device === null) return null;
    const noted = sent.length > 1 ? (command === last ? ended : []) : ended;
    const descriptors = [
      ...device.dataDescriptors,
      ...noted.flatMap((each) => each.device!.metadataDescriptors),
    ];
    return {
      ...device.prps,
      ...(descriptors.length === 0 ? {} : { sgl_descriptors: descriptors as unknown as Json }),
      ranges: [
        ...device.ranges,
        ...noted.flatMap((each) => each.device!.metadataRanges),
      ],
      ...refusal(device),
    };
  });
}

/**
 * Position of a command in the order in which the commands' data ended. The results of the step's
 * I/Os are in this order.
 */
function endOf({ request }: PreparedCommand, step: DefectStep): number {
  const { res } = step.result;
  if (!Array.isArray(res)) return 0;
  const offset = (request.sector - (step.commands[0]?.sector ?? 0)) * 512;
  const pieces = step.request.pieces ?? [];
  let index = 0;
  for (let at = 0; index < pieces.length && at < offset; index++) at += pieces[index]![1];
  return res.findIndex((entry) => Array.isArray(entry) && entry[0] === index);
}

function refusal({ status }: DeviceView): { readonly [field: string]: Json } {
  return status === 0 ? {} : { rejected_with: status };
}
