/**
 * Brings a controller up, and up again after a reset, with its queues and with the memory that each
 * side lends the other.
 *
 * @see rules/nvme.md 5
 */
import { invariant, KernelError } from "@dmalab/runtime";
import type { QueueLimits } from "@dmalab/runtime/block";
import type { AbortSlots } from "../queues/abort_slots.ts";
import { AdminCommands } from "./admin_commands.ts";
import { ControllerMemory } from "./controller_memory.ts";
import type { NodePools } from "../map_data.ts";
import { allocateHostMemoryBuffer, type HostMemoryBuffer } from "./host_memory_buffer.ts";
import type { NvmeDriverOptions } from "../nvme_driver_options.ts";
import type { ControllerFacts, NamespaceFacts } from "../nvme_limits.ts";
import type { NvmeRequest } from "../request.ts";
import { ADMIN_DEPTH, ADMIN_TAGS } from "../protocol.ts";
import { QueuePair } from "../queues/queue_pair.ts";
import type { QueueSet } from "../queues/queue_set.ts";
import {
  type ControllerCapabilities,
  disableController,
  enableController,
  readCapabilities,
} from "./registers.ts";
import type { RequestWatch } from "../queues/request_watch.ts";
import { ShadowDoorbells } from "../queues/shadow_doorbells.ts";

/** What bringing a controller up needs of its driver. */
export interface SetupOwner {
  readonly options: NvmeDriverOptions;
  /** Takes the queues that are made. */
  readonly queues: QueueSet;
  readonly pools: NodePools;
  readonly watch: RequestWatch;
  readonly aborts: AbortSlots;
  /** Limits of the admin queue, as far as the controller is known. */
  adminLimits(): QueueLimits;
  /** Called with the data of Identify Controller. */
  identified(controller: ControllerFacts): void;
  /** Sends an admin command, and returns when it is done. @throws {KernelError} */
  runAdmin(request: NvmeRequest): void;
  /** Has a request dispatched again, which waited at a queue that is no more. */
  dispatchAgain(request: NvmeRequest): void;
}

export class ControllerSetup {
  readonly #owner: SetupOwner;
  #capabilities: ControllerCapabilities | null = null;
  #shadows: ShadowDoorbells | null = null;
  #controllerMemory: ControllerMemory | null = null;
  /** Commands of I/O queues lie in the controller's memory. */
  #queuesInController = false;
  #hostMemory: HostMemoryBuffer | null = null;
  /** I/O queues that interrupt: the first ones. */
  #interruptQueues = 0;

  constructor(owner: SetupOwner) {
    this.#owner = owner;
  }

  /** Memory that the controller has borrowed, or null. */
  get hostMemory(): HostMemoryBuffer | null {
    return this.#hostMemory;
  }

  /**
   * Brings the controller up: admin queue, identify, I/O queues, namespace.
   *
   * @returns The namespace, or null for a controller without one.
   * @throws {KernelError} ENODEV, EIO or ENOMEM, from the controller or the machine.
   */
  bringUp(): NamespaceFacts | null {
    const { controllerMemory: bar, dev, machine, registers } = this.#owner.options;
    const capabilities = readCapabilities(registers, dev.name);
    this.#capabilities = capabilities;
    if (bar != null) this.#controllerMemory = ControllerMemory.open(registers, bar);
    machine.dma.dmaSetMask(dev, dev.maskBits);
    disableController(machine, registers, capabilities, dev.name);
    // One interrupt is set up first, on Arm with the doorbell's page (rules/dma.md 4.7).
    if (machine.iommu.groups.messageAddress(dev) < 0) {
      throw new KernelError("ENOMEM", `No interrupt can be set up for "${dev.name}"`);
    }
    const admin = this.#addQueue(0, 0, ADMIN_DEPTH, ADMIN_TAGS);
    const commands = this.#identify(admin);
    if (commands.takesShadowDoorbells) this.#shadows = this.#allocateShadows(capabilities);
    this.#hostMemory = allocateHostMemoryBuffer(machine, dev, commands.hostMemory);
    this.#lendMemory(commands, false);
    this.#addIoQueues(commands, capabilities);
    this.#createQueues(commands);
    this.#announceShadows(commands);
    return commands.findNamespace(capabilities.version);
  }

  /** The controller does no more DMA when this returns. @throws {KernelError} */
  stop(): void {
    const { dev, machine, registers } = this.#owner.options;
    disableController(machine, registers, this.#capabilities!, dev.name);
  }

  /**
   * Brings a stopped controller up with the queues there are, or as many of them as it grants now.
   * @throws {KernelError} When it does not come up.
   */
  restart(): void {
    const { options, queues } = this.#owner;
    // A reset of the function has closed it.
    if (this.#controllerMemory !== null) {
      ControllerMemory.open(options.registers, options.controllerMemory!);
    }
    for (const queue of queues.all) queue.restart();
    const commands = this.#identify(queues.get(0)!);
    this.#lendMemory(commands, true);
    const count = queues.io.length;
    if (count > 0) this.#keepQueues(commands.numberOfQueues(count));
    this.#createQueues(commands);
    this.#announceShadows(commands);
  }

  /** Frees everything that was allocated. The controller must not use it any more. */
  release(): void {
    for (const queue of this.#owner.queues.all) queue.release();
    this.#owner.pools.destroy();
    this.#shadows?.release();
    this.#shadows = null;
    this.#hostMemory?.release();
    this.#hostMemory = null;
  }

  /** @param vector Its interrupt, or -1 for a queue that is polled. */
  #addQueue(
    id: number,
    vector: number,
    depthEntries: number,
    tags: number,
  ): QueuePair {
    const { options, pools, queues, watch } = this.#owner;
    const { dev, machine, registers } = options;
    invariant(
      id === queues.all.length,
      "queues are numbered in the order in which they are made",
    );
    // CPUs are dealt out to each kind of queue from the first one on.
    const place = vector < 0 ? id - 1 - this.#interruptQueues : id - 1;
    const cpu = id === 0 ? 0 : place % machine.config.cpus;
    const queue = new QueuePair({
      machine,
      dev,
      registers,
      id,
      depthEntries,
      tags,
      vector,
      cpu,
      doorbellStrideBytes: this.#capabilities!.doorbellStrideBytes,
      scheduled: id > 0 && (options.scheduler ?? "none") !== "none",
      pools: options.pools ?? pools.of(this.#nodeOf(cpu)),
      watch,
      submissionMemory: id > 0 && this.#queuesInController
        ? this.#controllerMemory!.take(depthEntries)
        : null,
    });
    queues.add(queue);
    return queue;
  }

  /** CPUs are dealt out to nodes in runs of equal length. */
  #nodeOf(cpu: number): number {
    const { machine, nodes = 1 } = this.#owner.options;
    return Math.floor((cpu * nodes) / machine.config.cpus);
  }

  /** Points the controller at its admin queue, and asks it what it can. */
  #identify(admin: QueuePair): AdminCommands {
    const { aborts, options } = this.#owner;
    const { dev, machine, registers } = options;
    const capabilities = this.#capabilities!;
    enableController(
      machine,
      registers,
      capabilities,
      { sqDma: admin.sq.dma, cqDma: admin.cq.dma },
      dev.name,
    );
    admin.enabled = true;
    const limits = () => this.#owner.adminLimits();
    const commands = new AdminCommands(
      machine,
      dev.name,
      limits,
      (request) => this.#owner.runAdmin(request),
    );
    this.#owner.identified(commands.identifyController(capabilities.minPageExponent));
    aborts.restart(commands.abortLimit, limits);
    commands.identifyCommandSet(capabilities.version);
    return commands;
  }

  /** Allocates the memory of all queues first; then creates each on the controller. */
  #addIoQueues(commands: AdminCommands, capabilities: ControllerCapabilities): void {
    const { depthEntries = 1024, pollQueues } = this.#owner.options;
    const count = commands.numberOfQueues(this.#wantedQueues);
    // Where there are fewer than asked for, it is the polled ones that are missing.
    this.#interruptQueues = Math.min(count, this.#wantedQueues - pollQueues);
    const wanted = Math.min(capabilities.maxQueueEntries, depthEntries);
    const there = this.#controllerMemory?.queueDepth(count, wanted) ?? 0;
    this.#queuesInController = there > 0;
    const depth = there > 0 ? there : wanted;
    for (let id = 1; id <= count; id++) {
      const vector = id <= this.#interruptQueues ? id : -1;
      this.#addQueue(id, vector, depth, depth - 1);
    }
  }

  /** I/O queues to ask for, of either kind. */
  get #wantedQueues(): number {
    const { machine, pollQueues, queues = machine.config.cpus } = this.#owner.options;
    return queues + pollQueues;
  }

  /**
   * Tells the controller of the I/O queues. A refusal keeps those that were made so far, which are
   * too few for the interrupts that were set up: all are deleted, and made anew as so many.
   *
   * @see rules/nvme.md 5.2
   */
  #createQueues(commands: AdminCommands): void {
    const { queues } = this.#owner;
    for (;;) {
      const { io } = queues;
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
    const { dispatchAgain, queues } = this.#owner;
    for (const queue of queues.keep(count)) {
      for (const request of queue.abandon()) dispatchAgain(request);
      queue.release();
    }
    this.#interruptQueues = Math.min(this.#interruptQueues, count);
  }

  /** A controller that refuses the memory works without it. */
  #lendMemory(commands: AdminCommands, returned: boolean): void {
    if (this.#hostMemory === null || commands.lendMemory(this.#hostMemory, returned)) return;
    this.#hostMemory.release();
    this.#hostMemory = null;
  }

  /** A pair of doorbells for each queue that may come, the admin queue's place among them. */
  #allocateShadows({ doorbellStrideBytes }: ControllerCapabilities): ShadowDoorbells | null {
    const { dev, machine } = this.#owner.options;
    const sizeBytes = (this.#wantedQueues + 1) * 2 * doorbellStrideBytes;
    return ShadowDoorbells.allocate(machine, dev, sizeBytes);
  }

  /** The controller takes doorbells from memory; one that refuses has its registers. */
  #announceShadows(commands: AdminCommands): void {
    if (this.#shadows === null) return;
    this.#shadows.clear();
    if (!commands.configureDoorbells(this.#shadows.dma)) {
      this.#shadows.release();
      this.#shadows = null;
    }
    for (const queue of this.#owner.queues.io) queue.shadows = this.#shadows;
  }
}
