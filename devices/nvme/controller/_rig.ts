/**
 * A host for the controller's tests: flat memory, queues and commands encoded by hand from the
 * specification, without any code of the driver or the controller.
 */
import {
  ActivityQueue,
  addressDigits,
  type EventName,
  EventStream,
  FailureInjector,
  HostBudget,
  type MachineEvent,
  MemoryPage,
  VirtualClock,
} from "@dmalab/runtime";
import { DmaDevice, type PageMaker } from "@dmalab/runtime/dma";
import type { HostBus } from "./host_port.ts";
import { Media } from "./media.ts";
import { commandBytes, type CommandFields } from "../command_bytes.ts";
import { type ControllerSettings, NvmeController } from "./nvme_controller.ts";

const MEMORY_BYTES = 8 * 2 ** 20;
const FILLER = 0xa5;

/** Memory without translation. Pages in `holes`, and everything above the memory, fault. */
export class FlatMemory implements HostBus {
  readonly bytes = new Uint8Array(MEMORY_BYTES).fill(FILLER);
  readonly view = new DataView(this.bytes.buffer);
  readonly holes = new Set<number>();
  readonly reads: [dma: number, sizeBytes: number][] = [];
  readonly writes: [dma: number, sizeBytes: number][] = [];
  readonly faults: string[] = [];
  /** Upper halves of accessed addresses that are too large for a number. */
  readonly wideHighs: number[] = [];

  read(_dev: DmaDevice, dma: number, into: Uint8Array, offset: number, size: number): boolean {
    if (!this.#check(dma, size, "read")) return false;
    this.reads.push([dma, size]);
    into.set(this.bytes.subarray(dma, dma + size), offset);
    return true;
  }

  write(_dev: DmaDevice, dma: number, from: Uint8Array, offset: number, size: number): boolean {
    if (!this.#check(dma, size, "write")) return false;
    this.writes.push([dma, size]);
    this.bytes.set(from.subarray(offset, offset + size), dma);
    return true;
  }

  readWords(dev: DmaDevice, dma: number, into: Int32Array): boolean {
    return this.read(dev, dma, new Uint8Array(into.buffer), 0, into.byteLength);
  }

  writeWords(dev: DmaDevice, dma: number, from: Int32Array): boolean {
    return this.write(dev, dma, new Uint8Array(from.buffer), 0, from.byteLength);
  }

  writePage(_dev: DmaDevice, dma: number, maker: PageMaker): boolean {
    if (!this.#check(dma, 4096, "write")) return false;
    this.writes.push([dma, 4096]);
    maker.makePage(new MemoryPage(this.bytes.subarray(dma, dma + 4096), true));
    return true;
  }

  faultWide(_dev: DmaDevice, access: "read" | "write", high: number): void {
    this.faults.push(`${access} wide`);
    this.wideHighs.push(high % 2 ** 32);
  }

  putU64(at: number, value: number | bigint): void {
    const bits = typeof value === "number" ? BigInt(`0x${addressDigits(value)}`) : value;
    this.view.setBigUint64(at, bits, true);
  }

  /** Writes an SGL descriptor. */
  putSgl(at: number, address: number | bigint, length: number, type: number): void {
    this.putU64(at, address);
    this.view.setUint32(at + 8, length, true);
    this.view.setUint32(at + 12, 0, true);
    this.bytes[at + 15] = type;
  }

  #check(dma: number, size: number, access: string): boolean {
    const last = dma + size - 1;
    let ok = last < MEMORY_BYTES;
    for (let page = Math.floor(dma / 4096); page <= Math.floor(last / 4096) && ok; page++) {
      if (this.holes.has(page)) ok = false;
    }
    if (!ok) this.faults.push(`${access} 0x${dma.toString(16)}`);
    return ok;
  }
}

export interface Completion {
  readonly cid: number;
  readonly status: number;
  readonly result: number;
  readonly sqHead: number;
  readonly queue: number;
}

const ADMIN_SQ = 0x1000;
const ADMIN_CQ = 0x2000;
const IO_SQ = 0x4000;
const IO_CQ = 0x8000;
export const ADMIN_DEPTH = 32;

export interface ControllerRigOptions extends Partial<ControllerSettings> {
  readonly metadataBytes?: number;
  readonly blockSizeBytes?: number;
  readonly capacityBytes?: number;
  /** Whether to leave out the I/O queues. */
  readonly adminOnly?: boolean;
  /** The device's name; "ssd" by default. */
  readonly name?: string;
  /** Whether failures can be injected; false by default. */
  readonly fails?: boolean;
}

export class ControllerRig {
  readonly memory = new FlatMemory();
  readonly clock = new VirtualClock();
  readonly events = new EventStream(this.clock);
  readonly activities = new ActivityQueue(this.clock);
  /** The budget for the medium's memory. */
  readonly budget = new HostBudget(2 ** 28);
  readonly faults = new FailureInjector(this.events);
  readonly media: Media;
  readonly controller: NvmeController;
  readonly interrupts: number[] = [];
  /** The CPU that receives a vector's interrupt. */
  cpuOfVector: (vector: number) => number = () => 0;
  readonly ioDepth: number;
  readonly #tails: number[] = [0, 0];
  readonly #heads: number[] = [0, 0];
  readonly #phases: number[] = [1, 1];
  readonly #hasIo: boolean;
  #nextCid = 1;

  constructor(options: ControllerRigOptions = {}) {
    this.media = new Media({
      blockSizeBytes: options.blockSizeBytes ?? 512,
      capacityBytes: options.capacityBytes ?? 2 ** 40,
      metadataBytes: options.metadataBytes ?? 0,
      budget: this.budget,
    });
    this.ioDepth = options.depth ?? 64;
    this.controller = new NvmeController({
      machine: {
        events: this.events,
        activities: this.activities,
        bus: this.memory,
        faults: options.fails === true ? this.faults : null,
      },
      dev: new DmaDevice(options.name ?? "ssd"),
      media: this.media,
      settings: {
        mdtsExponent: options.mdtsExponent ?? 0,
        sgl: options.sgl ?? false,
        metadataSgl: options.metadataSgl ?? false,
        maxQueues: options.maxQueues ?? 2,
        depth: this.ioDepth,
        doorbellStride: options.doorbellStride ?? 0,
        ...(options.hostMemory === undefined ? {} : { hostMemory: options.hostMemory }),
        shadowDoorbells: options.shadowDoorbells ?? false,
      },
    });
    this.controller.interrupt = {
      raise: (vector) => this.interrupts.push(vector),
      cpuOfVector: (vector) => this.cpuOfVector(vector),
    };
    this.memory.bytes.fill(0, 0, 0x10000);
    this.enable();
    this.#hasIo = !options.adminOnly;
    if (this.#hasIo) this.#createIoQueues();
  }

  /** Writes AQA, ASQ, ACQ and CC, and so makes the controller ready. */
  enable(): void {
    const { controller } = this;
    controller.write32(0x24, (ADMIN_DEPTH - 1) * 0x1_0001);
    controller.write32(0x28, ADMIN_SQ);
    controller.write32(0x30, ADMIN_CQ);
    controller.write32(0x14, 0x0046_0000);
    controller.write32(0x14, 0x0046_0001);
  }

  /** Resets the controller by CC.EN: all rings become empty, and the I/O queues are created again. */
  restart(): void {
    this.memory.bytes.fill(0, 0, 0x10000);
    for (const indexes of [this.#tails, this.#heads]) indexes.fill(0);
    this.#phases.fill(1);
    this.enable();
    if (this.#hasIo) this.#createIoQueues();
  }

  /** Runs an admin command to its end. */
  admin(fields: CommandFields): Completion {
    return this.#one(0, { nsid: 0, ...fields });
  }

  /** Runs an I/O command to its end. */
  io(fields: CommandFields): Completion {
    return this.#one(1, fields);
  }

  /** Puts commands into the I/O queue and rings its doorbell once, without running any activity. */
  queueIo(...commands: CommandFields[]): number[] {
    return this.#queue(1, commands);
  }

  /** Puts commands into the admin queue and rings its doorbell once, without running any activity. */
  queueAdmin(...commands: CommandFields[]): number[] {
    return this.#queue(0, commands);
  }

  run(): void {
    while (this.activities.runNext());
  }

  /** Takes all new completions of a queue, and rings the doorbell unless `quiet`. */
  reap(queue: 0 | 1, quiet = false): Completion[] {
    const found: Completion[] = [];
    const { view } = this.memory;
    const base = queue === 0 ? ADMIN_CQ : IO_CQ;
    const depth = queue === 0 ? ADMIN_DEPTH : this.ioDepth;
    while (true) {
      const at = base + this.#heads[queue]! * 16;
      const word = view.getUint16(at + 14, true);
      if ((word & 1) !== this.#phases[queue]) break;
      found.push({
        cid: view.getUint16(at + 12, true),
        status: word >> 1,
        result: view.getUint32(at, true),
        sqHead: view.getUint16(at + 8, true),
        queue: view.getUint16(at + 10, true),
      });
      this.#heads[queue]!++;
      if (this.#heads[queue] === depth) {
        this.#heads[queue] = 0;
        this.#phases[queue]! ^= 1;
      }
    }
    if (!quiet) this.ringCompletion(queue);
    return found;
  }

  ringCompletion(queue: 0 | 1): void {
    this.controller.write32(0x1000 + (2 * queue + 1) * this.#stride, this.#heads[queue]!);
  }

  /** Collects events by name while `run` runs. */
  record(names: readonly EventName[], run: () => void): MachineEvent[] {
    const events: MachineEvent[] = [];
    const stop = this.events.listen((event) => events.push(event), names);
    run();
    stop();
    return events;
  }

  get #stride(): number {
    return 4 * 2 ** this.controller.settings.doorbellStride;
  }

  #createIoQueues(): void {
    const depth = (this.ioDepth - 1) * 2 ** 16 + 1;
    const cq = this.admin({ opcode: 0x05, prp1: IO_CQ, dwords: { 10: depth, 11: 0x1_0003 } });
    const sq = this.admin({ opcode: 0x01, prp1: IO_SQ, dwords: { 10: depth, 11: 0x1_0001 } });
    if (cq.status !== 0 || sq.status !== 0) throw new Error("I/O queues were refused");
  }

  #queue(queue: 0 | 1, commands: readonly CommandFields[]): number[] {
    const cids = commands.map((fields) => this.#put(queue, fields));
    this.#ring(queue);
    return cids;
  }

  #one(queue: 0 | 1, fields: CommandFields): Completion {
    this.#put(queue, fields);
    this.#ring(queue);
    this.run();
    const [completion, ...more] = this.reap(queue);
    if (completion?.queue !== queue || more.length > 0) throw new Error("not its one completion");
    return completion;
  }

  #put(queue: 0 | 1, fields: CommandFields): number {
    const depth = queue === 0 ? ADMIN_DEPTH : this.ioDepth;
    const base = queue === 0 ? ADMIN_SQ : IO_SQ;
    const cid = this.#nextCid++;
    this.memory.bytes.set(commandBytes(fields, cid), base + this.#tails[queue]! * 64);
    this.#tails[queue] = (this.#tails[queue]! + 1) % depth;
    return cid;
  }

  #ring(queue: 0 | 1): void {
    this.controller.write32(0x1000 + 2 * queue * this.#stride, this.#tails[queue]!);
  }
}

/** The contents of a fresh disk, `size` bytes from `offset` on, computed byte by byte. */
export function fresh(offset: number, size: number, tag = 0x5a00_0000_0000_0000n): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) {
    const at = offset + index;
    bytes[index] = Number(((tag + BigInt(at - (at % 8))) >> BigInt(8 * (at % 8))) & 0xffn);
  }
  return bytes;
}
