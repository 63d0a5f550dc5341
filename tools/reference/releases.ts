/**
 * The tables of releases. One table describes each release. The others list the defects and the
 * older ways, each with the releases that have it.
 */
import {
  type Behaviour,
  type BehaviourName,
  hasBehaviour,
  KERNEL_NAMES,
  OLDER_WAYS,
  QUIRKS,
  RELEASES,
} from "@dmalab/runtime/kernels";
import { markdownTable, withPart, withParts } from "./marked_part.ts";

/**
 * docs/language/declarations.md with its table of profiles.
 * @throws {RangeError} When the page has no place for the table.
 */
export function withProfiles(page: string): string {
  const rows = KERNEL_NAMES.map((name) => [`\`${name}\``, RELEASES[name]]);
  return withPart(page, "profiles", markdownTable(["profile", "what it is"], rows));
}

/**
 * rules/defects.md with its tables by release.
 * @throws {RangeError} When the page has no place for a table.
 */
export function withReleaseTables(page: string): string {
  return withParts(page, {
    "defects by release": releaseTable("defect", QUIRKS),
    "older ways by release": releaseTable("older way", OLDER_WAYS),
  });
}

/**
 * A table with a row for each behaviour and a column for each release; behaviours that no release
 * has are left out.
 */
export function releaseTable(
  what: string,
  rows: Readonly<Record<string, Behaviour>>,
): readonly string[] {
  return markdownTable(
    [what, ...KERNEL_NAMES, "what such a release does"],
    Object.entries(rows).filter((row) => row[1].in.length > 0).map(([name, { doc, rule }]) => {
      const has = KERNEL_NAMES.map((kernel) => hasBehaviour(kernel, name as BehaviourName));
      const cells = has.map((each) => each ? "yes" : "–");
      return [`\`${name}\``, ...cells, rule ? `${doc} (${rule})` : doc];
    }),
  );
}
