/**
 * A submission queue with its completion queue, both in memory the device reads and writes.
 *
 * @see rules/nvme.md 4.1, 4.2
 */
import {
  type EventFields,
  eventId,
  invariant,
  InvariantError,
  KernelError,
  type Machine,
  type Nanoseconds,
  zeros,
} from "@dmalab/runtime";
import type { CoherentMemory, DmaDevice } from "@dmalab/runtime/dma";
import type { NvmeRegisterPort } from "../../register_port.ts";
import type { SubmissionMemory } from "../life/controller_memory.ts";
import { type DescriptorPools, Iod, type NvmeRequest } from "../request.ts";
import { CQE, CQE_BYTES, REGISTER, SQE, SQE_BYTES } from "../protocol.ts";
import { QueueEntries } from "./queue_entries.ts";
import { RequestFifo } from "./request_fifo.ts";
import { SchedulerTags } from "./scheduler_tags.ts";
import type { ShadowDoorbells } from "./shadow_doorbells.ts";

const RESULT_WORD = CQE.RESULT / 4;
const STATUS_AND_ID_WORD = CQE.COMMAND_ID / 4;

const NVME_SUBMIT = eventId("nvme.submit");
type Doorbell = EventFields<"nvme.doorbell">["which"];

const NVME_DOORBELL = eventId("nvme.doorbell");
const NVME_SHADOW_DOORBELL = eventId("nvme.shadow_doorbell");

/** Bits of a command id that are the tag; the rest counts the tag's uses. */
const TAG_BITS = 12;
const TAG_MASK = (1 << TAG_BITS) - 1;
const GENERATION_MASK = 0xf;

/** Looks after commands that are sent; `RequestWatch` is one. */
export interface CommandWatch {
  readonly armed: boolean;
  /** A command was sent while it was not armed. */
  start(): void;
}

export interface QueuePairOptions {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly registers: NvmeRegisterPort;
  /** 0 for the admin queue. */
  readonly id: number;
  readonly depthEntries: number;
  /** Commands in flight at most; below the depth, so that the ring never fills. */
  readonly tags: number;
  /** Interrupt vector; -1 for a queue that is polled. */
  readonly vector: number;
  /** The CPU that its interrupt goes to, or that polls it. */
  readonly cpu: number;
  /** Bytes between two doorbells: 4 << CAP.DSTRD. */
  readonly doorbellStrideBytes: number;
  readonly pools: DescriptorPools;
  /** Looks after commands that are not answered. */
  readonly watch: CommandWatch;
  /** A scheduler stands in front, so that records have tags of their own. Default false. */
  readonly scheduled?: boolean;
  /** Memory of the controller for the commands; the host's when left out. */
  readonly submissionMemory?: SubmissionMemory | null;
}

/** When a tag was taken for a command that could not be sent yet. */
const NOT_SENT = -1;

/** The host's side of a pair of rings. */
export interface HostRings {
  /** Where the next command goes. */
  readonly sqTail: number;
  /** The tail last written to the doorbell. */
  readonly sqRung: number;
  /** Where the next completion is looked for. */
  readonly cqHead: number;
  /** The phase bit that makes it valid. */
  readonly phase: number;
  /** Offsets of the two doorbells in the controller's registers. */
  readonly sqDoorbell: number;
  readonly cqDoorbell: number;
}

/** Called for a completion that was taken. */
export type TakeCompletion = (iod: Iod, status: number, result: number) => void;

export class QueuePair {
  readonly id: number;
  readonly depthEntries: number;
  readonly vector: number;
  /** Without interrupts: the submitting CPU polls it. */
  readonly polled: boolean;
  readonly cpu: number;
  readonly pools: DescriptorPools;
  readonly sq: CoherentMemory;
  readonly cq: CoherentMemory;
  /** The scheduler's tags; null without a scheduler. */
  readonly schedulerTags: SchedulerTags | null;
  /** Requests that wait for a tag. */
  readonly waiting = new RequestFifo();
  /** Doorbells in memory, while the controller takes them from there. */
  shadows: ShadowDoorbells | null = null;
  /** The controller knows the queue. */
  enabled = false;

  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #registers: NvmeRegisterPort;
  readonly #sqDoorbell: number;
  readonly #cqDoorbell: number;
  readonly #sqEntries: QueueEntries;
  readonly #cqEntries: QueueEntries;
  readonly #iods: (Iod | undefined)[] = [];
  readonly #watch: CommandWatch;
  readonly #submissionMemory: SubmissionMemory | null;
  /** When the command of each tag in flight was sent. */
  readonly #sentNs: Float64Array;
  /** A stack: the tag freed last is used first. */
  readonly #freeTags: Uint16Array;
  #freeCount: number;
  #sqTail = 0;
  /** The tail last written to the doorbell. */
  #sqRung = 0;
  #cqHead = 0;
  #phase = 1;

  /** @throws {KernelError} ENOMEM when the queue's memory cannot be allocated. */
  constructor(options: QueuePairOptions) {
    const { machine, dev, depthEntries } = options;
    this.id = options.id;
    this.depthEntries = depthEntries;
    this.vector = options.vector;
    this.polled = options.vector < 0;
    this.cpu = options.cpu;
    this.pools = options.pools;
    this.schedulerTags = options.scheduled === true
      ? new SchedulerTags(options.tags, options.pools)
      : null;
    this.#machine = machine;
    this.#dev = dev;
    this.#registers = options.registers;
    const stride = options.doorbellStrideBytes;
    this.#sqDoorbell = REGISTER.DOORBELLS + 2 * this.id * stride;
    this.#cqDoorbell = REGISTER.DOORBELLS + (2 * this.id + 1) * stride;
    const cq = machine.dma.dmaAllocCoherent(dev, depthEntries * CQE_BYTES);
    this.#submissionMemory = options.submissionMemory ?? null;
    const sq = this.#submissionMemory === null
      ? machine.dma.dmaAllocCoherent(dev, depthEntries * SQE_BYTES)
      : this.#submissionMemory.memory;
    if (cq === null || sq === null) {
      throw new KernelError("ENOMEM", `Cannot allocate queue ${this.id} of ${dev.name}`);
    }
    this.cq = cq;
    this.sq = sq;
    this.#cqEntries = new QueueEntries(machine.memory, cq, CQE_BYTES);
    this.#sqEntries = new QueueEntries(machine.memory, sq, SQE_BYTES);
    this.#watch = options.watch;
    this.#sentNs = zeros(Float64Array, options.tags);
    this.#freeTags = zeros(Uint16Array, options.tags);
    for (let index = 0; index < options.tags; index++) {
      this.#freeTags[index] = options.tags - 1 - index;
    }
    this.#freeCount = options.tags;
  }

  /** Where the host stands in its two rings, and where it rings. */
  get rings(): HostRings {
    return {
      sqTail: this.#sqTail,
      sqRung: this.#sqRung,
      cqHead: this.#cqHead,
      phase: this.#phase,
      sqDoorbell: this.#sqDoorbell,
      cqDoorbell: this.#cqDoorbell,
    };
  }

  /** The command id that stands in a slot of the submission queue's memory. */
  commandIdAt(slot: number): number {
    return this.#sqEntries.word(slot, 0) >>> 16;
  }

  /** The command id and the phase bit that stand in a slot of the completion queue's memory. */
  completionAt(slot: number): { readonly cid: number; readonly phase: number } {
    const last = this.#cqEntries.word(slot, STATUS_AND_ID_WORD);
    return { cid: last & 0xffff, phase: last >>> 16 & 1 };
  }

  /** Commands in flight at most. */
  get tags(): number {
    return this.#freeTags.length;
  }

  /** Commands in flight. */
  get inFlight(): number {
    return this.#freeTags.length - this.#freeCount;
  }

  /** Allocates a tag for a request. @returns Its record, or null when all are in use. */
  takeTag(request: NvmeRequest): Iod | null {
    if (this.#freeCount === 0) return null;
    const tag = this.#freeTags[--this.#freeCount]!;
    const iod = this.#iods[tag] ?? this.#newRecord(tag, request);
    invariant(iod.request === null, "A tag was allocated twice");
    iod.request = request;
    request.iod = iod;
    request.cid = ((iod.generation & GENERATION_MASK) << TAG_BITS) | tag;
    return iod;
  }

  /** The first record of a tag; with a scheduler that of the request, which has the tag lent. */
  #newRecord(tag: number, request: NvmeRequest): Iod {
    if (this.schedulerTags === null) return this.#iods[tag] = new Iod(tag, this.pools);
    const record = this.schedulerTags.recordOf(request);
    invariant(record.request === null, "A record gets a tag while it serves a request");
    record.tag = tag;
    return this.#iods[tag] = record;
  }

  /** Requests that can be there at a time (`nr_requests`): with a scheduler, those that wait in it too. */
  get nrRequests(): number {
    return this.schedulerTags?.count ?? this.tags;
  }

  /** The request that a command in flight serves. */
  requestOf(commandId: number): NvmeRequest | null {
    const request = this.#iods[commandId & TAG_MASK]?.request ?? null;
    return request?.cid === commandId ? request : null;
  }

  /** Frees a tag. */
  releaseTag(iod: Iod): void {
    const { request } = iod;
    if (request === null) throw new InvariantError(`Tag ${iod.tag} is not in use`);
    invariant(this.#freeCount < this.#freeTags.length, "A tag was freed twice");
    request.iod = null;
    iod.request = null;
    this.#freeTags[this.#freeCount++] = iod.tag;
    if (this.schedulerTags !== null) this.#iods[iod.tag] = undefined;
  }

  /** A tag that is kept although its command could not be sent. */
  keepUnsent(iod: Iod): void {
    this.#sentNs[iod.tag] = NOT_SENT;
  }

  /** Commands that the controller has and has not completed, in the order of their tags. */
  sent(): readonly Iod[] {
    const sent: Iod[] = [];
    for (const iod of this.#iods) {
      if (iod !== undefined && iod.request !== null && this.#sentNs[iod.tag] !== NOT_SENT) {
        sent.push(iod);
      }
    }
    return sent;
  }

  /** When a command in flight was sent, or was given time again. */
  sentAtNs(iod: Iod): Nanoseconds {
    return this.#sentNs[iod.tag]!;
  }

  /** Gives a command that was not answered as much time again. */
  restartTime(iod: Iod): void {
    this.#sentNs[iod.tag] = this.#machine.clock.nowNs;
  }

  /**
   * Empty rings, as the controller expects when the queue is created again. Nothing may be in
   * flight.
   */
  restart(): void {
    invariant(!this.enabled, "A queue restarts while it is enabled");
    this.shadows = null;
    this.#sqTail = 0;
    this.#sqRung = 0;
    this.#cqHead = 0;
    this.#phase = 1;
    this.#cqEntries.clear(this.depthEntries);
  }

  /**
   * Gives up every tag, and every request that waits for one: nothing of the queue is in flight.
   * @returns Those that waited. Who holds a tag has been dispatched again already.
   */
  abandon(): readonly NvmeRequest[] {
    for (const iod of this.#iods) {
      if (iod !== undefined && iod.request !== null) this.releaseTag(iod);
    }
    const waiting: NvmeRequest[] = [...this.schedulerTags?.abandon() ?? []];
    for (let next = this.waiting.shift(); next !== null; next = this.waiting.shift()) {
      waiting.push(next);
    }
    return waiting;
  }

  /** Frees the rings' memory; the queue is of no use any more. */
  release(): void {
    const { dma } = this.#machine;
    if (this.#submissionMemory !== null) this.#submissionMemory.release();
    else dma.dmaFreeCoherent(this.#dev, this.sq);
    dma.dmaFreeCoherent(this.#dev, this.cq);
  }

  /** Puts a command into the submission queue and rings its doorbell. */
  submit(iod: Iod): void {
    this.enqueue(iod);
    this.ring();
  }

  /**
   * Puts a command into the submission queue and leaves the doorbell to `ring`, unless the next
   * command would bring the tail to where it was rung last: that would look like nothing new.
   */
  enqueue(iod: Iod): void {
    const machine = this.#machine;
    const slot = this.#sqTail;
    invariant(iod.request !== null, "A command that serves no request was sent");
    this.#sqEntries.write(slot, iod.words);
    this.#sentNs[iod.tag] = machine.clock.nowNs;
    if (!this.#watch.armed) this.#watch.start();
    if (machine.events.tick(NVME_SUBMIT)) {
      machine.events.emit(NVME_SUBMIT, {
        queue: this.id,
        slot,
        cid: iod.view.getUint16(SQE.COMMAND_ID, true),
        opcode: iod.sqe[SQE.OPCODE]!,
      });
    }
    this.#sqTail = this.#after(slot);
    if (this.#after(this.#sqTail) === this.#sqRung) this.ring();
  }

  /**
   * Whether each tag is either free or a request's, and both rings' places lie in them.
   * @throws {InvariantError}
   */
  audit(): void {
    const free = new Uint8Array(this.tags);
    for (let index = 0; index < this.#freeCount; index++) {
      const tag = this.#freeTags[index]!;
      invariant(free[tag] === 0, "A tag is free twice");
      free[tag] = 1;
    }
    let used = 0;
    for (const iod of this.#iods) {
      if (iod === undefined || iod.request === null) continue;
      used++;
      invariant(free[iod.tag] === 0, "A tag that a request has is free");
      invariant(iod.request.iod === iod, "A request has another record than its tag");
      invariant(
        (iod.request.cid! & TAG_MASK) === iod.tag,
        "A request's command id has another tag",
      );
    }
    invariant(used === this.inFlight, "A tag is neither free nor a request's");
    invariant(this.#after(this.#sqTail) !== this.#sqRung, "A submission queue has no free place");
    const places = [this.#sqTail, this.#sqRung, this.#cqHead];
    invariant(places.every((place) => place < this.depthEntries), "A ring's place lies outside");
  }

  /** Writes the tail to the doorbell, if there are commands that it does not cover. */
  ring(): void {
    if (this.#sqTail === this.#sqRung) return;
    this.#sqRung = this.#sqTail;
    this.#ring(this.#sqDoorbell, this.#sqTail, "sq_tail");
  }

  #after(slot: number): number {
    return slot + 1 === this.depthEntries ? 0 : slot + 1;
  }

  /**
   * Takes the next completion, if there is one.
   *
   * @param take Called with the command's record, its status field and its result. A completion for
   * a command that is not in flight is skipped, as the kernel does after logging it.
   * @returns False when the next entry is not valid yet.
   */
  takeCompletion(take: TakeCompletion): boolean {
    const slot = this.#cqHead;
    const last = this.#cqEntries.word(slot, STATUS_AND_ID_WORD);
    if ((last >>> 16 & 1) !== this.#phase) return false;
    this.#cqHead++;
    if (this.#cqHead === this.depthEntries) {
      this.#cqHead = 0;
      this.#phase ^= 1;
    }
    const cid = last & 0xffff;
    const iod = this.#iods[cid & TAG_MASK];
    if (iod === undefined || iod.request?.cid !== cid) {
      this.#warnOfStranger(cid);
      return true;
    }
    iod.generation++;
    // Only passthrough commands have a result to look at.
    const result = iod.request.template === null ? 0 : this.#cqEntries.word(slot, RESULT_WORD);
    take(iod, last >>> 17, result);
    return true;
  }

  #warnOfStranger(cid: number): void {
    this.#machine.warnings.warnRatelimited(
      "nvme_handle_cqe",
      `queue ${this.id} completed command id ${cid}, which is not in flight`,
    );
  }

  /** Tells the controller how far completions were taken. */
  ringCompletionDoorbell(): void {
    this.#ring(this.#cqDoorbell, this.#cqHead, "cq_head");
  }

  #ring(offset: number, value: number, which: Doorbell): void {
    const events = this.#machine.events;
    if (this.shadows !== null && !this.#ringsThrough(this.shadows, offset, value, which)) return;
    if (events.tick(NVME_DOORBELL)) events.emit(NVME_DOORBELL, { queue: this.id, value, which });
    this.#registers.write32(offset, value);
  }

  /** Writes a doorbell in memory. True when the register has to be written too. */
  #ringsThrough(
    shadows: ShadowDoorbells,
    offset: number,
    value: number,
    which: Doorbell,
  ): boolean {
    const { events } = this.#machine;
    const rung = shadows.update(offset - REGISTER.DOORBELLS, value);
    if (events.tick(NVME_SHADOW_DOORBELL)) {
      events.emit(NVME_SHADOW_DOORBELL, { queue: this.id, value, which, rung });
    }
    return rung;
  }
}
