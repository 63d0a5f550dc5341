/** The messages of the table as rows of Markdown tables, for the pages of `docs/`. */
import { MESSAGE_AREAS } from "./table.ts";
import { LEFT_OUT } from "./left_out.ts";
import { MESSAGE_KINDS } from "./kinds.ts";
import { type MessageRow, type MessageText, wordsOf } from "./message.ts";

const ROLES = {
  fault: "fault",
  report: "report",
  consequence: "consequence",
  state: "no error",
} as const;

/** Formats a form for a page: `{size_bytes}` stays, and an optional part is put in `⟨…⟩`. */
export function shownForm(form: string): string {
  return form.replace(/\{\?/g, "⟨").replace(/\?\}/g, "⟩").replace(/\{\.\.\.\}/g, "…")
    .replace(
      /\{([^{}~]*)~([^{}]*)\}/g,
      (_, name: string, words: string) => name === "" ? `(${words})` : `{${name}: ${words}}`,
    )
    .replace(/\{([^{}=]+)=[^{}]+\}/g, "{$1}");
}

/**
 * Formats a text for a page. A fixed text is unchanged. A text that is computed from a line's
 * numbers has `…` in place of the numbers.
 */
export function shownWords(words: MessageText): string {
  return typeof words === "string"
    ? words
    : wordsOf(words, {}).replace(/undefined|null|NaN bytes|NaN/g, "…");
}

function shownCauses({ causes }: MessageRow): string {
  return (causes ?? []).map(({ certainty, id, isOne }) =>
    `${id} (${isOne ? "proved if alone" : certainty})`
  ).join(", ");
}

/** A table row for each area: its name, its number of messages, their kinds. */
export function messageAreaRows(): string[][] {
  return MESSAGE_AREAS.map(({ name, page, rows }) => [
    name,
    `${rows.reduce((sum, { forms }) => sum + forms.length, 0)}`,
    [...new Set(rows.map(({ kind }) => kind))].map((kind) => `\`${kind}\``).join(" "),
    page,
  ]);
}

/** A table row for each message: its wordings, kind, role, condition, meaning and causes. */
export function messageRows(): string[][] {
  return MESSAGE_AREAS.flatMap(({ name, rows }) =>
    rows.map((row) => [
      name,
      row.forms.map((form) => `\`${shownForm(form).replaceAll("`", "'")}\``).join("<br>"),
      `\`${row.kind}\``,
      row.role === "state" && row.kind !== "state" ? "details" : ROLES[row.role],
      row.condition ?? "",
      shownWords(row.means),
      shownCauses(row),
      MESSAGE_KINDS[row.kind].rule,
    ])
  );
}

/**
 * The rows of a page's table: the forms of Linux 7.3.4 that no row of the message table matches,
 * and the reasons.
 */
export function leftOutRows(): string[][] {
  return Object.entries(LEFT_OUT).map(([form, reason]) => [`\`${form}\``, reason]);
}
