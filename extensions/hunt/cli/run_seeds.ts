/**
 * A hunt with several seeds. Each seed belongs to one shard, is hunted once, and gets one record in
 * the shard's file.
 */
import { huntMachines } from "../cases/machines.ts";
import { signatureOf } from "../requests/diagnose.ts";
import { hitPoints } from "../requests/hit_points.ts";
import { formatCount } from "@dmalab/lang/text";
import type { Screen } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD, INTERRUPTED } from "@dmalab/cli/exit_code";
import { makeNamedFolder, type SignalWatch } from "@dmalab/cli";
import type { Shard } from "@dmalab/cli/testing";
import { seedsReport } from "./merge.ts";
import type { OpenedDrivers, OpenedHunt } from "./open_hunt.ts";
import { driverFindingText, driverSpaces, huntDriverOf } from "./run_driver_hunt.ts";
import { huntProgress } from "./progress.ts";
import { type HuntJobs, huntRequests, provenText } from "./run_hunt.ts";
import { remark, usedFromHere } from "./remark.ts";
import { seedsOf, type SeedsPlan } from "./seeds.ts";
import { addRecord, openShardFile, type SeedFinding, type SeedRecord } from "./shard_file.ts";

export interface SeedsOptions extends HuntJobs {
  readonly plan: SeedsPlan;
  readonly shard: Shard;
  /** The folder for the shards' files; null: the results are only printed. */
  readonly out: string | null;
}

/**
 * Hunts with the seeds of a shard that are not in the shard's file yet.
 * @throws {CannotHunt} If a driver cannot be tested.
 * @throws {FileError}
 */
export async function runSeeds(
  opened: OpenedHunt | OpenedDrivers,
  { out, plan, shard, ...jobs }: SeedsOptions,
  screen: Screen,
  interrupts: SignalWatch,
): Promise<ExitCode> {
  const number = shard.index + 1;
  const path = out === null ? null : `${out}/shard-${String(number).padStart(4, "0")}.jsonl`;
  if (out !== null) makeNamedFolder(out);
  const known = path === null ? [] : openShardFile(path, { ...plan, shard: number });
  const tried = new Set(known.map(({ seed }) => seed));
  const records: SeedRecord[] = [];
  const seeds = seedsOf(plan, shard.index);
  const left = seeds.filter((seed) => !tried.has(seed));
  const hunter = "drivers" in opened
    ? await driverHunter(opened, jobs, screen, interrupts)
    : requestHunter(opened, jobs, screen, interrupts);
  for (const seed of left) {
    const record = await hunter(seed);
    // An interrupted seed gets no record, so that it is hunted again later.
    if (interrupts.interrupted()) break;
    records.push(record);
    if (path !== null) addRecord(path, record);
  }
  const isInterrupted = interrupts.interrupted();
  if (path === null) {
    const exitCode = seedsReport(plan, records, { begun: [shard.index], part: shard }, screen);
    return isInterrupted ? INTERRUPTED : exitCode;
  }
  if (isInterrupted) return INTERRUPTED;
  const again = tried.size === 0 ? "" : `, ${tried.size} of them in earlier runs`;
  const what = formatCount(seeds.length, "seed");
  const found = [...known, ...records].filter(({ findings }) => findings.length > 0).length;
  const result = found === 0 ? "nothing found" : `found with ${formatCount(found, "seed")}`;
  screen.out(remark(`shard ${number} of ${plan.shards}: ${what} in ${path}${again}, ${result}`));
  return found === 0 ? HELD : FAILED;
}

type SeedHunter = (seed: number) => Promise<SeedRecord>;

/** Returns the function that hunts with one seed. */
function requestHunter(
  { settings, where }: OpenedHunt,
  jobs: HuntJobs,
  screen: Screen,
  interrupts: SignalWatch,
): SeedHunter {
  const { mode, release } = settings;
  const points = where === undefined ? { points: hitPoints(release, huntMachines(mode)) } : {};
  return async (seed) => {
    const opened = { settings: { ...settings, seed }, ...where === undefined ? {} : { where } };
    const with_ = { ...jobs, words: { ...jobs.words, seed } };
    const progress = huntProgress(`seed ${seed}`, screen);
    const onProgress = (tried: number, machines: number) =>
      progress(tried, () => formatCount(machines, "machine"));
    const watch = { ...points, onProgress };
    const { cases, findings } = await huntRequests(opened, with_, interrupts, watch);
    return {
      seed,
      cases,
      findings: findings.map((finding) => ({
        cause: finding.switches.length === 0
          ? `no known defect: ${signatureOf(finding.violation)}`
          : finding.switches.join(" and "),
        scenario: usedFromHere(provenText(finding), jobs.path),
      })),
    };
  };
}

async function driverHunter(
  { drivers }: OpenedDrivers,
  jobs: HuntJobs,
  screen: Screen,
  interrupts: SignalWatch,
): Promise<SeedHunter> {
  const spaces = await driverSpaces(drivers);
  return async (seed) => {
    const settings = { ...drivers, seed };
    const with_ = { ...jobs, words: { ...jobs.words, seed } };
    let cases = 0;
    const findings: SeedFinding[] = [];
    for (const [number, driver] of settings.program.drivers.entries()) {
      const space = spaces[number]!;
      const result = await huntDriverOf(
        { settings, number, space, until: Infinity },
        with_,
        screen,
        interrupts,
      );
      cases += result.cases;
      if (result.finding === null) continue;
      findings.push({
        cause: `driver "${driver.name}", ${signatureOf(result.finding.wrong)}`,
        scenario: usedFromHere(
          driverFindingText(result.finding, driver, space, settings),
          jobs.path,
        ),
      });
    }
    return { seed, cases, findings };
  };
}
