/**
 * Requests of NVMe in a scenario: the disk is given the same reads and writes, and its driver maps for
 * them what it maps.
 */
import { type Device, PAGE_BYTES, type TracedMapping } from "../ledger/traced_mapping.ts";
import type { NvmeCommand, ScriptedCall } from "./recorder.ts";

/** A trace does not record the block size; most disks are formatted with this one. */
const BLOCK_BYTES = 512;
/** What a scenario's disk holds when nothing else is said. */
const MAX_BLOCKS = 2 ** 31;

/** A request that both lines are there for. */
interface WholeRequest {
  readonly command: NvmeCommand;
  readonly device: Device;
}

export class RequestLines {
  readonly #whole = new Map<number, WholeRequest>();
  /** Names of requests that are under way. */
  readonly #open = new Set<string>();
  /** Buffers that no request uses now, by their pages. */
  readonly #free = new Map<number, string[]>();
  /** Of a request under way: its variable and its buffer. */
  readonly #running = new Map<string, { variable: string; buffer: string; pages: number }>();
  #buffers = 0;

  /**
   * @param steps All of the run, in the order of their lines.
   * @param isWrong Whether a finding is about a mapping: then it is written down itself.
   */
  constructor(steps: readonly ScriptedCall[], isWrong: (mapping: TracedMapping) => boolean) {
    const devices = new Map<string, Device>();
    const wrong = new Set<string>();
    for (const step of steps) {
      if (step.op === "request" || step.op === "completion") continue;
      const { mapping } = step;
      const { device, request } = mapping;
      if (request === null) continue;
      if (device !== null) devices.set(request.split(" ")[0]!, device);
      if (isWrong(mapping)) wrong.add(request);
    }
    const open = new Map<string, Extract<ScriptedCall, { op: "request" }>>();
    for (const step of steps) {
      if (step.op === "request") open.set(step.command.name, step);
      if (step.op !== "completion") continue;
      const begun = open.get(step.name);
      open.delete(step.name);
      if (begun === undefined || wrong.has(step.name)) continue;
      const { command, line } = begun;
      const device = devices.get(command.controller);
      const isData = command.verb === "read" || command.verb === "write";
      if (device === undefined || !isData || command.lba + command.blocks > MAX_BLOCKS) continue;
      this.#whole.set(line, { command, device });
    }
  }

  /** Devices that are disks of the scenario. */
  get disks(): ReadonlySet<Device> {
    return new Set([...this.#whole.values()].map(({ device }) => device));
  }

  /** Whether the disk's own driver makes a mapping: it is for a request that is written as one. */
  covers(mapping: TracedMapping): boolean {
    return mapping.request !== null && this.#open.has(mapping.request);
  }

  /** The device of a request that begins in this line, when it can be written. */
  deviceAt(line: number): Device | null {
    return this.#whole.get(line)?.device ?? null;
  }

  /** Lines of the scenario for a request's setup. @param name What the disk is called. */
  begin(step: Extract<ScriptedCall, { op: "request" }>, name: string): string[] {
    const { command, line } = step;
    this.#open.add(command.name);
    const bytes = command.blocks * BLOCK_BYTES;
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const free = this.#free.get(pages)?.pop();
    const buffer = free ?? `buffer${++this.#buffers}`;
    const variable = `io${line}`;
    this.#running.set(command.name, { variable, buffer, pages });
    const make = pages === 1
      ? `let ${buffer} = alloc_pages(1)`
      : `let ${buffer} = alloc_pages(${pages}, contiguous: false)`;
    return [
      ...free === undefined ? [make] : [],
      `let ${variable} = ${name}.submit(${command.verb}, lba: ${command.lba}, data: ${buffer}, bytes: ${bytes}B)`,
    ];
  }

  /** Lines for a completion; none when its request is not written. */
  complete(name: string): string[] {
    this.#open.delete(name);
    const running = this.#running.get(name);
    if (running === undefined) return [];
    this.#running.delete(name);
    const { buffer, pages, variable } = running;
    this.#free.set(pages, [...this.#free.get(pages) ?? [], buffer]);
    return [`wait ${variable}`];
  }
}
