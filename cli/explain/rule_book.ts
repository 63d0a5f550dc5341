/**
 * The pages of `docs/rules/`, looked up by the names that code and tests cite: `dma.3.3`,
 * `nvme.2.6`, `dma.3.assertions.2`, `defects.M5`, `traces.T.45`.
 */
import { isTableRow, readRow } from "../markdown.ts";

/** A section of a page: its heading and the text under it, deeper headings included. */
export interface RuleSection {
  /** The name in citations: `dma.3.3`. */
  readonly name: string;
  readonly lines: readonly string[];
}

interface Heading {
  /** The heading's key: `3.3`, `3`, `3.assertions`, `T.45`, or the title as words joined by `-`. */
  readonly key: string;
  readonly level: number;
  readonly start: number;
  end: number;
}

/** The level of a named paragraph, `**T.45**`: below every heading. */
const PARAGRAPH = 9;

/** Matches the first cell of a row that has several numbers: `12, 13`. */
const NUMBERS = /^\d+(?:, \d+)+$/;

/** One page, cut at its headings. */
export class RulePage {
  readonly #lines: readonly string[];
  readonly #headings: readonly Heading[];

  /**
   * @param name The page's name in citations: `dma` for `dma.md`.
   * @param text The page.
   */
  constructor(readonly name: string, text: string) {
    this.#lines = text.split("\n");
    this.#headings = readHeadings(this.#lines);
  }

  /** Every name on this page that can be explained, except rows of tables and assertions. */
  get names(): readonly string[] {
    return [this.name, ...this.#headings.map(({ key }) => `${this.name}.${key}`)];
  }

  /** Each heading and named paragraph, with its text up to the next heading or named paragraph. */
  subjects(): { readonly name: string; readonly title: string; readonly text: string }[] {
    return this.#headings.map(({ key, start }, index) => {
      const end = this.#headings[index + 1]?.start ?? this.#lines.length;
      return {
        name: `${this.name}.${key}`,
        title: this.#lines[start]!.replace(/^#+ (?:\d+(?:\.\d+)*\.? )?|^\*\*[A-Z]\.\d+\*\* /, ""),
        text: this.#lines.slice(start + 1, end).join("\n"),
      };
    });
  }

  /**
   * Finds a rule by its name without the page. Examples: `3.3`; `3.assertions.2`; `3.3.1` (the row
   * that the table in 3.3 numbers 1); `7.24` (the row of chapter 7 with that name, in whichever of
   * its tables it is); `3.6.5` (the fifth row of a table that numbers no rows); `M5`
   * (a row of any table). The empty name finds the whole page. Returns null for an unknown name.
   */
  find(key: string): RuleSection | null {
    if (key === "") return { name: this.name, lines: this.#lines };
    const heading = this.#heading(key);
    if (heading !== undefined) return this.#section(heading);
    const dot = key.lastIndexOf(".");
    const [parentKey, last] = dot < 0 ? ["", key] : [key.slice(0, dot), key.slice(dot + 1)];
    const parent = parentKey === ""
      ? { start: 0, end: this.#lines.length, key: "", level: 0 }
      : this.#heading(parentKey);
    if (parent === undefined) return null;
    const lines = this.#lines.slice(parent.start, parent.end);
    const item = parentKey === "" ? null : numberedItem(lines, last);
    // A chapter of several tables numbers all its rows on: `7.24`, by the whole name.
    const found = tableRow(lines, key) ?? tableRow(lines, last) ?? item ??
      (parentKey === "" ? null : unnumberedRow(lines, last));
    return found === null ? null : { name: `${this.name}.${key}`, lines: found };
  }

  /** The row with this word at the start of its first cell, in any table; null if no row has it. */
  row(word: string): RuleSection | null {
    const lines = tableRow(this.#lines, word);
    return lines === null ? null : { name: `${this.name}.${word}`, lines };
  }

  #heading(key: string): Heading | undefined {
    return this.#headings.find((heading) => heading.key.toLowerCase() === key.toLowerCase());
  }

  #section(heading: Heading): RuleSection {
    return {
      name: `${this.name}.${heading.key}`,
      lines: this.#lines.slice(heading.start, heading.end),
    };
  }
}

function readHeadings(lines: readonly string[]): Heading[] {
  const headings: Heading[] = [];
  let chapter = "";
  lines.forEach((line, start) => {
    const paragraph = line.match(/^\*\*([A-Z]\.\d+)\*\* /);
    const match = line.match(/^(#{2,}) (.*)$/);
    if (match === null && paragraph === null) return;
    const level = match === null ? PARAGRAPH : match[1]!.length;
    for (const open of headings) {
      if (open.end === lines.length && open.level >= level) open.end = start;
    }
    if (match === null) {
      headings.push({ key: paragraph![1]!, level, start, end: lines.length });
      return;
    }
    const title = match[2]!;
    const number = title.match(/^(\d+(?:\.\d+)*)\.? /)?.[1];
    if (level === 2) chapter = number ?? "";
    const isAssertions = /^(?:Test )?assertions\b/i.test(title);
    const own = isAssertions ? "assertions" : number ?? slug(title);
    const key = number === undefined && chapter !== "" ? `${chapter}.${own}` : own;
    headings.push({ key, level, start, end: lines.length });
  });
  return headings;
}

function slug(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9_]+/g, "-").replace(/^-|-$/g, "");
}

/**
 * The lines of a table's header and dashes, and the row with this word at the start of its first
 * cell; null without such a row.
 */
function tableRow(lines: readonly string[], word: string): string[] | null {
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!;
    if (!isTableRow(line)) continue;
    const first = readRow(line)[0]!.replaceAll("`", "");
    if (
      first.toLowerCase() !== word.toLowerCase() && first.split(/[ ,]/)[0] !== word &&
      !(NUMBERS.test(first) && first.split(", ").includes(word))
    ) continue;
    let head = index;
    while (head > 0 && isTableRow(lines[head - 1]!)) head--;
    return head + 1 < index ? [...lines.slice(head, head + 2), line] : null;
  }
  return null;
}

/**
 * The n-th row of the first table, after the table's header. Used for tables that do not number
 * their rows. Null if the table has no such row.
 */
function unnumberedRow(lines: readonly string[], number: string): string[] | null {
  const head = lines.findIndex(isTableRow);
  const row = lines[head + 1 + Number(number)];
  const inside = lines.slice(head, head + 2 + Number(number)).every(isTableRow);
  return head < 0 || !/^[1-9]\d*$/.test(number) || row === undefined || !inside
    ? null
    : [...lines.slice(head, head + 2), row];
}

function numberedItem(lines: readonly string[], number: string): string[] | null {
  const start = lines.findIndex((line) => line.startsWith(`${number}. `));
  if (start < 0 || !/^\d+$/.test(number)) return null;
  let end = start + 1;
  while (end < lines.length && /^\s+\S/.test(lines[end]!)) end++;
  return lines.slice(start, end);
}
