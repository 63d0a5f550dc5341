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
  /** Whether the program reached its end. */
  readonly isComplete: boolean;
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

export function readGuestReport(text: string): GuestReport {
  const lines = text.split("\n");
  let release: string | null = null;
  let isComplete = false;
  const refusedProbes: string[] = [];
  const problems: string[] = [];
  const islands = new Map<number, number>();
  const results = new Map<number, number>();
  const disks = new Map<number, OpenDisk>();
  const files = new Map<string, string>();
  for (let at = 0; at < lines.length; at++) {
    const [word, first = "", second = "", third = "", ...rest] = lines[at]!.split(" ");
    switch (word) {
      case "kernel":
        release = first;
        break;
      case "refused":
        if (first === "probe") refusedProbes.push(/^[pr]:\w+\/(\w+)/.exec(third)?.[1] ?? third);
        else problems.push(lines[at]!);
        break;
      case "missing":
      case "timeout":
      case "bad":
        problems.push(lines[at]!);
        break;
      case "island":
        if (third !== "0") problems.push(lines[at]!);
        else islands.set(Number(first), Number(second));
        break;
      case "io":
        if (second === "ends") results.set(Number(first), Number(third));
        break;
      case "disk":
        disks.set(Number(first), {
          controller: second,
          address: third,
          domain: rest.join(" "),
          limits: new Map(),
        });
        break;
      case "limit":
        disks.get(Number(first))?.limits.set(second, [third, ...rest].join(" "));
        break;
      case "file": {
        if (second !== "0") {
          problems.push(`the file of ${first} cannot be read (error ${second})`);
          break;
        }
        const end = lines.indexOf(`end ${first}`, at);
        files.set(first, lines.slice(at + 1, end < 0 ? undefined : end).join("\n"));
        at = end < 0 ? lines.length : end;
        break;
      }
      case "done":
        isComplete = true;
        break;
    }
  }
  return { release, refusedProbes, problems, islands, results, disks, files, isComplete };
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
const TRACE_HEAD = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+)/m;

/** Whether a trace begins with its head. */
export function isWholeTrace(trace: string): boolean {
  return TRACE_HEAD.test(trace);
}

/** Whether a trace's buffer overflowed. */
export function hasLostEvents(trace: string): boolean {
  const [, kept, written] = TRACE_HEAD.exec(trace) ?? [];
  return kept !== written;
}
