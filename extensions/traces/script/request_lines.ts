/**
 * Writes NVMe requests into a scenario. The scenario submits the same reads and writes to its disk,
 * and the driver of that disk maps the data itself.
 */
import type { Device, TracedMapping } from "../ledger/traced_mapping.ts";
import { PAGE_BYTES } from "../owner/pages.ts";
import type { ScriptedCall } from "./recorder.ts";

/** A trace does not record the block size; most disks are formatted with this one. */
const BLOCK_BYTES = 512;
/**
 * Requests past this number of blocks are not submitted: a scenario's disk has this many blocks
 * unless specified.
 */
const MAX_BLOCKS = 2 ** 31;

/**
 * The requests that a scenario submits to a disk. When no request uses a buffer any more, the buffer is
 * reused.
 */
export class SubmittedRequests {
  /** Names of unused buffers, by their number of pages. */
  readonly #free = new Map<number, string[]>();
  /** For each request in flight: its variable, and its buffer if it transfers data. */
  readonly running = new Map<string, { variable: string; buffer: string | null; pages: number }>();
  #buffers = 0;

  /**
   * @param nameOf Makes a buffer's name from two numbers: the buffer's number, counted from 1, and
   *   its number of pages.
   */
  constructor(private readonly nameOf: (number: number, pages: number) => string) {}

  /** The lines that submit a request. @param disk The disk's name. */
  begin(
    key: string,
    variable: string,
    disk: string,
    { bytes, lba, verb }: { readonly bytes: number; readonly lba: number; readonly verb: string },
  ): string[] {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    if (verb === "discard") {
      // The request has no data.
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

  /**
   * The scenario's statements that wait for a request; none for a request that was not submitted.
   */
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
  /**
   * Requests for which the trace has both setup and completion: the device of each request, by the
   * line of its setup.
   */
  readonly #whole = new Map<number, Device>();
  /** Names of requests in flight. */
  readonly #open = new Set<string>();
  readonly #submitted = new SubmittedRequests((number) => `buffer${number}`);

  /**
   * @param steps All steps of the run, in the order of their lines.
   * @param isWrong Whether a finding is about a mapping. Such a mapping is written as a separate
   *   call, not as part of a request.
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

  /** The devices that become disks of the scenario. */
  get disks(): ReadonlySet<Device> {
    return new Set(this.#whole.values());
  }

  /**
   * Whether the scenario's disk driver makes a mapping, because the scenario submits the request to
   * which the mapping belongs.
   */
  covers(mapping: TracedMapping): boolean {
    return mapping.request !== null && this.#open.has(mapping.request);
  }

  /** The device of a request that begins in this line. Null if the request cannot be written. */
  deviceAt(line: number): Device | null {
    return this.#whole.get(line) ?? null;
  }

  /**
   * The lines of the scenario for a request's setup.
   * @param name The disk's name in the scenario.
   */
  begin(step: Extract<ScriptedCall, { op: "request" }>, name: string): string[] {
    const { command, line } = step;
    this.#open.add(command.name);
    const { blocks, lba, verb } = command;
    if (lba === null || blocks === null) return [];
    const request = { bytes: blocks * BLOCK_BYTES, lba, verb };
    return this.#submitted.begin(command.name, `io${line}`, name, request);
  }

  /** The lines for a completion; none if its request was not written. */
  complete(name: string): string[] {
    this.#open.delete(name);
    return this.#submitted.complete(name);
  }
}
