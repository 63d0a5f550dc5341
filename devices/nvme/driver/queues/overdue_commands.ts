/**
 * What a driver does about a command that has had no answer in time.
 *
 * It looks whether only the interrupt was lost, asks the controller to abort the command, and
 * resets the controller when that did not help either. The captured data say nothing of this; it
 * is what the NVMe specification (1.4, sections 5.1 and 9.1) gives a host to recover with.
 */
import { type EventFields, eventId, type EventStream } from "@dmalab/runtime";
import type { NvmeRegisterPort } from "../../register_port.ts";
import type { AbortSlots } from "./abort_slots.ts";
import { type Iod, IOD_FLAG } from "../request.ts";
import { ALL_ONES, CSTS_FATAL, REGISTER } from "../protocol.ts";
import type { QueuePair } from "./queue_pair.ts";

const NVME_TIMEOUT = eventId("nvme.timeout");

/** What was done. */
type Action = EventFields<"nvme.timeout">["action"];

export interface OverdueOptions {
  readonly events: EventStream;
  readonly registers: NvmeRegisterPort;
  readonly aborts: AbortSlots;
  /** The controller is live, and no reset is on its way. */
  readonly mayAct: () => boolean;
  /** Takes what a queue has completed. */
  readonly poll: (queue: QueuePair) => void;
  /** Has the controller reset, in an activity of its own. */
  readonly resetSoon: (reason: "timeout" | "failed") => void;
}

export class OverdueCommands {
  readonly #options: OverdueOptions;

  constructor(options: OverdueOptions) {
    this.#options = options;
  }

  /** A command is overdue. Afterwards it has ended, or it has as much time again. */
  handle(queue: QueuePair, iod: Iod): void {
    const { events } = this.#options;
    const request = iod.request!;
    const action = this.#act(queue, iod);
    if (iod.request === request) queue.restartTime(iod);
    const before = events.context.enter(request);
    if (events.tick(NVME_TIMEOUT)) {
      events.emit(NVME_TIMEOUT, { queue: queue.id, cid: request.cid!, action });
    }
    events.context.leave(before);
  }

  #act(queue: QueuePair, iod: Iod): Action {
    const { aborts, mayAct, poll, registers, resetSoon } = this.#options;
    const { request } = iod;
    poll(queue);
    if (iod.request !== request) return "polled";
    // Those who bring it up wait for its answers themselves.
    if (!mayAct()) return "timer_reset";
    const status = registers.read32(REGISTER.CSTS);
    const failed = status === ALL_ONES || (status & CSTS_FATAL) !== 0;
    if (failed || queue.id === 0 || iod.hasFlag(IOD_FLAG.ABORTED)) {
      resetSoon(failed ? "failed" : "timeout");
      return "reset";
    }
    if (!aborts.send(queue.id, request!.cid!)) return "timer_reset";
    iod.flags |= IOD_FLAG.ABORTED;
    return "abort";
  }
}
