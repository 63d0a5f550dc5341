/**
 * The queues of a driver. Each is a pair of rings in memory that the device reads and writes, with
 * its tags, its doorbells, and the requests that wait for a tag.
 *
 * @see rules/nvme.md 2.5, 4.1, 4.2
 */
import {
  type Bytes,
  type EventFields,
  eventId,
  invariant,
  InvariantError,
  KernelError,
  type Machine,
  type MemoryPage,
  type Nanoseconds,
  PAGE_SIZE_BYTES,
  type PhysicalMemory,
  TagMap,
  zeros,
} from "@dmalab/runtime";
import type { CoherentMemory, DmaDevice } from "@dmalab/runtime/dma";
import type { NvmeRegisterPort } from "../register_port.ts";
import type { SubmissionMemory } from "./controller_memory.ts";
import { CQE, CQE_BYTES, REGISTER, SQE, SQE_BYTES } from "./protocol.ts";
import { type DescriptorPools, Iod, type NvmeRequest } from "./request.ts";
import type { CommandTimeouts } from "./controller_life.ts";
import type { NvmeDriver } from "./nvme_driver.ts";

const RESULT_WORD = CQE.RESULT / 4;
const STATUS_AND_ID_WORD = CQE.COMMAND_ID / 4;

const NVME_SUBMIT = eventId("nvme.submit");
type Doorbell = EventFields<"nvme.doorbell">["which"];

const NVME_DOORBELL = eventId("nvme.doorbell");
const NVME_SHADOW_DOORBELL = eventId("nvme.shadow_doorbell");

/**
 * The number of low bits of a command id that contain the tag. The upper bits count how often the
 * tag was used.
 */
const TAG_BITS = 12;
const TAG_MASK = (1 << TAG_BITS) - 1;
const GENERATION_MASK = 0xf;

interface QueuePairOptions {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly registers: NvmeRegisterPort;
  /** 0 for the admin queue. */
  readonly id: number;
  readonly depthEntries: number;
  /**
   * Largest number of commands in flight. It is less than the depth, so that the ring never becomes
   * full.
   */
  readonly tags: number;
  /** Interrupt vector; -1 for a polled queue. */
  readonly vector: number;
  /** The CPU that receives the queue's interrupt, or polls the queue. */
  readonly cpu: number;
  /** Bytes between two doorbells: 4 << CAP.DSTRD. */
  readonly doorbellStrideBytes: number;
  readonly pools: DescriptorPools;
  /** The handler for commands that are not answered. */
  readonly watch: CommandTimeouts;
  /**
   * Whether the queue has a scheduler; the records of requests then belong to the scheduler's tags.
   */
  readonly scheduled: boolean;
  /** The controller's memory for the commands; null for the host's memory. */
  readonly submissionMemory: SubmissionMemory | null;
}

/** The sending time of a tag that was allocated for a command not sent yet. */
const NOT_SENT = -1;

/** The host's side of a pair of rings. */
export interface HostRings {
  /** Slot of the next command. */
  readonly sqTail: number;
  /** The tail last written to the doorbell. */
  readonly sqRung: number;
  /** Slot of the next completion. */
  readonly cqHead: number;
  /** The phase bit of a valid completion in that slot. */
  readonly phase: number;
  /** Offsets of the two doorbells in the controller's registers. */
  readonly sqDoorbell: number;
  readonly cqDoorbell: number;
}

export class QueuePair {
  readonly id: number;
  readonly depthEntries: number;
  readonly vector: number;
  /** Whether the queue has no interrupt, so that the submitting CPU polls it. */
  readonly polled: boolean;
  readonly cpu: number;
  readonly pools: DescriptorPools;
  readonly sq: CoherentMemory;
  readonly cq: CoherentMemory;
  /** The scheduler's tags; null without a scheduler. */
  readonly schedulerTags: SchedulerTags | null;
  /** Requests that wait for a tag. */
  readonly waiting = new RequestFifo();
  /** Shadow doorbells, if the controller uses them. */
  shadows: ShadowDoorbells | null = null;
  /** Whether the controller knows the queue. */
  enabled = false;

  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #registers: NvmeRegisterPort;
  readonly #sqDoorbell: number;
  readonly #cqDoorbell: number;
  readonly #sqEntries: QueueEntries;
  readonly #cqEntries: QueueEntries;
  readonly #iods: (Iod | undefined)[] = [];
  readonly #watch: CommandTimeouts;
  readonly #submissionMemory: SubmissionMemory | null;
  /** For each tag in flight, when its command was sent. */
  readonly #sentNs: Float64Array;
  /** A stack: the tag freed last is used first. */
  readonly #freeTags: Uint16Array;
  #freeCount: number;
  #sqTail = 0;
  /** The tail last written to the doorbell. */
  #sqRung = 0;
  #cqHead = 0;
  #phase = 1;

  /** @throws {KernelError} ENOMEM if the queue's memory cannot be allocated. */
  constructor(options: QueuePairOptions) {
    const { machine, dev, depthEntries } = options;
    this.id = options.id;
    this.depthEntries = depthEntries;
    this.vector = options.vector;
    this.polled = options.vector < 0;
    this.cpu = options.cpu;
    this.pools = options.pools;
    this.schedulerTags = options.scheduled ? new SchedulerTags(options.tags, options.pools) : null;
    this.#machine = machine;
    this.#dev = dev;
    this.#registers = options.registers;
    const stride = options.doorbellStrideBytes;
    this.#sqDoorbell = REGISTER.DOORBELLS + 2 * this.id * stride;
    this.#cqDoorbell = REGISTER.DOORBELLS + (2 * this.id + 1) * stride;
    const cq = machine.dma.dmaAllocCoherent(dev, depthEntries * CQE_BYTES);
    this.#submissionMemory = options.submissionMemory;
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

  /** The host's positions in its two rings, and its doorbells. */
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

  /** The command id in a slot of the submission queue's memory. */
  commandIdAt(slot: number): number {
    return this.#sqEntries.word(slot, 0) >>> 16;
  }

  /** The command id and the phase bit in a slot of the completion queue's memory. */
  completionAt(slot: number): { readonly cid: number; readonly phase: number } {
    const last = this.#cqEntries.word(slot, STATUS_AND_ID_WORD);
    return { cid: last & 0xffff, phase: last >>> 16 & 1 };
  }

  /** The largest number of commands in flight. */
  get tags(): number {
    return this.#freeTags.length;
  }

  get inFlight(): number {
    return this.#freeTags.length - this.#freeCount;
  }

  /** Allocates a tag for a request. @returns The tag's record, or null if all tags are in use. */
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

  /**
   * The record for a tag: a new record at the first use of the tag. With a scheduler, the record
   * belongs to the request's scheduler tag, and the driver tag is assigned to the record for one
   * command.
   */
  #newRecord(tag: number, request: NvmeRequest): Iod {
    if (this.schedulerTags === null) return this.#iods[tag] = new Iod(tag, this.pools);
    const record = this.schedulerTags.recordOf(request);
    invariant(record.request === null, "A record gets a tag while it serves a request");
    record.tag = tag;
    return this.#iods[tag] = record;
  }

  /**
   * The largest number of requests at a time (`nr_requests`). With a scheduler, this includes
   * requests that wait in the scheduler.
   */
  get nrRequests(): number {
    return this.schedulerTags?.count ?? this.tags;
  }

  requestOf(commandId: number): NvmeRequest | null {
    const request = this.#iods[commandId & TAG_MASK]?.request ?? null;
    return request?.cid === commandId ? request : null;
  }

  releaseTag(iod: Iod): void {
    const { request } = iod;
    if (request === null) throw new InvariantError(`Tag ${iod.tag} is not in use`);
    invariant(this.#freeCount < this.#freeTags.length, "A tag was freed twice");
    request.iod = null;
    iod.request = null;
    this.#freeTags[this.#freeCount++] = iod.tag;
    if (this.schedulerTags !== null) this.#iods[iod.tag] = undefined;
  }

  /** Notes a tag that is kept although its command could not be sent. */
  keepUnsent(iod: Iod): void {
    this.#sentNs[iod.tag] = NOT_SENT;
  }

  /** Commands that the controller has not completed, in the order of their tags. */
  sent(): readonly Iod[] {
    const sent: Iod[] = [];
    for (const iod of this.#iods) {
      if (iod !== undefined && iod.request !== null && this.#sentNs[iod.tag] !== NOT_SENT) {
        sent.push(iod);
      }
    }
    return sent;
  }

  /** When a command in flight was sent, or when its timeout was restarted. */
  sentAtNs(iod: Iod): Nanoseconds {
    return this.#sentNs[iod.tag]!;
  }

  /** Restarts the timeout of a command that was not answered. */
  restartTime(iod: Iod): void {
    this.#sentNs[iod.tag] = this.#machine.clock.nowNs;
  }

  /**
   * Empties the rings, as the controller expects when the queue is created again. No command may be
   * in flight.
   */
  restart(): void {
    invariant(!this.enabled, "A queue restarts while it is enabled");
    this.#sqTail = 0;
    this.#sqRung = 0;
    this.#cqHead = 0;
    this.#phase = 1;
    this.#cqEntries.clear(this.depthEntries);
  }

  /**
   * Releases every tag, and every request that waits for a tag. Called when no command of the queue
   * is in flight.
   * @returns The requests that waited. Requests with a tag have already been dispatched again.
   */
  abandon(): readonly NvmeRequest[] {
    for (const iod of this.#iods) {
      if (iod !== undefined && iod.request !== null) this.releaseTag(iod);
    }
    return [...this.schedulerTags?.waiting.takeAll() ?? [], ...this.waiting.takeAll()];
  }

  /** Frees the rings' memory; the queue cannot be used any more. */
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
   * Puts a command into the submission queue. The caller rings the doorbell later with `ring`.
   * Exception: if the next command would move the tail to the value last written to the doorbell,
   * this method rings the doorbell, because the controller would otherwise see no change.
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
   * Checks that each tag is either free or in use by a request, and that both rings' positions are
   * valid.
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

  /** Writes the tail to the doorbell, if it has changed since the last write. */
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
   * @param taker Receives the command's record, its status field and its result. A completion is
   *   skipped if no command with its id is in flight; the kernel logs such a completion and skips
   *   it.
   * @returns False if the next entry is not valid yet.
   */
  takeCompletion(taker: NvmeDriver): boolean {
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
    // Only the result of a passthrough command is used.
    const result = iod.request.template === null ? 0 : this.#cqEntries.word(slot, RESULT_WORD);
    taker.handleCompletion(iod, last >>> 17, result);
    return true;
  }

  #warnOfStranger(cid: number): void {
    this.#machine.warnings.warnRatelimited(
      "nvme_handle_cqe",
      `queue ${this.id} completed command id ${cid}, which is not in flight`,
    );
  }

  /** Writes the completion queue's head to its doorbell. */
  ringCompletionDoorbell(): void {
    this.#ring(this.#cqDoorbell, this.#cqHead, "cq_head");
  }

  #ring(offset: number, value: number, which: Doorbell): void {
    const events = this.#machine.events;
    if (this.shadows !== null && !this.#ringsThrough(this.shadows, offset, value, which)) return;
    if (events.tick(NVME_DOORBELL)) events.emit(NVME_DOORBELL, { queue: this.id, value, which });
    this.#registers.write32(offset, value);
  }

  /** Writes a shadow doorbell. @returns Whether the register must be written too. */
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

const WORD_BYTES = 4;

/**
 * A queue's memory from the CPU's side. The pages are looked up once, so that reading or writing an
 * entry needs no further lookup.
 */
class QueueEntries {
  readonly #memory: PhysicalMemory;
  readonly #shared: CoherentMemory;
  /** The pages, looked up at first use. */
  readonly #pages: (MemoryPage | undefined)[] = [];
  readonly #entryWords: number;
  /**
   * The number of entries of a page is 2 to the power of `#shift`; `#mask` is this number minus 1.
   */
  readonly #shift: number;
  readonly #mask: number;

  /** @param entryBytes A power of two, so that no entry crosses a page. */
  constructor(memory: PhysicalMemory, shared: CoherentMemory, entryBytes: Bytes) {
    this.#memory = memory;
    this.#shared = shared;
    this.#entryWords = entryBytes / WORD_BYTES;
    this.#shift = Math.log2(PAGE_SIZE_BYTES / entryBytes);
    this.#mask = PAGE_SIZE_BYTES / entryBytes - 1;
  }

  write(slot: number, words: Int32Array): void {
    const page = this.#pageOf(slot);
    const first = (slot & this.#mask) * this.#entryWords;
    for (let index = 0; index < words.length; index++) page[first + index] = words[index]!;
    if (this.#memory.onWrite !== null) this.#noteWrite(slot);
  }

  /** Reads one 32-bit word of an entry, as an unsigned number. */
  word(slot: number, index: number): number {
    return this.#pageOf(slot)[(slot & this.#mask) * this.#entryWords + index]! >>> 0;
  }

  /** Makes the first `slots` entries zero. */
  clear(slots: number): void {
    for (let slot = 0; slot < slots; slot++) {
      const first = (slot & this.#mask) * this.#entryWords;
      this.#pageOf(slot).fill(0, first, first + this.#entryWords);
      this.#noteWrite(slot);
    }
  }

  #noteWrite(slot: number): void {
    const entryBytes = this.#entryWords * WORD_BYTES;
    this.#memory.onWrite?.(this.#shared.physOf(slot * entryBytes), entryBytes);
  }

  /** The words of the page that contains an entry. */
  #pageOf(slot: number): Int32Array {
    const index = slot >> this.#shift;
    return (this.#pages[index] ?? this.#findPage(index)).words;
  }

  #findPage(index: number): MemoryPage {
    const phys = this.#shared.physOf(index * PAGE_SIZE_BYTES);
    return this.#pages[index] = this.#memory.pageForWriting(phys);
  }
}

/** Initial capacity: a power of two, as every later capacity. */
const INITIAL_SLOTS = 16;

/** A FIFO of requests in a growing ring buffer: pushing and taking allocate nothing. */
export class RequestFifo {
  #slots: (NvmeRequest | null)[] = new Array<NvmeRequest | null>(INITIAL_SLOTS).fill(null);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(request: NvmeRequest): void {
    const capacity = this.#slots.length;
    if (this.#length === capacity) {
      const slots = new Array<NvmeRequest | null>(2 * capacity).fill(null);
      for (let index = 0; index < capacity; index++) {
        slots[index] = this.#slots[(this.#head + index) & (capacity - 1)]!;
      }
      this.#slots = slots;
      this.#head = 0;
    }
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = request;
    this.#length++;
  }

  /** Removes and returns the oldest request; null without one. */
  shift(): NvmeRequest | null {
    if (this.#length === 0) return null;
    const request = this.#slots[this.#head]!;
    this.#slots[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    return request;
  }

  /** Removes and returns all requests, the oldest first. */
  takeAll(): readonly NvmeRequest[] {
    const taken: NvmeRequest[] = [];
    for (let next = this.shift(); next !== null; next = this.shift()) taken.push(next);
    return taken;
  }
}

/** At most this many driver tags are counted to compute `nr_requests`. */
const MAX_COUNTED_TAGS = 128;

/**
 * The largest number of requests at a time in a queue with a scheduler (`nr_requests`), computed
 * from the number of its driver's tags.
 */
export function scheduledRequests(driverTags: number): number {
  return 2 * Math.min(driverTags, MAX_COUNTED_TAGS);
}

/**
 * The tags of a queue with a scheduler. A request has a scheduler tag from its submission to its
 * end, and the driver's record of the request belongs to this tag. The command id contains a
 * different tag: the driver's tag, which the request has only while it is with the driver.
 *
 * @see rules/nvme.md 2.5, "Records and tags"
 */
class SchedulerTags {
  /** Requests that wait for a tag. */
  readonly waiting = new RequestFifo();
  readonly #tags: TagMap;
  readonly #pools: DescriptorPools;
  readonly #records: (Iod | undefined)[] = [];

  /** @param driverTags Tags of the driver's queue. */
  constructor(driverTags: number, pools: DescriptorPools) {
    this.#tags = new TagMap(scheduledRequests(driverTags));
    this.#pools = pools;
  }

  /** The largest number of requests at a time (`nr_requests`). */
  get count(): number {
    return this.#tags.depth;
  }

  /** Allocates a tag for a request. @returns False if the request has to wait for one. */
  take(request: NvmeRequest): boolean {
    // Requests that write, except user commands, may use only a part of the tags.
    const isLimited = request.op !== "read" && request.op !== "flush" && !request.userCommand;
    invariant(request.schedulerTag < 0, "A request takes a second tag of the scheduler");
    request.schedulerTag = this.#tags.take(isLimited);
    if (request.schedulerTag >= 0) return true;
    this.waiting.push(request);
    return false;
  }

  recordOf({ schedulerTag }: NvmeRequest): Iod {
    invariant(schedulerTag >= 0, "A request without a tag of the scheduler has no record");
    return this.#records[schedulerTag] ??= new Iod(schedulerTag, this.#pools);
  }

  /** Frees a request's tag. @returns The waiting request that got the tag, or null. */
  release(request: NvmeRequest): NvmeRequest | null {
    this.#tags.free(request.schedulerTag);
    request.schedulerTag = -1;
    const next = this.waiting.shift();
    return next !== null && this.take(next) ? next : null;
  }
}

/**
 * Shadow doorbells: a controller that reads doorbells from memory needs no register write for each
 * command.
 *
 * Two buffers have a word for each doorbell, at the same offset as the doorbell in the registers.
 * The driver writes the doorbells' values to one buffer. In the other buffer, the controller writes
 * the value at which it wants a write to the register.
 *
 * @see rules/nvme.md 4.1
 */
export class ShadowDoorbells {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #values: CoherentMemory;
  readonly #wakeups: CoherentMemory;

  private constructor(
    machine: Machine,
    dev: DmaDevice,
    values: CoherentMemory,
    wakeups: CoherentMemory,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#values = values;
    this.#wakeups = wakeups;
  }

  /** @returns Null without memory for the shadow doorbells: then the registers are used. */
  static allocate(machine: Machine, dev: DmaDevice, sizeBytes: Bytes): ShadowDoorbells | null {
    const values = machine.dma.dmaAllocCoherent(dev, sizeBytes);
    if (values === null) return null;
    const wakeups = machine.dma.dmaAllocCoherent(dev, sizeBytes);
    if (wakeups === null) {
      machine.dma.dmaFreeCoherent(dev, values);
      return null;
    }
    return new ShadowDoorbells(machine, dev, values, wakeups);
  }

  /** Device addresses of the two buffers: the doorbells' values, and the controller's wakeup values. */
  get dma(): readonly [values: number, wakeups: number] {
    return [this.#values.dma, this.#wakeups.dma];
  }

  /** Sets both buffers to zero, as Doorbell Buffer Config requires. */
  clear(): void {
    for (let at = 0; at < this.#values.sizeBytes; at += WORD_BYTES) {
      this.#write(this.#values, at, 0);
      this.#write(this.#wakeups, at, 0);
    }
  }

  /**
   * Stores a doorbell's value.
   *
   * @param offset The doorbell's offset from the first doorbell register.
   * @returns Whether the register must be written too. It must be if the new value has reached or
   *   passed the value at which the controller wants to be woken. Values are compared in 16 bits.
   */
  update(offset: Bytes, value: number): boolean {
    const old = this.#read(this.#values, offset);
    this.#write(this.#values, offset, value);
    const wakeup = this.#read(this.#wakeups, offset);
    return (value - wakeup - 1 & 0xffff) < (value - old & 0xffff);
  }

  release(): void {
    this.#machine.dma.dmaFreeCoherent(this.#dev, this.#values);
    this.#machine.dma.dmaFreeCoherent(this.#dev, this.#wakeups);
  }

  #read(buffer: CoherentMemory, offset: Bytes): number {
    return this.#words(buffer, offset)[(offset % PAGE_SIZE_BYTES) / WORD_BYTES]!;
  }

  #write(buffer: CoherentMemory, offset: Bytes, value: number): void {
    this.#words(buffer, offset)[(offset % PAGE_SIZE_BYTES) / WORD_BYTES] = value;
    this.#machine.memory.onWrite?.(buffer.physOf(offset), WORD_BYTES);
  }

  #words(buffer: CoherentMemory, offset: Bytes): Int32Array {
    const page = Math.floor(offset / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
    return this.#machine.memory.pageForWriting(buffer.physOf(page)).words;
  }
}

/** A controller's queues: by number, by interrupt vector, and by CPU. */
export class QueueSet {
  /** Queues by number; 0 is the admin queue. */
  readonly #queues: QueuePair[] = [];
  /** Number of interrupting I/O queues. They have the lower numbers; polled queues follow. */
  #interrupting = 0;

  add(queue: QueuePair): void {
    invariant(queue.id === this.#queues.length, "Queues are added out of order");
    this.#queues[queue.id] = queue;
    if (queue.id > 0 && !queue.polled) this.#interrupting++;
  }

  /** Keeps the I/O queues up to a number. @returns The other queues, which were removed. */
  keep(lastId: number): readonly QueuePair[] {
    this.#interrupting = Math.min(this.#interrupting, lastId);
    return this.#queues.splice(lastId + 1);
  }

  /** Number of I/O queues, which may be smaller after a reset. */
  get ioCount(): number {
    return this.#queues.length - 1;
  }

  get(id: number): QueuePair | undefined {
    return this.#queues[id];
  }

  /** All queues, the admin queue first. */
  get all(): readonly QueuePair[] {
    return this.#queues;
  }

  /** The I/O queues, in the order of their numbers, which begin at 1. */
  get io(): readonly QueuePair[] {
    return this.#queues.slice(1);
  }

  /** The queue for an interrupt: an interrupting queue has its number as its vector. */
  ofVector(vector: number): QueuePair | undefined {
    const queue = this.#queues[vector];
    return queue?.polled === false ? queue : undefined;
  }

  /**
   * The number of the I/O queue for a CPU. The CPUs are assigned to the queues in turn. Polled
   * queues are used only on request.
   */
  ofCpu(cpu: number): number {
    return 1 + cpu % Math.max(1, this.#interrupting);
  }
}
