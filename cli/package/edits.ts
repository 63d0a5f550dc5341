/** Changes of a text, by the places of what they replace. */

/** A text that replaces the one between two offsets. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * A piece of a text with its edits; those that do not lie in it are left out, and so are those within
 * a larger one, whose text has them. Of edits in the same place the first comes first.
 */
export function edited(text: string, edits: readonly Edit[], start: number, end: number): string {
  const inside = edits.filter((edit) => start <= edit.start && edit.end <= end);
  let written = "";
  let next = start;
  for (const edit of inside.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < next) continue;
    written += text.slice(next, edit.start) + edit.text;
    next = edit.end;
  }
  return written + text.slice(next, end);
}

/** A name that is nowhere in a text. */
export function unusedName(text: string, wanted: string): string {
  let name = wanted;
  while (text.includes(name)) name += "$";
  return name;
}
