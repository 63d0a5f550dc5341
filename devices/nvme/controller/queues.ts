/** The controller's view of its queues: rings in host memory, of which it knows base and indexes. */
import { type DmaAddr, invariant } from "@dmalab/runtime";
import { EntryPage } from "@dmalab/runtime/dma";

/** The controller's side of a pair of rings, for those who look at it. */
export interface ControllerRings {
  /** The next command to fetch. */
  readonly sqHead: number;
  /** What the host has put there, as its doorbell said. */
  readonly sqTail: number;
  /** What the host has taken, as its doorbell said. */
  readonly cqHead: number;
  /** Where the next completion goes. */
  readonly cqTail: number;
  /** The phase bit that it will have. */
  readonly phase: number;
}

export class CompletionQueue {
  /** Submission queues that complete here. */
  users = 0;
  /** Where the page of the last entry lies. */
  readonly page = new EntryPage();
  /** What the host has taken, as its doorbell said. */
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
  ) {
    completion.users++;
  }

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
    invariant(
      queue.completion.users > 0,
      "A completion queue has fewer users than submission queues",
    );
    queue.completion.users--;
  }

  removeCompletion(queue: CompletionQueue): void {
    invariant(queue.users === 0, "A completion queue goes before its users");
    this.#completion[queue.id] = undefined;
  }

  /** Whether any I/O queue exists. */
  get hasIoQueues(): boolean {
    return this.#completion.some((queue) => queue !== undefined && queue.id !== 0);
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
