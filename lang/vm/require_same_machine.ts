/** Values that one machine may hand to another: all but things that are part of a machine. */
import type { HandleType } from "../values/spec.ts";
import { describeValue } from "../values/operators.ts";
import { ScriptError } from "../values/script_error.ts";
import { Handle, type Value } from "../values/value.ts";
import { partsOf } from "../values/changes.ts";

/** @throws {ScriptError} E0925 for a thing of a machine, or what holds one. */
export function requireSameMachine(value: Value): void {
  const found = findOtherMachines(value);
  if (found === null) return;
  throw new ScriptError(
    "E0925",
    `The block runs on other machines, and ${describeValue(found)} belongs to this one`,
    "make it inside the block, so that each machine has its own",
  );
}

/** Each part once: parts may be shared, and stand as deep in each other as there is memory. */
function findOtherMachines(value: Value): Handle | null {
  const seen = new Set<Value>([value]);
  // A set that is walked goes on with what is added meanwhile.
  for (const each of seen) {
    if (each instanceof Handle) {
      const type: HandleType = each.type;
      if (type.portable !== true) return each;
    } else for (const part of partsOf(each)) if (typeof part === "object") seen.add(part);
  }
  return null;
}
