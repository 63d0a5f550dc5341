/**
 * A controller's life: brought up (probe), reset when it does not answer or on request, removed.
 *
 * The order is what keeps memory safe. The controller is stopped first; from then on it does no
 * DMA. Only then does every command that it has not completed end, which unmaps its data, and only
 * then is the memory of the rings used again or freed.
 *
 * A command that ends in this way has the status Command Aborted By Host. It is tried again as any
 * other that failed (rules/nvme.md 4.2): after a reset it is sent once more, and on a controller
 * that is not there any more it ends with Host Pathing Error (4.1).
 *
 * @see rules/nvme.md 5
 */
import {
  type ActivityHandler,
  type EventFields,
  eventId,
  invariant,
  KernelError,
  type Nanoseconds,
  realHigh,
  type RequestOwner,
  type TimerHandler,
} from "@dmalab/runtime";
import type { NvmeRegisterPort } from "../register_port.ts";
import { AdminCommands, type ControllerAnswer } from "./admin_commands.ts";
import { ControllerMemory } from "./controller_memory.ts";
import { allocateHostMemoryBuffer, type HostMemoryBuffer } from "./host_memory_buffer.ts";
import type { NvmeDriver } from "./nvme_driver.ts";
import {
  ADMIN_DEPTH,
  ADMIN_OPCODE,
  ADMIN_TAGS,
  ALL_ONES,
  CC_ENABLE,
  CC_SETTINGS,
  CSTS_FATAL,
  CSTS_READY,
  REGISTER,
  SQE,
  SQE_BYTES,
} from "./protocol.ts";
import { QueuePair, RequestFifo, ShadowDoorbells } from "./queues.ts";
import { type Iod, IOD_FLAG, NvmeRequest } from "./request.ts";

const NVME_STATE = eventId("nvme.state");
const NVME_TIMEOUT = eventId("nvme.timeout");

/** Poll interval while waiting for the controller. */
const POLL_NS: Nanoseconds = 1_000_000;
/** CAP.TO counts half seconds. */
const TIMEOUT_UNIT_NS: Nanoseconds = 500_000_000;
/** How long an admin command may take. */
export const ADMIN_TIMEOUT_NS: Nanoseconds = 60e9;
export const DEFAULT_IO_TIMEOUT_NS: Nanoseconds = 30e9;

type ControllerState = "new" | EventFields<"nvme.state">["state"];

type StateReason = EventFields<"nvme.state">["reason"];

export class ControllerLife implements ActivityHandler {
  /** Memory that the controller has borrowed, or null. */
  hostMemory: HostMemoryBuffer | null = null;
  /** Requests that wait until the controller takes commands again. */
  readonly held = new RequestFifo();
  readonly #driver: NvmeDriver;
  #state: ControllerState = "new";
  /** Why a reset has been asked for that has not begun. */
  #due: "timeout" | "failed" | null = null;
  #capabilities: ControllerCapabilities | null = null;
  #shadows: ShadowDoorbells | null = null;
  #controllerMemory: ControllerMemory | null = null;
  /** Commands of I/O queues lie in the controller's memory. */
  #queuesInController = false;

  constructor(driver: NvmeDriver) {
    this.#driver = driver;
  }

  get state(): ControllerState {
    return this.#state;
  }

  /** It is live, and stays so. */
  get isStable(): boolean {
    return this.#state === "live" && this.#due === null;
  }

  /**
   * Brings the controller up: admin queue, identify, I/O queues, namespace.
   *
   * @throws {KernelError} ENODEV, EIO or ENOMEM, from the controller or the machine.
   */
  probe(): void {
    const { dev, machine, options: { controllerMemory: bar, registers } } = this.#driver;
    const capabilities = readCapabilities(registers, dev.name);
    this.#capabilities = capabilities;
    if (bar != null) this.#controllerMemory = ControllerMemory.open(registers, bar);
    machine.dma.dmaSetMask(dev, dev.maskBits);
    this.#stop();
    // One interrupt is set up first, on Arm with the doorbell's page (rules/dma.md 4.7).
    if (machine.iommu.groups.messageAddress(dev) < 0) {
      throw new KernelError("ENOMEM", `No interrupt can be set up for "${dev.name}"`);
    }
    const admin = this.#addQueue(0, 0, ADMIN_DEPTH, ADMIN_TAGS);
    const commands = new AdminCommands(this.#driver);
    const answer = this.#identify(admin, commands);
    if (answer.takesShadowDoorbells) {
      // A pair of doorbells for each queue that may come, the admin queue's place among them.
      const sizeBytes = (this.#wantedQueues + 1) * 2 * capabilities.doorbellStrideBytes;
      this.#shadows = ShadowDoorbells.allocate(machine, dev, sizeBytes);
    }
    this.hostMemory = allocateHostMemoryBuffer(machine, dev, answer.hostMemory);
    this.#lendMemory(commands, false);
    this.#addIoQueues(commands, capabilities);
    this.#createQueues(commands);
    this.#announceShadows(commands);
    const namespace = commands.findNamespace(capabilities.version);
    // Whatever was in flight is done, and time begins anew when the machine is ready.
    this.#driver.timeouts.stop();
    if (namespace !== null) this.#driver.setNamespace(namespace);
    this.#enter("live", "up");
  }

  /** Asks for a reset once the activities before are done. */
  resetSoon(reason: "timeout" | "failed"): void {
    this.#due = reason;
    this.#driver.machine.activities.post(this, 0, 0);
  }

  /** The reset that was asked for, unless another one or a removal came first. */
  runActivity(): void {
    const reason = this.#due;
    this.#due = null;
    if (reason === null || this.#state !== "live") return;
    // Not awaited: the statuses of the requests report a failure.
    failureOf(() => this.reset(reason));
  }

  /**
   * Stops the controller, cancels and unmaps what it has not completed, and brings it up again.
   * Requests that came meanwhile, and requests that may be tried again, follow.
   *
   * @throws {KernelError} ENODEV for one that is dead or gone; the error that stopped it from
   * coming up, and then it is dead.
   */
  reset(reason: StateReason = "asked"): void {
    if (this.#state !== "live") {
      const { name } = this.#driver.dev;
      throw new KernelError("ENODEV", `Cannot reset ${name}: it is ${this.#state}`);
    }
    this.#due = null;
    this.#enter("resetting", reason);
    const failure = failureOf(() => {
      for (const queue of this.#driver.queues.all) queue.enabled = false;
      this.#stop();
      this.#takeLeft();
      this.#restart();
    });
    if (failure !== null) {
      this.#die();
      throw failure;
    }
    this.#enter("live", "up");
    this.#postAll(this.held);
  }

  /**
   * The controller has been pulled: everything ends, and the driver's resources are freed. The
   * checker reports remaining mappings.
   * @throws {KernelError} ENODEV when it was removed before.
   */
  remove(): void {
    const { dev, machine, pools, queues, timeouts } = this.#driver;
    if (this.#state === "removed") {
      throw new KernelError("ENODEV", `Cannot remove ${dev.name}: it is gone already`);
    }
    this.#enter("removed", "pulled");
    this.#takeLeft();
    this.#drain();
    timeouts.stop();
    for (const queue of queues.all) queue.release();
    pools.destroy();
    this.#shadows?.release();
    this.#shadows = null;
    this.hostMemory?.release();
    this.hostMemory = null;
    machine.dma.unbind(dev);
  }

  /** It did not come up again: nothing more is sent to it. */
  #die(): void {
    this.#enter("dead", "no_answer");
    // If it does not even stop, its DMA must not reach memory that is used again.
    if (failureOf(() => this.#stop()) !== null) this.#driver.dev.refusal = "device_gone";
    this.#takeLeft();
    this.#drain();
  }

  /** Completed commands count, with or without an interrupt; the rest is cancelled. */
  #takeLeft(): void {
    const { queues } = this.#driver;
    for (const queue of queues.all) {
      queue.enabled = false;
      this.#driver.takeAll(queue);
    }
    for (const queue of queues.all) this.#driver.cancel(queue);
  }

  /** Requests that wait for a tag or for better times are dispatched once more, to be refused. */
  #drain(): void {
    for (const queue of this.#driver.queues.all) this.#postAll(queue.waiting);
    this.#postAll(this.held);
  }

  #postAll(requests: RequestFifo): void {
    for (const request of requests.takeAll()) this.#driver.post(request);
  }

  #enter(state: Exclude<ControllerState, "new">, reason: StateReason): void {
    const { dev, machine: { events } } = this.#driver;
    this.#state = state;
    const before = events.context.enterWork(dev.name);
    if (events.tick(NVME_STATE)) events.emit(NVME_STATE, { state, reason });
    events.context.leave(before);
  }

  /**
   * Disables the controller and waits until it is: it does no more DMA then. One that does not obey has
   * its function reset, and is disabled once more.
   *
   * @throws {KernelError} ENODEV when it stays ready, or is not there.
   * @see rules/nvme.md 5.1, row 5
   */
  #stop(): void {
    this.#clearEnable();
    if (this.#becomesReady(0)) return;
    this.#driver.options.registers.resetFunction();
    this.#clearEnable();
    this.#waitReady(0);
  }

  #clearEnable(): void {
    const { registers } = this.#driver.options;
    const settings = registers.read32(REGISTER.CC);
    registers.write32(REGISTER.CC, (settings & ~CC_ENABLE) >>> 0);
  }

  /**
   * Points the controller at its admin queue, enables it and waits until it is ready.
   * @throws {KernelError} ENODEV when its smallest page is above 4 KiB, or it does not get ready.
   */
  #enable(admin: QueuePair): void {
    const { dev, options: { registers } } = this.#driver;
    registers.write32(REGISTER.AQA, (ADMIN_DEPTH - 1) * 0x1_0001);
    write64(registers, REGISTER.ASQ, admin.sq.dma);
    write64(registers, REGISTER.ACQ, admin.cq.dma);
    if (this.#capabilities!.minPageExponent > 0) {
      throw new KernelError("ENODEV", `${dev.name} has no pages of 4 KiB`);
    }
    registers.write32(REGISTER.CC, CC_SETTINGS);
    registers.write32(REGISTER.CC, CC_SETTINGS + CC_ENABLE);
    this.#waitReady(CSTS_READY);
  }

  #waitReady(wanted: number): void {
    if (this.#becomesReady(wanted)) return;
    const what = wanted === 0 ? "disabled" : "ready";
    throw new KernelError("ENODEV", `${this.#driver.dev.name} did not get ${what} in time`);
  }

  /** Waits for CSTS.RDY as long as the controller says that it may take. False when it took longer. */
  #becomesReady(wanted: number): boolean {
    const { dev, machine, options: { registers } } = this.#driver;
    const deadlineNs = machine.clock.nowNs + this.#capabilities!.timeoutNs;
    for (;;) {
      const status = registers.read32(REGISTER.CSTS);
      if (status === ALL_ONES) throw new KernelError("ENODEV", `${dev.name} has gone`);
      if ((status & CSTS_READY) === wanted) return true;
      if (machine.clock.nowNs >= deadlineNs) return false;
      if (!machine.runNextActivity()) machine.advance(POLL_NS);
    }
  }

  /**
   * Brings a stopped controller up with the queues there are, or as many of them as it grants now.
   * @throws {KernelError} When it does not come up.
   */
  #restart(): void {
    const { options, queues } = this.#driver;
    // A reset of the function has closed it.
    if (this.#controllerMemory !== null) {
      ControllerMemory.open(options.registers, options.controllerMemory!);
    }
    for (const queue of queues.all) queue.restart();
    const commands = new AdminCommands(this.#driver);
    this.#identify(queues.get(0)!, commands);
    this.#lendMemory(commands, true);
    const count = queues.io.length;
    if (count > 0) this.#keepQueues(commands.numberOfQueues(count));
    this.#createQueues(commands);
    this.#announceShadows(commands);
  }

  /** @param vector Its interrupt, or -1 for a queue that is polled. */
  #addQueue(id: number, vector: number, depthEntries: number, tags: number): QueuePair {
    const { dev, machine, options, pools, queues, scheduler, timeouts } = this.#driver;
    // CPUs are dealt out to each kind of queue from the first one on.
    const place = vector < 0 ? id - 1 - options.queues : id - 1;
    const cpu = id === 0 ? 0 : place % machine.config.cpus;
    // And to nodes in runs of equal length.
    const node = Math.floor((cpu * (options.nodes ?? 1)) / machine.config.cpus);
    const queue = new QueuePair({
      machine,
      dev,
      registers: options.registers,
      id,
      depthEntries,
      tags,
      vector,
      cpu,
      doorbellStrideBytes: this.#capabilities!.doorbellStrideBytes,
      scheduled: id > 0 && scheduler !== null,
      pools: options.pools ?? pools.of(node),
      watch: timeouts,
      submissionMemory: id > 0 && this.#queuesInController
        ? this.#controllerMemory!.take(depthEntries)
        : null,
    });
    queues.add(queue);
    return queue;
  }

  /** Points the controller at its admin queue, and asks it what it can. */
  #identify(admin: QueuePair, commands: AdminCommands): ControllerAnswer {
    const driver = this.#driver;
    const { minPageExponent, version } = this.#capabilities!;
    this.#enable(admin);
    admin.enabled = true;
    const answer = commands.identifyController(minPageExponent);
    driver.setController(answer);
    driver.timeouts.abortLimit = answer.abortLimit;
    commands.identifyCommandSet(version);
    return answer;
  }

  /** Allocates the memory of all queues first; then creates each on the controller. */
  #addIoQueues(commands: AdminCommands, capabilities: ControllerCapabilities): void {
    const { depthEntries = 1024, queues } = this.#driver.options;
    const count = commands.numberOfQueues(this.#wantedQueues);
    const wanted = Math.min(capabilities.maxQueueEntries, depthEntries);
    const there = this.#controllerMemory?.queueDepth(count, wanted) ?? 0;
    this.#queuesInController = there > 0;
    const depth = there > 0 ? there : wanted;
    for (let id = 1; id <= count; id++) {
      // Where there are fewer than asked for, it is the polled ones that are missing.
      const vector = id <= queues ? id : -1;
      this.#addQueue(id, vector, depth, depth - 1);
    }
  }

  /** I/O queues to ask for, of either kind. */
  get #wantedQueues(): number {
    const { pollQueues, queues } = this.#driver.options;
    return queues + pollQueues;
  }

  /**
   * Tells the controller of the I/O queues. A refusal keeps the queues that were made so far, which
   * are too few for the interrupts that were set up: all are deleted, and made anew as so many.
   *
   * @see rules/nvme.md 5.2
   */
  #createQueues(commands: AdminCommands): void {
    for (;;) {
      const { io } = this.#driver.queues;
      const refused = io.findIndex((queue) => !commands.createQueue(queue));
      if (refused < 0) {
        for (const queue of io) queue.enabled = true;
        return;
      }
      commands.deleteQueues(io.slice(0, refused));
      this.#keepQueues(refused);
    }
  }

  /** Does without the I/O queues beyond so many: their requests go to the others. */
  #keepQueues(count: number): void {
    for (const queue of this.#driver.queues.keep(count)) {
      for (const request of queue.abandon()) this.#driver.post(request);
      queue.release();
    }
  }

  /** A controller that refuses the memory works without it. */
  #lendMemory(commands: AdminCommands, returned: boolean): void {
    if (this.hostMemory === null || commands.lendMemory(this.hostMemory, returned)) return;
    this.hostMemory.release();
    this.hostMemory = null;
  }

  /** The controller takes doorbells from memory; one that refuses has its registers. */
  #announceShadows(commands: AdminCommands): void {
    if (this.#shadows === null) return;
    this.#shadows.clear();
    if (!commands.configureDoorbells(this.#shadows.dma)) {
      this.#shadows.release();
      this.#shadows = null;
    }
    for (const queue of this.#driver.queues.io) queue.shadows = this.#shadows;
  }
}

/**
 * Looks after commands that their controller does not answer (`nvme_timeout()`).
 *
 * One timer serves all queues of a controller. It is armed when a command is sent while it is not,
 * so that a busy queue pays one comparison a command; when it expires, it looks for overdue
 * commands, and is armed again for the next one that could be.
 *
 * For an overdue command it looks whether only the interrupt was lost, asks the controller to abort
 * it, and has the controller reset when that did not help either. The captured data say nothing of
 * this; it follows the recovery of the NVMe specification (1.4, sections 5.1 and 9.1).
 */
export class CommandTimeouts implements TimerHandler, RequestOwner {
  /** The timer is set. */
  armed = false;
  /** Abort commands at a time, ACL + 1: none before the first Identify Controller. */
  abortLimit = 0;
  readonly #driver: NvmeDriver;
  readonly #ioTimeoutNs: Nanoseconds;
  #outstandingAborts = 0;

  constructor(driver: NvmeDriver) {
    this.#driver = driver;
    this.#ioTimeoutNs = driver.options.timeoutNs ?? DEFAULT_IO_TIMEOUT_NS;
  }

  /** A command was sent and no timer is set. */
  start(): void {
    this.#arm(Math.min(ADMIN_TIMEOUT_NS, this.#ioTimeoutNs));
  }

  /** Nothing is in flight: no timeout is due. */
  stop(): void {
    this.#driver.machine.clock.disarm(this);
    this.armed = false;
  }

  timerExpired(): void {
    this.armed = false;
    const { clock } = this.#driver.machine;
    for (const [queue, iod, deadlineNs] of this.#deadlines()) {
      // One that was dealt with before may have ended others.
      if (deadlineNs <= clock.nowNs && iod.request !== null) this.#handle(queue, iod);
    }
    let nextNs = Infinity;
    for (const [, , deadlineNs] of this.#deadlines()) nextNs = Math.min(nextNs, deadlineNs);
    if (nextNs < Infinity && !this.armed) this.#arm(Math.max(0, nextNs - clock.nowNs));
  }

  #arm(delayNs: Nanoseconds): void {
    this.armed = true;
    const { dev, machine: { clock } } = this.#driver;
    // It looks after all commands, and is armed while one of them is sent.
    const before = clock.context.enterWork(dev.name);
    clock.arm(this, delayNs);
    clock.context.leave(before);
  }

  /** Every command in flight with the time by which it should have been answered. */
  #deadlines(): [queue: QueuePair, iod: Iod, deadlineNs: Nanoseconds][] {
    return this.#driver.queues.all.flatMap((queue) => {
      const timeoutNs = queue.id === 0 ? ADMIN_TIMEOUT_NS : this.#ioTimeoutNs;
      return queue.sent().map((iod): [QueuePair, Iod, Nanoseconds] => [
        queue,
        iod,
        queue.sentAtNs(iod) + timeoutNs,
      ]);
    });
  }

  /** A command is overdue. Afterwards it has ended, or it has as much time again. */
  #handle(queue: QueuePair, iod: Iod): void {
    const { events } = this.#driver.machine;
    const request = iod.request!;
    const action = this.#act(queue, iod);
    if (iod.request === request) queue.restartTime(iod);
    const before = events.context.enter(request);
    if (events.tick(NVME_TIMEOUT)) {
      events.emit(NVME_TIMEOUT, { queue: queue.id, cid: request.cid!, action });
    }
    events.context.leave(before);
  }

  #act(queue: QueuePair, iod: Iod): EventFields<"nvme.timeout">["action"] {
    const { life, options: { registers } } = this.#driver;
    const { request } = iod;
    this.#driver.takeAll(queue);
    if (iod.request !== request) return "polled";
    // Those who bring it up wait for its answers themselves.
    if (!life.isStable) return "timer_reset";
    const status = registers.read32(REGISTER.CSTS);
    const failed = status === ALL_ONES || (status & CSTS_FATAL) !== 0;
    if (failed || queue.id === 0 || iod.hasFlag(IOD_FLAG.ABORTED)) {
      life.resetSoon(failed ? "failed" : "timeout");
      return "reset";
    }
    if (this.#outstandingAborts >= this.abortLimit) return "timer_reset";
    this.#abort(queue.id, request!.cid!);
    iod.flags |= IOD_FLAG.ABORTED;
    return "abort";
  }

  /** Asks the controller to abort a command, and does not wait for it. @see rules/nvme.md 5.2 */
  #abort(queueId: number, commandId: number): void {
    this.#outstandingAborts++;
    const template = new Uint8Array(SQE_BYTES);
    template[SQE.OPCODE] = ADMIN_OPCODE.ABORT;
    new DataView(template.buffer).setUint32(SQE.CDW10, commandId * 0x1_0000 + queueId, true);
    const { adminLimits, dev } = this.#driver;
    const request = new NvmeRequest(dev.name, "drv_in", [], adminLimits);
    request.admin = true;
    request.template = template;
    request.owner = this;
    this.#driver.queueRequest(request);
  }

  /** An abort is done, with any result: its target ends separately. */
  requestEnded(): void {
    invariant(this.#outstandingAborts > 0, "More aborts end than were sent");
    this.#outstandingAborts--;
  }
}

/** The contents of the capabilities register. */
interface ControllerCapabilities {
  /** Most entries of an I/O queue. */
  readonly maxQueueEntries: number;
  readonly doorbellStrideBytes: number;
  /** Smallest page size as a power of two of 4 KiB. */
  readonly minPageExponent: number;
  readonly timeoutNs: Nanoseconds;
  /** Major, minor and tertiary version in 16, 8 and 8 bits. */
  readonly version: number;
}

/**
 * Reads what the controller can do.
 * @throws {KernelError} ENODEV when nothing answers.
 */
export function readCapabilities(
  registers: NvmeRegisterPort,
  name: string,
): ControllerCapabilities {
  if (registers.read32(REGISTER.CSTS) === ALL_ONES) {
    throw new KernelError("ENODEV", `${name} does not answer`);
  }
  const low = registers.read32(REGISTER.CAP);
  const high = registers.read32(REGISTER.CAP + 4);
  return {
    maxQueueEntries: (low & 0xffff) + 1,
    timeoutNs: (low >>> 24) * TIMEOUT_UNIT_NS,
    doorbellStrideBytes: 4 << (high & 0xf),
    minPageExponent: (high >>> 16) & 0xf,
    version: registers.read32(REGISTER.VS),
  };
}

/** Does what may fail. @returns How it did; null where it did not. */
function failureOf(act: () => void): KernelError | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
}

function write64(registers: NvmeRegisterPort, offset: number, value: number): void {
  registers.write32(offset, value % 2 ** 32);
  registers.write32(offset + 4, realHigh(Math.floor(value / 2 ** 32)));
}
