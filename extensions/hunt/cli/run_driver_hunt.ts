/** The command that hunts for mistakes in the drivers of a file. */
import { caseText } from "../driver/case_text.ts";
import { DriverHunt, type DriverHuntOptions } from "../driver/hunt_driver.ts";
import { CannotHunt, type DriverFinding, type DriverHuntResult } from "../driver/driver_case.ts";
import { type MachineSpace, machineVariations } from "../driver/variations.ts";
import { runScenarioText } from "../requests/scenario_check.ts";
import type { DriverEntry } from "@dmalab/lang/run";
import { afterColon } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import { type SignalWatch, withCompiled } from "@dmalab/cli";
import { refuse, runPlan, type Screen } from "@dmalab/cli/extend";
import { huntProgress } from "./progress.ts";
import { DriverPlan, partMessage } from "./driver_job.ts";
import type { DriverHuntSettings } from "./open_hunt.ts";
import { remark, usedFromHere } from "./remark.ts";
import { type HuntJobs, NO_CASE } from "./run_hunt.ts";
import { type ExitCode, FAILED, HELD, worseExitCode } from "@dmalab/cli/exit_code";

/** Hunts in each driver of a file, and prints the findings. @throws {CannotHunt} */
export async function runDriverHunt(
  settings: DriverHuntSettings,
  jobs: HuntJobs,
  screen: Screen,
  interrupts: SignalWatch,
): Promise<ExitCode> {
  const until = performance.now() + 1000 * settings.seconds;
  const spaces = await driverSpaces(settings);
  let exitCode = HELD;
  for (const [number, driver] of settings.program.drivers.entries()) {
    if (interrupts.interrupted()) break;
    const space = spaces[number]!;
    const one = { settings, number, space, until };
    const result = await huntDriverOf(one, jobs, screen, interrupts);
    if (result.finding !== null) {
      const text = driverFindingText(result.finding, driver, space, settings);
      screen.out(usedFromHere(text, jobs.path));
      exitCode = worseExitCode(exitCode, FAILED);
    }
    screen.out(remark(summary(driver, result, space)));
    const { cases, finding, refused } = result;
    if (interrupts.interrupted() || finding !== null || cases > refused) continue;
    const problem = cases === 0
      ? `driver "${driver.name}": ${NO_CASE}`
      : `driver "${driver.name}": its map failed in every case, so that nothing was tried`;
    exitCode = worseExitCode(exitCode, refuse(problem, screen));
  }
  return exitCode;
}

/** The machine variations on which each driver of a file is tested. @throws {CannotHunt} */
export async function driverSpaces(
  { file, loader, program }: DriverHuntSettings,
): Promise<readonly MachineSpace[]> {
  const spaces: MachineSpace[] = [];
  for (const { device } of program.drivers) {
    const space = await withCompiled(loader, () => machineVariations(file, device, loader));
    if (typeof space === "string") throw new CannotHunt(space);
    spaces.push(space);
  }
  return spaces;
}

interface OneDriver {
  readonly settings: DriverHuntSettings;
  /** The driver's number among the file's drivers, from 0. */
  readonly number: number;
  readonly space: MachineSpace;
  /** The time at which the hunt ends, by `performance.now()`. */
  readonly until: number;
}

/** Hunts in one driver with one seed. @throws {CannotHunt} */
export async function huntDriverOf(
  { number, settings, space, until }: OneDriver,
  { jobs, path, words }: HuntJobs,
  screen: Screen,
  interrupts: SignalWatch,
): Promise<DriverHuntResult> {
  const driver = settings.program.drivers[number]!;
  const progress = huntProgress(driver.name, screen);
  const hunt = openDriverHunt({
    program: settings.program,
    driver,
    machines: space.machines,
    seed: settings.seed,
    cases: settings.cases,
    mayGoOn: () => performance.now() < until && !interrupts.interrupted(),
    onProgress: (cases, pieces) => progress(cases, () => formatCount(pieces, "piece")),
  });
  const { machines } = space;
  const job = { path: path!, words, driver: number };
  await runPlan(new DriverPlan(hunt.search, machines, job, until), {
    jobs,
    interrupts,
    run: ({ part }, send) => send(partMessage(hunt.parts.run(part), machines)),
  });
  return hunt.result();
}

/** @throws {CannotHunt} With the driver's name. */
function openDriverHunt(options: DriverHuntOptions): DriverHunt {
  try {
    return new DriverHunt(options);
  } catch (error) {
    if (!(error instanceof CannotHunt)) throw error;
    const why = afterColon(error.message);
    throw new CannotHunt(`The driver "${options.driver.name}" cannot be tested: ${why}`);
  }
}

/** The smallest case as a test. The test is run before it is printed. */
export function driverFindingText(
  finding: DriverFinding,
  driver: DriverEntry,
  { highSetting }: MachineSpace,
  { file, loader }: DriverHuntSettings,
): string {
  const text = caseText(finding, { driver, file, highSetting });
  const proven = runScenarioText(`${text}\n`, loader).end === "failed";
  const note = proven
    ? ""
    : "# This test passes when run: the hunt reused one machine for many cases, and recorded no events.\n";
  return `${note}${text}\n\n`;
}

/** `ok | driver "ring" | 12_048 cases, 0 failures | …`. */
function summary(
  driver: DriverEntry,
  { allUpTo, cases, drawn, finding, layouts, leftOut, refused, stopped }: DriverHuntResult,
  { machines }: MachineSpace,
): string {
  const failures = finding === null ? 0 : 1;
  const { last } = driver.pieces;
  const tried = allUpTo === last ? "exhaustive" : [
    ...allUpTo === 0 ? [] : [`exhaustive up to ${formatCount(allUpTo, "piece")}`],
    ...drawn ? ["rest sampled"] : [],
    ...stopped ? ["stopped"] : [],
  ].join(", ");
  return [
    finding !== null ? "found" : cases > refused ? "ok" : "not tried",
    `driver "${driver.name}"`,
    `${formatCount(cases, "case")}, ${formatCount(failures, "failure")}`,
    `${formatCount(layouts, "layout")} on ${formatCount(machines.length, "machine")}`,
    ...refused === 0 ? [] : [`map failed as expected in ${formatCount(refused, "case")}`],
    ...leftOut === 0 ? [] : [`${formatCount(leftOut, "layout")} left out`],
    finding === null ? tried : "minimal failing case",
  ].join(" | ");
}
