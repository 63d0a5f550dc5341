/** Compares a model's results with the captured ones, and reports the first difference readably. */

/** Anything JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/** The first difference between two values. `undefined` means that a side has no value there. */
export interface Difference {
  /** Such as `map[2].inner[0].iova`. */
  readonly path: string;
  readonly expected: Json | undefined;
  readonly got: Json | undefined;
}

/** The first difference in reading order, or null for equal values. */
export function firstDifference(
  expected: Json | undefined,
  got: Json | undefined,
  path = "",
): Difference | null {
  const found = differenceIn(expected, got);
  return found === null ? null : below(path, found);
}

/** The path is composed only at a difference: nearly all compared values are equal. */
function differenceIn(expected: Json | undefined, got: Json | undefined): Difference | null {
  if (Object.is(expected, got)) return null;
  if (Array.isArray(expected) && Array.isArray(got)) {
    const length = Math.max(expected.length, got.length);
    for (let index = 0; index < length; index++) {
      const found = differenceIn(expected[index], got[index]);
      if (found !== null) return below(`[${index}]`, found);
    }
    return null;
  }
  if (isObject(expected) && isObject(got)) {
    for (const key of Object.keys(expected)) {
      const found = differenceIn(expected[key], got[key]);
      if (found !== null) return below(key, found);
    }
    for (const key of Object.keys(got)) {
      if (Object.hasOwn(expected, key)) continue;
      const found = differenceIn(expected[key], got[key]);
      if (found !== null) return below(key, found);
    }
    return null;
  }
  return { path: "", expected, got };
}

/** A difference with a path that begins one step further out. */
function below(step: string, { path, ...values }: Difference): Difference {
  const dot = step === "" || path === "" || path.startsWith("[") ? "" : ".";
  return { path: `${step}${dot}${path}`, ...values };
}

/**
 * Runs a replay. If the model throws an error, the error is returned as a difference, so that other
 * replays continue.
 */
export function attempt<T>(
  replay: () => T,
  path = "",
  expected = "a replay",
): T | Difference {
  try {
    return replay();
  } catch (error) {
    return { path, expected, got: (error as Error).message };
  }
}

/** Whether a replay ended in a difference instead of a result. */
export function isDifference(value: object): value is Difference {
  return "path" in value && "expected" in value;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const VALUE_WIDTH = 160;

/** A value on one line: whole numbers of 4096 and more also in hex, long text cut in the middle. */
export function formatValue(value: Json | undefined): string {
  if (value === undefined) return "(nothing)";
  if (typeof value === "number" && Number.isInteger(value) && value >= 4096) {
    return `${value} (0x${value.toString(16)})`;
  }
  const text = JSON.stringify(value);
  if (text.length <= VALUE_WIDTH) return text;
  const half = VALUE_WIDTH / 2 - 2;
  return `${text.slice(0, half)} … ${text.slice(-half)}`;
}
