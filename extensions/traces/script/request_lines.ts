/**
 * Requests of NVMe in a scenario: the disk is given the same reads and writes, and its driver maps for
 * them what it maps.
 */
import { type Device, PAGE_BYTES, type TracedMapping } from "../ledger/traced_mapping.ts";
import type { ScriptedCall } from "./recorder.ts";

/** A trace does not record the block size; most disks are formatted with this one. */
const BLOCK_BYTES = 512;
/** The size of a scenario's disk without any other statement. */
const MAX_BLOCKS = 2 ** 31;

/** Requests that a scenario gives to a disk: a buffer that no request uses any more is used again. */
export class SubmittedRequests {
  /** Buffers that no request uses now, by their pages. */
  readonly #free = new Map<number, string[]>();
  /** Of each request under way: its variable, and its buffer, if it moves data. */
  readonly running = new Map<string, { variable: string; buffer: string | null; pages: number }>();
  #buffers = 0;

  /** @param nameOf Names a buffer by its number, from 1, and its pages. */
  constructor(private readonly nameOf: (number: number, pages: number) => string) {}

  /** Lines that submit a request. @param disk Its name. */
  begin(
    key: string,
    variable: string,
    disk: string,
    { bytes, lba, verb }: { readonly bytes: number; readonly lba: number; readonly verb: string },
  ): string[] {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    if (verb === "discard") {
      // It carries no data.
      this.running.set(key, { variable, buffer: null, pages });
      return [`let ${variable} = ${disk}.submit(discard, lba: ${lba}, bytes: ${bytes}B)`];
    }
    const free = this.#free.get(pages)?.pop();
    const buffer = free ?? this.nameOf(++this.#buffers, pages);
    this.running.set(key, { variable, buffer, pages });
    const scattered = pages === 1 ? "" : ", contiguous: false";
    return [
      ...free === undefined ? [`let ${buffer} = alloc_pages(${pages}${scattered})`] : [],
      `let ${variable} = ${disk}.submit(${verb}, lba: ${lba}, data: ${buffer}, bytes: ${bytes}B)`,
    ];
  }

  /** Lines that wait for a request; none for one that was not submitted. */
  complete(key: string): string[] {
    const running = this.running.get(key);
    if (running === undefined) return [];
    this.running.delete(key);
    if (running.buffer !== null) {
      this.#free.getOrInsertComputed(running.pages, () => []).push(running.buffer);
    }
    return [`wait ${running.variable}`];
  }
}

export class RequestLines {
  /** Devices of requests that both lines are there for, by the line of the setup. */
  readonly #whole = new Map<number, Device>();
  /** Names of requests that are under way. */
  readonly #open = new Set<string>();
  readonly #submitted = new SubmittedRequests((number) => `buffer${number}`);

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
      const { blocks, lba } = command;
      if (blocks === null || lba === null || lba + blocks > MAX_BLOCKS) continue;
      if (device === undefined || !isData) continue;
      this.#whole.set(line, device);
    }
  }

  /** Devices that are disks of the scenario. */
  get disks(): ReadonlySet<Device> {
    return new Set(this.#whole.values());
  }

  /** Whether the disk's own driver makes a mapping: it is for a request that is written as one. */
  covers(mapping: TracedMapping): boolean {
    return mapping.request !== null && this.#open.has(mapping.request);
  }

  /** The device of a request that begins in this line, when it can be written. */
  deviceAt(line: number): Device | null {
    return this.#whole.get(line) ?? null;
  }

  /** Lines of the scenario for a request's setup. @param name What the disk is called. */
  begin(step: Extract<ScriptedCall, { op: "request" }>, name: string): string[] {
    const { command, line } = step;
    this.#open.add(command.name);
    const { blocks, lba, verb } = command;
    if (lba === null || blocks === null) return [];
    const request = { bytes: blocks * BLOCK_BYTES, lba, verb };
    return this.#submitted.begin(command.name, `io${line}`, name, request);
  }

  /** Lines for a completion; none when its request is not written. */
  complete(name: string): string[] {
    this.#open.delete(name);
    return this.#submitted.complete(name);
  }
}
