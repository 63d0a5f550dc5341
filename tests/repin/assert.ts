/**
 * Assertions that take what they get for what is wanted, where both are texts: `deno task repin` has tests
 * load these in place of the usual ones. All else fails as ever.
 */
import * as std from "../assert.ts";
import { nearestPart } from "./nearest_part.ts";
import { writePins } from "./write_pins.ts";

export * from "../assert.ts";

/** A pinned text, what came instead, and the lines of the test that led there. */
export interface Pin {
  readonly pinned: string;
  readonly got: string;
  readonly stack: string;
}

const pins: Pin[] = [];
globalThis.addEventListener("unload", () => writePins(pins));

function take(pinned: string, got: string): void {
  pins.push({ pinned, got, stack: new Error().stack ?? "" });
}

/** `wanted` with its texts as they came; notes those that differ. */
function repinned(got: unknown, wanted: unknown): unknown {
  if (typeof got === "string" && typeof wanted === "string") {
    if (got !== wanted) take(wanted, got);
    return got;
  }
  if (Array.isArray(got) && Array.isArray(wanted)) {
    return wanted.map((each, index) => index < got.length ? repinned(got[index], each) : each);
  }
  if (!isRecord(got) || !isRecord(wanted)) return wanted;
  return Object.fromEntries(
    Object.entries(wanted).map(([key, each]) => [key, repinned(got[key], each)]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

export function assertEquals(got: unknown, wanted: unknown, message?: string): void {
  try {
    std.assertEquals(got, wanted, message);
  } catch {
    std.assertEquals(got, repinned(got, wanted), message);
  }
}

export function assertStringIncludes(got: string, wanted: string, message?: string): void {
  const part = got.includes(wanted) ? wanted : nearestPart(got, wanted);
  if (part === null) std.assertStringIncludes(got, wanted, message);
  else if (part !== wanted) take(wanted, part);
}
