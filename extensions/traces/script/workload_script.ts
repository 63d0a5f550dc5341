/**
 * A workload as a scenario: the requests of blkparse, or of a job for fio, given to a disk.
 *
 * @see rules/traces.md T.57, T.58
 */
import { formatCount, formatSize } from "@dmalab/lang/text";
import type { LoggedEvent } from "../line/event_log.ts";
import { SubmittedRequests } from "./request_lines.ts";
import { GIB, MIB, PAGE_SIZE_BYTES, Random, SECTOR_SIZE_BYTES } from "@dmalab/runtime";

/** The scenario's disk holds so much. */
const DISK_BYTES = 2 ** 40;
const MAX_REQUESTS = 5000;
/** Requests that are written for each of a job's, which have no end of their own in a scenario. */
const JOB_ROUNDS = 8;
/** The same job gives the same scenario. */
const SEED = 1;
const MAX_BYTES = 16 * MIB;

interface Job {
  readonly name: string;
  readonly options: Map<string, number | string>;
}

/** Takes the events of a file; what is none of a workload is left out. */
export class WorkloadScript {
  readonly #lines: string[] = [];
  readonly #guesses = new Set<string>();
  /** Requests of blkparse that are neither reads nor writes, by what they are. */
  readonly #leftOut = new Map<string, number>();
  readonly #jobs: Job[] = [];
  /** Requests under way, by device and first sector. */
  readonly #submitted = new SubmittedRequests((number, pages) => `buffer${number}_${pages}`);
  #requests = 0;
  #most = 0;

  take(event: LoggedEvent): void {
    if (event.origin === "blkparse") this.#block(event);
    else if (event.event === "job") {
      this.#jobs.push({ name: String(event.name), options: new Map() });
    } else if (event.event === "option") {
      const { option, value } = event;
      this.#jobs.at(-1)?.options.set(String(option), value as number | string);
    }
  }

  /** The scenario; null when there is no request. @param source Name of the file. */
  text(source: string): string | null {
    const [first, ...others] = this.#jobs;
    const isGlobal = first?.name === "global";
    for (const job of isGlobal ? others : this.#jobs) {
      this.#job(new Map([...isGlobal ? first.options : [], ...job.options]));
    }
    for (const key of [...this.#submitted.running.keys()]) this.#wait(key);
    if (this.#requests === 0) return null;
    const depth = Math.max(32, 2 ** Math.ceil(Math.log2(this.#most + 1)));
    return [
      `# The workload of ${source}: ${formatCount(this.#requests, "request")}.`,
      ...[...this.#guesses].map((guess) => `# Guessed: ${guess}.`),
      ...[...this.#leftOut].map(([what, count]) =>
        `# Left out: ${formatCount(count, what, what === "flush" ? "flushes" : `${what}s`)}.`
      ),
      "machine {",
      "  iommu { mode = strict }",
      `  pci { root_port rp0 { nvme ssd { capacity = ${
        formatSize(DISK_BYTES)
      }, queues = 1, depth = ${depth} } } }`,
      "}",
      "",
      'test "the workload as it was recorded" {',
      ...this.#lines.map((line) => `  ${line}`),
      "}",
      "",
    ].join("\n");
  }

  /** `D` gives a request to the driver, `C` completes it. */
  #block({ device, event, rwbs, sector, sectors }: LoggedEvent): void {
    const isData = /^F?[RW]/.test(String(rwbs));
    if (event === "D" && (!isData || sectors === 0)) {
      const what = /^D/.test(String(rwbs))
        ? "discard"
        : isData || String(rwbs).startsWith("F")
        ? "flush"
        : "other request";
      this.#leftOut.set(what, (this.#leftOut.get(what) ?? 0) + 1);
      return;
    }
    if (typeof sector !== "number" || typeof sectors !== "number" || sectors === 0) return;
    const key = `${device} ${sector}`;
    if (event === "C") this.#wait(key);
    if (event !== "D") return;
    const verb = String(rwbs).includes("W") ? "write" : "read";
    this.#guesses.add("where in memory the data of requests is");
    this.#submit(key, verb, sector, sectors * SECTOR_SIZE_BYTES);
  }

  #submit(key: string, verb: "read" | "write", sector: number, bytes: number): void {
    if (this.#requests >= MAX_REQUESTS) {
      this.#guesses.add(`everything after ${MAX_REQUESTS} requests, which is left out`);
      return;
    }
    const lba = sector % ((DISK_BYTES - MAX_BYTES) / SECTOR_SIZE_BYTES);
    if (lba !== sector) {
      this.#guesses.add("blocks beyond the disk's end: they are moved to its front");
    }
    this.#wait(key);
    const request = { verb, lba, bytes: Math.min(bytes, MAX_BYTES) };
    this.#lines.push(...this.#submitted.begin(key, `io${++this.#requests}`, "ssd", request));
    this.#most = Math.max(this.#most, this.#submitted.running.size);
  }

  #wait(key: string): void {
    this.#lines.push(...this.#submitted.complete(key));
  }

  /** Some rounds of a job: as many requests as it keeps under way, then their completions. */
  #job(options: ReadonlyMap<string, number | string>): void {
    const number = (name: string, otherwise: number) => {
      const value = options.get(name);
      return typeof value === "number" ? value : otherwise;
    };
    const rw = String(options.get("rw") ?? "read");
    const sizes = String(options.get("bsrange") ?? number("bs", PAGE_SIZE_BYTES)).split("-").map(
      bytesOf,
    );
    const [least, most] = [sizes[0]!, sizes.at(-1)!].map((bytes) =>
      Math.ceil(Math.min(Math.max(bytes, SECTOR_SIZE_BYTES), MAX_BYTES) / SECTOR_SIZE_BYTES)
    ) as [number, number];
    const size = Math.min(number("size", GIB), DISK_BYTES);
    const sectors = Math.max(Math.floor(size / SECTOR_SIZE_BYTES), most);
    const first = Math.floor(number("offset", 0) / SECTOR_SIZE_BYTES);
    const underWay = Math.min(number("iodepth", 1) * number("numjobs", 1), MAX_REQUESTS);
    const reads = /rw|mix/.test(rw) ? number("rwmixread", 50) : rw.includes("write") ? 0 : 100;
    this.#guesses.add(
      `${JOB_ROUNDS} rounds of a job, which has more; random offsets, sizes and shares of reads`,
    );
    const random = new Random(SEED);
    let next = 0;
    for (let index = 0; index < JOB_ROUNDS * underWay; index++) {
      const length = least * (1 + random.below(Math.max(1, Math.floor(most / least))));
      const places = Math.max(Math.floor((sectors - length) / least), 1);
      const at = rw.startsWith("rand")
        ? random.below(places) * least
        : next % Math.max(sectors - length, 1);
      next = at + length;
      this.#submit(
        `job ${index}`,
        random.below(100) < reads ? "read" : "write",
        first + at,
        length * SECTOR_SIZE_BYTES,
      );
      if ((index + 1) % underWay === 0) {
        for (const key of [...this.#submitted.running.keys()]) this.#wait(key);
      }
    }
  }
}

/** `4k`, `1m`, `4096`: 1024 of each. */
function bytesOf(text: string): number {
  const match = /^(\d{1,12})([kmg]?)/i.exec(text);
  const power = { k: 1, m: 2, g: 3 }[match?.[2]?.toLowerCase() ?? ""] ?? 0;
  return match === null ? PAGE_SIZE_BYTES : Number(match[1]) * 1024 ** power;
}
