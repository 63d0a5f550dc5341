/** The plan of a campaign: what is tried, read from JSON, with the place of each mistake. */
import { renderFinding, type RenderOptions } from "../../lang/diagnostics/render.ts";
import type { CodeEntry } from "../../lang/diagnostics/codes/entry.ts";
import { nearNames } from "../../lang/diagnostics/suggest.ts";
import { type JsonPlaces, readJson } from "../../lang/data/read_json.ts";
import { SourceFile } from "../../lang/source.ts";
import { ListValue, RecordValue, type Value } from "../../lang/values/value.ts";
import { HUNT_MODES } from "../../instruments/hunt/arbitraries.ts";
import { readHuntOptions } from "../../instruments/hunt/hunt_options.ts";
import { KERNEL_NAMES, kernelNamed } from "../../runtime/kernels/kernels.ts";

export const PLAN_CODES = {
  E1201: {
    title: "error in a campaign plan",
    explanation:
      "A plan is a JSON file with `name`, `shards` and `tries`. Each entry of `tries` has a " +
      "`hunt`, a `driver` or a `suite`, with the releases, modes and seeds to try. " +
      "docs/campaigns.md lists the keys.",
    example:
      '{ "name": "night", "shards": 8, "tries": [{ "hunt": "requests", "seeds": [1, 100] }] }',
  },
} as const satisfies Readonly<Record<string, CodeEntry>>;

/** At most as many as GitLab has parallel jobs; GitHub and Slurm have more. */
const MOST_SHARDS = 200;
const MOST_TRIES = 1_000_000;
/** Cases of one try where the plan names no number. */
const CASES = 1000;

const KINDS = ["hunt", "driver", "suite"] as const;

/** One entry of `tries`: every combination of its lists is a try. */
export interface TrySpec {
  readonly kind: typeof KINDS[number];
  /** Scenarios; of a hunt of random requests none. */
  readonly files: readonly string[];
  readonly releases: readonly string[];
  readonly modes: readonly string[];
  readonly seeds: readonly [first: number, last: number];
  readonly cases: number;
  readonly quirks: string | null;
}

export interface CampaignPlan {
  readonly name: string;
  readonly shards: number;
  readonly tries: readonly TrySpec[];
}

/** A try, before it runs: the shard's file gets one line for it. */
export interface Try extends Pick<TrySpec, "kind" | "cases" | "quirks"> {
  /** All that the result depends on. Two tries never have the same. */
  readonly key: string;
  /** The key without the seed. */
  readonly group: string;
  readonly file: string | null;
  readonly release: string | null;
  readonly mode: string | null;
  readonly seed: number;
}

/** The tries of a plan, in their order. Try number N belongs to shard N modulo the number of shards. */
export function* triesOf({ tries }: Pick<CampaignPlan, "tries">): Generator<Try> {
  for (const { cases, files, kind, modes, quirks, releases, seeds: [first, last] } of tries) {
    for (let seed = first; seed <= last; seed++) {
      for (const file of files.length === 0 ? [null] : files) {
        for (const release of releases.length === 0 ? [null] : releases) {
          for (const mode of modes.length === 0 ? [null] : modes) {
            const group = [
              file === null ? kind : `${kind} ${file}`,
              ...release === null ? [] : [`on ${release}`],
              ...mode === null ? [] : [`mode ${mode}`],
              ...quirks === null ? [] : [`quirks "${quirks}"`],
            ].join(", ");
            const budget = kind === "suite" ? "" : `, ${cases} cases`;
            const key = `${group}${budget}, seed ${seed}`;
            yield { key, group, kind, cases, quirks, file, release, mode, seed };
          }
        }
      }
    }
  }
}

/** A mistake, with its place as offsets in the text. */
class Mistake extends Error {
  constructor(
    message: string,
    readonly start: number,
    readonly end: number,
    readonly hint: string | undefined,
  ) {
    super(message);
  }
}

/** The plan, or what is wrong with it, as lines to print. */
export function readPlan(
  name: string,
  text: string,
  style: NonNullable<RenderOptions["style"]>,
): CampaignPlan | string {
  try {
    return new PlanReader(text).plan();
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    const { end, hint, message, start } = error;
    const span = { source: new SourceFile(name, text), start, end };
    const finding = {
      word: "error",
      severity: "error",
      tag: "E1201",
      message,
      span,
      hint,
    } as const;
    return `${renderFinding(finding, { style }).join("\n")}\n`;
  }
}

const PLAN_KEYS = ["name", "shards", "tries"];
const COMMON_KEYS = ["releases", "seeds"];
const KEYS: Readonly<Record<TrySpec["kind"], readonly string[]>> = {
  hunt: ["hunt", ...COMMON_KEYS, "modes", "cases", "quirks"],
  driver: ["driver", "seeds", "modes", "cases"],
  suite: ["suite", ...COMMON_KEYS],
};

class PlanReader {
  readonly #places: JsonPlaces = new WeakMap();

  constructor(readonly text: string) {}

  plan(): CampaignPlan {
    const read = readJson(this.text, this.#places);
    if (!("value" in read)) throw new Mistake(read.message, read.start, read.end, undefined);
    const plan = this.#record(read.value, null, "A plan");
    this.#known(plan, PLAN_KEYS);
    const name = this.#text(plan, "name");
    if (!/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) {
      this.#wrong(
        plan,
        "name",
        "`name` must have 1 to 40 lower-case letters, digits and hyphens",
        "engines use it as the name of their jobs",
      );
    }
    const shards = this.#integer(plan, "shards", 1, 1, MOST_SHARDS);
    const list = this.#list(plan, "tries");
    if (list.items.length === 0) this.#wrong(plan, "tries", "`tries` needs at least one entry");
    const tries = list.items.map((_, at) => this.#spec(list, at));
    const count = countAll(tries);
    if (count > MOST_TRIES) {
      const text = `The plan has ${count} tries; the limit is ${MOST_TRIES}`;
      this.#wrong(plan, "tries", text, "use more cases per try and fewer seeds");
    }
    return { name, shards, tries };
  }

  #spec(list: ListValue, at: number): TrySpec {
    const entry = this.#record(list.items[at]!, [list, at], "An entry of `tries`");
    const kinds = KINDS.filter((kind) => entry.entries.has(kind));
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1) {
      const text = "An entry of `tries` must have exactly one of `hunt`, `driver` and `suite`";
      this.#wrong(list, at, text, this.#near(entry, KINDS));
    }
    this.#known(entry, KEYS[kind]);
    const what = entry.entries.get(kind);
    if (kind === "hunt" && what !== "requests") {
      this.#wrong(
        entry,
        kind,
        '`hunt` can only be "requests"',
        'to hunt in the drivers of a scenario: "driver": "FILE"',
      );
    }
    if (kind === "driver" && typeof what !== "string") {
      this.#wrong(entry, kind, "A `driver` is the path of a scenario");
    }
    const quirks = entry.entries.has("quirks") ? this.#text(entry, "quirks") : null;
    if (quirks !== null) {
      const words = { kernel: null, quirks, cases: null, seconds: null, seed: null, shard: null };
      const problem = readHuntOptions(words);
      if (typeof problem === "string") this.#wrong(entry, "quirks", problem);
    }
    return {
      kind,
      files: kind === "hunt"
        ? []
        : kind === "driver"
        ? [String(what)]
        : this.#texts(entry, "suite"),
      releases: this.#texts(entry, "releases", KERNEL_NAMES, kernelNamed),
      modes: this.#texts(entry, "modes", HUNT_MODES),
      seeds: this.#seeds(entry),
      cases: this.#integer(entry, "cases", CASES, 1, 1_000_000_000),
      quirks,
    };
  }

  #near(entry: RecordValue, names: readonly string[]): string | undefined {
    for (const key of entry.entries.keys()) {
      const near = nearNames(key, names);
      if (near !== undefined) return near.text;
    }
    return undefined;
  }

  #seeds(entry: RecordValue): readonly [number, number] {
    if (!entry.entries.has("seeds")) return [1, 1];
    const { items: [first, last, ...more] } = this.#list(entry, "seeds");
    if (!isSeed(first) || !isSeed(last) || first > last || more.length > 0) {
      this.#wrong(entry, "seeds", "`seeds` must be the first and the last seed", "[1, 100]");
    }
    return [first, last];
  }

  /**
   * Texts, each of them once.
   * @param names Those that there are; null: any.
   * @param named What a text stands for.
   */
  #texts(
    entry: RecordValue,
    key: string,
    names: readonly string[] | null = null,
    named: (text: string) => string | undefined = (text) =>
      names === null || names.includes(text) ? text : undefined,
  ): string[] {
    if (!entry.entries.has(key)) return [];
    const list = this.#list(entry, key);
    if (list.items.length === 0) this.#wrong(entry, key, `\`${key}\` needs at least one item`);
    const found: string[] = [];
    for (const [at, item] of list.items.entries()) {
      if (typeof item !== "string") this.#wrong(list, at, `An item of \`${key}\` must be a string`);
      const text = named(item);
      if (text === undefined) {
        const hint = nearNames(item, names!)?.text ?? `expected one of: ${names!.join(", ")}`;
        this.#wrong(list, at, `Unknown item of \`${key}\`: "${item}"`, hint);
      }
      if (found.includes(text)) this.#wrong(list, at, `"${item}" is listed twice`);
      found.push(text);
    }
    return found;
  }

  #integer(entry: RecordValue, key: string, usual: number, least: number, most: number): number {
    if (!entry.entries.has(key)) return usual;
    const value = entry.entries.get(key)!;
    const isRight = typeof value === "number" && value >= least && value <= most;
    if (!isRight) this.#wrong(entry, key, `\`${key}\` must be an integer from ${least} to ${most}`);
    return value;
  }

  #text(entry: RecordValue, key: string): string {
    const value = entry.entries.get(key);
    if (value === undefined) this.#missing(entry, key);
    if (typeof value !== "string") this.#wrong(entry, key, `\`${key}\` must be a string`);
    return value;
  }

  #list(entry: RecordValue, key: string): ListValue {
    const value = entry.entries.get(key);
    if (value === undefined) this.#missing(entry, key);
    if (!(value instanceof ListValue)) this.#wrong(entry, key, `\`${key}\` is a list`);
    return value;
  }

  #record(value: Value, at: readonly [object, number] | null, what: string): RecordValue {
    if (value instanceof RecordValue) return value;
    const text = `${what} must be an object: { "key": value }`;
    if (at === null) throw new Mistake(text, 0, this.text.length, undefined);
    this.#wrong(...at, text);
  }

  #known(entry: RecordValue, keys: readonly string[]): void {
    for (const key of entry.entries.keys()) {
      if (keys.includes(key)) continue;
      const hint = nearNames(key, keys)?.text ?? `expected one of: ${keys.join(", ")}`;
      this.#wrong(entry, key, `Unknown key \`${key}\``, hint);
    }
  }

  #missing(entry: RecordValue, key: string): never {
    const [first] = entry.entries.keys();
    const place = first === undefined ? null : this.#places.get(entry)?.get(first);
    throw new Mistake(`\`${key}\` is missing`, 0, place?.end ?? this.text.length, undefined);
  }

  #wrong(container: object, key: string | number, message: string, hint?: string): never {
    const { start, end } = this.#places.get(container)!.get(key)!;
    throw new Mistake(message, start, end, hint);
  }
}

function isSeed(value: Value | undefined): value is number {
  return typeof value === "number" && value >= 0;
}

/** Whether a value that was read back is a plan as `readPlan` returns it. */
export function isPlan(value: unknown): value is CampaignPlan {
  const { name, shards, tries } = (value ?? {}) as Partial<CampaignPlan>;
  return typeof name === "string" && Number.isInteger(shards) && Array.isArray(tries) &&
    tries.every(isSpec) && countAll(tries) <= MOST_TRIES;
}

function isSpec(value: unknown): value is TrySpec {
  const { cases, files, kind, modes, quirks, releases, seeds } = (value ?? {}) as Partial<TrySpec>;
  return KINDS.some((each) => each === kind) && [files, modes, releases].every(areTexts) &&
    Array.isArray(seeds) && seeds.length === 2 && [...seeds, cases].every(Number.isInteger) &&
    (quirks === null || typeof quirks === "string");
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function countAll(tries: readonly TrySpec[]): number {
  return tries.reduce((sum, spec) => sum + countOf(spec), 0);
}

function countOf({ files, modes, releases, seeds: [first, last] }: TrySpec): number {
  const lengths = [files, modes, releases].map(({ length }) => Math.max(1, length));
  return lengths.reduce((product, length) => product * length, last - first + 1);
}
