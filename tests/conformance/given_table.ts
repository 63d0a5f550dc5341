/** The table of what a replay is given and leaves out, as docs/dev/conformance.md shows it. */
import { type Exception, EXCEPTIONS } from "./given.ts";
import { GIVEN, GIVEN_TO_SOFTWARE, type GivenFields } from "./hmm/hmm_given.ts";

/** Markdown lines: one row for each entry, in the order of the list. */
export function givenTable(): readonly string[] {
  return [
    "| record | fields | treatment | why |",
    "| --- | --- | --- | --- |",
    ...EXCEPTIONS.map(row),
  ];
}

function row({ fields, record, treatment, why, withoutHistory }: Exception): string {
  const names = fields.map((field) => `\`${field}\``).join(", ");
  const words = withoutHistory === true ? `${treatment}, without a history only` : treatment;
  return `| ${record} | ${names} | ${words} | ${why} |`;
}

/** The same for the operations of page-wise maps, where all that is not listed is compared. */
export function givenOfMapsTable(): readonly string[] {
  return [
    "| operations | given fields | why |",
    "| --- | --- | --- |",
    ...[...GIVEN, ...GIVEN_TO_SOFTWARE].map(mapsRow),
  ];
}

function mapsRow({ fields, ops, why }: GivenFields): string {
  return `| ${code(ops)} | ${fields.length === 0 ? "all" : code(fields)} | ${why} |`;
}

function code(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}
