/**
 * Plants faults into captures of real kernels: changes one mapping of a clean run, chosen by a
 * seed, and returns the findings that a check must then report. The kinds of faults are those of
 * tests/golden/traces/planted.
 */

/** An expected finding: the lines that show it, and the accepted names of its kind. */
export interface PlantedFinding {
  readonly line: number | null;
  readonly otherLine: number | null;
  readonly logLine: number | null;
  readonly accepted: readonly string[];
  /** Accepted certainties; null if any is accepted. */
  readonly certainties: readonly string[] | null;
}

export interface Planted {
  readonly lines: readonly string[];
  /** The kernel's log, if the fault shows only there. */
  readonly log?: string;
  readonly findings: readonly PlantedFinding[];
}

/** The needed fields of an event line, parsed independently of the tested code. */
interface Event {
  readonly at: number;
  readonly cpu: number;
  readonly seconds: number;
  readonly name: string;
  readonly device: string;
  readonly dir: string;
  readonly address: string;
  readonly size: number;
  readonly phys: string;
}

/** A mapping with its map and unmap lines, and the next map in the same page. */
interface Pair {
  readonly kind: "map" | "alloc" | "sg";
  readonly birth: Event;
  readonly death: Event;
  /** The device's next map in the same page, or null. */
  readonly next: Event | null;
}

const LINE = /\[(\d+)\] +(?:[^\s\d]\S* +)?(\d+\.\d+): (\w+): (.*)$/;

function readEvents(lines: readonly string[]): Event[] {
  return lines.flatMap((line, at): Event[] => {
    const match = LINE.exec(line);
    if (match === null || !match[3]!.startsWith("dma_")) return [];
    const [, cpu, seconds, name, payload] = match;
    return [{
      at,
      cpu: Number(cpu),
      seconds: Number(seconds),
      name: name!,
      device: payload!.split(" ")[0]!,
      dir: /dir=(\w+)/.exec(payload!)?.[1] ?? "",
      address: /dma_addrs?=\{?(?:0x)?(\w+)/.exec(payload!)?.[1] ?? "",
      size: Number(/ size=(\d+)/.exec(payload!)?.[1] ?? 0),
      phys: /phys_addrs=(\{[^}]*\})/.exec(payload!)?.[1] ?? "",
    }];
  });
}

const KINDS: readonly (readonly [Pair["kind"], RegExp, RegExp])[] = [
  ["map", /^dma_map_(?:phys|page|resource)$/, /^dma_unmap_(?:phys|page|resource)$/],
  ["alloc", /^dma_alloc(?:_pages)?$/, /^dma_free(?:_pages)?$/],
  ["sg", /^dma_map_sg$/, /^dma_unmap_sg$/],
];

function pageOf(address: string): number {
  return Math.floor(parseInt(address, 16) / 4096);
}

/**
 * Mappings with a map line and an unmap line that are both present and belong together: no other
 * mapping had the same key between the two lines.
 */
function pairsOf(events: readonly Event[]): Pair[] {
  const pairs: Pair[] = [];
  for (const [kind, births, deaths] of KINDS) {
    const keyOf = (event: Event) => `${event.device} ${kind === "sg" ? event.phys : event.address}`;
    const alive = new Map<string, Event[]>();
    for (const event of events) {
      const key = keyOf(event);
      if (births.test(event.name)) alive.set(key, [...alive.get(key) ?? [], event]);
      if (!deaths.test(event.name)) continue;
      const lives = alive.get(key) ?? [];
      alive.delete(key);
      const [birth] = lives;
      if (birth === undefined || lives.length > 1) continue;
      if (birth.dir !== event.dir || kind !== "sg" && birth.size !== event.size) continue;
      const next = events.find((each) =>
        each.at > event.at && each.device === event.device &&
        /^dma_(?:map|alloc)/.test(each.name) &&
        pageOf(each.address) === pageOf(birth.address)
      );
      pairs.push({ kind, birth, death: event, next: next ?? null });
    }
  }
  return pairs;
}

/** A generator of random numbers below a limit, from a seed. */
function generator(seed: number): (limit: number) => number {
  let state = (seed + 1) >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

const SURE = ["proved", "likely"];

function finding(
  line: number | null,
  accepted: readonly string[],
  more: Partial<PlantedFinding> = {},
): PlantedFinding {
  return { line, otherLine: null, logLine: null, accepted, certainties: ["proved"], ...more };
}

/** Plants a fault into a run; null if the run has no suitable mapping. */
type Plant = (run: Run) => Planted | null;

export class Run {
  readonly lines: readonly string[];
  readonly events: readonly Event[];
  readonly pairs: readonly Pair[];
  readonly below: (limit: number) => number;

  constructor(text: string, seed: number) {
    this.lines = text.split("\n").slice(0, -1);
    this.events = readEvents(this.lines);
    this.pairs = pairsOf(this.events);
    this.below = generator(seed);
  }

  pick<T>(list: readonly T[]): T | null {
    return list.length === 0 ? null : list[this.below(list.length)]!;
  }

  pair(...kinds: readonly Pair["kind"][]): Pair | null {
    return this.pick(this.pairs.filter(({ kind }) => kinds.includes(kind)));
  }

  changed(at: number, change: (line: string) => string): string[] {
    return this.lines.map((line, index) => index === at ? change(line) : line);
  }

  without(at: number): string[] {
    return this.lines.filter((_, index) => index !== at);
  }

  /** The run's lines with a line inserted after the line at index `at`. */
  inserted(at: number, line: string): string[] {
    return [...this.lines.slice(0, at + 1), line, ...this.lines.slice(at + 1)];
  }
}

const OTHER_DIR: Readonly<Record<string, string>> = {
  TO_DEVICE: "FROM_DEVICE",
  FROM_DEVICE: "TO_DEVICE",
  BIDIRECTIONAL: "TO_DEVICE",
};

function faultLog(device: string, address: number, access: "Read" | "Write", seconds: number) {
  const reason = access === "Read"
    ? "[fault reason 0x06] PTE Read access is not set"
    : "[fault reason 0x05] PTE Write access is not set";
  return `[${seconds.toFixed(6).padStart(12)}] DMAR: DRHD: handling fault status reg 2\n` +
    `[${(seconds + 1e-5).toFixed(6).padStart(12)}] DMAR: [DMA ${access} NO_PASID] Request device ` +
    `[${device}] fault addr 0x${address.toString(16)} ${reason}\n`;
}

/**
 * Makes a function that plants a fault into a mapping of one of the given kinds. The function
 * returns null for a run without such a mapping.
 */
const into =
  (kinds: readonly Pair["kind"][], plant: (run: Run, pair: Pair) => Planted | null): Plant =>
  (run) => {
    const pair = run.pair(...kinds);
    return pair === null ? null : plant(run, pair);
  };

/** Changes the line of an unmap so that the unmap has a value other than that of its map. */
function unlike(
  run: Run,
  { birth, death }: Pair,
  kind: string,
  from: string | RegExp,
  to: string,
): Planted {
  return {
    lines: run.changed(death.at, (line) => line.replace(from, to)),
    findings: [finding(death.at + 1, [kind], { otherLine: birth.at + 1 })],
  };
}

/** Repeats a line. */
function doubled(run: Run, { at }: Event, accepted: readonly string[]): Planted {
  return {
    lines: run.inserted(at, run.lines[at]!),
    findings: [finding(at + 2, accepted, { otherLine: at + 1 })],
  };
}

/**
 * Removes the line of an unmap. The unmapped address is reused later if `isReused`, otherwise
 * never.
 */
function unmapRemoved(run: Run, isReused: boolean): ReturnType<Plant> {
  const pair = run.pick(
    run.pairs.filter(({ birth, kind, next }) =>
      kind === "map" && (isReused ? next?.address === birth.address : next === null)
    ),
  );
  if (pair === null) return null;
  const accepted = isReused
    ? ["leak", "double_map", "missing_unmap"]
    : ["leak", "missing_unmap", "alive_at_end", "line_missing"];
  const certainties = isReused ? ["proved"] : null;
  return {
    lines: run.without(pair.death.at),
    findings: [finding(pair.birth.at + 1, accepted, { certainties })],
  };
}

/** Faults that can be planted only into runs with an IOMMU. */
export const TRANSLATED_PLANTS: Readonly<Record<string, Plant>> = {
  "unmap-removed": (run) => unmapRemoved(run, true),
  "unmap-removed-late": (run) => unmapRemoved(run, false),
  "double-map": into(["map"], (run, { birth }) => doubled(run, birth, ["double_map", "leak"])),
  "double-unmap": into(
    ["map"],
    (run, { death }) => doubled(run, death, ["double_unmap", "unmap_unknown"]),
  ),
  "unmap-device": into(["map"], (run, { birth, death }) => {
    const devices = new Set(run.events.map(({ device }) => device));
    if (devices.size < 2) return null;
    devices.delete(birth.device);
    const other = run.pick([...devices])!;
    const unknown = [
      "unmap_unknown",
      "double_unmap",
      "other_device",
      "unmap_size",
      "unmap_direction",
      "born_before_trace",
    ];
    const left = ["leak", "double_map", "missing_unmap", "alive_at_end", "other_device"];
    return {
      lines: run.changed(death.at, (line) => line.replace(birth.device, other)),
      findings: [
        finding(death.at + 1, unknown, { certainties: null }),
        finding(birth.at + 1, left, { certainties: null }),
      ],
    };
  }),
  "sync-after-unmap": (run) => {
    const sync = run.pick(run.events.filter(({ name }) => name.startsWith("dma_sync_single")));
    const pair = run.pairs.find(({ birth, death, kind }) =>
      kind === "map" && sync !== null && birth.at < sync.at && death.at > sync.at &&
      birth.device === sync.device && birth.address === sync.address
    );
    if (sync === null || pair === undefined) return null;
    const { at } = pair.death;
    return {
      lines: [
        ...run.lines.slice(0, sync.at),
        ...run.lines.slice(sync.at + 1, at + 1),
        run.lines[sync.at]!,
        ...run.lines.slice(at + 1),
      ],
      findings: [finding(at + 1, ["sync_unknown"], { otherLine: at })],
    };
  },
  "fault-after-unmap": into(["map"], (run, { birth, death, next }) => {
    if (next !== null && next.seconds - death.seconds < 0.0001) return null;
    const access = birth.dir === "TO_DEVICE" ? "Read" : "Write";
    const log = faultLog(birth.device, pageOf(birth.address) * 4096, access, death.seconds + 5e-5);
    const about = { otherLine: birth.at + 1, logLine: 2, certainties: SURE };
    const findings = [finding(death.at + 1, ["use_after_unmap"], about)];
    return { lines: run.lines, log, findings };
  }),
  "fault-direction": (run) => {
    const long = run.pairs.filter(({ birth, death, kind }) =>
      kind === "map" && birth.dir !== "BIDIRECTIONAL" && death.seconds - birth.seconds > 0.0005
    );
    const pair = run.pick(long);
    if (pair === null) return null;
    const { birth, death } = pair;
    const access = birth.dir === "TO_DEVICE" ? "Write" : "Read";
    const seconds = (birth.seconds + death.seconds) / 2;
    return {
      lines: run.lines,
      log: faultLog(birth.device, pageOf(birth.address) * 4096, access, seconds),
      findings: [
        finding(birth.at + 1, ["wrong_direction"], { logLine: 2, certainties: SURE }),
      ],
    };
  },
  "fault-never": into(["map"], (run, { birth, death }) => {
    const address = (0x1234 + run.below(0x1000)) * 4096 * 16;
    return {
      lines: run.lines,
      log: faultLog(birth.device, address, "Write", (birth.seconds + death.seconds) / 2),
      findings: [finding(null, ["never_mapped"], { logLine: 2, certainties: SURE })],
    };
  }),
  "map-removed": into(["map", "sg", "alloc"], (run, { birth, death }) => {
    const accepted = ["unmap_unknown", "double_unmap", "born_before_trace"];
    const findings = [finding(death.at, accepted, { certainties: null })];
    return { lines: run.without(birth.at), findings };
  }),
};

/** Faults that can be planted into any run. */
export const PLANTS: Readonly<Record<string, Plant>> = {
  "unmap-size": into(["map"], (run, pair) => {
    const { size } = pair.birth;
    const other = Math.floor(run.below(2) === 0 ? size * 2 : Math.max(1, size / 2));
    return unlike(run, pair, "unmap_size", ` size=${size} `, ` size=${other} `);
  }),
  "unmap-direction": into(["map", "sg"], (run, pair) => {
    const { dir } = pair.birth;
    return unlike(run, pair, "unmap_direction", ` dir=${dir} `, ` dir=${OTHER_DIR[dir]} `);
  }),
  "sg-entries": (run) => {
    const lists = run.pairs.filter(({ birth, kind }) =>
      kind === "sg" && birth.phys.includes(",") && birth.phys.split(",").length < 100
    );
    const pair = run.pick(lists);
    return pair === null ? null : unlike(run, pair, "unmap_entries", /,0x\w+\}/, "}");
  },
  "free-size": into(["alloc"], (run, pair) => {
    const { size } = pair.birth;
    return unlike(run, pair, "unmap_size", ` size=${size} `, ` size=${size / 2} `);
  }),
  "line-cut": (run) => {
    const lists = run.events.filter(({ name }) => name === "dma_map_sg");
    const event = run.pick(lists);
    if (event === null) return null;
    const cut = (line: string) => line.slice(0, line.lastIndexOf("{") + 2 + run.below(6));
    return { lines: run.changed(event.at, cut), findings: [] };
  },
  "lost-marked": (run) => {
    const cpu = run.pick(run.events)?.cpu ?? 0;
    const from = run.below(run.lines.length - 10);
    const to = from + 5 + run.below(200);
    const pattern = new RegExp(`\\[0*${cpu}\\] +(?:\\S+ +)?\\d+\\.\\d+: `);
    let lost = 0;
    const lines = run.lines.flatMap((line, index) => {
      if (index < from || index > to || !pattern.test(line)) return [line];
      return lost++ === 0 ? ["gap"] : [];
    });
    const seen = lines.map((line) => line === "gap" ? `CPU:${cpu} [LOST ${lost} EVENTS]` : line);
    return { lines: seen, findings: [] };
  },
};
