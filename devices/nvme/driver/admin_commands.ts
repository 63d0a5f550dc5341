/**
 * The admin commands that turn an enabled controller into a disk.
 *
 * Each of them is a real command through the admin queue, and its buffer is mapped like any other
 * data. Therefore bring-up leaves IOVA caches in the same state as a real probe.
 *
 * @see rules/nvme.md 5.2
 */
import {
  Bio,
  BLK_STS,
  type Bytes,
  KernelError,
  type Machine,
  type PhysAddr,
  type QueueLimits,
  viewOf,
  zeros,
} from "@dmalab/runtime";
import { getU64, NvmeRequest, setU64 } from "./request.ts";
import type { HostMemoryBuffer, HostMemoryRequest } from "./host_memory_buffer.ts";
import type { ControllerFacts, NamespaceFacts } from "./nvme_limits.ts";
import {
  ADMIN_OPCODE,
  CNS,
  CREATE_CONTIGUOUS,
  CREATE_INTERRUPTS,
  CTRL_PAGE_BYTES,
  FEATURE_HOST_MEMORY,
  FEATURE_NUMBER_OF_QUEUES,
  SQE,
  SQE_BYTES,
} from "./protocol.ts";
import type { QueuePair } from "./queues.ts";

const VERSION_1_1 = 0x0001_0100;
const VERSION_1_2 = 0x0001_0200;
const VERSION_1_3 = 0x0001_0300;
const VERSION_2_0 = 0x0002_0000;

const SGL_DATA_MASK = 0x3;
const SGL_METADATA_BIT = 19;
const ONCS_DISCARD = 1 << 2;
const ONCS_WRITE_ZEROES = 1 << 3;
const OACS_SHADOW_DOORBELLS = 1 << 8;
const FLBAS_FORMAT_MASK = 0xf;
const FLBAS_EXTENDED = 0x10;

/** The contents of Identify Controller. */
export interface ControllerAnswer extends ControllerFacts {
  /** Number of Abort commands that may be outstanding. */
  readonly abortLimit: number;
  /** The host memory that the controller requests. */
  readonly hostMemory: HostMemoryRequest;
  /** Whether the controller supports shadow doorbells (Doorbell Buffer Config). */
  readonly takesShadowDoorbells: boolean;
}

interface AdminQueue {
  readonly machine: Machine;
  readonly dev: { readonly name: string };
  /** Limits of the admin queue, which change once the controller is known. */
  readonly adminLimits: QueueLimits;
  /** Sends a command, and returns after its completion. @throws {KernelError} */
  runAdmin(request: NvmeRequest): void;
}

export class AdminCommands {
  readonly #queue: AdminQueue;
  readonly #page = zeros(Uint8Array, CTRL_PAGE_BYTES);
  readonly #view = viewOf(this.#page);

  constructor(queue: AdminQueue) {
    this.#queue = queue;
  }

  /** Identify Controller. @throws {KernelError} EIO if the controller refuses. */
  identifyController(minPageExponent: number): ControllerAnswer {
    if (!this.#identify(CNS.CONTROLLER, 0)) {
      throw new KernelError("EIO", `${this.#queue.dev.name} refuses to identify itself`);
    }
    const view = this.#view;
    const mdts = view.getUint8(77);
    const sgls = view.getUint32(536, true);
    const oncs = view.getUint16(520, true);
    return {
      takesShadowDoorbells: (view.getUint16(256, true) & OACS_SHADOW_DOORBELLS) !== 0,
      hostMemory: {
        preferredBytes: view.getUint32(272, true) * CTRL_PAGE_BYTES,
        minimumBytes: view.getUint32(276, true) * CTRL_PAGE_BYTES,
        smallestChunkBytes: view.getUint32(332, true) * CTRL_PAGE_BYTES,
        mostChunks: view.getUint16(336, true),
      },
      abortLimit: view.getUint8(258) + 1,
      mdtsBytes: mdts === 0 ? 0 : 2 ** (mdts + minPageExponent) * CTRL_PAGE_BYTES,
      sgl: (sgls & SGL_DATA_MASK) !== 0,
      metadataSgl: (sgls >>> SGL_METADATA_BIT & 1) !== 0,
      discard: (oncs & ONCS_DISCARD) !== 0,
      writeZeroes: (oncs & ONCS_WRITE_ZEROES) !== 0,
      volatileWriteCache: (view.getUint8(525) & 1) !== 0,
    };
  }

  /** Reads the command set's own controller structure, from version 1.2 on; a refusal is ignored. */
  identifyCommandSet(version: number): void {
    if (version >= VERSION_1_2) this.#identify(CNS.CONTROLLER_OF_COMMAND_SET, 0);
  }

  /**
   * Requests I/O queues.
   * @returns How many queues may be created: the smaller of the requested and the granted number; 0
   *   if the command fails.
   */
  numberOfQueues(asked: number): number {
    const request = this.#command(ADMIN_OPCODE.SET_FEATURES, null, (view) => {
      view.setUint32(SQE.CDW10, FEATURE_NUMBER_OF_QUEUES, true);
      view.setUint32(SQE.CDW11, (asked - 1) * 0x1_0001, true);
    });
    if (request.statusCode !== BLK_STS.OK) return 0;
    const granted = Math.min(request.result & 0xffff, request.result >>> 16) + 1;
    return Math.min(asked, granted);
  }

  /**
   * Creates a queue's completion side, then its submission side.
   * @returns False if the controller refuses one of the sides; the controller then has no such
   *   queue.
   */
  createQueue(queue: QueuePair): boolean {
    const size = (queue.depthEntries - 1) * 0x1_0000 + queue.id;
    const cq = this.#command(ADMIN_OPCODE.CREATE_CQ, null, (view) => {
      setU64(view, SQE.PRP1, queue.cq.dma);
      view.setUint32(SQE.CDW10, size, true);
      const interrupts = queue.polled ? 0 : CREATE_INTERRUPTS;
      view.setUint16(SQE.CDW11, CREATE_CONTIGUOUS | interrupts, true);
      view.setUint16(SQE.CDW11 + 2, queue.polled ? 0 : queue.vector, true);
    });
    if (cq.statusCode !== BLK_STS.OK) return false;
    const sq = this.#command(ADMIN_OPCODE.CREATE_SQ, null, (view) => {
      setU64(view, SQE.PRP1, queue.sq.dma);
      view.setUint32(SQE.CDW10, size, true);
      view.setUint16(SQE.CDW11, CREATE_CONTIGUOUS, true);
      view.setUint16(SQE.CDW11 + 2, queue.id, true);
    });
    if (sq.statusCode === BLK_STS.OK) return true;
    this.#delete(ADMIN_OPCODE.DELETE_CQ, queue);
    return false;
  }

  /** Deletes queues: every submission side before any completion side. */
  deleteQueues(queues: readonly QueuePair[]): void {
    for (const queue of queues) this.#delete(ADMIN_OPCODE.DELETE_SQ, queue);
    for (const queue of queues) this.#delete(ADMIN_OPCODE.DELETE_CQ, queue);
  }

  /**
   * Deletes a queue. The result is ignored, because after a refusal the next creation of the queue
   * fails too, and that failure is handled.
   */
  #delete(opcode: number, queue: QueuePair): void {
    this.#command(opcode, null, (view) => view.setUint32(SQE.CDW10, queue.id, true));
  }

  /**
   * Gives host memory to the controller.
   * @param returned Whether the controller had this memory before, and the host has not changed it
   *   since.
   * @returns False if the controller refuses.
   */
  lendMemory(memory: HostMemoryBuffer, returned: boolean): boolean {
    const request = this.#command(ADMIN_OPCODE.SET_FEATURES, null, (view) => {
      view.setUint32(SQE.CDW10, FEATURE_HOST_MEMORY, true);
      view.setUint32(SQE.CDW11, returned ? 3 : 1, true);
      view.setUint32(SQE.CDW12, memory.sizeBytes / CTRL_PAGE_BYTES, true);
      setU64(view, SQE.CDW13, memory.listDma);
      view.setUint32(SQE.CDW15, memory.chunks.length, true);
    });
    return request.statusCode === BLK_STS.OK;
  }

  /**
   * Sends the controller the addresses of the shadow doorbells and of the doorbells' event indexes.
   * @returns False if the controller refuses.
   */
  configureDoorbells([values, wakeups]: readonly [number, number]): boolean {
    const request = this.#command(ADMIN_OPCODE.DOORBELL_BUFFER_CONFIG, null, (view) => {
      setU64(view, SQE.PRP1, values);
      setU64(view, SQE.PRP2, wakeups);
    });
    return request.statusCode === BLK_STS.OK;
  }

  /** The first usable namespace, or null without one. */
  findNamespace(version: number): NamespaceFacts | null {
    const nsid = this.#firstNamespace(version);
    if (nsid === 0) return null;
    if (version >= VERSION_1_3 && !this.#identify(CNS.NAMESPACE_DESCRIPTORS, nsid)) return null;
    if (version >= VERSION_2_0) this.#identify(CNS.NAMESPACE_INDEPENDENT, nsid);
    if (!this.#identify(CNS.NAMESPACE, nsid)) return null;
    const facts = this.#namespaceFacts(nsid);
    if (version >= VERSION_1_2) this.#identify(CNS.NAMESPACE_OF_COMMAND_SET, nsid);
    return facts;
  }

  #firstNamespace(version: number): number {
    if (version < VERSION_1_1) return 1;
    return this.#identify(CNS.ACTIVE_NAMESPACES, 0) ? this.#view.getUint32(0, true) : 0;
  }

  #namespaceFacts(nsid: number): NamespaceFacts | null {
    const view = this.#view;
    if (getU64(view, 8) === 0) return null;
    const flbas = view.getUint8(26);
    if ((flbas & FLBAS_EXTENDED) !== 0) return null;
    const format = 128 + 4 * (flbas & FLBAS_FORMAT_MASK);
    return {
      nsid,
      blockCount: getU64(view, 0),
      metadataBytes: view.getUint16(format, true),
      blockSizeBytes: 2 ** view.getUint8(format + 2),
      boundaryBlocks: view.getUint16(46, true),
    };
  }

  /** Reads an Identify structure into `#page`. @returns False if the controller refuses. */
  #identify(cns: number, nsid: number): boolean {
    const { dev, machine } = this.#queue;
    const pages = machine.pages.alloc(1, { contiguous: true, owner: "driver" });
    if (pages === null) {
      throw new KernelError("ENOMEM", `Cannot allocate a page to identify ${dev.name}`);
    }
    const phys = pages[0]!;
    const request = this.#command(
      ADMIN_OPCODE.IDENTIFY,
      { phys, sizeBytes: CTRL_PAGE_BYTES },
      (view) => {
        view.setUint32(SQE.NSID, nsid, true);
        view.setUint32(SQE.CDW10, cns, true);
      },
    );
    machine.hostMemory.read(phys, this.#page, 0, CTRL_PAGE_BYTES);
    machine.pages.free(pages);
    return request.statusCode === BLK_STS.OK;
  }

  #command(
    opcode: number,
    buffer: { readonly phys: PhysAddr; readonly sizeBytes: Bytes } | null,
    fill: (view: DataView) => void,
  ): NvmeRequest {
    const { adminLimits, dev } = this.#queue;
    const template = zeros(Uint8Array, SQE_BYTES);
    template[SQE.OPCODE] = opcode;
    fill(viewOf(template));
    const bios = buffer === null ? [] : [new Bio("drv_in", 0, [buffer], buffer.sizeBytes)];
    const request = new NvmeRequest(dev.name, "drv_in", bios, adminLimits);
    request.admin = true;
    request.template = template;
    request.nrPhysSegments = bios.length;
    this.#queue.runAdmin(request);
    return request;
  }
}
