/** Completions at a position of a run: addresses, tables, marks. */
import { type Cursor, WRITE_TARGET_WORDS } from "@dmalab/recording";
import { rowTexts, tableAt } from "@dmalab/recording/views";
import type { Suggestion } from "@dmalab/lang/editor";

/** Number of rows of a table that are searched for addresses. */
const MAX_ROWS = 200;

/** The addresses in the rows of all tables, each with the first row that contains it. */
export function addressesInSight({ position, recording }: Cursor): readonly Suggestion[] {
  const found = new Map<string, string>();
  for (const { spec: { name } } of recording.tables) {
    const { rows } = tableAt(recording, name, position, { first: 0, count: MAX_ROWS });
    for (const row of rows) {
      for (const { kind, text, value } of row.cells) {
        if (kind !== "dma" && kind !== "phys" || value === null || found.has(text)) continue;
        found.set(text, `${name}: ${rowTexts(row).join(" ")}`);
      }
    }
  }
  return [...found].map(([text, doc]) => ({ text, doc }));
}

/**
 * The possible arguments of `:who`: variables, addresses, and words such as `pte`, which a number
 * follows.
 */
export function subjectsInSight(cursor: Cursor): readonly Suggestion[] {
  return [
    ...cursor.variables().map(({ name, text }) => ({ text: name, doc: text })),
    ...addressesInSight(cursor),
    ...WRITE_TARGET_WORDS.map((text) => ({ text, doc: "" })),
  ];
}

/** The names of all tables, each with the meaning of a row. */
export function tableWords({ recording }: Cursor): readonly Suggestion[] {
  return recording.tables.map(({ spec: { doc, name } }) => ({ text: name, doc }));
}
