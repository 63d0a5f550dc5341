/** Groups functions that are alike, such as the virtual functions of a card: one represents all. */
import type { ImportedMachine } from "./lspci/imported_machine.ts";
import type { PciFunction } from "@dmalab/devices";

/** Smallest size of a group. If fewer functions are alike, they are shown one by one. */
const FEWEST = 4;

export interface Alike {
  readonly func: PciFunction;
  /** The functions after `func` that differ from it only in their address. */
  readonly others: readonly PciFunction[];
}

/**
 * Groups consecutive functions that are alike: they lie below the same bridge, are of the same
 * kind, and have the same access control.
 *
 * @param functions Sorted by address.
 */
export function alikeRuns(
  functions: readonly PciFunction[],
  machine: ImportedMachine,
): readonly Alike[] {
  const runs: PciFunction[][] = [];
  for (const func of functions) {
    const run = runs.at(-1);
    if (run !== undefined && areAlike(run[0]!, func, machine)) run.push(func);
    else runs.push([func]);
  }
  return runs.flatMap((run) =>
    run.length < FEWEST
      ? run.map((func) => ({ func, others: [] }))
      : [{ func: run[0]!, others: run.slice(1) }]
  );
}

function areAlike(one: PciFunction, other: PciFunction, { listed }: ImportedMachine): boolean {
  if (one.isBridge || other.isBridge || one.upstream !== other.upstream) return false;
  if (one.hostBridge !== other.hostBridge || one.upstream === null) return false;
  const a = listed.get(one)!;
  const b = listed.get(other)!;
  return a.vendor !== null && a.vendor === b.vendor && a.device === b.device &&
    a.classCode === b.classCode && one.acs.presence === other.acs.presence &&
    [...one.acs.enabled].join() === [...other.acs.enabled].join();
}
