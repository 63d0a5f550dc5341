/**
 * The report of the guest's program: the actions of the program, the refusals of the kernel, and
 * the files that the program has read.
 */

export interface GuestReport {
  /** The kernel's release, such as `6.12.117+deb13-amd64`; null when the program never ran. */
  readonly release: string | null;
  /** Names of the probes that the kernel accepted in none of their forms. */
  readonly refusedProbes: readonly string[];
  /** Other lines about something that was refused or missing. */
  readonly problems: readonly string[];
  /** First byte of each island of pages, by its number. */
  readonly islands: ReadonlyMap<number, number>;
  /** Result of each io: bytes, or a negative errno. */
  readonly results: ReadonlyMap<number, number>;
  readonly disks: ReadonlyMap<number, GuestDisk>;
  /** Files by their names in the plan. */
  readonly files: ReadonlyMap<string, string>;
  /** What the report says of more than once: `disk 0`. */
  readonly repeated: readonly string[];
  /** Drivers that were bound to PCI devices, by the address of the device; the last binding. */
  readonly bound: ReadonlyMap<string, BoundDriver>;
  /** Addresses of devices that were unbound, and names of modules that were unloaded. */
  readonly ended: ReadonlySet<string>;
  /** Whether the program reached its end. */
  readonly isComplete: boolean;
}

export interface BoundDriver {
  readonly driver: string;
  /** Type of the group's domain, as of a disk. */
  readonly domain: string;
}

export interface GuestDisk {
  /** `nvme0`. */
  readonly controller: string;
  /** `0000:01:00.0`. */
  readonly address: string;
  /** Type of the group's domain: `DMA`, `DMA-FQ`, `identity`, or `none` without a group. */
  readonly domain: string;
  /** Contents of the files in the queue's sysfs folder. */
  readonly limits: ReadonlyMap<string, string>;
}

interface OpenDisk extends GuestDisk {
  readonly limits: Map<string, string>;
}

/** The rest of a longer line is not read, but for those of files. */
const MAX_LINE_LENGTH = 4096;

export function readGuestReport(text: string): GuestReport {
  let release: string | null = null;
  let isComplete = false;
  const parts = emptyParts();
  const { bound, disks, ended, files, islands, problems, refusedProbes, repeated, results } = parts;
  const put = <Key, Value>(map: Map<Key, Value>, key: Key, value: Value, what: string) => {
    if (map.has(key)) repeated.push(`${what} ${key}`);
    map.set(key, value);
  };
  // The program's last line is "done".
  for (let start = 0, end = 0; start < text.length && !isComplete; start = end + 1) {
    end = lineEnd(text, start);
    const line = text.slice(start, Math.min(end, start + MAX_LINE_LENGTH));
    const [word, first = "", second = "", third = "", ...rest] = line.split(" ");
    switch (word) {
      case "kernel":
        if (release !== null) repeated.push("kernel");
        release = first;
        break;
      case "refused":
        if (first === "probe") refusedProbes.push(/^[prf]:\w+\/(\w+)/.exec(third)?.[1] ?? third);
        else problems.push(line);
        break;
      case "missing":
      case "timeout":
      case "bad":
        problems.push(line);
        break;
      case "island":
        if (third !== "0") problems.push(line);
        else put(islands, Number(first), Number(second), word);
        break;
      case "io":
        if (second === "ends") put(results, Number(first), Number(third), word);
        break;
      case "disk":
        put(disks, Number(first), {
          controller: second,
          address: third,
          domain: rest.join(" "),
          limits: new Map(),
        }, word);
        break;
      case "limit":
        disks.get(Number(first))?.limits.set(second, [third, ...rest].join(" "));
        break;
      case "file":
        if (second === "0") {
          const last = text.indexOf(`\nend ${first}\n`, end);
          put(files, first, text.slice(end + 1, last < 0 ? undefined : last), word);
          end = last < 0 ? text.length : lineEnd(text, last + 1);
        } else problems.push(`the file of ${first} cannot be read (error ${second})`);
        break;
      case "done":
        isComplete = true;
        break;
      default:
        if (word === "bound") bound.set(first, { driver: second, domain: third });
        else if (word === "unbound" || word === "removed") ended.add(first);
    }
  }
  return { release, isComplete, ...parts };
}

/** The lists of a report, which its lines fill. */
function emptyParts() {
  return {
    refusedProbes: [] as string[],
    problems: [] as string[],
    repeated: [] as string[],
    islands: new Map<number, number>(),
    results: new Map<number, number>(),
    disks: new Map<number, OpenDisk>(),
    files: new Map<string, string>(),
    bound: new Map<string, BoundDriver>(),
    ended: new Set<string>(),
  };
}

/** Place of the end of the line that begins at `start`. */
function lineEnd(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.length : end;
}

/**
 * The hits that probes missed. A probe misses a hit if the hit is in an interrupt while the handler
 * of another probe runs.
 *
 * @param profile `kprobe_profile` of tracefs: name, hits and misses of each probe.
 * @returns Counts by the names of the probes, only for probes with misses.
 */
export function missedHits(profile: string): ReadonlyMap<string, number> {
  return new Map(
    profile.split("\n").flatMap((line): [string, number][] => {
      const [, name = "", missed = "0"] = /^\s*(\w+)\s+\d+\s+(\d+)/.exec(line) ?? [];
      return Number(missed) === 0 ? [] : [[name, Number(missed)]];
    }),
  );
}

/** The head of a trace has the numbers of stored and of written events. */
const TRACE_HEAD = /^# entries-in-buffer\/entries-written: (\d{1,15})\/(\d{1,15})\b/m;

/**
 * Numbers of the events that a trace's head says were kept in the buffer and were written to it.
 *
 * @returns Null for a trace without its head.
 */
export function countedEvents(
  trace: string,
): { readonly kept: number; readonly written: number } | null {
  const [, kept, written] = TRACE_HEAD.exec(trace) ?? [];
  return kept === undefined ? null : { kept: Number(kept), written: Number(written) };
}
