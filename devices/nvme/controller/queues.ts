/** The controller's view of its queues: rings in host memory, of which it knows base and indexes. */
import { type DmaAddr, invariant } from "@dmalab/runtime";
import { EntryPage } from "@dmalab/runtime/dma";
import type { HostPort } from "./host_port.ts";

/** The controller's side of a pair of rings, for observers. */
export interface ControllerRings {
  /** The next command to fetch. */
  readonly sqHead: number;
  /** The host's tail, from its doorbell. */
  readonly sqTail: number;
  /** The host's head, from its doorbell. */
  readonly cqHead: number;
  /** Where the next completion goes. */
  readonly cqTail: number;
  /** The phase bit that it will have. */
  readonly phase: number;
}

export class CompletionQueue {
  /** Where the page of the last entry lies. */
  readonly page = new EntryPage();
  /** The host's head, from its doorbell. */
  head = 0;
  /** Where the next entry goes. */
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

  /** One entry stays empty, so that full and empty differ. */
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
  /** The next command to fetch. */
  head = 0;
  /** One past the last command, as the host's doorbell said. */
  tail = 0;
  /** Activities that found the completion queue full; they run again when the host makes room. */
  stalled = 0;
  /** Where the page of the last command lies. */
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

  /** Takes the command at the head. */
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

/** What became of an access to the host's memory. */
type ShadowAccess = "same" | "moved" | "fault";

/**
 * Doorbells that the host leaves in memory (Base Specification 1.4, sections 5.7 and 7.13).
 *
 * A controller that has work looks there for more. When it has none, it writes down the value it
 * has seen, so that the host writes the register for the next one, and looks once more: work from
 * in between would wait in vain.
 */
export class ControllerShadowDoorbells {
  readonly #host: HostPort;
  readonly #valuesDma: number;
  readonly #wakeupsDma: number;
  readonly #strideBytes: number;
  readonly #word = new Int32Array(1);

  /** @param stride CAP.DSTRD: the buffers are laid out as the registers are. */
  constructor(host: HostPort, valuesDma: number, wakeupsDma: number, stride: number) {
    this.#host = host;
    this.#valuesDma = valuesDma;
    this.#wakeupsDma = wakeupsDma;
    this.#strideBytes = DOORBELL_BYTES << stride;
  }

  /** Looks for commands that no doorbell register has announced: sets the queue's tail. */
  lookForCommands(queue: SubmissionQueue): ShadowAccess {
    const at = 2 * queue.id * this.#strideBytes;
    return this.#look(at, queue.tail, queue.depthEntries, (tail) => queue.tail = tail);
  }

  /** Looks whether the host has taken completions: sets the queue's head. */
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
