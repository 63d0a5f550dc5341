/** Tables of a recording against random machines: those of the hunt, with what it asks of them. */
import fc from "fast-check";
import { CaseRun, hitPoints, huntCases, type HuntRelease } from "@dmalab/hunt/requests";
import { KERNEL_NAMES, KERNELS } from "@dmalab/runtime/kernels";
import { Watch } from "./watched_machine.ts";

export interface Compared {
  machines: number;
  /** Moments at which every table was compared with what the machine held. */
  looks: number;
  /** Rows of the machines in them. */
  rows: number;
  events: number;
}

/** A request's most bytes: what is longer shows no other row, and takes longer. */
const MAX_BYTES = 2 ** 19;

/**
 * Runs machines of every release in turn, with the release's own defects, and compares.
 *
 * @param each Called after each machine.
 * @throws {AssertionError} At the first row that differs; says which machine.
 */
export function compareRandomMachines(
  machines: number,
  seed: number,
  each: (compared: Compared) => void = () => {},
): Compared {
  const compared: Compared = { machines: 0, looks: 0, rows: 0, events: 0 };
  for (const [index, kernel] of KERNEL_NAMES.entries()) {
    const release: HuntRelease = { kernel, quirks: KERNELS[kernel].quirks };
    const numRuns = Math.floor((machines * (index + 1)) / KERNEL_NAMES.length) -
      Math.floor((machines * index) / KERNEL_NAMES.length);
    const cases = fc.sample(huntCases(hitPoints(release)), { seed: seed + index, numRuns });
    for (const { machine, steps } of cases) {
      const watch = new Watch();
      try {
        const run = new CaseRun(machine, release, MAX_BYTES, (lab) => watch.attach(lab));
        // Who crashes stops in the midst of something: there the tables are ahead of the machine.
        const crashes = steps.some((step) => run.step(step)?.kind === "crash");
        for (const watched of watch.watched) {
          if (!crashes) watch.end(watched);
          compared.events += watched.recording.log.count;
        }
      } catch (error) {
        const what = JSON.stringify({ kernel, machine, steps });
        throw new Error(`${(error as Error).message}\non the machine ${what}`, { cause: error });
      }
      compared.machines++;
      compared.looks += watch.looks;
      compared.rows += watch.rows;
      each(compared);
    }
  }
  return compared;
}
