/**
 * `dmalab hunt merge`: lists the findings of a hunt with several seeds. Each cause is listed once,
 * with its smallest scenario.
 */
import { FindingPrinter, remark } from "./remark.ts";
import { formatCount, groupThousands } from "@dmalab/lang/text";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD, STOPPED } from "@dmalab/cli/exit_code";
import { FileError } from "@dmalab/cli";
import type { Shard } from "@dmalab/cli/testing";
import { NO_CASE } from "./run_hunt.ts";
import { seedsOf, type SeedsPlan } from "./seeds.ts";
import { readShardFile, type SeedFinding, type SeedRecord } from "./shard_file.ts";

interface Cause extends SeedFinding {
  /** Number of seeds that found the cause, and the seed of the shown scenario. */
  readonly seeds: number;
  readonly seed: number;
}

/** Merges shards' files, and prints the same as one run with all seeds. @throws {FileError} */
export function mergeShards(paths: readonly string[], screen: Screen): ExitCode {
  let plan: SeedsPlan | null = null;
  const shards = new Set<number>();
  const records = new Map<number, SeedRecord>();
  for (const path of paths) {
    const file = readShardFile(path);
    if (file === null) throw new FileError(`Cannot read "${path}": it is missing or empty`);
    const { shard, ...head } = file.head;
    shards.add(shard - 1);
    plan ??= head;
    if (JSON.stringify(plan) !== JSON.stringify(head)) {
      throw new FileError(`"${path}" and "${paths[0]}" belong to different hunts`);
    }
    for (const record of file.records) {
      const other = records.get(record.seed);
      if (other !== undefined && JSON.stringify(other) !== JSON.stringify(record)) {
        const hint = "all shards of a hunt need the same files";
        throw new FileError(`Seed ${record.seed} has two results, one in "${path}"`, null, hint);
      }
      records.set(record.seed, record);
    }
  }
  return seedsReport(plan!, [...records.values()], { begun: [...shards], part: null }, screen);
}

/** The shards that a report covers. */
interface Extent {
  /** Indices of the shards that have started, counted from 0. */
  readonly begun: readonly number[];
  /** The only shard in the report; null for all. */
  readonly part: Shard | null;
}

/** Prints the findings, and what was not tried: shards that have not finished, seeds with fewer cases. */
export function seedsReport(
  plan: SeedsPlan,
  records: readonly SeedRecord[],
  { begun, part }: Extent,
  screen: Screen,
): ExitCode {
  const causes = causesIn(records);
  const printer = new FindingPrinter(screen);
  causes.forEach(({ cause, scenario, seed, seeds }, index) => {
    const by = `found with ${formatCount(seeds, "seed")}, this case with seed ${seed}`;
    printer.print(`${remark(`${index + 1}. ${cause}: ${by}`)}\n${scenario.trimEnd()}\n\n`);
  });
  const shards = part === null
    ? Array.from({ length: plan.shards }, (_, index) => index)
    : [part.index];
  const lost = lostShards(plan, records, begun, shards);
  for (const line of lost) screen.out(remark(line));
  const { hunt, seed, seeds } = plan;
  const [outcome, found] = causes.length > 0
    ? ["found", formatCount(causes.length, "cause")]
    : lost.length > 0
    ? ["incomplete", "nothing found in what was tried"]
    : ["ok", "nothing found"];
  const cases = records.reduce((sum, record) => sum + record.cases, 0);
  if (cases === 0 && causes.length + lost.length === 0) return refuse(NO_CASE, screen);
  const all = shards.reduce((sum, index) => sum + seedsOf(plan, index).length, 0);
  const tried = `${groupThousands(records.length)} of ${formatCount(all, "seed")} tried`;
  const only = plan.shards === shards.length ? "" : ` --shard ${part!.index + 1}/${plan.shards}`;
  screen.out(
    remark(
      `${outcome} | ${hunt} --seed ${seed} --seeds ${seeds}${only} | ${tried}, ${
        formatCount(cases, "case")
      } | ${found}`,
    ),
  );
  return causes.length > 0 ? FAILED : lost.length > 0 ? STOPPED : HELD;
}

function lostShards(
  plan: SeedsPlan,
  records: readonly SeedRecord[],
  begun: readonly number[],
  shards: readonly number[],
): readonly string[] {
  const tried = new Map(records.map((record) => [record.seed, record]));
  return shards.flatMap((index) => {
    const seeds = seedsOf(plan, index);
    const missing = seeds.filter((seed) => !tried.has(seed)).length;
    const what = begun.includes(index) ? `${formatCount(missing, "seed")} not tried` : "no file";
    const shard = `shard ${index + 1} of ${plan.shards}`;
    return [
      ...missing === 0 ? [] : [`${shard}: ${what}`],
      ...seeds.flatMap((seed) => {
        const record = tried.get(seed);
        return record === undefined || isWhole(record, plan)
          ? []
          : [`${shard}: seed ${seed} tried ${record.cases} of ${formatCount(plan.cases!, "case")}`];
      }),
    ];
  });
}

/** Whether a seed's hunt tried all cases; one that found something may have stopped. */
function isWhole({ cases, findings }: SeedRecord, plan: SeedsPlan): boolean {
  return plan.cases === null || findings.length > 0 || cases >= plan.cases;
}

/** The causes, sorted by name, so that the order of the files does not matter. */
function causesIn(records: readonly SeedRecord[]): readonly Cause[] {
  const causes = new Map<string, Cause>();
  for (const { findings, seed } of records) {
    for (const { cause, scenario } of findings) {
      const known = causes.get(cause);
      const seeds = (known?.seeds ?? 0) + 1;
      const each = { cause, scenario, seed };
      causes.set(cause, { ...known === undefined || isSmaller(each, known) ? each : known, seeds });
    }
  }
  return [...causes.values()].sort((one, other) => one.cause < other.cause ? -1 : 1);
}

/** Whether a scenario is shorter, not counting comments. */
function isSmaller(one: Omit<Cause, "seeds">, other: Omit<Cause, "seeds">): boolean {
  const length = ({ scenario }: typeof one) => scenario.replace(/^\s*#.*\n/gm, "").length;
  const less = length(one) - length(other);
  return less === 0 ? one.seed < other.seed : less < 0;
}
