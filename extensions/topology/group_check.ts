/** Compares the groups of the model with those that the listed machine's kernel has made. */
import type { ImportedMachine } from "./lspci/imported_machine.ts";
import type { PciFunction } from "@dmalab/devices/pci";
import { formatCount } from "@dmalab/lang/text";
import { groupMarks } from "./tree_picture.ts";

/**
 * One line on whether both agree; null when the listing names no groups.
 *
 * They may differ: a kernel knows of hardware that keeps functions apart without saying so, and of
 * hardware that lies.
 */
export function groupCheckLine(machine: ImportedMachine): string | null {
  const { functions, listed } = machine;
  const marks = groupMarks(machine);
  const listedFunctions = functions.filter((func) =>
    listed.get(func)!.iommuGroup !== null && !marks.get(func)!.uncertain
  );
  if (listedFunctions.length < 2) return null;
  const modelled = membersBy(listedFunctions, (func) => marks.get(func)!.id);
  const named = membersBy(listedFunctions, (func) => listed.get(func)!.iommuGroup!);
  const different = listedFunctions.filter((func) => modelled.get(func) !== named.get(func));
  if (different.length === 0) {
    return `the groups of the listing are those of the model, for all ${listedFunctions.length} functions that both have`;
  }
  const names = different.slice(0, 6).map(({ name }) => name).join(", ");
  return `the listing groups ${formatCount(different.length, "function")} differently (${names}${
    different.length > 6 ? ", …" : ""
  }): its kernel had other information than the listing`;
}

/** Who is in one group with a function, as names. */
function membersBy(
  functions: readonly PciFunction[],
  groupOf: (func: PciFunction) => number,
): ReadonlyMap<PciFunction, string> {
  const names = new Map<number, string>();
  for (const func of functions) {
    const group = groupOf(func);
    names.set(group, `${names.get(group) ?? ""} ${func.name}`);
  }
  return new Map(functions.map((func) => [func, names.get(groupOf(func))!]));
}
