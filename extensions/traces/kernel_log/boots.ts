/**
 * Where a log goes from one boot of the machine to the next: each has a separate clock and separate
 * mappings.
 */
import { bootOffset } from "../clocks/clock_offset.ts";
import type { KernelLogEntry } from "./entry.ts";
import type { LogMessage } from "./log_forms.ts";

export interface LoggedBoot {
  /** From 1, in the order of the log. */
  readonly number: number;
  readonly line: number;
  /** As the journal names it, or null. */
  id: string | null;
  /** The kernel's version, as the log of a boot begins with it, or null. */
  version: string | null;
  /** How far the log's clock is behind, as the kernel said at boot, or null. */
  offsetSeconds: number | null;
}

const VERSION = /\bLinux version (\S+)/;
/** What journalctl prints between two boots. */
const SEPARATOR = /^-- (?:Reboot|Boot [0-9a-f]{32}) --$/;
/** A program's line in the journal has the time at which it was received: lines of the kernel may follow that are older. */
const OF_PROGRAM = /\] \S+ [^\s:]+\[\d+\]: /;
/** So far back a clock that counts from boot never goes: lines of several CPUs are nearer. */
const BACK_SECONDS = 1;
/** So many lines at most precede the kernel's version. */
const MAX_EARLY_LINES = 8;

/** The boots of a log, by its messages; without any message the list is empty. */
export class LogBoots {
  readonly list: LoggedBoot[] = [];
  readonly #byEntry = new Map<KernelLogEntry, LoggedBoot>();
  /** Where the boots of this file begin. */
  #starts: { readonly line: number; readonly boot: LoggedBoot }[] = [];
  /** Messages of the newest boot that have a time, and the last time since boot of this file. */
  #timed = 0;
  #lastSeconds = 0;

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

  /** A boot that the journal has named before, or the newest, which has no name yet. */
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

  /** Notes the boot of an entry of this file, which may be reported some lines late. */
  note(entry: KernelLogEntry): void {
    const start = this.#starts.findLast(({ line }) => line <= entry.line);
    if (start !== undefined) this.#byEntry.set(entry, start.boot);
  }

  /** The boot of an entry; for an entry that was not noted, the newest. Null without any. */
  of(entry: KernelLogEntry): LoggedBoot | null {
    return this.#byEntry.get(entry) ?? this.newest ?? null;
  }

  /** Another file may have the same times again. */
  endFile(): void {
    const boot = this.newest;
    this.#starts = boot === undefined ? [] : [{ line: 0, boot }];
    this.#lastSeconds = 0;
  }
}
