/** Abort commands: as many at a time as the controller allows. @see rules/nvme.md 5.2 */
import { invariant } from "@dmalab/runtime";
import type { QueueLimits, RequestOwner } from "@dmalab/runtime/block";
import { NvmeRequest } from "../request.ts";
import { ADMIN_OPCODE, SQE, SQE_BYTES } from "../protocol.ts";

export class AbortSlots implements RequestOwner {
  readonly #name: string;
  readonly #submit: (request: NvmeRequest) => void;
  #limits: (() => QueueLimits) | null = null;
  /** Until the first Identify Controller none may be sent. */
  #limit = 0;
  #outstanding = 0;

  /** @param submit Sends an admin command on its way, and does not wait for it. */
  constructor(name: string, submit: (request: NvmeRequest) => void) {
    this.#name = name;
    this.#submit = submit;
  }

  /**
   * The controller has come up.
   * @param limit ACL + 1.
   */
  restart(limit: number, limits: () => QueueLimits): void {
    this.#limit = limit;
    this.#limits = limits;
  }

  /** Asks the controller to abort a command. @returns False when too many others are asked for. */
  send(queueId: number, commandId: number): boolean {
    if (this.#outstanding >= this.#limit || this.#limits === null) return false;
    this.#outstanding++;
    const template = new Uint8Array(SQE_BYTES);
    template[SQE.OPCODE] = ADMIN_OPCODE.ABORT;
    new DataView(template.buffer).setUint32(SQE.CDW10, commandId * 0x1_0000 + queueId, true);
    const request = new NvmeRequest(this.#name, "drv_in", [], this.#limits());
    request.admin = true;
    request.template = template;
    request.owner = this;
    this.#submit(request);
    return true;
  }

  /** One of them is done, whatever came of it: the command that it was for has its own end. */
  requestEnded(): void {
    invariant(this.#outstanding > 0, "More aborts end than were sent");
    this.#outstanding--;
  }
}
