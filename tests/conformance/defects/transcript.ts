/**
 * Listens to a disk at work: every try to prepare a request, with all that came of it.
 */
import { BLK_STS, type BlkStatus, type MachineEvent } from "@dmalab/runtime";
import type { Iod, NvmeDriver, NvmeRequest } from "@dmalab/devices/nvme";
import { CallLines } from "./call_lines.ts";
import type { CallLine } from "./defect_data.ts";
import type { DefectHost } from "./defect_machine.ts";
import { type DeviceView, viewFromDevice } from "./device_view.ts";

/** One try to prepare a request, and its completion if it was sent. */
export interface PreparedCommand {
  readonly request: NvmeRequest;
  readonly calls: CallLines;
  readonly status: BlkStatus;
  /** Null when the request could not be prepared. */
  readonly device: DeviceView | null;
  /** The request freed its tag: it was not tried again with it. */
  released: boolean;
  completed: boolean;
}

export class Transcript {
  commands: PreparedCommand[] = [];
  /** What the block layer did to a bio, as the recorded defects tell it. */
  blockEvents: (readonly [string, number])[] = [];
  /** The bio whose fate is reported: sector of what is left of it. */
  #bioSector = 0;
  #calls: CallLines | null = null;

  constructor(private readonly host: DefectHost) {
    host.machine.events.listen((event) => this.#hear(event));
    const { driver } = host;
    const prepare = driver.prepare.bind(driver);
    driver.prepare = (iod, request) => this.#prepare(iod, request, prepare);
    const complete = driver.complete.bind(driver);
    driver.complete = (iod, request) => this.#complete(iod, request, complete);
    for (const queue of driver.queues.io) {
      const releaseTag = queue.releaseTag.bind(queue);
      queue.releaseTag = (iod) => {
        const last = this.commands.findLast(({ request }) => request === iod.request);
        if (last !== undefined) last.released = true;
        releaseTag(iod);
      };
    }
  }

  /** Begins a step. */
  clear(): void {
    this.commands = [];
    this.blockEvents = [];
  }

  /** A bio is about to be submitted. */
  bioAt(sector: number): void {
    this.#bioSector = sector;
  }

  #hear(event: MachineEvent): void {
    if (this.#calls !== null) {
      this.#calls.add(event);
    } else if (event.name === "block.split") {
      this.#bioSector += (event.fields as { readonly at_sectors: number }).at_sectors;
      this.blockEvents.push(["bio.split", this.#bioSector]);
    } else if (event.name === "block.merge") {
      const { rule, joined } = event.fields as { readonly rule: string; readonly joined: boolean };
      if (joined) this.blockEvents.push([`merge.${rule}`, this.#bioSector]);
    }
  }

  #prepare(iod: Iod, request: NvmeRequest, prepare: NvmeDriver["prepare"]): BlkStatus {
    const calls = this.#calls = new CallLines();
    const status = prepare(iod, request);
    this.#calls = null;
    const device = status === BLK_STS.OK ? viewFromDevice(this.host, iod, request) : null;
    this.commands.push({ request, calls, status, device, released: false, completed: false });
    return status;
  }

  #complete(iod: Iod, request: NvmeRequest, complete: NvmeDriver["complete"]): void {
    const command = this.commands.findLast((each) => each.request === request)!;
    this.#calls = command.calls;
    complete(iod, request);
    this.#calls = null;
    command.completed = true;
  }
}

/**
 * The lines of a command, with what became of the request when it could not be prepared. Of a user's
 * own command that fails the kernel says nothing.
 */
export function linesOf(command: PreparedCommand, outcome: string, errno: number): CallLine[] {
  const { calls: { lines }, request } = command;
  if (outcome === "resource") return [...lines, ["requeue"]];
  const isReported = outcome === "ioerr" && !request.userCommand;
  return isReported ? [...lines, ["request.error", -errno]] : [...lines];
}
