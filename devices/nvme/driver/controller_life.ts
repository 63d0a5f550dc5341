/**
 * A controller's life: it is brought up (probe), reset on request or if it does not answer, and
 * removed.
 *
 * The order of the steps keeps memory safe. The controller is stopped first, and does no more DMA.
 * Then every command that it has not completed is ended, which unmaps the command's data. Only
 * after that is the memory of the rings reused or freed.
 *
 * A command that is ended in this way has the status Command Aborted By Host. It is retried like
 * any other failed command (rules/nvme.md 4.2): after a reset it is sent once more, and on a
 * removed or dead controller it ends with Host Pathing Error (4.1).
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
  /** Host memory given to the controller, or null. */
  hostMemory: HostMemoryBuffer | null = null;
  /** Requests that wait until the controller takes commands again. */
  readonly held = new RequestFifo();
  readonly #driver: NvmeDriver;
  #state: ControllerState = "new";
  /** The reason for a requested reset that has not begun yet. */
  #due: "timeout" | "failed" | null = null;
  #capabilities: ControllerCapabilities | null = null;
  #shadows: ShadowDoorbells | null = null;
  #controllerMemory: ControllerMemory | null = null;
  /** Whether the submission queues of I/O are in the controller's memory. */
  #queuesInController = false;

  constructor(driver: NvmeDriver) {
    this.#driver = driver;
  }

  get state(): ControllerState {
    return this.#state;
  }

  /** Whether the controller is live and no reset is pending. */
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
    // One interrupt is set up first; on Arm this maps the page of the MSI doorbell (rules/dma.md
    // 4.7).
    if (machine.iommu.groups.messageAddress(dev) < 0) {
      throw new KernelError("ENOMEM", `No interrupt can be set up for "${dev.name}"`);
    }
    const admin = this.#addQueue(0, 0, ADMIN_DEPTH, ADMIN_TAGS);
    const commands = new AdminCommands(this.#driver);
    const answer = this.#identify(admin, commands);
    if (answer.takesShadowDoorbells) {
      // The size has room for a pair of doorbells for each possible queue, including the admin
      // queue.
      const sizeBytes = (this.#wantedQueues + 1) * 2 * capabilities.doorbellStrideBytes;
      this.#shadows = ShadowDoorbells.allocate(machine, dev, sizeBytes);
    }
    this.hostMemory = allocateHostMemoryBuffer(machine, dev, answer.hostMemory);
    this.#lendMemory(commands, false);
    this.#addIoQueues(commands, capabilities);
    this.#createQueues(commands);
    this.#announceShadows(commands);
    const namespace = commands.findNamespace(capabilities.version);
    // The timer is stopped because all commands of bring-up have ended, and because the clock will
    // restart at 0 when the machine is ready.
    this.#driver.timeouts.stop();
    if (namespace !== null) this.#driver.setNamespace(namespace);
    this.#enter("live", "up");
  }

  /** Requests a reset, which runs after the pending activities. */
  resetSoon(reason: "timeout" | "failed"): void {
    this.#due = reason;
    this.#driver.machine.activities.post(this, 0, 0);
  }

  /** Runs the requested reset, unless another reset or a removal came first. */
  runActivity(): void {
    const reason = this.#due;
    this.#due = null;
    if (reason === null || this.#state !== "live") return;
    // The error is ignored: the statuses of the requests report a failure.
    failureOf(() => this.reset(reason));
  }

  /**
   * Stops the controller, ends and unmaps the commands that it has not completed, and brings it up
   * again. Then dispatches the requests that came during the reset, and the requests that may be
   * retried.
   *
   * @throws {KernelError} ENODEV for a controller that is dead or removed. If the controller does
   *   not come up, throws the error that prevented it from coming up; the controller is then dead.
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
   * Removes the controller after it was pulled out: all commands end, and the driver's resources
   * are freed. The checker reports remaining mappings.
   * @throws {KernelError} ENODEV if the controller was removed before.
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

  /** Gives up a controller that did not come up again. No more commands are sent to this controller. */
  #die(): void {
    this.#enter("dead", "no_answer");
    // If the controller cannot even be stopped, its DMA is refused from now on, so that it does not
    // reach memory that is reused.
    if (failureOf(() => this.#stop()) !== null) this.#driver.dev.refusal = "device_gone";
    this.#takeLeft();
    this.#drain();
  }

  /**
   * Takes the completions in all queues, whether or not an interrupt announced them, and cancels
   * the commands that have no completion.
   */
  #takeLeft(): void {
    const { queues } = this.#driver;
    for (const queue of queues.all) {
      queue.enabled = false;
      this.#driver.takeAll(queue);
    }
    for (const queue of queues.all) this.#driver.cancel(queue);
  }

  /** Dispatches the waiting requests once more, so that they are refused. */
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
   * Disables the controller and waits until it is not ready; a controller that is not ready does no
   * DMA. If it stays ready, its PCI function is reset, and the controller is disabled once more.
   *
   * @throws {KernelError} ENODEV if the controller still stays ready, or is not present.
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
   * Gives the controller the address of its admin queue, enables it and waits until it is ready.
   * @throws {KernelError} ENODEV if the controller's smallest page is above 4 KiB, or if it does
   *   not get ready.
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

  /** Waits for CSTS.RDY, up to the controller's own timeout. @returns False after the timeout. */
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
   * Brings a stopped controller up with the existing queues. If the controller now grants fewer
   * queues, only that many are used.
   * @throws {KernelError} If the controller does not come up.
   */
  #restart(): void {
    const { options, queues } = this.#driver;
    // A function reset has disabled the controller's memory.
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

  /** Adds a queue. @param vector Its interrupt, or -1 for a polled queue. */
  #addQueue(id: number, vector: number, depthEntries: number, tags: number): QueuePair {
    const { dev, machine, options, pools, queues, scheduler, timeouts } = this.#driver;
    // The queues of each kind get the CPUs in turn, beginning with the first CPU.
    const place = vector < 0 ? id - 1 - options.queues : id - 1;
    const cpu = id === 0 ? 0 : place % machine.config.cpus;
    // Nodes consist of equal numbers of consecutive CPUs.
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

  /** Points the controller at its admin queue, and identifies it. */
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

  /** Allocates the memory of all queues first; then creates each queue on the controller. */
  #addIoQueues(commands: AdminCommands, capabilities: ControllerCapabilities): void {
    const { depthEntries = 1024, queues } = this.#driver.options;
    const count = commands.numberOfQueues(this.#wantedQueues);
    const wanted = Math.min(capabilities.maxQueueEntries, depthEntries);
    const there = this.#controllerMemory?.queueDepth(count, wanted) ?? 0;
    this.#queuesInController = there > 0;
    const depth = there > 0 ? there : wanted;
    for (let id = 1; id <= count; id++) {
      // If fewer queues were granted than requested, the missing queues are polled ones.
      const vector = id <= queues ? id : -1;
      this.#addQueue(id, vector, depth, depth - 1);
    }
  }

  /** Number of I/O queues to request, interrupting and polled. */
  get #wantedQueues(): number {
    const { pollQueues, queues } = this.#driver.options;
    return queues + pollQueues;
  }

  /**
   * Creates the I/O queues on the controller. If the controller refuses a queue, there are fewer
   * queues than the interrupts that were set up. Then all queues are deleted, and the smaller
   * number of queues is created anew.
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

  /** Drops the I/O queues beyond the first `count`; their requests go to the others. */
  #keepQueues(count: number): void {
    for (const queue of this.#driver.queues.keep(count)) {
      for (const request of queue.abandon()) this.#driver.post(request);
      queue.release();
    }
  }

  /** Gives the controller host memory; if the controller refuses, it works without that memory. */
  #lendMemory(commands: AdminCommands, returned: boolean): void {
    if (this.hostMemory === null || commands.lendMemory(this.hostMemory, returned)) return;
    this.hostMemory.release();
    this.hostMemory = null;
  }

  /** Enables the shadow doorbells; if the controller refuses, its registers are used. */
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
 * Handles commands that the controller does not answer (`nvme_timeout()`).
 *
 * One timer serves all queues of a controller. If the timer is not armed, sending a command arms
 * it, so that a busy queue pays one comparison for each command. When the timer expires, it checks
 * for overdue commands, and is armed again for the next deadline.
 *
 * An overdue command is handled in three steps. First the driver checks whether only the interrupt
 * was lost. Next it asks the controller to abort the command. If neither helped, it resets the
 * controller. The captured data contain no timeouts; this follows the recovery of the NVMe
 * specification (1.4, sections 5.1 and 9.1).
 */
export class CommandTimeouts implements TimerHandler, RequestOwner {
  /** Whether the timer is armed. */
  armed = false;
  /**
   * Largest number of Abort commands at a time, ACL + 1; 0 before the first Identify Controller.
   */
  abortLimit = 0;
  readonly #driver: NvmeDriver;
  readonly #ioTimeoutNs: Nanoseconds;
  #outstandingAborts = 0;

  constructor(driver: NvmeDriver) {
    this.#driver = driver;
    this.#ioTimeoutNs = driver.options.timeoutNs ?? DEFAULT_IO_TIMEOUT_NS;
  }

  /** Called when a command is sent and the timer is not armed. */
  start(): void {
    this.#arm(Math.min(ADMIN_TIMEOUT_NS, this.#ioTimeoutNs));
  }

  /** Stops the timer. Called when no commands are in flight. */
  stop(): void {
    this.#driver.machine.clock.disarm(this);
    this.armed = false;
  }

  timerExpired(): void {
    this.armed = false;
    const { clock } = this.#driver.machine;
    for (const [queue, iod, deadlineNs] of this.#deadlines()) {
      // Handling an earlier command may have ended this command.
      if (deadlineNs <= clock.nowNs && iod.request !== null) this.#handle(queue, iod);
    }
    let nextNs = Infinity;
    for (const [, , deadlineNs] of this.#deadlines()) nextNs = Math.min(nextNs, deadlineNs);
    if (nextNs < Infinity && !this.armed) this.#arm(Math.max(0, nextNs - clock.nowNs));
  }

  #arm(delayNs: Nanoseconds): void {
    this.armed = true;
    const { dev, machine: { clock } } = this.#driver;
    // The timer is attributed to the device, not to the command that arms it.
    const before = clock.context.enterWork(dev.name);
    clock.arm(this, delayNs);
    clock.context.leave(before);
  }

  /** Every command in flight, with its deadline. */
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

  /** Handles an overdue command: afterwards it has ended, or its time begins anew. */
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
    // During bring-up the code that sent the command waits for the answer itself.
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

  /** Sends an Abort for a command without waiting for it. @see rules/nvme.md 5.2 */
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

  /** Called when an Abort has ended, with any result: the aborted command completes separately. */
  requestEnded(): void {
    invariant(this.#outstandingAborts > 0, "More aborts end than were sent");
    this.#outstandingAborts--;
  }
}

/** The contents of the controller's capabilities register and version register. */
interface ControllerCapabilities {
  /** Largest number of entries in an I/O queue. */
  readonly maxQueueEntries: number;
  readonly doorbellStrideBytes: number;
  /** Smallest page size as a power of two, relative to 4 KiB. */
  readonly minPageExponent: number;
  readonly timeoutNs: Nanoseconds;
  /** Major, minor and tertiary version in 16, 8 and 8 bits. */
  readonly version: number;
}

/**
 * Reads the controller's capabilities.
 * @throws {KernelError} ENODEV if no device answers.
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

/** Runs `act`. @returns The kernel error that it throws, or null. */
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
