/**
 * The NVMe host driver, which owns all of its parts (`struct nvme_dev`): takes requests, maps them,
 * communicates with the controller, returns results.
 *
 * A request becomes one host activity: prepare, copy the command, ring the doorbell. The controller's
 * activity for the command ends in `raise`, in which the host unmaps the data and completes the
 * request. Mapping is in `map_data.ts`, rings and tags in `queues.ts`, bring-up, reset and removal in
 * `controller_life.ts`.
 *
 * @see rules/nvme.md 4
 */
import {
  type ActivityHandler,
  BLK_STS,
  type BlkStatus,
  blkStatusName,
  type Bytes,
  eventId,
  invariant,
  InvariantError,
  KernelError,
  type Machine,
  type Nanoseconds,
  type QueueLimits,
} from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { NvmeInterruptLine, NvmeRegisterPort } from "../register_port.ts";
import { readStatus } from "../status_codes.ts";
import { ADMIN_TIMEOUT_NS, CommandTimeouts, ControllerLife } from "./controller_life.ts";
import type { ControllerMemoryBar } from "./controller_memory.ts";
import { type DataMapper, type FormatSettings, NodePools, TwoStepMapper } from "./map_data.ts";
import { adminLimits, type ControllerFacts, ioLimits, type NamespaceFacts } from "./nvme_limits.ts";
import { HOST_STATUS } from "./protocol.ts";
import { type QueuePair, QueueSet, RequestFifo } from "./queues.ts";
import {
  blockStatusOf,
  CommandArchive,
  type DescriptorPools,
  type Iod,
  type NvmeCommandView,
  type NvmeRequest,
  setUpCommand,
  viewCommand,
} from "./request.ts";
import { ScatterlistMapper } from "./scatterlists_6_12.ts";
import { ScheduledDispatch } from "./scheduled_dispatch.ts";

const { IOERR, OK, RESOURCE } = BLK_STS;

const BLOCK_STATUS = eventId("block.status");
const NVME_CANCEL = eventId("nvme.cancel");

/**
 * Kinds of activities: dispatch the oldest waiting request; dispatch the oldest waiting batch; poll
 * a queue.
 */
const DISPATCH = 0;
const DISPATCH_BATCH = 1;
const POLL = 2;
/** How often a failed command is retried. */
const MAX_RETRIES = 5;
/**
 * How often a request without resources is tried while no other command completes. The kernel tries
 * for ever, but a script must end. If no command is in flight, no completion can free the missing
 * resources.
 */
const MAX_STARVED_TRIES = 16;

export interface NvmeDriverOptions {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly registers: NvmeRegisterPort;
  /** Number of interrupting I/O queues to request. */
  readonly queues: number;
  /** Further I/O queues that are polled instead of interrupting (`poll_queues`). */
  readonly pollQueues: number;
  /** Entries of an I/O queue, 2 to 4095 (`io_queue_depth`). Default 1024. */
  readonly depthEntries?: number;
  /** The user's soft limit of a transfer (`max_sectors_kb`), in sectors; no limit if left out. */
  readonly maxUserSectors?: number;
  /** The I/O scheduler of the queues (`queue/scheduler`). Default none. */
  readonly scheduler?: "none" | "mq_deadline";
  /**
   * Average segment size from which SGLs are preferred (`sgl_threshold`); 0 for never. Default 32
   * KiB.
   */
  readonly sglThresholdBytes?: Bytes;
  /** Number of NUMA nodes, each with separate descriptor pools; CPUs are divided evenly. Default 1. */
  readonly nodes?: number;
  /** Timeout of commands in I/O queues. Default 30 s. */
  readonly timeoutNs?: Nanoseconds;
  /** The BAR with the controller's own memory; no memory if left out. */
  readonly controllerMemory?: ControllerMemoryBar | null;
  /** Descriptor pools to use instead of the driver's own. */
  readonly pools?: DescriptorPools;
}

export class NvmeDriver implements ActivityHandler, NvmeInterruptLine {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  /**
   * Inputs of the choice between PRPs and SGLs: the controller's abilities, and the threshold from
   * the disk's settings.
   */
  readonly format: FormatSettings;
  /** Whether each command and its lists are kept after completion. */
  keepCommands = true;
  /** The facts from Identify Namespace; null before bring-up and without a namespace. */
  namespace: NamespaceFacts | null = null;
  readonly queues = new QueueSet();
  /** Pools for descriptor lists. */
  readonly pools: NodePools;
  readonly life: ControllerLife;
  readonly timeouts: CommandTimeouts;
  /** The scheduler, in which requests wait for a worker; null without one. */
  readonly scheduler: ScheduledDispatch | null;

  #controller: ControllerFacts | null = null;
  readonly #mapper: DataMapper;
  /** Whether each CPU and each device has a separate clock. */
  readonly #timed: boolean;
  readonly #dispatch = new RequestFifo();
  readonly #batches: (readonly NvmeRequest[])[] = [];
  readonly #archive = new CommandArchive();
  #adminLimits: QueueLimits | null = null;
  #ioLimits: QueueLimits | null = null;
  /** Number of completed commands: shows progress to requests that wait for resources. */
  #completions = 0;

  constructor(readonly options: NvmeDriverOptions) {
    const { machine, dev } = options;
    this.machine = machine;
    this.dev = dev;
    this.format = {
      sgl: false,
      metadataSgl: false,
      sglThresholdBytes: options.sglThresholdBytes ?? 32768,
    };
    this.#timed = machine.timed;
    this.pools = new NodePools(machine, dev);
    this.timeouts = new CommandTimeouts(this);
    this.life = new ControllerLife(this);
    this.#mapper = machine.kernel.nvme_scatterlists
      ? new ScatterlistMapper(machine, dev, this.format)
      : new TwoStepMapper(machine, dev, this.format);
    this.scheduler = (options.scheduler ?? "none") === "none" ? null : new ScheduledDispatch(this);
    machine.auditors.push(() => this.#audit());
  }

  /** The facts from Identify Controller; only valid after bring-up. */
  get controller(): ControllerFacts {
    return this.#controller!;
  }

  /** Limits of the I/O queues. */
  get limits(): QueueLimits {
    invariant(this.#ioLimits !== null, `${this.dev.name} has not been brought up`);
    return this.#ioLimits;
  }

  /** Limits of the admin queue, as far as the controller is known. */
  get adminLimits(): QueueLimits {
    return this.#adminLimits ??= adminLimits(
      this.machine,
      this.dev,
      this.#controller?.mdtsBytes ?? 0,
    );
  }

  #audit(): void {
    for (const queue of this.queues.all) queue.audit();
    this.pools.audit();
  }

  /** Numbers of the requests with commands in the controller. */
  sentRequests(): number[] {
    return this.queues.all.flatMap((queue) => queue.sent().map(({ request }) => request!.id));
  }

  /** Sets the facts from Identify Controller. */
  setController(controller: ControllerFacts): void {
    this.#controller = controller;
    this.format.sgl = controller.sgl;
    this.format.metadataSgl = controller.metadataSgl;
    this.#adminLimits = null;
  }

  /** Sets the namespace: the limits of the I/O queues follow from it. */
  setNamespace(namespace: NamespaceFacts): void {
    this.namespace = namespace;
    this.#ioLimits = ioLimits(
      this.machine,
      this.dev,
      this.#controller!,
      namespace,
      this.options.maxUserSectors ?? 0,
    );
  }

  cpuOfVector(vector: number): number {
    return this.queues.ofVector(vector)?.cpu ?? 0;
  }

  /** The number of the request to which a command in flight belongs, or null. */
  requestOf(queueId: number, commandId: number): number | null {
    return this.queues.get(queueId)?.requestOf(commandId)?.request ?? null;
  }

  /** Queues a request: one host activity that prepares it and rings the doorbell. */
  queueRequest(request: NvmeRequest): void {
    this.#adopt(request);
    if (this.scheduler === null || request.admin) this.post(request);
    else this.scheduler.submit(request);
  }

  /**
   * Queues requests that were plugged together: one host activity prepares all of them and rings
   * each doorbell once. A request that cannot be prepared is prepared again after the others.
   *
   * @see rules/nvme.md 4.1 and 7, case 13
   */
  queueBatch(requests: readonly NvmeRequest[]): void {
    if (requests.length === 0) return;
    if (this.scheduler !== null) {
      for (const request of requests) this.queueRequest(request);
      return;
    }
    for (const request of requests) this.#adopt(request);
    this.#batches.push(requests);
    // The doorbells get the context of the last request: its CPU and its statement.
    this.machine.activities.postFor(requests.at(-1)!, this, DISPATCH_BATCH, 0);
  }

  #adopt(request: NvmeRequest): void {
    request.memory = this.machine.memory;
    if (request.queue === 0 && !request.admin) request.queue = this.queues.ofCpu(request.cpu);
  }

  /** Posts the activity that dispatches a request, for the first time or again. */
  post(request: NvmeRequest): void {
    this.#dispatch.push(request);
    this.machine.activities.postFor(request, this, DISPATCH, request.queue);
  }

  runActivity(kind: number, argument: number): void {
    // Nearly all activities are of kind `DISPATCH`; so the others are handled in a separate
    // function.
    if (kind !== DISPATCH) {
      this.#runOther(kind, argument);
      return;
    }
    const request = this.#dispatch.shift();
    if (request === null) throw new InvariantError(`${this.dev.name} has nothing to dispatch`);
    this.#dispatchOne(request);
  }

  #runOther(kind: number, queueId: number): void {
    if (kind === POLL) {
      const queue = this.queues.get(queueId);
      if (queue !== undefined) this.takeAll(queue);
      return;
    }
    const batch = this.#batches.shift();
    if (batch === undefined) throw new InvariantError(`${this.dev.name} has no batch`);
    this.dispatchBatch(batch);
  }

  #dispatchOne(request: NvmeRequest): void {
    const queue = this.queues.get(request.queue);
    if (queue === undefined || !queue.enabled) {
      this.#refuse(request);
      return;
    }
    const iod = request.iod ?? queue.takeTag(request);
    if (iod === null) {
      queue.waiting.push(request);
      return;
    }
    const status = this.prepare(iod, request);
    if (status === OK) {
      queue.submit(iod);
      if (queue.polled) this.#pollSoon(queue);
      return;
    }
    queue.releaseTag(iod);
    if (status === RESOURCE && this.#mayTryAgain(request)) {
      this.post(request);
      return;
    }
    this.end(request, status);
    // Dispatches a request that waits for a tag. Usually the completion of a command does so, but
    // the request that ended here has no completion.
    const next = queue.waiting.shift();
    if (next !== null) this.post(next);
  }

  /**
   * Dispatches requests in order, with one doorbell for all. A request that could not be prepared
   * keeps its tag, and is dispatched alone after the other requests of the batch were sent.
   */
  dispatchBatch(batch: readonly NvmeRequest[]): void {
    const { context } = this.machine.events;
    const again: NvmeRequest[] = [];
    for (const request of batch) {
      const before = context.enter(request);
      if (!this.#enqueue(request)) again.push(request);
      context.leave(before);
    }
    // A doorbell for several commands is not attributed to any request.
    if (batch.length > 1) context.enterRequest(null);
    for (const queue of this.queues.io) {
      queue.ring();
      if (queue.polled && queue.inFlight > 0) this.#pollSoon(queue);
    }
    for (const request of again) this.post(request);
  }

  /**
   * Prepares a request of a batch.
   * @returns False if the request could not be prepared and must be tried again.
   */
  #enqueue(request: NvmeRequest): boolean {
    const queue = this.queues.get(request.queue);
    if (queue === undefined || !queue.enabled) {
      this.#refuse(request);
      return true;
    }
    const iod = queue.takeTag(request);
    if (iod === null) queue.waiting.push(request);
    else if (this.prepare(iod, request) === OK) queue.enqueue(iod);
    else {
      queue.keepUnsent(iod);
      return false;
    }
    return true;
  }

  /**
   * Handles a request for a disabled queue. While the controller is being reset, the request waits.
   * If only this queue did not come up again, the request goes to another queue. If the controller
   * is removed or dead, the request ends.
   *
   * @see rules/nvme.md 4.1
   */
  #refuse(request: NvmeRequest): void {
    const { life: { state }, queues } = this;
    if (state === "resetting") {
      this.life.held.push(request);
      return;
    }
    if (request.queue > queues.ioCount && queues.ioCount > 0 && state === "live") {
      request.queue = queues.ofCpu(request.cpu);
      if (this.scheduler === null) this.post(request);
      else this.scheduler.moved(request);
      return;
    }
    if (request.iod !== null) queues.get(request.queue)!.releaseTag(request.iod);
    if (state !== "dead" && state !== "removed") {
      this.end(request, IOERR);
      return;
    }
    request.nvmeStatus = HOST_STATUS.PATH_ERROR;
    this.end(request, blockStatusOf(HOST_STATUS.PATH_ERROR));
  }

  /**
   * Whether a request without resources may be tried again. It may be tried as long as other
   * commands complete between the tries.
   */
  #mayTryAgain(request: NvmeRequest): boolean {
    if (request.starvedSince !== this.#completions) {
      request.starvedSince = this.#completions;
      request.starvedTries = 0;
    }
    return ++request.starvedTries < MAX_STARVED_TRIES;
  }

  /**
   * Builds a request's command and maps its data.
   *
   * The tag's record must be set up for the request (`iod.request`); the request's `cid` is written
   * into the command. Can be called alone: it touches neither queues nor registers.
   *
   * @returns OK, or the reason for a failure. On failure it undoes the steps that the kernel
   *   release undoes.
   */
  prepare(iod: Iod, request: NvmeRequest): BlkStatus {
    iod.reset();
    request.beginTry();
    setUpCommand(iod, request);
    if (request.nrPhysSegments === 0) return OK;
    const status = this.#mapper.map(iod, request);
    if (status === OK) request.mapped = true;
    return status;
  }

  /** Unmaps a prepared request and frees its lists. */
  complete(iod: Iod, request: NvmeRequest): void {
    if (this.keepCommands) this.#keep(iod, request);
    if (request.nrPhysSegments !== 0) this.#mapper.unmap(iod, request);
  }

  /**
   * Keeps a command for later queries. If the command has lists, the command and its lists are
   * copied now, because the lists return to their pool.
   */
  #keep(iod: Iod, request: NvmeRequest): void {
    const listed = iod.nrDescriptors !== 0 || iod.usesMetadataSgl;
    if (!listed) this.#archive.keep(request, iod.words);
    else request.keep(this.viewCommand(iod));
  }

  /** A copy of a command in its present state, with its lists. */
  viewCommand(iod: Iod): NvmeCommandView {
    return viewCommand(iod, this.machine.memory);
  }

  /** Posts an activity in which the submitter polls a queue, after the device's work. */
  #pollSoon(queue: QueuePair): void {
    this.machine.activities.post(this, POLL, queue.id);
  }

  /**
   * Takes all completions of a queue, with or without an interrupt.
   * @returns The number of completions.
   */
  takeAll(queue: QueuePair): number {
    let taken = 0;
    while (queue.takeCompletion(this)) taken++;
    // A disabled queue has no doorbell any more.
    if (taken === 0 || !queue.enabled) return taken;
    const { context } = this.machine.events;
    const before = context.enterWork(this.dev.name);
    queue.ringCompletionDoorbell();
    context.leave(before);
    return taken;
  }

  /** Handles an interrupt: takes the completions of the queue with this vector. */
  raise(vector: number): void {
    const queue = this.queues.ofVector(vector);
    if (queue === undefined || !queue.takeCompletion(this)) return;
    while (queue.takeCompletion(this));
    // One doorbell is written for all completions; it is not attributed to any request.
    const { context } = this.machine.events;
    const request = context.enterRequest(null);
    queue.ringCompletionDoorbell();
    context.leaveRequest(request);
  }

  /** Handles one completion (`nvme_handle_cqe()`): unmaps, then ends or retries the request. */
  handleCompletion(iod: Iod, nvmeStatus: number, result: number): void {
    const request = iod.request!;
    const { context } = this.machine.events;
    const { cpu, device, request: outerRequest, site } = context;
    context.become(request.cpu, request.device, request.request, request.site);
    const queue = this.queues.get(request.queue)!;
    if (this.#timed) this.#followFinder(cpu, queue);
    this.#completions++;
    request.nvmeStatus = nvmeStatus;
    request.result = result;
    this.complete(iod, request);
    queue.releaseTag(iod);
    const next = queue.waiting.shift();
    if (next !== null) this.post(next);
    else if (this.scheduler !== null) this.scheduler.tagFreed();
    if (this.#shouldRetry(request)) {
      request.retries++;
      invariant(request.retries <= MAX_RETRIES, "A request is retried too often");
      this.post(request);
    } else {
      this.end(request, blockStatusOf(nvmeStatus));
    }
    context.become(cpu, device, outerRequest, site);
  }

  /** Advances the clock of the request's CPU to the time at which the completion was found. */
  #followFinder(cpu: number, queue: QueuePair): void {
    const { own } = this.machine.clock;
    own?.followCpu(cpu);
    if (queue.polled) own?.followDevice(this.dev.name);
  }

  #shouldRetry(request: NvmeRequest): boolean {
    return request.nvmeStatus !== 0 && request.mayRetry &&
      !readStatus(request.nvmeStatus).doNotRetry && request.retries < MAX_RETRIES;
  }

  end(request: NvmeRequest, status: BlkStatus): void {
    const { clock, events } = this.machine;
    // At the event's position a debugger shows the request with its status.
    request.settle(status);
    if (events.tick(BLOCK_STATUS)) {
      events.emit(BLOCK_STATUS, { status: blkStatusName(status), ended: "request" });
    }
    if (this.scheduler !== null) this.scheduler.ended(request);
    // This time is for waiters, which continue no earlier than at the request's end.
    if (this.#timed) request.endedNs = clock.nowNs;
    request.end(status);
  }

  /** Ends every sent command of a queue, because the controller will not answer any more. */
  cancel(queue: QueuePair): void {
    const { events } = this.machine;
    for (const iod of queue.sent()) {
      const request = iod.request!;
      const before = events.context.enter(request);
      if (events.tick(NVME_CANCEL)) {
        events.emit(NVME_CANCEL, { queue: queue.id, cid: request.cid! });
      }
      events.context.leave(before);
      iod.generation++;
      this.handleCompletion(iod, HOST_STATUS.ABORTED, 0);
    }
  }

  /**
   * Sends an admin command, and returns after its completion. @throws {KernelError} EIO without an
   * answer.
   */
  runAdmin(request: NvmeRequest): void {
    request.cpu = this.machine.cpu;
    this.queueRequest(request);
    let patient = true;
    while (!request.done) {
      if (this.machine.runNextActivity()) continue;
      if (!patient) {
        throw new KernelError("EIO", `${this.dev.name} does not answer an admin command`);
      }
      // During this time the timeout handler finds a completion with a lost interrupt.
      this.machine.advance(ADMIN_TIMEOUT_NS);
      patient = false;
    }
  }
}
