/** Which tests of a file are meant: by a part of their names, or by an expression. */
import { cellName } from "./bench_cells.ts";
import { displayName } from "./report.ts";

import type { VariantSetting } from "../values/machine_variant.ts";

/** A part of a name, an expression that finds something in it, or a value of an axis. */
export type NameMatch = string | RegExp | VariantSetting;

/** The identity of a test in a file. */
type Named = Parameters<typeof displayName>[0] & { readonly axes?: readonly VariantSetting[] };

/** Whether a match is about an axis, and not about a name. */
export function isAxisMatch(match: NameMatch): match is VariantSetting {
  return typeof match === "object" && "key" in match;
}

/**
 * Whether a test's name, or its machine, has one of these in it, and each axis that is named one of
 * the values that are named with it; all match an empty list.
 */
export function isNamed(test: Named, matches: readonly NameMatch[]): boolean {
  const names = matches.filter((match): match is string | RegExp => !isAxisMatch(match));
  const axes = Map.groupBy(matches.filter(isAxisMatch), ({ key }) => key);
  const name = displayName(test);
  return (names.length === 0 ||
    names.some((match) =>
      typeof match === "string" ? name.includes(match) : name.search(match) >= 0
    )) &&
    [...axes].every(([key, wanted]) =>
      test.axes?.some((axis) =>
        axis.key === key && wanted.some(({ value }) => cellName(value) === cellName(axis.value))
      ) === true
    );
}

/** Finds exactly the test of this name; a character that cannot be typed may be any. */
export function exactMatch(name: string): RegExp {
  const escaped = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  // deno-lint-ignore no-control-regex
  return new RegExp(`^${escaped.replace(/[\x00-\x1f\x7f-\x9f]/g, "[^]")}$`);
}
