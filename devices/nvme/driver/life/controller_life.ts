/**
 * What becomes of a controller after it has been brought up: reset, lost, pulled.
 *
 * The order is what keeps memory safe. The controller is stopped first; from then on it does
 * no DMA. Only then does every command that it has not completed end, which unmaps its data, and
 * only then is the memory of the rings used again or freed.
 *
 * A command that ends in this way has the status Command Aborted By Host. It is tried again as any
 * other that failed (rules/nvme.md 4.2): after a reset it is sent once more, and on a controller
 * that is not there any more it ends with Host Pathing Error (4.1).
 */
import { type EventFields, eventId, type EventStream, KernelError } from "@dmalab/runtime";
import type { NvmeRequest } from "../request.ts";
import type { QueuePair } from "../queues/queue_pair.ts";
import { RequestFifo } from "../queues/request_fifo.ts";

const NVME_STATE = eventId("nvme.state");

/** What a controller is for its driver. */
export type ControllerState = "new" | EventFields<"nvme.state">["state"];

/** Why it became that. */
export type StateReason = EventFields<"nvme.state">["reason"];

/** What a driver can do to its controller. */
export interface LifeOwner {
  readonly events: EventStream;
  /** The device's name. */
  readonly name: string;
  /** Every queue, the admin queue first. */
  queues(): readonly QueuePair[];
  /** Stops the controller. @throws {KernelError} When it does not stop, or is not there. */
  stop(): void;
  /** Keeps a controller that does not stop from memory: it masters the bus no more. */
  cutOff(): void;
  /** Brings it up again, with empty rings. @throws {KernelError} When it does not come up. */
  start(): void;
  /** Takes what a queue has completed, whether an interrupt said so or not. */
  poll(queue: QueuePair): void;
  /** Ends every command of a queue that was sent and not completed. */
  cancel(queue: QueuePair): void;
  /** Has `ControllerLife.resetAsDue` called when the activities before are done. */
  resetSoon(): void;
  /** Has a request dispatched, now or again. */
  post(request: NvmeRequest): void;
  /** Frees all memory of the driver. */
  release(): void;
}

export class ControllerLife {
  readonly #owner: LifeOwner;
  readonly #held = new RequestFifo();
  #state: ControllerState = "new";
  /** Why a reset has been asked for that has not begun. */
  #due: "timeout" | "failed" | null = null;

  constructor(owner: LifeOwner) {
    this.#owner = owner;
  }

  get state(): ControllerState {
    return this.#state;
  }

  /** It has been brought up for the first time. */
  begin(): void {
    this.#enter("live", "up");
  }

  /** Keeps a request until the controller takes commands again. */
  hold(request: NvmeRequest): void {
    this.#held.push(request);
  }

  /** It is live, and stays so. */
  get isStable(): boolean {
    return this.#state === "live" && this.#due === null;
  }

  /** Asks for a reset once the activities before are done. */
  resetSoon(reason: "timeout" | "failed"): void {
    this.#due = reason;
    this.#owner.resetSoon();
  }

  /** The reset that was asked for, unless another one or a removal came first. */
  resetAsDue(): void {
    const reason = this.#due;
    this.#due = null;
    if (reason === null || this.#state !== "live") return;
    try {
      this.reset(reason);
    } catch (error) {
      // Not awaited: the statuses of the requests report the failure.
      if (!(error instanceof KernelError)) throw error;
    }
  }

  /**
   * Stops the controller, ends what it has not completed, and brings it up again.
   *
   * @throws {KernelError} ENODEV for one that is dead or gone; what stopped it from coming up, and
   *   then it is dead.
   */
  reset(reason: StateReason): void {
    if (this.#state !== "live") {
      throw new KernelError("ENODEV", `Cannot reset ${this.#owner.name}: it is ${this.#state}`);
    }
    this.#due = null;
    this.#enter("resetting", reason);
    try {
      this.#end();
      this.#owner.start();
    } catch (error) {
      if (error instanceof KernelError) this.#die();
      throw error;
    }
    this.#enter("live", "up");
    this.#postHeld();
  }

  /**
   * The controller has been pulled: everything ends, and what the driver holds is freed.
   * @throws {KernelError} ENODEV when it is gone already.
   */
  remove(): void {
    if (this.#state === "removed") {
      throw new KernelError("ENODEV", `Cannot remove ${this.#owner.name}: it is gone already`);
    }
    this.#enter("removed", "pulled");
    this.#takeLeft();
    this.#drain();
    this.#owner.release();
  }

  /** It did not come up again: nothing more is sent to it. */
  #die(): void {
    this.#enter("dead", "no_answer");
    try {
      this.#owner.stop();
    } catch (error) {
      // It does not even stop. Its DMA must not reach memory that is used again.
      if (!(error instanceof KernelError)) throw error;
      this.#owner.cutOff();
    }
    this.#takeLeft();
    this.#drain();
  }

  /** Stops the controller's DMA; then ends what it has not completed. */
  #end(): void {
    for (const queue of this.#owner.queues()) queue.enabled = false;
    this.#owner.stop();
    this.#takeLeft();
  }

  /** What has been completed is completed, with or without an interrupt; the rest is cancelled. */
  #takeLeft(): void {
    for (const queue of this.#owner.queues()) {
      queue.enabled = false;
      this.#owner.poll(queue);
    }
    for (const queue of this.#owner.queues()) this.#owner.cancel(queue);
  }

  /** Requests that wait for a tag or for better times are dispatched once more, to be refused. */
  #drain(): void {
    for (const queue of this.#owner.queues()) {
      for (let next = queue.waiting.shift(); next !== null; next = queue.waiting.shift()) {
        this.#owner.post(next);
      }
    }
    this.#postHeld();
  }

  #postHeld(): void {
    for (let next = this.#held.shift(); next !== null; next = this.#held.shift()) {
      this.#owner.post(next);
    }
  }

  #enter(state: Exclude<ControllerState, "new">, reason: StateReason): void {
    const { events, name } = this.#owner;
    this.#state = state;
    const before = events.context.enterWork(name);
    if (events.tick(NVME_STATE)) events.emit(NVME_STATE, { state, reason });
    events.context.leave(before);
  }
}
