/** The controller's view of its queues: rings in host memory, with their bases and indexes. */
import { type DmaAddr, invariant } from "@dmalab/runtime";
import { EntryPage } from "@dmalab/runtime/dma";
import type { HostPort } from "./host_port.ts";

/** The controller's side of a pair of rings, for observers. */
export interface ControllerRings {
  /** Index of the next command to fetch. */
  readonly sqHead: number;
  /** The host's tail, from its doorbell. */
  readonly sqTail: number;
  /** The host's head, from its doorbell. */
  readonly cqHead: number;
  /** Index of the next completion. */
  readonly cqTail: number;
  /** The phase bit of the next completion. */
  readonly phase: number;
}

export class CompletionQueue {
  /** Cached location of the page with the last entry. */
  readonly page = new EntryPage();
  /** The host's head, from its doorbell. */
  head = 0;
  /** Index of the next entry. */
  tail = 0;
  /** The phase bit of the next entry: 1 on the first pass, inverted on each further one. */
  phase = 1;

  /**
   * @param vector Interrupt vector, or -1 for a queue without interrupts.
   */
  constructor(
    readonly id: number,
    readonly baseDma: DmaAddr,
    readonly depthEntries: number,
    readonly vector: number,
  ) {}

  /** Whether there is no room; one entry stays empty, so that full and empty differ. */
  get isFull(): boolean {
    return (this.tail + 1) % this.depthEntries === this.head;
  }

  /** Moves on to the next entry. */
  advance(): void {
    this.tail++;
    if (this.tail === this.depthEntries) {
      this.tail = 0;
      this.phase ^= 1;
    }
  }
}

export class SubmissionQueue {
  /** Index of the next command to fetch. */
  head = 0;
  /** Index after the last command, from the host's doorbell. */
  tail = 0;
  /**
   * Number of activities that found the completion queue full. They run again when the host has
   * made room in the queue.
   */
  stalled = 0;
  /** Cached location of the page with the last command. */
  readonly page = new EntryPage();

  constructor(
    readonly id: number,
    readonly baseDma: DmaAddr,
    readonly depthEntries: number,
    readonly completion: CompletionQueue,
  ) {}

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** Moves past the command at the head. */
  advance(): void {
    this.head++;
    if (this.head === this.depthEntries) this.head = 0;
  }
}

/** All queues by number; 0 is the admin pair. */
export class QueueTable {
  readonly #submission: (SubmissionQueue | undefined)[] = [];
  readonly #completion: (CompletionQueue | undefined)[] = [];

  submission(id: number): SubmissionQueue | undefined {
    return this.#submission[id];
  }

  completion(id: number): CompletionQueue | undefined {
    return this.#completion[id];
  }

  addSubmission(queue: SubmissionQueue): void {
    invariant(this.#submission[queue.id] === undefined, "A submission queue is created twice");
    this.#submission[queue.id] = queue;
  }

  addCompletion(queue: CompletionQueue): void {
    invariant(this.#completion[queue.id] === undefined, "A completion queue is created twice");
    this.#completion[queue.id] = queue;
  }

  removeSubmission(queue: SubmissionQueue): void {
    this.#submission[queue.id] = undefined;
  }

  removeCompletion(queue: CompletionQueue): void {
    invariant(!this.hasUsers(queue), "A completion queue goes before its users");
    this.#completion[queue.id] = undefined;
  }

  /** Whether any I/O queue exists. */
  get hasIoQueues(): boolean {
    return this.#completion.some((queue) => queue !== undefined && queue.id !== 0);
  }

  /** Whether a submission queue completes at `completion`. */
  hasUsers(completion: CompletionQueue): boolean {
    return this.#submission.some((queue) => queue?.completion === completion);
  }

  /** Every submission queue that completes at `completion`, in the order of their numbers. */
  *usersOf(completion: CompletionQueue): Generator<SubmissionQueue> {
    for (const queue of this.#submission) {
      if (queue?.completion === completion) yield queue;
    }
  }

  clear(): void {
    this.#submission.length = 0;
    this.#completion.length = 0;
  }
}

const DOORBELL_BYTES = 4;

/** The result of reading a shadow doorbell: unchanged, changed, or an access fault. */
type ShadowAccess = "same" | "moved" | "fault";

/**
 * Shadow doorbells, which the host writes to memory (Base Specification 1.4, sections 5.7 and
 * 7.13).
 *
 * While a controller has work, it checks the shadow doorbells for more. When it has no more work,
 * it stores the last value that it has read, so that the host writes the register for the next
 * command. Then it checks the shadow doorbells once more: a command that the host queued just
 * before the store would otherwise never be noticed.
 */
export class ControllerShadowDoorbells {
  readonly #host: HostPort;
  readonly #valuesDma: number;
  readonly #wakeupsDma: number;
  readonly #strideBytes: number;
  readonly #word = new Int32Array(1);

  /** @param stride CAP.DSTRD: the buffers have the same layout as the registers. */
  constructor(host: HostPort, valuesDma: number, wakeupsDma: number, stride: number) {
    this.#host = host;
    this.#valuesDma = valuesDma;
    this.#wakeupsDma = wakeupsDma;
    this.#strideBytes = DOORBELL_BYTES << stride;
  }

  /** Checks for commands that were not announced by a doorbell register, and sets the queue's tail. */
  lookForCommands(queue: SubmissionQueue): ShadowAccess {
    const at = 2 * queue.id * this.#strideBytes;
    return this.#look(at, queue.tail, queue.depthEntries, (tail) => queue.tail = tail);
  }

  /** Checks whether the host has taken completions, and sets the queue's head. */
  lookForRoom(queue: CompletionQueue): ShadowAccess {
    const at = (2 * queue.id + 1) * this.#strideBytes;
    return this.#look(at, queue.head, queue.depthEntries, (head) => queue.head = head);
  }

  #look(at: number, known: number, depth: number, set: (value: number) => void): ShadowAccess {
    const look = this.#read(at, known, depth, set);
    if (look !== "same") return look;
    this.#word[0] = known;
    if (!this.#host.post(this.#wakeupsDma + at, this.#word)) return "fault";
    return this.#read(at, known, depth, set);
  }

  #read(at: number, known: number, depth: number, set: (value: number) => void): ShadowAccess {
    if (!this.#host.fetch(this.#valuesDma + at, this.#word)) return "fault";
    const value = this.#word[0]!;
    if (value === known || value < 0 || value >= depth) return "same";
    set(value);
    return "moved";
  }
}
