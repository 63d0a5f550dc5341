/** The admin commands that a host needs to find its namespace and create its queues (section 5). */
import { type DmaAddr, foldedHigh, invariant, zeros } from "@dmalab/runtime";
import {
  activeNamespaces,
  ASYNC_EVENT_LIMIT,
  type ControllerIdentity,
  IDENTIFY_BYTES,
  identifyController,
  identifyNamespace,
  namespaceDescriptors,
  type NamespaceIdentity,
} from "./identify.ts";
import type { ControllerHostMemory } from "./host_memory_buffer.ts";
import type { HostTransfer } from "./host_port.ts";
import { type PrpWalk, RangeList } from "./data_pointer.ts";
import { CompletionQueue, type QueueTable, SubmissionQueue } from "./queues.ts";
import { ADMIN_OPCODE, PAGE_BYTES, STATUS, WIDE_HALF } from "./specification.ts";

/** Returned by `execute` for a command that completes only after a later event. */
export const NO_COMPLETION = -1;

/** Values of CNS, the structure that an Identify command requests. */
const CNS = {
  NAMESPACE: 0x00,
  CONTROLLER: 0x01,
  ACTIVE_NAMESPACES: 0x02,
  NAMESPACE_DESCRIPTORS: 0x03,
  COMMAND_SET_NAMESPACE: 0x05,
  COMMAND_SET_CONTROLLER: 0x06,
} as const;

const FEATURE_QUEUES = 0x07;
const FEATURE_COALESCING = 0x08;
const FEATURE_VECTOR = 0x09;
const FEATURE_HOST_MEMORY = 0x0d;
/** Bits of the Host Memory Buffer feature. */
const HOST_MEMORY_ENABLE = 0x1;
const HOST_MEMORY_RETURNED = 0x2;
/**
 * Features for which the controller only stores a value, without any effect: arbitration, power
 * management, temperature threshold, error recovery, write cache, write atomicity, asynchronous
 * events.
 */
const PLAIN_FEATURES = [0x01, 0x02, 0x04, 0x05, 0x06, 0x0a, 0x0b];
/** Error information, health, firmware slots: mandatory, but all zero here. */
const LOG_PAGES = [0x01, 0x02, 0x03];

export interface AdminOptions {
  readonly controller: ControllerIdentity;
  readonly namespace: NamespaceIdentity;
  readonly maxQueues: number;
  readonly maxQueueEntries: number;
  readonly queues: QueueTable;
  readonly prp: PrpWalk;
  readonly transfer: HostTransfer;
  /** Called before a queue is created; true to refuse it. */
  readonly refusesQueue: () => boolean;
  /** Aborts a command; false if the command is not found. */
  readonly abort: (queueId: number, commandId: number) => boolean;
  /** The Host Memory Buffer; null for a controller that requests none. */
  readonly hostMemory: ControllerHostMemory | null;
  /** Makes the controller use shadow doorbells in two buffers of the host. */
  readonly shadowDoorbells: (valuesDma: number, wakeupsDma: number) => void;
}

export class AdminCommandHandler {
  /** Dword 0 of the completion of the last command. */
  result = 0;
  readonly #options: AdminOptions;
  readonly #ranges = new RangeList();
  readonly #features = new Map<number, number>();
  /** Values of Interrupt Vector Configuration, by vector. */
  readonly #vectors = new Map<number, number>();
  #grantedQueues: number;
  #openEvents = 0;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#grantedQueues = options.maxQueues;
  }

  /** Sets the state to the values that it has after a reset. */
  reset(): void {
    this.#features.clear();
    this.#vectors.clear();
    this.#grantedQueues = this.#options.maxQueues;
    this.#openEvents = 0;
  }

  /** Executes one command and returns its status; `result` is dword 0 of its completion. */
  execute(command: DataView): number {
    this.result = 0;
    // Checks PSDT and the fused bits: on PCIe an admin command must use PRPs and must not be fused
    // (4.2).
    if ((command.getUint8(1) & 0xc3) !== 0) return STATUS.INVALID_FIELD;
    switch (command.getUint8(0)) {
      case ADMIN_OPCODE.IDENTIFY:
        return this.#identify(command);
      case ADMIN_OPCODE.SET_FEATURES:
        return this.#setFeatures(command);
      case ADMIN_OPCODE.GET_FEATURES:
        return this.#getFeatures(command);
      case ADMIN_OPCODE.CREATE_COMPLETION_QUEUE:
        return this.#createCompletionQueue(command);
      case ADMIN_OPCODE.CREATE_SUBMISSION_QUEUE:
        return this.#createSubmissionQueue(command);
      case ADMIN_OPCODE.DELETE_SUBMISSION_QUEUE:
        return this.#deleteSubmissionQueue(command);
      case ADMIN_OPCODE.DELETE_COMPLETION_QUEUE:
        return this.#deleteCompletionQueue(command);
      case ADMIN_OPCODE.GET_LOG_PAGE:
        return this.#getLogPage(command);
      case ADMIN_OPCODE.ABORT:
        return this.#abort(command);
      case ADMIN_OPCODE.DOORBELL_BUFFER_CONFIG:
        return this.#configureDoorbells(command);
      case ADMIN_OPCODE.ASYNC_EVENT_REQUEST:
        if (this.#openEvents > ASYNC_EVENT_LIMIT) return STATUS.ASYNC_EVENT_LIMIT;
        this.#openEvents++;
        return NO_COMPLETION;
      default:
        return STATUS.INVALID_OPCODE;
    }
  }

  /** Aborts a command. Bit 0 of the result is set if the command was not aborted (5.1). */
  #abort(command: DataView): number {
    const aborted = this.#options.abort(command.getUint16(40, true), command.getUint16(42, true));
    this.result = aborted ? 0 : 1;
    return STATUS.SUCCESS;
  }

  #identify(command: DataView): number {
    const { controller, namespace } = this.#options;
    const namespaceId = command.getUint32(4, true);
    switch (command.getUint8(40)) {
      case CNS.CONTROLLER:
        return this.#send(command, identifyController(controller));
      case CNS.ACTIVE_NAMESPACES:
        if (namespaceId >= 0xffff_fffe) return STATUS.INVALID_NAMESPACE;
        return this.#send(command, activeNamespaces(namespaceId));
      case CNS.NAMESPACE:
        if (namespaceId !== 1) return STATUS.INVALID_NAMESPACE;
        return this.#send(command, identifyNamespace(namespace));
      case CNS.NAMESPACE_DESCRIPTORS:
        if (namespaceId !== 1) return STATUS.INVALID_NAMESPACE;
        return this.#send(command, namespaceDescriptors(namespace));
      case CNS.COMMAND_SET_NAMESPACE:
        if (namespaceId !== 1) return STATUS.INVALID_NAMESPACE;
        return this.#send(command, zeros(Uint8Array, IDENTIFY_BYTES));
      case CNS.COMMAND_SET_CONTROLLER:
        return this.#send(command, zeros(Uint8Array, IDENTIFY_BYTES));
      default:
        return STATUS.INVALID_FIELD;
    }
  }

  #setFeatures(command: DataView): number {
    const feature = command.getUint8(40);
    const value = command.getUint32(44, true);
    // The save bit SV is refused, because no feature survives a reset here.
    if (command.getUint8(43) >= 0x80) return STATUS.FEATURE_NOT_SAVEABLE;
    if (feature === FEATURE_COALESCING || feature === FEATURE_VECTOR) {
      return this.#keepCoalescing(feature, value);
    }
    if (feature === FEATURE_HOST_MEMORY) return this.#setHostMemory(command, value);
    if (feature !== FEATURE_QUEUES) {
      if (!PLAIN_FEATURES.includes(feature)) return STATUS.INVALID_FIELD;
      this.#features.set(feature, value);
      return STATUS.SUCCESS;
    }
    if (this.#options.queues.hasIoQueues) return STATUS.COMMAND_SEQUENCE_ERROR;
    const submission = (value & 0xffff) + 1;
    const completion = (value >>> 16) + 1;
    if (submission > 0xffff || completion > 0xffff) return STATUS.INVALID_FIELD;
    // Grants the same number of submission and completion queues: the setting counts queue pairs.
    this.#grantedQueues = Math.min(Math.max(submission, completion), this.#options.maxQueues);
    this.result = this.#queuesResult();
    return STATUS.SUCCESS;
  }

  /**
   * Reads two page addresses: the buffer with the doorbells' values, and the buffer for the event
   * indexes (5.7).
   */
  #configureDoorbells(command: DataView): number {
    if (!this.#options.controller.shadowDoorbells) return STATUS.INVALID_OPCODE;
    for (const at of [24, 32]) {
      if (command.getUint32(at, true) % PAGE_BYTES !== 0) return STATUS.PRP_OFFSET;
      if (foldedHigh(command.getUint32(at + 4, true)) >= WIDE_HALF) return STATUS.INVALID_FIELD;
    }
    this.#options.shadowDoorbells(addressAt(command, 24), addressAt(command, 32));
    return STATUS.SUCCESS;
  }

  /** Stores Interrupt Coalescing, or the vectors excluded from it. Interrupts are never coalesced here. */
  #keepCoalescing(feature: number, value: number): number {
    if (feature === FEATURE_COALESCING) {
      this.#features.set(feature, value & 0xffff);
      return STATUS.SUCCESS;
    }
    const vector = value & 0xffff;
    if (vector > this.#options.maxQueues) return STATUS.INVALID_FIELD;
    this.#vectors.set(vector, value & 0x1_ffff);
    return STATUS.SUCCESS;
  }

  #setHostMemory(command: DataView, value: number): number {
    const { hostMemory } = this.#options;
    if (hostMemory === null) return STATUS.INVALID_FIELD;
    if ((value & HOST_MEMORY_ENABLE) === 0) {
      hostMemory.disable();
      return STATUS.SUCCESS;
    }
    return hostMemory.enable({
      sizeBytes: command.getUint32(48, true) * PAGE_BYTES,
      listLow: command.getUint32(52, true),
      listHigh: command.getUint32(56, true),
      count: command.getUint32(60, true),
      returned: (value & HOST_MEMORY_RETURNED) !== 0,
    });
  }

  /** Returns whether host memory is in use, and its address and size as data (5.21.1.13). */
  #getHostMemory(command: DataView): number {
    const { hostMemory } = this.#options;
    if (hostMemory === null) return STATUS.INVALID_FIELD;
    const { grant } = hostMemory;
    const page = new Uint8Array(PAGE_BYTES);
    const view = new DataView(page.buffer);
    if (grant !== null) {
      view.setUint32(0, grant.sizeBytes / PAGE_BYTES, true);
      view.setUint32(4, grant.listLow, true);
      view.setUint32(8, grant.listHigh, true);
      view.setUint32(12, grant.count, true);
    }
    this.result = grant === null ? 0 : HOST_MEMORY_ENABLE;
    return this.#send(command, page);
  }

  #getFeatures(command: DataView): number {
    const feature = command.getUint8(40);
    // The select field SEL must be 0, because only current values exist (ONCS bit 4).
    if ((command.getUint8(41) & 0x7) !== 0) return STATUS.INVALID_FIELD;
    if (feature === FEATURE_HOST_MEMORY) return this.#getHostMemory(command);
    if (feature === FEATURE_QUEUES) this.result = this.#queuesResult();
    else if (feature === FEATURE_VECTOR) {
      const vector = command.getUint16(44, true);
      if (vector > this.#options.maxQueues) return STATUS.INVALID_FIELD;
      this.result = this.#vectors.get(vector) ?? vector;
    } else if (feature === FEATURE_COALESCING || PLAIN_FEATURES.includes(feature)) {
      this.result = this.#features.get(feature) ?? 0;
    } else return STATUS.INVALID_FIELD;
    return STATUS.SUCCESS;
  }

  /**
   * The number of queues, zero-based. The number of submission queues is in the lower half, the
   * number of completion queues in the upper half.
   */
  #queuesResult(): number {
    return (this.#grantedQueues - 1) * 0x1_0001;
  }

  #createCompletionQueue(command: DataView): number {
    const { queues } = this.#options;
    const id = command.getUint16(40, true);
    const depth = command.getUint16(42, true) + 1;
    const flags = command.getUint16(44, true);
    const vector = command.getUint16(46, true);
    const invalid = this.#checkNewQueue(command, id, depth, flags);
    if (invalid !== STATUS.SUCCESS) return invalid;
    if (queues.completion(id) !== undefined) return STATUS.INVALID_QUEUE_ID;
    if (this.#options.refusesQueue()) return STATUS.INTERNAL_ERROR;
    if (vector > this.#options.maxQueues) return STATUS.INVALID_INTERRUPT_VECTOR;
    const interrupts = (flags & 0x2) !== 0;
    queues.addCompletion(
      new CompletionQueue(id, addressAt(command, 24), depth, interrupts ? vector : -1),
    );
    return STATUS.SUCCESS;
  }

  #createSubmissionQueue(command: DataView): number {
    const { queues } = this.#options;
    const id = command.getUint16(40, true);
    const depth = command.getUint16(42, true) + 1;
    const completionId = command.getUint16(46, true);
    // The admin queue's id, or an id above the granted ones, is never valid (5.4).
    if (completionId === 0 || completionId > this.#grantedQueues) return STATUS.INVALID_QUEUE_ID;
    const completion = queues.completion(completionId);
    if (completion === undefined) return STATUS.COMPLETION_QUEUE_INVALID;
    const invalid = this.#checkNewQueue(command, id, depth, command.getUint16(44, true));
    if (invalid !== STATUS.SUCCESS) return invalid;
    if (queues.submission(id) !== undefined) return STATUS.INVALID_QUEUE_ID;
    if (this.#options.refusesQueue()) return STATUS.INTERNAL_ERROR;
    queues.addSubmission(new SubmissionQueue(id, addressAt(command, 24), depth, completion));
    return STATUS.SUCCESS;
  }

  #checkNewQueue(command: DataView, id: number, depth: number, flags: number): number {
    if (id === 0 || id > this.#grantedQueues) return STATUS.INVALID_QUEUE_ID;
    if (depth < 2 || depth > this.#options.maxQueueEntries) return STATUS.INVALID_QUEUE_SIZE;
    if ((flags & 0x1) === 0) return STATUS.INVALID_FIELD; // CAP.CQR: contiguous queues only
    if (command.getUint32(24, true) % PAGE_BYTES !== 0) return STATUS.PRP_OFFSET;
    if (foldedHigh(command.getUint32(28, true)) >= WIDE_HALF) return STATUS.INVALID_FIELD;
    return STATUS.SUCCESS;
  }

  #deleteSubmissionQueue(command: DataView): number {
    const id = command.getUint16(40, true);
    const queue = id === 0 ? undefined : this.#options.queues.submission(id);
    if (queue === undefined) return STATUS.INVALID_QUEUE_ID;
    this.#options.queues.removeSubmission(queue);
    return STATUS.SUCCESS;
  }

  #deleteCompletionQueue(command: DataView): number {
    const id = command.getUint16(40, true);
    const queue = id === 0 ? undefined : this.#options.queues.completion(id);
    if (queue === undefined) return STATUS.INVALID_QUEUE_ID;
    if (this.#options.queues.hasUsers(queue)) return STATUS.INVALID_QUEUE_DELETION;
    this.#options.queues.removeCompletion(queue);
    return STATUS.SUCCESS;
  }

  #getLogPage(command: DataView): number {
    if (!LOG_PAGES.includes(command.getUint8(40))) return STATUS.INVALID_LOG_PAGE;
    const dwords = (command.getUint16(42, true) & 0xfff) + 1;
    return this.#send(command, new Uint8Array(dwords * 4));
  }

  #send(command: DataView, bytes: Uint8Array): number {
    const status = this.#options.prp.walk(command, 24, bytes.length, true, this.#ranges);
    if (status !== STATUS.SUCCESS) return status;
    return this.#options.transfer.send(bytes, this.#ranges);
  }
}

/** Reads an address that has been checked to fit a number. */
function addressAt(command: DataView, at: number): DmaAddr {
  const high = foldedHigh(command.getUint32(at + 4, true));
  invariant(high < WIDE_HALF, "A command's address has no number and was not refused");
  return (high * 2 ** 32 + command.getUint32(at, true)) as DmaAddr;
}
