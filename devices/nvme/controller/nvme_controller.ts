/**
 * An NVMe controller, from the device's side.
 *
 * It reaches the host only through register writes, memory accesses over its PCIe link, and an
 * interrupt line. It is written from the NVM Express Base Specification and shares no code with the
 * driver, so that it checks the driver's commands independently.
 *
 * Each command is one activity: fetch, walk, data, completion entry, interrupt. The host handles
 * the completion within the same activity (docs/language/stepping.md).
 */
import {
  type ActivityHandler,
  type ActivityQueue,
  type DmaAddr,
  type EventContext,
  eventId,
  type EventStream,
  type FailureInjector,
  INJECTION,
  invariant,
  type Machine,
} from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { NvmeInterruptLine, NvmeRegisterPort } from "../register_port.ts";
import { AdminCommandHandler, NO_COMPLETION } from "./admin.ts";
import { DataPointer } from "./data_pointer.ts";
import { ControllerHostMemory, type HostMemoryNeeds } from "./host_memory_buffer.ts";
import { type HostBus, HostPort, HostTransfer } from "./host_port.ts";
import { nameAsEui64 } from "./identify.ts";
import { LocalMemory, type LocalMemorySettings } from "./local_memory.ts";
import type { Media } from "./media.ts";
import { blockOf, NvmCommands, type ResolvedCommand } from "./nvm.ts";
import {
  CompletionQueue,
  type ControllerRings,
  ControllerShadowDoorbells,
  QueueTable,
  SubmissionQueue,
} from "./queues.ts";
import { type AdminQueueSetup, Registers } from "./registers.ts";
import {
  COMPLETION_ENTRY_BYTES,
  PAGE_BYTES,
  STATUS,
  SUBMISSION_ENTRY_BYTES,
} from "./specification.ts";

const { SUCCESS } = STATUS;
const COMMAND_BYTES = SUBMISSION_ENTRY_BYTES;
const RESULT_BYTES = COMPLETION_ENTRY_BYTES;
const ANSWER = INJECTION["device.answer"];
const DEVICE_STATUS = INJECTION["device.status"];
const INTERRUPT = INJECTION["device.interrupt"];
const STOP = INJECTION["device.stop"];
const CREATE_QUEUE = INJECTION["queue.create"];

const NVME_FETCH = eventId("nvme.fetch");
const NVME_COMPLETE = eventId("nvme.complete");
const IRQ = eventId("irq");

/**
 * Queue entries are transferred as 32-bit words; queue bases are page-aligned, so no entry crosses a
 * page.
 */
const WORD_BYTES = 4;
/** The only kind of activity: process one command of a queue. */
const PROCESS_COMMAND = 0;
/** Number of possible queue numbers. An activity's argument is `generation * QUEUE_IDS + queue`. */
const QUEUE_IDS = 65536;
/** Version 1.4 of the specification. */
const VERSION = 0x0001_0400;

interface ControllerMachine extends Pick<Machine, "activities" | "events" | "faults"> {
  readonly bus: HostBus;
}

export interface ControllerSettings {
  /** The largest transfer is 2^mdtsExponent pages of 4 KiB; an exponent of 0 means no limit. */
  readonly mdtsExponent: number;
  readonly sgl: boolean;
  readonly metadataSgl: boolean;
  /** I/O queue pairs, 1 to 65534. */
  readonly maxQueues: number;
  /** Largest number of entries in an I/O queue, 2 to 65536. */
  readonly depth: number;
  /**
   * Simulates a defect: the controller takes the last entry of a PRP page for a link, although no
   * more data follows.
   */
  readonly chainsLastPrp?: boolean;
  /** CAP.DSTRD: doorbells are `4 << doorbellStride` bytes apart. */
  readonly doorbellStride: number;
  /** Whether the controller supports shadow doorbells (Doorbell Buffer Config). */
  readonly shadowDoorbells: boolean;
  /** The controller's own memory. Default none. */
  readonly localMemory?: LocalMemorySettings;
  /** The host memory that the controller requests. Default none. */
  readonly hostMemory?: HostMemoryNeeds;
}

/** A command that gets no answer because of an injected failure, unless it is aborted. */
interface SilentCommand {
  readonly queue: SubmissionQueue;
  readonly commandId: number;
}

/** Facts about commands from the driver's side, used only for events. */
interface CommandLedger {
  requestOf(queue: number, commandId: number): number | null;
}

interface ControllerOptions {
  readonly machine: ControllerMachine;
  readonly dev: DmaDevice;
  readonly media: Media;
  readonly settings: ControllerSettings;
}

export class NvmeController implements NvmeRegisterPort, ActivityHandler {
  readonly byDevice = true;
  readonly media: Media;
  readonly settings: ControllerSettings;
  /** The interrupt line; null if interrupts are not connected. */
  interrupt: NvmeInterruptLine | null = null;
  /** Maps commands to requests, only for events. */
  ledger: CommandLedger | null = null;

  readonly #machine: ControllerMachine;
  readonly #events: EventStream;
  readonly #context: EventContext;
  readonly #activities: ActivityQueue;
  readonly #host: HostPort;
  readonly #registers: Registers;
  readonly #queues = new QueueTable();
  readonly #admin: AdminCommandHandler;
  readonly #nvm: NvmCommands;
  readonly #commandBytes = new Uint8Array(COMMAND_BYTES);
  readonly #command = new DataView(this.#commandBytes.buffer);
  readonly #commandWords = new Int32Array(this.#commandBytes.buffer);
  readonly #completionWords = new Int32Array(RESULT_BYTES / WORD_BYTES);
  /** The Host Memory Buffer; null for a controller that asks for none. */
  readonly #hostMemory: ControllerHostMemory | null;
  /** Doorbells in the host's memory; null while only the registers are used. */
  #shadows: ControllerShadowDoorbells | null = null;
  /** Commands that were fetched but are not executed, because of an injected failure. */
  readonly #silent: SilentCommand[] = [];
  /** Number of resets, so that activities from before a reset do nothing. */
  #generation = 0;

  constructor({ machine, dev, media, settings }: ControllerOptions) {
    this.media = media;
    this.settings = settings;
    this.#machine = machine;
    this.#events = machine.events;
    this.#context = machine.events.context;
    this.#activities = machine.activities;
    const local = settings.localMemory === undefined ? null : new LocalMemory(settings.localMemory);
    this.#host = new HostPort(machine.events, dev, machine.bus, local);
    this.#registers = new Registers({
      maxQueueEntries: settings.depth,
      doorbellStride: settings.doorbellStride,
      version: VERSION,
      localMemory: local,
    }, this);
    const pointer = new DataPointer(this.#host, settings);
    const transfer = new HostTransfer(this.#host);
    const maxTransferBytes = settings.mdtsExponent === 0
      ? Infinity
      : PAGE_BYTES * 2 ** settings.mdtsExponent;
    this.#nvm = new NvmCommands(media, pointer, transfer, maxTransferBytes);
    this.#hostMemory = settings.hostMemory === undefined || settings.hostMemory.preferredBytes === 0
      ? null
      : new ControllerHostMemory(this.#host, settings.hostMemory);
    this.#admin = new AdminCommandHandler({
      controller: { ...settings, serial: dev.name, version: VERSION },
      namespace: {
        blockCount: media.blockCount,
        blockSizeBytes: media.blockSizeBytes,
        metadataBytes: media.metadataBytes,
        eui64: nameAsEui64(dev.name),
      },
      maxQueues: settings.maxQueues,
      maxQueueEntries: settings.depth,
      queues: this.#queues,
      prp: pointer.prp,
      transfer,
      refusesQueue: () => machine.faults !== null && machine.faults.errnoAt(CREATE_QUEUE) !== 0,
      abort: (queueId, commandId) => this.#abort(queueId, commandId),
      hostMemory: this.#hostMemory,
      shadowDoorbells: (valuesDma, wakeupsDma) => {
        const stride = settings.doorbellStride;
        this.#shadows = new ControllerShadowDoorbells(this.#host, valuesDma, wakeupsDma, stride);
      },
    });
  }

  /** CSTS.CFS: an error has occurred that cannot be reported in a completion. */
  get hasFailed(): boolean {
    return this.#registers.hasFailed;
  }

  /** Removes the device from its slot: registers read all ones, and all work stops. */
  unplug(): void {
    this.disable();
    this.#registers.unplug();
  }

  /** @see NvmeRegisterPort */
  resetFunction(): void {
    this.disable();
    this.#registers.reset();
  }

  read32(offset: number): number {
    return this.#registers.read32(offset);
  }

  write32(offset: number, value: number): void {
    this.#registers.write32(offset, value);
  }

  /**
   * Resolves the pointers of an NVM command in the same way as the command's execution, without
   * moving data.
   *
   * @param sqe The 64 bytes of the command. The command's lists are read through the bus.
   */
  resolve(sqe: Uint8Array): ResolvedCommand {
    return this.#nvm.resolve(new DataView(sqe.buffer, sqe.byteOffset, COMMAND_BYTES));
  }

  /** Called when CC.EN was set, with a valid setup. */
  enable(setup: AdminQueueSetup): void {
    this.#generation++;
    const completion = new CompletionQueue(
      0,
      setup.completionBase as DmaAddr,
      setup.completionDepth,
      0,
    );
    this.#queues.addCompletion(completion);
    this.#queues.addSubmission(
      new SubmissionQueue(0, setup.submissionBase as DmaAddr, setup.submissionDepth, completion),
    );
  }

  /** Called when CC.EN is cleared. @returns Whether the controller obeys. */
  mayStop(): boolean {
    const { faults } = this.#machine;
    return faults === null || faults.errnoAt(STOP) === 0;
  }

  /** Forgets everything but the registers. Called when CC.EN was cleared, and before a reset. */
  disable(): void {
    this.#generation++;
    this.#silent.length = 0;
    this.#shadows = null;
    this.#hostMemory?.disable();
    this.#queues.clear();
    this.#admin.reset();
  }

  /** The controller's positions in a pair of rings; null for an unknown queue. */
  ringsOf(queueId: number): ControllerRings | null {
    const queue = this.#queues.submission(queueId);
    if (queue === undefined) return null;
    const { completion } = queue;
    return {
      sqHead: queue.head,
      sqTail: queue.tail,
      cqHead: completion.head,
      cqTail: completion.tail,
      phase: completion.phase,
    };
  }

  /** Called when the host writes a submission queue's tail doorbell. */
  submissionDoorbell(queueId: number, tail: number): void {
    const queue = this.#queues.submission(queueId);
    // An invalid doorbell would be an asynchronous event, which is not simulated: the write is
    // ignored.
    if (queue === undefined || tail >= queue.depthEntries) return;
    let fresh = tail - queue.tail;
    if (fresh < 0) fresh += queue.depthEntries;
    queue.tail = tail;
    this.#postCommands(queueId, fresh);
  }

  /** Called when the host writes a completion queue's head doorbell. */
  completionDoorbell(queueId: number, head: number): void {
    const queue = this.#queues.completion(queueId);
    if (queue === undefined || head >= queue.depthEntries) return;
    const wasFull = queue.isFull;
    queue.head = head;
    if (!wasFull) return;
    for (const submission of this.#queues.usersOf(queue)) {
      const stalled = submission.stalled;
      invariant(submission.stalled >= 0, "A queue stalls a negative number of commands");
      submission.stalled = 0;
      this.#postCommands(submission.id, stalled);
    }
  }

  runActivity(_kind: number, argument: number): void {
    const queueId = argument & (QUEUE_IDS - 1);
    if (argument - queueId !== this.#generation * QUEUE_IDS || this.hasFailed) return;
    const queue = this.#queues.submission(queueId);
    if (queue === undefined || queue.isEmpty) return;
    if (queue.completion.isFull && !this.#findsRoom(queue)) {
      queue.stalled++;
      return;
    }
    this.#process(queue);
    if (this.#shadows !== null && queue.isEmpty && queueId !== 0) this.#lookForCommands(queue);
  }

  /** Looks up the first block of a read or write in the Host Memory Buffer. */
  #lookUp(memory: ControllerHostMemory): void {
    const lba = blockOf(this.#command);
    if (lba !== null && lba < this.media.blockCount) memory.lookUp(lba);
  }

  /** Checks for further commands in the shadow doorbell, after all known commands are done. */
  #lookForCommands(queue: SubmissionQueue): void {
    this.#context.enterRequest(null);
    const known = queue.tail;
    const look = this.#shadows!.lookForCommands(queue);
    if (look === "fault") this.#registers.failFatally();
    const fresh = queue.tail - known;
    invariant(queue.tail < queue.depthEntries, "A shadow doorbell lies beyond its queue");
    this.#postCommands(queue.id, fresh < 0 ? fresh + queue.depthEntries : fresh);
  }

  /**
   * Checks whether the shadow doorbell shows room for a completion. Called if the completion queue
   * is full according to the doorbell register.
   */
  #findsRoom(queue: SubmissionQueue): boolean {
    if (this.#shadows === null || queue.id === 0) return false;
    const look = this.#shadows.lookForRoom(queue.completion);
    if (look === "fault") this.#registers.failFatally();
    return look === "moved" && !queue.completion.isFull;
  }

  /**
   * Posts an activity for each new command. A command's request is known only after the fetch, so
   * these activities have no request.
   */
  #postCommands(queueId: number, count: number): void {
    const argument = this.#generation * QUEUE_IDS + queueId;
    for (let index = 0; index < count; index++) {
      this.#activities.postWork(this.#host.dev.name, this, PROCESS_COMMAND, argument);
    }
  }

  #process(queue: SubmissionQueue): void {
    const events = this.#events;
    const slotDma = queue.baseDma + queue.head * COMMAND_BYTES;
    if (!this.#host.fetch(slotDma, this.#commandWords, queue.page)) {
      // The command could not be fetched, so the identifier for its completion is unknown.
      this.#registers.failFatally();
      return;
    }
    queue.advance();
    const commandId = this.#command.getUint16(2, true);
    if (this.ledger !== null && events.attentive) {
      this.#context.enterRequest(this.ledger.requestOf(queue.id, commandId));
    }
    if (events.tick(NVME_FETCH)) events.emit(NVME_FETCH, { queue: queue.id, cid: commandId });

    const { faults } = this.#machine;
    if (faults !== null && faults.errnoAt(ANSWER) !== 0) {
      this.#silent.push({ queue, commandId });
      return;
    }
    let status: number;
    let result = 0;
    if (queue.id === 0) {
      status = this.#admin.execute(this.#command);
      if (status === NO_COMPLETION) return;
      result = status === SUCCESS ? this.#admin.result : 0;
    } else {
      if (this.#hostMemory !== null) this.#lookUp(this.#hostMemory);
      const injected = faults === null ? SUCCESS : injectedStatus(faults);
      status = injected === SUCCESS ? this.#nvm.execute(this.#command) : injected;
    }
    this.#complete(queue, commandId, status, result);
  }

  /**
   * Aborts a command that was fetched but is not executed: completes it with Command Abort
   * Requested.
   * @returns False if there is no such command. The command to abort is then complete, because
   *   every executed command completes before an Abort is handled.
   */
  #abort(queueId: number, commandId: number): boolean {
    const index = this.#silent.findIndex((each) =>
      each.queue.id === queueId && each.commandId === commandId
    );
    if (index < 0) return false;
    const [{ queue }] = this.#silent.splice(index, 1) as [SilentCommand];
    this.#complete(queue, commandId, STATUS.ABORT_REQUESTED, 0);
    return true;
  }

  #complete(queue: SubmissionQueue, commandId: number, status: number, result: number): void {
    const events = this.#events;
    const target = queue.completion;
    const entry = this.#completionWords;
    entry[0] = result;
    entry[2] = queue.head | queue.id << 16;
    entry[3] = commandId | (status << 1 | target.phase) << 16;
    const entryDma = target.baseDma + target.tail * RESULT_BYTES;
    // Accesses to the queue's memory are not attributed to the request, as in the fetch of the
    // command.
    const request = this.#context.enterRequest(null);
    const written = this.#host.post(entryDma, entry, target.page);
    this.#context.leaveRequest(request);
    if (!written) {
      this.#registers.failFatally();
      return;
    }
    target.advance();
    if (events.tick(NVME_COMPLETE)) {
      events.emit(NVME_COMPLETE, { queue: queue.id, cid: commandId, status });
    }
    const { vector } = target;
    if (vector < 0) return;
    const { faults } = this.#machine;
    if (faults !== null && faults.errnoAt(INTERRUPT) !== 0) return;
    if (events.tick(IRQ)) {
      events.emit(IRQ, { vector, cpu: this.interrupt?.cpuOfVector(vector) ?? 0 });
    }
    this.interrupt?.raise(vector);
  }
}

/** For each injected block-layer status that has its own NVMe status: this NVMe status. */
const INJECTED: Readonly<Record<string, number>> = {
  RESV_CONFLICT: STATUS.RESERVATION_CONFLICT,
  ZONE_ACTIVE_RESOURCE: STATUS.TOO_MANY_ACTIVE_ZONES,
  ZONE_OPEN_RESOURCE: STATUS.TOO_MANY_OPEN_ZONES,
};

/** The injected status of a command; usually success. */
function injectedStatus(faults: FailureInjector): number {
  const injected = faults.statusAt(DEVICE_STATUS);
  return injected === null ? SUCCESS : INJECTED[injected] ?? STATUS.UNRECOVERED_READ_ERROR;
}
