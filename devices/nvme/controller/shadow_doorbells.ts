/**
 * Doorbells that the host leaves in memory (Base Specification 1.4, sections 5.7 and 7.13).
 *
 * A controller that has work looks there for more. When it has none, it writes down the value it has
 * seen, so that the host writes the register for the next one, and looks once more: what came in
 * between would be waited for in vain.
 */
import type { HostPort } from "./host_port.ts";
import type { CompletionQueue, SubmissionQueue } from "./queues.ts";

const DOORBELL_BYTES = 4;

/** What became of an access to the host's memory. */
export type ShadowAccess = "same" | "moved" | "fault";

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
    const look = this.#readTail(queue, at);
    if (look !== "same") return look;
    if (!this.#write(at, queue.tail)) return "fault";
    return this.#readTail(queue, at);
  }

  /** Looks whether the host has taken completions: sets the queue's head. */
  lookForRoom(queue: CompletionQueue): ShadowAccess {
    const at = (2 * queue.id + 1) * this.#strideBytes;
    const look = this.#readHead(queue, at);
    if (look !== "same") return look;
    if (!this.#write(at, queue.head)) return "fault";
    return this.#readHead(queue, at);
  }

  #readTail(queue: SubmissionQueue, at: number): ShadowAccess {
    if (!this.#read(at)) return "fault";
    const tail = this.#word[0]!;
    if (tail === queue.tail || tail < 0 || tail >= queue.depthEntries) return "same";
    queue.tail = tail;
    return "moved";
  }

  #readHead(queue: CompletionQueue, at: number): ShadowAccess {
    if (!this.#read(at)) return "fault";
    const head = this.#word[0]!;
    if (head === queue.head || head < 0 || head >= queue.depthEntries) return "same";
    queue.head = head;
    return "moved";
  }

  #read(at: number): boolean {
    return this.#host.fetch(this.#valuesDma + at, this.#word);
  }

  #write(at: number, value: number): boolean {
    this.#word[0] = value;
    return this.#host.post(this.#wakeupsDma + at, this.#word);
  }
}
