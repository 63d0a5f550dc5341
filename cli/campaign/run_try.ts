/** One try of a campaign: what it is known by, how much it ran, and what it found. */
import { passedPoints } from "../../instruments/hunt/passed_points.ts";
import { huntMachines } from "../../instruments/hunt/arbitraries.ts";
import { signatureOf } from "../../instruments/hunt/diagnose.ts";
import { hunt } from "../../instruments/hunt/hunt.ts";
import {
  type HuntSettings,
  type HuntWords,
  readHuntOptions,
} from "../../instruments/hunt/hunt_options.ts";
import type { DriverHuntResult } from "../../instruments/driver_hunt/driver_case.ts";
import type { DriverHuntOptions } from "../../instruments/driver_hunt/hunt_driver.ts";
import { machineVariations } from "../../instruments/driver_hunt/variations.ts";
import { loadProgramOn } from "../../lang/language.ts";
import { displayName } from "../../lang/run/report.ts";
import { runProgram } from "../../lang/run/run_program.ts";
import { DEFAULT_LIMITS } from "../../lang/values/limits.ts";
import { DEFAULT_KERNEL, kernelNamed, KERNELS } from "../../runtime/kernels/kernels.ts";
import type { FaultPointName } from "../../runtime/faults.ts";
import { withCompiled } from "../c/with_compiled.ts";
import { HostLoader } from "../host_loader.ts";
import { openHunt } from "../hunt/open_hunt.ts";
import { driverFindingText, openDriverHunt } from "../hunt/run_driver_hunt.ts";
import type { Interrupts } from "../interrupts.ts";
import { MemoryScreen } from "../memory_screen.ts";
import type { Try } from "./plan.ts";

export interface TryFinding {
  /** Two findings with the same are one. */
  readonly cause: string;
  readonly scenario: string;
}

/** A line of a shard's file. */
export interface TryRecord {
  readonly key: string;
  /** Steps of a hunt, cases of drivers, tests of a suite. */
  readonly cases: number;
  readonly findings: readonly TryFinding[];
}

/** A try that cannot run: the message is for the user. */
export class CannotTry extends Error {}

/** Runs tries. What several of them need is made once. */
export class TryRunner {
  readonly #points = new Map<string, readonly FaultPointName[]>();
  readonly #drivers = new Map<string, ReturnType<typeof openDrivers>>();

  /** @param folder That of the plan: files of tries are found from there. */
  constructor(readonly folder: string, readonly interrupts: Interrupts) {}

  /** @throws {CannotTry} */
  async run(each: Try): Promise<TryRecord> {
    if (each.kind === "hunt") return this.#hunt(each);
    return each.kind === "driver" ? await this.#driver(each) : await this.#suite(each);
  }

  #mayGoOn = () => !this.interrupts.interrupted();

  #hunt(each: Try): TryRecord {
    const { mode, release, seed, shard } = readHuntOptions(wordsOf(each)) as HuntSettings;
    let points = this.#points.get(each.group);
    if (points === undefined) {
      points = passedPoints(release, huntMachines(mode));
      this.#points.set(each.group, points);
    }
    const { cases, findings } = hunt({
      release,
      mode,
      points,
      seed,
      shard,
      cases: each.cases,
      mayGoOn: this.#mayGoOn,
    });
    return {
      key: each.key,
      cases,
      findings: findings.map(({ scenario, switches, violation }) => ({
        cause: switches.length === 0
          ? `no known defect: ${signatureOf(violation)}`
          : switches.join(" and "),
        scenario,
      })),
    };
  }

  async #driver(each: Try): Promise<TryRecord> {
    const path = `${this.folder}/${each.file}`;
    let opened = this.#drivers.get(path);
    if (opened === undefined) this.#drivers.set(path, opened = openDrivers(path, wordsOf(each)));
    const { settings, spaces } = await opened;
    let cases = 0;
    const findings: TryFinding[] = [];
    for (const [number, driver] of settings.program.drivers.entries()) {
      const space = spaces[number]!;
      const machines = space.machines.filter(({ config }) =>
        each.mode === null || config.iommu.mode === each.mode
      );
      if (machines.length === 0) continue;
      const { cases: tried, finding } = huntIn({
        program: settings.program,
        driver,
        machines,
        seed: each.seed,
        cases: each.cases,
        mayGoOn: this.#mayGoOn,
      });
      cases += tried;
      if (finding === null) continue;
      findings.push({
        cause: `driver "${driver.name}", ${signatureOf(finding.wrong)}`,
        scenario: driverFindingText(finding, driver, space, settings),
      });
    }
    return { key: each.key, cases, findings };
  }

  async #suite(each: Try): Promise<TryRecord> {
    const { file, key, seed } = each;
    const opened = HostLoader.open(`${this.folder}/${file}`);
    if (typeof opened === "string") throw new CannotTry(opened);
    const { entry, loader } = opened;
    const kernel = kernelNamed(each.release ?? DEFAULT_KERNEL)!;
    const on = { kernel, as: KERNELS[kernel] };
    const { diagnostics, program } = await withCompiled(
      loader,
      () => loadProgramOn(on, entry, loader),
    );
    if (program === null) throw new CannotTry(`${file}: ${diagnostics[0]?.message}`);
    const { outcomes } = runProgram(program, {
      only: "tests",
      seed,
      limits: DEFAULT_LIMITS,
      watch: this.interrupts,
    });
    const findings = outcomes.flatMap((outcome) => {
      const { failure } = outcome;
      if (failure === null) return [];
      const name = displayName(outcome);
      const lines = [
        `dmalab run ${file} --match ${JSON.stringify(name)} --seed ${seed}, on ${kernel}`,
        ...failure.lines,
      ];
      return [{
        cause: `${file}, test "${name}", ${failure.code} at ${failure.place}`,
        scenario: `${lines.map((line) => `# ${line}`.trimEnd()).join("\n")}\n`,
      }];
    });
    return { key, cases: outcomes.length, findings };
  }
}

/** Hunts in a driver. @throws {CannotTry} When it cannot be tested. */
function huntIn(options: DriverHuntOptions): DriverHuntResult {
  const hunt = openDriverHunt(options);
  if (typeof hunt === "string") throw new CannotTry(`error: ${hunt}`);
  hunt.run();
  return hunt.result();
}

function wordsOf({ cases, mode, quirks, release, seed }: Try): HuntWords {
  return { kernel: release, quirks, cases, seconds: null, seed, shard: null, mode };
}

async function openDrivers(path: string, { cases, seed }: HuntWords) {
  const screen = new MemoryScreen();
  const words = { kernel: null, quirks: null, cases, seconds: null, seed, shard: null };
  const opened = await openHunt(path, words, screen);
  if (opened === null) throw new CannotTry(screen.errors.trimEnd());
  if (!("drivers" in opened)) throw new CannotTry(`error: "${path}" declares no driver`);
  const { drivers: settings } = opened;
  const { file, loader, program } = settings;
  const spaces = [];
  for (const { device } of program.drivers) {
    const space = await withCompiled(loader, () => machineVariations(file, device, loader));
    if (typeof space === "string") throw new CannotTry(`error: ${space}`);
    spaces.push(space);
  }
  return { settings, spaces };
}
