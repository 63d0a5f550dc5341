/** Names of a session that an input declared, and whose values it did not come to. */
import type { FileScope } from "../check/names/file_scope.ts";
import type { ProgramTables } from "../compile/program_tables.ts";
import type { Value } from "../values/value.ts";

/**
 * Takes them back: each means what it meant before the input, or nothing.
 *
 * @param globals Values of the session's variables and consts; those without one are given none,
 *   because a function of the same input may name them.
 * @returns The globals that have no value.
 */
export function withdrawNames(
  before: FileScope,
  after: FileScope,
  tables: ProgramTables,
  globals: (Value | undefined)[],
): ReadonlySet<number> {
  const without = new Set<number>();
  const lacksValue = (global: number) => {
    if (globals[global] !== undefined) return false;
    without.add(global);
    return true;
  };
  for (const [name, variable] of after.variables) {
    if (lacksValue(tables.variableGlobal(variable))) {
      putBack(after.variables, name, before.variables.get(name));
    }
  }
  for (const [name, binding] of after.declared) {
    if (binding.kind === "const" && lacksValue(tables.constGlobal(binding))) {
      const earlier = before.declared.get(name);
      putBack(after.declared, name, earlier === binding ? undefined : earlier);
    }
  }
  for (const global of without) globals[global] = null;
  return without;
}

function putBack<T>(names: Map<string, T>, name: string, earlier: T | undefined): void {
  if (earlier === undefined) names.delete(name);
  else names.set(name, earlier);
}
