/**
 * Splits a log at boots of the machine, because each boot has a separate clock and separate
 * mappings.
 */
import { bootOffset } from "../clocks/clock_offset.ts";
import type { KernelLogEntry } from "./entry.ts";
import type { LogMessage } from "./log_forms.ts";

export interface LoggedBoot {
  /** The boot's number, counted from 1 in the order of the log. */
  readonly number: number;
  readonly line: number;
  /** The boot's id in the journal, or null. */
  id: string | null;
  /** The kernel's version from the first lines of the boot, or null. */
  version: string | null;
  /**
   * How far the log's clock is behind the trace's clock, or null. The kernel's message at boot
   * gives it.
   */
  offsetSeconds: number | null;
}

const VERSION = /\bLinux version (\S+)/;
/** The line that journalctl prints between two boots. */
const SEPARATOR = /^-- (?:Reboot|Boot [0-9a-f]{32}) --$/;
/**
 * A line of a program in the journal. It has the time at which the journal received it, so the kernel's lines after
 * it may have earlier times.
 */
const OF_PROGRAM = /\] \S+ [^\s:]+\[\d+\]: /;
/**
 * A time that goes back by at least this much starts another boot. Times of lines from several CPUs
 * differ by less.
 */
const BACK_SECONDS = 1;
/** At most this many lines precede the kernel's version in a boot. */
const MAX_EARLY_LINES = 8;

/** The boots of a log, found from the log's messages. `list` is empty until a message is pushed. */
export class LogBoots {
  readonly list: LoggedBoot[] = [];
  readonly #byEntry = new Map<KernelLogEntry, LoggedBoot>();
  /** The lines of this file at which boots begin. */
  #starts: { readonly line: number; readonly boot: LoggedBoot }[] = [];
  /**
   * Number of messages with a time in the newest boot. `#lastSeconds` is the time of the latest
   * message in this file, in seconds since the boot.
   */
  #timed = 0;
  #lastSeconds = 0;

  /** Whether the log has the start of a boot: the kernel's version is its first line. */
  get hasStart(): boolean {
    return this.list.some(({ version }) => version !== null);
  }

  push({ bootId, line, text, time }: LogMessage): void {
    const version = VERSION.exec(text)?.[1] ?? null;
    const known = this.#known(bootId);
    const isNext = this.#isNext(text, version !== null, time?.isSinceBoot ? time.seconds : null);
    const boot = known ?? (bootId === null && !isNext ? this.newest : undefined) ??
      this.#begin(line);
    if (this.#starts.at(-1)?.boot !== boot) {
      this.#starts.push({ line, boot });
      this.#timed = 0;
    }
    boot.id ??= bootId;
    boot.version ??= version;
    boot.offsetSeconds ??= bootOffset(text);
    if (time === null || OF_PROGRAM.test(text)) return;
    this.#timed++;
    this.#lastSeconds = time.isSinceBoot ? time.seconds : 0;
  }

  get newest(): LoggedBoot | undefined {
    return this.list.at(-1);
  }

  /** The known boot with this id, or the newest boot if it has no id yet. */
  #known(id: string | null): LoggedBoot | undefined {
    const { newest } = this;
    return id === null
      ? undefined
      : this.list.find((boot) => boot.id === id) ?? (newest?.id === null ? newest : undefined);
  }

  #isNext(text: string, isVersion: boolean, sinceBoot: number | null): boolean {
    const { newest } = this;
    if (newest === undefined) return true;
    if (SEPARATOR.test(text)) return this.#timed > 0;
    if (isVersion && (newest.version !== null || this.#timed > MAX_EARLY_LINES)) return true;
    return sinceBoot !== null && this.#lastSeconds - sinceBoot >= BACK_SECONDS &&
      !OF_PROGRAM.test(text);
  }

  #begin(line: number): LoggedBoot {
    const number = this.list.length + 1;
    const boot: LoggedBoot = { number, line, id: null, version: null, offsetSeconds: null };
    this.list.push(boot);
    return boot;
  }

  /** Records to which boot an entry of this file belongs. The entry may be reported some lines late. */
  note(entry: KernelLogEntry): void {
    const start = this.#starts.findLast(({ line }) => line <= entry.line);
    if (start !== undefined) this.#byEntry.set(entry, start.boot);
  }

  /** The boot of an entry; for an unrecorded entry, the newest boot. Null if there are no boots. */
  of(entry: KernelLogEntry): LoggedBoot | null {
    return this.#byEntry.get(entry) ?? this.newest ?? null;
  }

  /**
   * Ends a file. In the next file, line numbers and times start again, but that file may be of the same
   * boot.
   */
  endFile(): void {
    const boot = this.newest;
    this.#starts = boot === undefined ? [] : [{ line: 0, boot }];
    this.#lastSeconds = 0;
  }
}
