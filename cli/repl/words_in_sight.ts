/** Words that mean something at a place of a run: addresses, tables, marks. */
import { type Place, SUBJECT_WORDS } from "@dmalab/recording";
import { rowTexts, tableAt } from "@dmalab/recording/views";
import type { Suggestion } from "@dmalab/lang/editor";

/** Rows of a table that are looked at. */
const MOST_ROWS = 200;

/** The addresses in the rows of all tables, each with the first row that has it. */
export function addressesInSight({ at, recording }: Place): readonly Suggestion[] {
  const found = new Map<string, string>();
  for (const { spec: { name } } of recording.tables) {
    const { rows } = tableAt(recording, name, at, { first: 0, count: MOST_ROWS });
    for (const row of rows) {
      for (const { kind, text, value } of row.cells) {
        if (kind !== "dma" && kind !== "phys" || value === null || found.has(text)) continue;
        found.set(text, `${name}: ${rowTexts(row).join(" ")}`);
      }
    }
  }
  return [...found].map(([text, doc]) => ({ text, doc }));
}

/** What `:who` may be asked of: variables, addresses, and the words before a number. */
export function subjectsInSight(place: Place): readonly Suggestion[] {
  return [
    ...place.variables().map(({ name, text }) => ({ text: name, doc: text })),
    ...addressesInSight(place),
    ...SUBJECT_WORDS.map((text) => ({ text, doc: "" })),
  ];
}

/** Every table, with what a row of it says. */
export function tableWords({ recording }: Place): readonly Suggestion[] {
  return recording.tables.map(({ spec: { doc, name } }) => ({ text: name, doc }));
}
