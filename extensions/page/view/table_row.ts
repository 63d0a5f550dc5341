/// <reference lib="dom" />
/**
 * A row of a table, compared with the row at another position. It is used in the tables of a position, and for
 * differences.
 */
import type { RecordedRun } from "@dmalab/recording";
import type { RowDiff, RowView } from "@dmalab/recording/views";
import { button, el, table } from "./dom.ts";
import type { PageModel } from "./page_model.ts";
import { spansOf } from "./selection.ts";

/** Words for a row's change compared with another position. */
const CHANGE_WORDS = { "+": "new", "-": "gone", "~": "changed" } as const;

/** A table with rows that `tableRow()` draws. */
export function rowTable(columns: readonly string[], body: HTMLElement): HTMLElement {
  return table(["", "since", ...columns], body);
}

/**
 * @param change The change compared with another position; null for an equal row.
 * @param seq The event to which the row's button goes. `of` is the run of the event, and `title`
 *   the name of the button.
 */
export function tableRow(
  { goTo, run, selections }: PageModel,
  { cells, createdSeq }: RowView,
  change: Pick<RowDiff, "mark" | "was"> | null,
  { item, of = run, seq, title }: {
    readonly item: string;
    readonly of?: RecordedRun;
    readonly seq: number;
    readonly title?: string;
  },
): HTMLElement {
  const attributes = { class: "item", "data-item": item, title: title ?? null };
  const since = button(attributes, () => goTo(seq, of), `#${createdSeq}`);
  const texts = cells.map(({ kind, text }, index) => {
    const before = change?.was?.[index]?.text;
    const cell = el("td", { class: kind }, text);
    if (before !== undefined && before !== text) cell.append(el("small", {}, ` was ${before}`));
    return cell;
  });
  const element = el(
    "tr",
    { class: change === null ? null : CHANGE_WORDS[change.mark] },
    el(
      "td",
      { class: "mark" },
      change === null ? "" : `${change.mark} ${CHANGE_WORDS[change.mark]}`,
    ),
    el("td", {}, since),
    ...texts,
  );
  selections.set(element, { seq: of === run ? seq : null, spans: spansOf(cells) });
  return element;
}
