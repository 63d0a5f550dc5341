/**
 * Selects tests of a file by a part of their name, by a regular expression, or by the value of an
 * axis.
 */
import { groupBy } from "@dmalab/runtime/basics";
import { cellName } from "./bench_cells.ts";
import { describeSettings, type VariantSetting } from "../values/machine_variant.ts";
import { displayName } from "./report.ts";

/** A part of a name, a regular expression that matches a part, or a value of an axis. */
export type NameMatch = string | RegExp | VariantSetting;

/** The names by which a test in a file is selected. */
type Named = Parameters<typeof displayName>[0] & {
  readonly axes?: readonly VariantSetting[];
  readonly fixed?: readonly VariantSetting[];
};

/** Whether a match selects by an axis, and not by a name. */
export function isAxisMatch(match: NameMatch): match is VariantSetting {
  return typeof match === "object" && "key" in match;
}

/**
 * Whether a test is selected. The test's name, which includes its machine, or its settings of `with`
 * contain one of the given names. For each given axis, the test has one of the values that are given for that axis. An
 * empty list selects every test.
 */
export function isNamed(test: Named, matches: readonly NameMatch[]): boolean {
  const names = matches.filter((match): match is string | RegExp => !isAxisMatch(match));
  const axes = groupBy(matches.filter(isAxisMatch), ({ key }) => key);
  const texts = [displayName(test), describeSettings(test.fixed ?? [])];
  return (names.length === 0 ||
    names.some((match) =>
      texts.some((text) =>
        typeof match === "string" ? text.includes(match) : text.search(match) >= 0
      )
    )) &&
    [...axes].every(([key, wanted]) =>
      test.axes?.some((axis) =>
        axis.key === key && wanted.some(({ value }) => cellName(value) === cellName(axis.value))
      ) === true
    );
}

/** Matches exactly this test name; in place of a control character it accepts any character. */
export function exactMatch(name: string): RegExp {
  const escaped = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  // deno-lint-ignore no-control-regex
  return new RegExp(`^${escaped.replace(/[\x00-\x1f\x7f-\x9f]/g, "[^]")}$`);
}
