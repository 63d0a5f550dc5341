/** Speed at which the hunt tries the cases of a driver. */
import { huntDriver, machineVariations } from "@dmalab/hunt";
import { loadProgram } from "@dmalab/lang";
import { HostLoader } from "@dmalab/cli";
import { plainBenchmark } from "./benchmark.ts";
import { medianOf } from "@dmalab/cli/bench";
import { cpuSeconds } from "./cpu_time.ts";

const FOLDER = "examples/api";
const FILE = "04-two-step-unwind.dma";

/** Measured rounds, and warm-up rounds before the measured rounds. */
const ROUNDS = 3;
const WARM_UPS = 1;

/** Tries every case of the driver of api/04-two-step-unwind. @returns Cases a second. */
export function measureDriverHunt(rounds: number = ROUNDS, warmUps: number = WARM_UPS): number {
  const opened = HostLoader.open(`${FOLDER}/${FILE}`);
  if (typeof opened === "string") throw new Error(opened);
  const { program } = loadProgram(opened.entry, opened.loader);
  const driver = program?.drivers[0];
  if (program === null || driver === undefined) throw new Error(`${FILE} has no driver`);
  const space = machineVariations(FILE, driver.device, opened.loader);
  if (typeof space === "string") throw new Error(space);
  const { machines } = space;
  return medianOf(rounds, warmUps, () => {
    const start = cpuSeconds();
    const { cases, finding } = huntDriver({
      program,
      driver,
      machines,
      seed: 1,
      cases: Infinity,
      mayGoOn: () => true,
    });
    if (finding !== null) throw new Error(`The driver of ${FILE} is wrong: ${finding.wrong.text}`);
    return cases / (cpuSeconds() - start);
  });
}

export const DRIVER_HUNT = plainBenchmark(
  "hunt.driver",
  "cases/s",
  "the hunt in a script's driver: a case is a map, a look through the device, and an unmap",
  () => measureDriverHunt(),
);
