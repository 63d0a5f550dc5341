/**
 * Converts a workload into a scenario that submits the workload's requests to a disk. The requests
 * come from blkparse or from a fio job.
 *
 * @see rules/traces.md T.57, T.58
 */
import { addAll } from "@dmalab/runtime/basics";
import { formatCount, formatSize } from "@dmalab/lang/text";
import type { LoggedEvent } from "../line/event_log.ts";
import { type FioJob, type FioShare, type FioVerb, readFioJob } from "../line/fio_job.ts";
import { SubmittedRequests } from "./request_lines.ts";
import { GIB, MIB, Random, SECTOR_SIZE_BYTES } from "@dmalab/runtime";

/** Size of the scenario's disk. */
const DISK_BYTES = 2 ** 40;
const MAX_REQUESTS = 5000;
/** Largest number of failed requests that are listed; further ones are only counted. */
const MAX_FAILED = 20;
/**
 * Number of rounds of a job that are written. In each round, a job submits as many requests as it
 * keeps in flight. A number is needed because a job has no natural end in a scenario.
 */
const JOB_ROUNDS = 8;
/** A constant seed, so that the same job gives the same scenario. */
const SEED = 1;
const MAX_BYTES = 16 * MIB;

const GLOBAL = "global";

interface Job {
  readonly name: string;
  readonly options: Map<string, string>;
  readonly ignored: Map<string, string>;
}

/** Reads the events of a file; events that are not part of a workload are ignored. */
export class WorkloadScript {
  readonly #lines: string[] = [];
  readonly #guesses = new Set<string>();
  /** Number of blkparse requests that are neither reads nor writes, by kind. */
  readonly #leftOut = new Map<string, number>();
  readonly #jobs: Job[] = [];
  readonly #defaults: Job = { name: GLOBAL, options: new Map(), ignored: new Map() };
  /** The job that the current lines describe. */
  #section = this.#defaults;
  /** Requests in flight, by device and first sector. */
  readonly #submitted = new SubmittedRequests((number, pages) => `buffer${number}_${pages}`);
  /** By device and first sector: how often a request was requeued. */
  readonly #tries = new Map<string, number>();
  readonly #failed: string[] = [];
  /** Number of failed requests beyond the listed ones. */
  #failedMore = 0;
  #requests = 0;
  #most = 0;

  take(event: LoggedEvent): void {
    if (event.origin === "blkparse") this.#block(event);
    else if (event.event === "job") {
      const name = String(event.name);
      const { ignored, options } = this.#defaults;
      // A section `[global]` sets defaults for the jobs after it.
      const job = name === GLOBAL
        ? this.#defaults
        : { name, options: new Map(options), ignored: new Map(ignored) };
      if (name !== GLOBAL) this.#jobs.push(job);
      this.#section = job;
    } else if (event.event === "option" || event.event === "ignored") {
      const { event: kind, option, value } = event;
      const texts = kind === "option" ? this.#section.options : this.#section.ignored;
      texts.delete(String(option));
      texts.set(String(option), String(value));
    }
  }

  /** The scenario's text; null if there is no request. @param source Name of the file. */
  text(source: string): string | null {
    for (const job of this.#jobs) this.#job(job);
    for (const key of [...this.#submitted.running.keys()]) this.#wait(key);
    if (this.#requests === 0) return null;
    const depth = Math.max(32, 2 ** Math.ceil(Math.log2(this.#most + 1)));
    return [
      `# The workload of ${source}: ${formatCount(this.#requests, "request")}.`,
      ...[...this.#guesses].map((guess) => `# Guessed: ${guess}.`),
      ...[...this.#leftOut].map(([what, count]) =>
        `# Left out: ${formatCount(count, what, what === "flush" ? "flushes" : `${what}s`)}.`
      ),
      ...this.#failed.map((failed) =>
        `# Failed on the machine: ${failed}; here it succeeds, unless device.status is injected.`
      ),
      ...this.#failedMore === 0
        ? []
        : [`# Failed on the machine: ${formatCount(this.#failedMore, "more request")}.`],
      ...this.#failed.length === 0 ? [] : [
        "# Left out: why they failed, and their retries: blkparse prints an errno, and no status of the controller.",
      ],
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

  /**
   * Reads a line of blkparse. The action `D` issues the request to the driver, `R` requeues it, `C`
   * completes it.
   */
  #block({ device, errno, event, rwbs, sector, sectors }: LoggedEvent): void {
    const isData = /^F?[RW]/.test(String(rwbs));
    const hasNoRange = sectors === undefined || sectors === 0;
    if (event === "D" && (!isData || hasNoRange)) {
      const what = /^D/.test(String(rwbs))
        ? "discard"
        : String(rwbs).startsWith("F") || isData && sectors === 0
        ? "flush"
        : isData
        ? "passthrough request"
        : "other request";
      this.#leftOut.set(what, (this.#leftOut.get(what) ?? 0) + 1);
      return;
    }
    if (typeof sector !== "number" || typeof sectors !== "number" || sectors === 0) return;
    const key = `${device} ${sector}`;
    const verb = String(rwbs).includes("W") ? "write" : "read";
    const tries = this.#tries.get(key) ?? 0;
    if (event === "R") this.#tries.set(key, tries + 1);
    if (event === "C") {
      this.#wait(key);
      this.#tries.delete(key);
      if (typeof errno === "number" && errno !== 0) {
        const after = tries === 0 ? "" : `, after ${formatCount(tries, "retry", "retries")}`;
        const text = `${verb} of ${
          formatCount(sectors, "sector")
        } from ${sector} on, errno ${errno}${after}`;
        if (this.#failed.length < MAX_FAILED) this.#failed.push(text);
        else this.#failedMore++;
      }
    }
    // A requeued request is issued again, but it is the same request.
    if (event !== "D" || tries > 0) return;
    this.#guesses.add("where in memory the data of requests is");
    this.#submit(key, verb, sector, sectors * SECTOR_SIZE_BYTES);
  }

  #submit(key: string, verb: FioVerb, sector: number, bytes: number): void {
    if (this.#requests >= MAX_REQUESTS) {
      this.#guesses.add(`everything after ${MAX_REQUESTS} requests, which is left out`);
      return;
    }
    const lba = sector % ((DISK_BYTES - MAX_BYTES) / SECTOR_SIZE_BYTES);
    if (lba !== sector) {
      this.#guesses.add("blocks beyond the disk's end: they are moved to its front");
    }
    this.#wait(key);
    if (bytes > MAX_BYTES) {
      this.#guesses.add(`requests of more than ${formatSize(MAX_BYTES)}: they are cut`);
    }
    const request = { verb, lba, bytes: Math.min(bytes, MAX_BYTES) };
    addAll(this.#lines, this.#submitted.begin(key, `io${++this.#requests}`, "ssd", request));
    this.#most = Math.max(this.#most, this.#submitted.running.size);
  }

  #wait(key: string): void {
    addAll(this.#lines, this.#submitted.complete(key));
  }

  /**
   * Writes some rounds of a job. In each round the job submits as many requests as it keeps in
   * flight, and then waits for their completions.
   */
  #job({ ignored, name, options }: Job): void {
    const job = readFioJob(options, ignored);
    for (const guess of job.guesses) this.#guesses.add(`job ${name}: ${guess}`);
    if (job.sizeBytes === null) {
      this.#guesses.add(`job ${name} says no size: it has ${formatSize(GIB)}`);
    }
    const underWay = Math.min(job.iodepth * job.numjobs, MAX_REQUESTS);
    const rounds = JOB_ROUNDS * underWay;
    const count = job.numberIos === null ? rounds : Math.min(rounds, job.numberIos * job.numjobs);
    this.#guesses.add(
      count < rounds
        ? "random offsets, sizes and shares of reads"
        : `${JOB_ROUNDS} rounds of a job, which has more; random offsets, sizes and shares of reads`,
    );
    const random = new Random(SEED);
    const position = new Map<FioVerb, Position>(
      job.verbs.map((verb) => [verb, this.#positionOf(job, verb)]),
    );
    for (let index = 0; index < count; index++) {
      const [verb] = job.verbs.length === 1 || job.writesTrimmed
        ? job.verbs
        : [random.below(100) < job.readShare ? "read" as const : "write" as const];
      const { lba, bytes } = this.#nextOf(job, position.get(verb!)!, random);
      this.#submit(`job ${index}`, verb!, lba, bytes);
      if (job.writesTrimmed) {
        // The write of a range follows its discard.
        this.#wait(`job ${index}`);
        this.#submit(`job ${index}`, "write", lba, bytes);
      }
      if ((index + 1) % underWay === 0) {
        for (const key of [...this.#submitted.running.keys()]) this.#wait(key);
      }
    }
  }

  #positionOf({ offsetBytes, sizeBytes, sizes }: FioJob, verb: FioVerb): Position {
    const { leastBytes, mostBytes, shares } = sizes[verb];
    if ([leastBytes, mostBytes, offsetBytes].some((bytes) => bytes % SECTOR_SIZE_BYTES !== 0)) {
      this.#guesses.add(`sizes and offsets are whole sectors of ${SECTOR_SIZE_BYTES} bytes`);
    }
    const [least, most] = [leastBytes, mostBytes].map((bytes) =>
      Math.ceil(Math.max(bytes, SECTOR_SIZE_BYTES) / SECTOR_SIZE_BYTES)
    ) as [number, number];
    const size = Math.min(sizeBytes ?? GIB, DISK_BYTES);
    const sectors = Math.max(Math.floor(size / SECTOR_SIZE_BYTES), most);
    const first = Math.floor(offsetBytes / SECTOR_SIZE_BYTES);
    return { least, most, shares, sectors, first, next: 0, left: 0 };
  }

  /** The range of the job's next request of one kind. */
  #nextOf(
    { holeBytes, random: isRandom, run }: FioJob,
    place: Position,
    random: Random,
  ): { readonly lba: number; readonly bytes: number } {
    const { first, least, most, sectors } = place;
    const length = place.shares === null
      ? Math.min(least * (1 + random.below(Math.max(1, Math.ceil(most / least)))), most)
      : drawn(place.shares, random);
    if (isRandom && place.left === 0) {
      const places = Math.max(Math.floor((sectors - length) / least), 1);
      place.next = random.below(places) * least;
      place.left = run;
    }
    // If the rest of the file is too short for the request, the job continues at the start of the
    // file.
    if (place.next + length > sectors) place.next = 0;
    const at = place.next;
    place.next = at + length + Math.ceil(holeBytes / SECTOR_SIZE_BYTES);
    place.left = Math.max(0, place.left - 1);
    return { lba: first + at, bytes: length * SECTOR_SIZE_BYTES };
  }
}

/** A size in sectors, drawn by the shares of the sizes. */
function drawn(shares: readonly FioShare[], random: Random): number {
  const total = shares.reduce((sum, { percent }) => sum + percent, 0);
  let left = random.below(Math.max(1, total));
  const share = shares.find(({ percent }) => (left -= percent) < 0) ?? shares.at(-1)!;
  return Math.max(1, Math.ceil(share.bytes / SECTOR_SIZE_BYTES));
}

/** The position of the next request of one kind, in sectors. */
interface Position {
  /** Least size of a request in sectors; `most`: the largest size. */
  readonly least: number;
  readonly most: number;
  readonly shares: readonly FioShare[] | null;
  readonly first: number;
  readonly sectors: number;
  next: number;
  /** Number of sequential requests before the next random position. */
  left: number;
}
