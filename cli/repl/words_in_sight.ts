/** Words that mean something at a place of a run: addresses, tables, marks. */
import type { Place } from "../../lang/recording/cursor.ts";
import { tableAt } from "../../lang/views/tables.ts";
import type { Suggestion } from "../../lang/editor/suggestion.ts";

/** Rows of a table that are looked at. */
const MOST_ROWS = 200;

/** The addresses in the rows of all tables, each with the first row that has it. */
export function addressesInSight({ at, recording }: Place): readonly Suggestion[] {
  const found = new Map<string, string>();
  for (const { spec: { fields, name } } of recording.tables) {
    const kinds = Object.values(fields);
    const columns = kinds.flatMap((field, index) =>
      field.kind === "dma" || field.kind === "phys" ? [index] : []
    );
    if (columns.length === 0) continue;
    const { rows } = tableAt(recording, name, at, { first: 0, count: MOST_ROWS });
    for (const { cells } of rows) {
      for (const column of columns) {
        const text = cells[column]!;
        if (text.startsWith("0x") && !found.has(text)) {
          found.set(text, `${name}: ${cells.join(" ")}`);
        }
      }
    }
  }
  return [...found].map(([text, doc]) => ({ text, doc }));
}

/** Every table, with what a row of it says. */
export function tableWords({ recording }: Place): readonly Suggestion[] {
  return recording.tables.map(({ spec: { doc, name } }) => ({ text: name, doc }));
}
