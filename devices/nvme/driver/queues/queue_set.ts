/** A controller's queues: by number, by interrupt vector, and by the CPU they serve. */
import { invariant } from "@dmalab/runtime";
import type { NvmeRequest } from "../request.ts";
import type { QueuePair } from "./queue_pair.ts";

const NO_QUEUES: readonly QueuePair[] = [];

export class QueueSet {
  /** By number; 0 is the admin queue. */
  readonly #queues: QueuePair[] = [];
  readonly #byVector: QueuePair[][] = [];

  /** I/O queues that interrupt. They have the lower numbers; those after them are polled. */
  #interrupting = 0;

  add(queue: QueuePair): void {
    invariant(queue.id === this.#queues.length, "Queues are added out of order");
    this.#queues[queue.id] = queue;
    if (queue.polled) return;
    if (queue.id > 0) this.#interrupting++;
    (this.#byVector[queue.vector] ??= []).push(queue);
  }

  /** Keeps the I/O queues up to a number. @returns The others, which are no part of it any more. */
  keep(lastId: number): readonly QueuePair[] {
    const dropped = this.#queues.splice(lastId + 1);
    for (const queue of dropped) {
      if (queue.polled) continue;
      invariant(this.#interrupting > 0, "More queues go than interrupt");
      this.#interrupting--;
      this.#byVector[queue.vector] = this.ofVector(queue.vector).filter((each) => each !== queue);
    }
    return dropped;
  }

  /** How many I/O queues there are. */
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

  /** The queues that a vector stands for. */
  ofVector(vector: number): readonly QueuePair[] {
    return this.#byVector[vector] ?? NO_QUEUES;
  }

  /** The CPU that a vector interrupts. */
  cpuOfVector(vector: number): number {
    return this.#byVector[vector]?.[0]?.cpu ?? 0;
  }

  /**
   * The number of the I/O queue that serves a CPU: CPUs are dealt out in turn. Polled queues are
   * for those who ask for them.
   */
  ofCpu(cpu: number): number {
    return 1 + cpu % Math.max(1, this.#interrupting);
  }

  /** The request that a command in flight serves, or null. */
  requestOf(queueId: number, commandId: number): NvmeRequest | null {
    return this.#queues[queueId]?.requestOf(commandId) ?? null;
  }
}
