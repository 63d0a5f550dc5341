/**
 * Looks after commands that their controller does not answer.
 *
 * One timer serves all queues of a controller. It is armed when a command is sent while it is not,
 * so that a busy queue pays one comparison a command; when it expires, it looks who is overdue, and
 * is armed again for the next one that could be.
 */
import type { Nanoseconds } from "@dmalab/runtime";
import type { TimerHandler, VirtualClock } from "@dmalab/runtime/time";
import type { Iod } from "../request.ts";
import type { QueuePair } from "./queue_pair.ts";

export interface RequestWatchOptions {
  readonly clock: VirtualClock;
  /** The device's. */
  readonly name: string;
  /** How long a command of a queue may take. */
  readonly timeoutNs: (queue: QueuePair) => Nanoseconds;
  /** The shortest of these times. */
  readonly shortestNs: Nanoseconds;
  /** The queues to look after, at the time of looking. */
  readonly queues: () => Iterable<QueuePair>;
  /** Called for each command that is overdue; it has ended afterwards, or has been given time. */
  readonly overdue: (queue: QueuePair, iod: Iod) => void;
}

export class RequestWatch implements TimerHandler {
  /** The timer is set. */
  armed = false;
  readonly #options: RequestWatchOptions;

  constructor(options: RequestWatchOptions) {
    this.#options = options;
  }

  /** A command was sent and no timer is set. */
  start(): void {
    this.#arm(this.#options.shortestNs);
  }

  /** Nothing is in flight: no timeout is due. */
  stop(): void {
    this.#options.clock.disarm(this);
    this.armed = false;
  }

  timerExpired(): void {
    this.armed = false;
    const { clock, overdue } = this.#options;
    for (const [queue, iod, deadlineNs] of this.#deadlines()) {
      // One that was dealt with before may have ended others.
      if (deadlineNs <= clock.nowNs && iod.request !== null) overdue(queue, iod);
    }
    let nextNs = Infinity;
    for (const [, , deadlineNs] of this.#deadlines()) nextNs = Math.min(nextNs, deadlineNs);
    if (nextNs < Infinity && !this.armed) this.#arm(Math.max(0, nextNs - clock.nowNs));
  }

  #arm(delayNs: Nanoseconds): void {
    this.armed = true;
    const { clock, name } = this.#options;
    // It looks after all commands, and is armed while one of them is sent.
    const before = clock.context.enterWork(name);
    clock.arm(this, delayNs);
    clock.context.leave(before);
  }

  /** Every command in flight with the time by which it should have been answered. */
  #deadlines(): [queue: QueuePair, iod: Iod, deadlineNs: Nanoseconds][] {
    const found: [QueuePair, Iod, Nanoseconds][] = [];
    for (const queue of this.#options.queues()) {
      const timeoutNs = this.#options.timeoutNs(queue);
      for (const iod of queue.sent()) found.push([queue, iod, queue.sentAtNs(iod) + timeoutNs]);
    }
    return found;
  }
}
