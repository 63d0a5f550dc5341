/** `dmalab trace watch`: the mapping errors of a machine, while it is traced. */
import { findingJson, findingLine } from "../ledger/check_report.ts";
import type { TraceFinding } from "../ledger/traced_mapping.ts";
import { TraceLine } from "../line/trace_line.ts";
import { TraceWatch } from "../watch/trace_watch.ts";
import { printableJson } from "@dmalab/lang/diagnostics";
import { formatCount, formatSize } from "@dmalab/lang/text";
import type { Screen } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import { beside, host, isTaken, READ_LIMITS, SignalWatch, writeFile } from "@dmalab/cli";
import { type FollowedSource, followedSource, LeanHeap } from "./read_lines.ts";

const LINE_END = 0x0a;

/** The offset of a piece in the stream, in bytes from its start, and the time of the piece's lines. */
interface Mark {
  readonly at: number;
  readonly seconds: number;
}

/** About this many marks are kept for a full ring. */
const MARKS = 1024;

/** A ring buffer with the bytes that a stream has delivered in the last seconds. */
export class KeptBytes {
  readonly #ring: Uint8Array<ArrayBuffer>;
  #written = 0;
  #marks: Mark[] = [];

  constructor(sizeBytes: number, readonly seconds: number) {
    this.#ring = new Uint8Array(sizeBytes);
  }

  push(bytes: Uint8Array): void {
    const size = this.#ring.length;
    const kept = bytes.length > size ? bytes.subarray(bytes.length - size) : bytes;
    this.#written += bytes.length - kept.length;
    const at = this.#written % size;
    const first = kept.subarray(0, size - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#written += kept.length;
  }

  /** Records the time of the lines pushed so far. */
  mark(seconds: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && this.#written - last.at < this.#ring.length / MARKS) return;
    this.#marks.push({ at: this.#written, seconds });
    const oldest = this.#written - this.#ring.length;
    const cut = this.#marks.findIndex(({ at }) => at >= oldest);
    if (cut > 0) this.#marks = this.#marks.slice(cut);
  }

  /** Returns the whole lines of the last seconds, and how many seconds they span. */
  newest(now: number): { readonly bytes: Uint8Array<ArrayBuffer>; readonly seconds: number } {
    const size = this.#ring.length;
    const inTime = this.#marks.findLast(({ seconds }) => seconds <= now - this.seconds);
    const from = Math.max(inTime?.at ?? 0, this.#written - size, 0);
    const bytes = new Uint8Array(this.#written - from);
    const at = from % size;
    const first = this.#ring.subarray(at, Math.min(size, at + bytes.length));
    bytes.set(first);
    bytes.set(this.#ring.subarray(0, bytes.length - first.length), first.length);
    const isCut = from > 0 &&
      (from === this.#written - size || this.#ring[(from - 1) % size] !== LINE_END);
    const start = isCut ? bytes.indexOf(LINE_END) + 1 : 0;
    const since = this.#marks.find((mark) => mark.at >= from)?.seconds ?? now;
    const isAll = inTime !== undefined && inTime.at === from;
    return { bytes: bytes.subarray(start), seconds: isAll ? this.seconds : now - since };
  }
}

/** Time between two evaluations of complete log entries. */
const SETTLE_MS = 250;
const STATUS_MS = 60_000;
/**
 * Largest number of printed findings of the same kind, device and certainty; further findings are
 * only counted.
 */
const MAX_ALIKE = 10;
/**
 * Largest number of fault files that are written. A limit is needed because a device can fault
 * without end.
 */
const MAX_FILES = 10;

export interface WatchForm {
  readonly asJson: boolean;
  readonly keepSeconds: number;
  /** Prefix of the fault files' names: a number and `.trace.txt` follow. */
  readonly name: string;
}

export async function runWatch(
  paths: readonly string[],
  form: WatchForm,
  screen: Screen,
): Promise<ExitCode> {
  using interrupts = new SignalWatch();
  const sources = paths.map((path) => followedSource(path));
  const session = new WatchSession(form, screen);
  interrupts.listen();
  return await session.follow(sources, interrupts);
}

class WatchSession {
  readonly #kept: KeptBytes;
  readonly #watch: TraceWatch;
  readonly #alike = new Map<string, number>();
  #findings = 0;
  #faults = 0;
  /** The number of the last fault file. */
  #number = 0;
  #shownLines = 0;
  #shownMs = performance.now();

  constructor(private readonly form: WatchForm, private readonly screen: Screen) {
    this.#kept = new KeptBytes(READ_LIMITS.keptTrace, form.keepSeconds);
    this.#watch = new TraceWatch({
      finding: (finding) => this.#found(finding),
      fault: (finding) => this.#fault(finding),
    });
  }

  async follow(sources: readonly FollowedSource[], interrupts: SignalWatch): Promise<ExitCode> {
    const stop = () => sources.forEach((source) => source.stop());
    let timer: ReturnType<typeof setInterval> | undefined;
    const failed = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        try {
          if (interrupts.interrupted()) stop();
          this.#watch.settle();
          if (performance.now() - this.#shownMs > STATUS_MS) this.#status();
        } catch (error) {
          stop();
          reject(error);
        }
      }, SETTLE_MS);
    });
    try {
      await Promise.race([failed, Promise.all(sources.map((source) => this.#read(source)))]);
    } finally {
      clearInterval(timer);
    }
    this.#watch.end();
    this.#status();
    return this.#findings + this.#faults > 0 ? FAILED : HELD;
  }

  async #read(source: FollowedSource): Promise<void> {
    // Only whole lines are kept. Pieces of several streams are interleaved, and a piece may end
    // within a line, so the rest of the line waits for the next piece of its stream.
    let rest = new Uint8Array();
    const take = (bytes: Uint8Array<ArrayBuffer>) => {
      const end = bytes.lastIndexOf(LINE_END) + 1;
      if (end > 0) {
        this.#kept.push(rest);
        this.#kept.push(bytes.subarray(0, end));
        rest = new Uint8Array();
      }
      const more = new Uint8Array(rest.length + bytes.length - end);
      more.set(rest);
      more.set(bytes.subarray(end), rest.length);
      rest = more.length > READ_LIMITS.traceLine ? new Uint8Array() : more;
    };
    const heap = new LeanHeap();
    const line = new TraceLine();
    const push = () => this.#watch.push(line);
    for await (const batch of source.batches(take)) {
      batch.each(line, push);
      this.#kept.mark(this.#watch.seconds);
      heap.look();
    }
  }

  #found(finding: TraceFinding): void {
    this.#findings++;
    const key = `${finding.kind} ${finding.device} ${finding.certainty}`;
    const count = (this.#alike.get(key) ?? 0) + 1;
    this.#alike.set(key, count);
    if (count > MAX_ALIKE) return;
    this.#say(finding, count === MAX_ALIKE ? " (further ones are counted, not printed)" : "");
  }

  #fault(finding: TraceFinding): void {
    if (++this.#faults > MAX_FILES) return;
    const { bytes, seconds } = this.#kept.newest(this.#watch.seconds);
    let name: string;
    try {
      // Files of an earlier watch are not overwritten.
      do name = `${this.form.name}-${++this.#number}.trace.txt`; while (isTaken(beside(name)));
      writeFile(beside(name), bytes);
    } catch (error) {
      this.#say(finding, "");
      throw error;
    }
    this.#say(
      finding,
      `; the last ${seconds.toFixed(1)} s are in ${name}${
        this.#faults === MAX_FILES ? ", the last such file" : ""
      }`,
    );
  }

  #say(finding: TraceFinding, more: string): void {
    const seconds = this.#watch.seconds.toFixed(6);
    if (this.form.asJson) {
      const record = { at: this.#watch.seconds, ...findingJson(finding) };
      this.screen.data(`${printableJson(record, 0)}\n`);
    } else this.screen.out(`${seconds} ${findingLine(finding)}${more}\n`);
  }

  #status(): void {
    const now = performance.now();
    const { lines, liveMappings, lostEvents } = this.#watch;
    const rate = Math.round((lines - this.#shownLines) / Math.max(now - this.#shownMs, 1) * 1000);
    [this.#shownLines, this.#shownMs] = [lines, now];
    this.#watch.seekLeaks();
    if (this.#watch.eventLines === 0) {
      for (const sentence of this.#watch.unread.sentences()) this.screen.err(`${sentence}\n`);
    }
    this.screen.err(
      `${formatCount(lines, "line")}, ${rate} a second; ${
        formatCount(liveMappings, "live mapping")
      }; ${formatCount(lostEvents, "event")} lost; ${
        formatCount(this.#findings, "finding")
      } proved or likely, ${formatCount(this.#faults, "fault")}; memory ${
        formatSize(host.memoryUsage().rss)
      }\n`,
    );
  }
}
