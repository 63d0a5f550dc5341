/** The job of a worker that hunts in a driver: it runs one part of the hunt. */
import type { DriverPart, DriverSearch } from "../driver/driver_search.ts";
import { DriverParts, type PartEnd } from "../driver/hunt_driver.ts";
import { type MachineVariation, machineVariations } from "../driver/variations.ts";
import type { HuntWords } from "../requests/hunt_options.ts";
import type { HostWatch } from "@dmalab/lang/run";
import { MemoryScreen, withCompiled } from "@dmalab/cli";
import { type Plan, restMs } from "@dmalab/cli/extend";
import { openHunt } from "./open_hunt.ts";

export interface DriverJob {
  readonly path: string;
  readonly words: HuntWords;
  /** The driver's number among the file's drivers, from 0. */
  readonly driver: number;
  readonly part: DriverPart;
  readonly milliseconds: number;
}

/** The result of a part; the machine of its finding is given by number. */
export interface DriverMessage {
  readonly kind: "end";
  readonly end: Readonly<PartEnd>;
  readonly machine: number;
}

/**
 * In the worker, opens the hunt for mistakes in one driver. Returns the function that runs the
 * hunt's parts.
 */
export async function openDriverParts({ driver: number, path, words }: DriverJob) {
  const screen = new MemoryScreen();
  const opened = await openHunt(path, words, screen);
  if (opened === null || !("drivers" in opened)) throw new Error(screen.errors);
  const { file, loader, program, seed } = opened.drivers;
  const driver = program.drivers[number]!;
  const space = await withCompiled(loader, () => machineVariations(file, driver.device, loader));
  if (typeof space === "string") throw new Error(space);
  const { machines } = space;
  let mayGoOn = () => true;
  const parts = new DriverParts({ program, driver, seed, machines, mayGoOn: () => mayGoOn() });
  const run = (
    { milliseconds, part }: DriverJob,
    send: (message: DriverMessage) => void,
    watch: HostWatch,
  ) => {
    const until = performance.now() + milliseconds;
    mayGoOn = () => performance.now() < until && !watch.interrupted();
    send(partMessage(parts.run(part), machines));
  };
  return { run };
}

export function partMessage(
  end: Readonly<PartEnd>,
  machines: readonly MachineVariation[],
): DriverMessage {
  const machine = end.finding === null ? -1 : machines.indexOf(end.finding.case.machine);
  return { kind: "end", end, machine };
}

type PlannedPart = DriverJob & { readonly kind: "driver" };

/** The parts of a search, divided among several threads. */
export class DriverPlan implements Plan<PlannedPart, DriverMessage> {
  constructor(
    readonly search: DriverSearch,
    readonly machines: readonly MachineVariation[],
    readonly job: Omit<DriverJob, "part" | "milliseconds">,
    /** The time at which the hunt ends, by `performance.now()`. */
    readonly until: number,
  ) {}

  isComplete(): boolean {
    return this.search.isComplete();
  }

  /** At most so long: a driver with few layouts ends before all cases. */
  leftMs(takenMs: number): number {
    const { options, result } = this.search;
    return Math.min(restMs(takenMs, result.cases, options.cases), this.until - performance.now());
  }

  next(): PlannedPart | null {
    const part = this.search.next();
    if (part === null) return null;
    return { kind: "driver", ...this.job, part, milliseconds: this.until - performance.now() };
  }

  receive({ part }: PlannedPart, { end, machine }: DriverMessage): void {
    const { finding } = end;
    const found = finding === null
      ? null
      : { ...finding, case: { ...finding.case, machine: this.machines[machine]! } };
    this.search.receive(part, { ...end, finding: found });
  }
}
