/** The table of what a replay is given and leaves out, as docs/conformance.md shows it. */
import { type Exception, EXCEPTIONS } from "./given.ts";

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
