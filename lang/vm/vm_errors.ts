/** Errors and values that several instructions use. */
import { limitOption, type Limits, NATIVE_DEPTH } from "../values/limits.ts";
import type { Raised, RaisedError } from "../values/raised_error.ts";
import { groupThousands } from "../text/numbers.ts";
import type { FunctionCode } from "./code.ts";
import { describeValue } from "../values/operators.ts";
import { KindError, LimitError, ScriptError } from "../values/script_error.ts";
import { AttemptValue, type Value } from "../values/value.ts";

/**
 * The value of `try`.
 * @param events Number of events kept when the `try` ended.
 */
export function attempt(ok: boolean, value: Value, error: Value, events: number): AttemptValue {
  return new AttemptValue(
    new Map<string, Value>([["ok", ok], ["value", value], ["error", error]]),
    events,
  );
}

export function wantedBool(what: string, value: Value): ScriptError {
  return new KindError(`${what} takes true or false, not ${describeValue(value)}`);
}

export function wantedCount(what: string, value: Value): ScriptError {
  return new KindError(
    `\`${what}\` takes a number that is not negative, not ${describeValue(value)}`,
  );
}

export function wrongCount(code: FunctionCode, count: number): ScriptError {
  const what = code.name === "" ? "The lambda" : `\`${code.name}\``;
  const wanted = code.parameters.length;
  return new ScriptError(
    "E0917",
    `${what} takes ${wanted} ${wanted === 1 ? "argument" : "arguments"}, but got ${count}`,
  );
}

export function tooMuchMemory(limits: Limits): LimitError {
  return new LimitError(
    "E0802",
    `The script's values take more than ${groupThousands(limits.memoryBytes)} bytes`,
    memoryHint(limits),
  );
}

export function tooDeep({ depth }: Limits): LimitError {
  return new LimitError(
    "E0803",
    `Calls are nested more than ${depth} deep`,
    "a recursive function must end; " +
      `${limitOption("depth", 2 * depth)} allows twice as many`,
  );
}

/**
 * The error for too many nested calls from builtins to the script. There is a limit because each
 * such call uses a part of the host's stack.
 */
export function tooDeepInside(): LimitError {
  return new LimitError(
    "E0803",
    `Builtins that call the script, as \`map\` does, are nested more than ${NATIVE_DEPTH} deep`,
    "no option allows more: a loop with `for` has no such limit",
  );
}

export function tooManySteps({ steps }: Limits): LimitError {
  return new LimitError(
    "E0801",
    `The script exceeded its limit of ${groupThousands(steps)} steps`,
    `it may never end; ${limitOption("steps", 2 * steps)} allows twice as many`,
  );
}

/** The error of a `match` without a fitting arm, where a value is needed. */
export function noArm(subject: string): ScriptError {
  return new ScriptError(
    "E0933",
    `No arm of this \`match\` fits ${subject}`,
    "`_ => …` fits everything",
  );
}

export function memoryHint({ memoryBytes }: Pick<Limits, "memoryBytes">): string {
  return `${limitOption("memoryBytes", 2 * memoryBytes)} allows twice as much`;
}

/** The message about a failure that a script cannot expect, and that is not a bug. */
export function notExpected(
  error: Exclude<RaisedError, Raised>,
  limits: Limits,
): ScriptError {
  const { kind, what } = error;
  switch (kind) {
    case "memory_limit": {
      const other = error.isOfEvents
        ? "; `dmalab run` of the same in a file keeps only the events that it reads"
        : "";
      return new LimitError("E0802", what, `${memoryHint(limits)}${other}`);
    }
    case "address_limit":
      return new LimitError("E0808", what, "give the IOMMU fewer bits: `address_bits = 48`");
    case "not_in_release":
      return new ScriptError("E0927", what, "`kernel` in the machine chooses another release");
  }
}
