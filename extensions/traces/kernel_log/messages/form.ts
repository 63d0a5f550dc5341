/**
 * Forms of kernel messages: text with places, compiled into a reader.
 *
 *     {driver} {device}: swiotlb buffer is full (sz: {size_bytes} bytes){?, total {total_slots} (slots)?}
 *
 * | in a form | what it matches |
 * | --- | --- |
 * | `{name}` | a field of `fields.ts`; the fact has its name |
 * | `{name=field}` | the same, with another name for the fact |
 * | `{name~a\|b}` | one of these words |
 * | `{~a\|b}` | one of these texts, which is no fact; one of them may be empty |
 * | `{...}` | anything |
 * | `{?text?}` | text that may be missing, with its places |
 * | a blank | one or more blanks |
 */
import type { Fact } from "../log_facts.ts";
import { FIELDS, type MessageField, type MessageFieldName } from "./fields.ts";

interface Place {
  readonly name: string;
  readonly field: MessageField;
  /** The only words that match; null if any word that the field can read matches. */
  readonly words: readonly string[] | null;
}

type Token =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "place"; readonly place: Place }
  | { readonly type: "words"; readonly words: readonly string[] }
  | { readonly type: "anything" }
  | { readonly type: "optional"; readonly tokens: readonly Token[] };

/** A compiled form. */
export interface MessageForm {
  readonly text: string;
  readonly pattern: RegExp;
  readonly places: readonly Place[];
  /** Texts that every line of this form contains. */
  readonly fixed: readonly string[];
  /** Lists of texts; every line of this form contains one text of each list. */
  readonly choices: readonly (readonly string[])[];
  /** Makes an example line of this form. @param isWhole Includes the optional parts. */
  readonly sample: (isWhole?: boolean) => string;
}

/**
 * What may precede a form that begins with a field: a blank, a quote, a bracket, a comma or a
 * semicolon.
 */
const FIELD_START = "(?<![^\\s\"'`<>|\\],;])";
const WORD_START = "(?<![\\w-])";

/** Compiles a form. @throws {RangeError} For a field that does not exist. */
export function formOf(text: string): MessageForm {
  const tokens = tokensOf(text);
  let pattern: RegExp | null = null;
  return {
    text,
    // Compiled at first use: most forms are never matched.
    get pattern() {
      return pattern ??= new RegExp(startOf(tokens) + patternOfAll(tokens), "i");
    },
    places: placesOf(tokens),
    fixed: tokens.flatMap((token) => token.type === "text" ? [token.text] : []),
    choices: tokens.flatMap((token) => {
      if (token.type === "words") return [token.words];
      return token.type === "place" && token.place.words !== null ? [token.place.words] : [];
    }),
    sample: (isWhole = true) => tokens.map((token) => sampleOf(token, isWhole)).join(""),
  };
}

/** The values at the placeholders of a form in a line; null if the line does not have this form. */
export function readForm(
  { pattern, places }: MessageForm,
  line: string,
): Readonly<Record<string, Fact>> | null {
  const groups = pattern.exec(line);
  if (groups === null) return null;
  const facts: Record<string, Fact> = {};
  for (const { field, name } of places) {
    const found = groups.groups?.[name];
    facts[name] = found === undefined ? null : field.read(found);
  }
  return facts;
}

/** The pattern for the text that may precede a form. */
function startOf([first]: readonly Token[]): string {
  if (first?.type === "optional") return startOf(first.tokens);
  // Without an anchor, the text would be searched to its end from each of its letters.
  if (first?.type === "anything") return "^";
  if (first?.type === "place") return FIELD_START;
  return first?.type === "text" && /^\w/.test(first.text) ? WORD_START : "";
}

const PLACE = /\{\?|\?\}|\{([^{}?]*)\}/g;

function tokensOf(text: string): Token[] {
  const stack: Token[][] = [[]];
  let from = 0;
  const addText = (until: number) => {
    if (until > from) stack.at(-1)!.push({ type: "text", text: text.slice(from, until) });
  };
  for (const { 0: found, 1: inside, index } of text.matchAll(PLACE)) {
    addText(index);
    from = index + found.length;
    if (found === "{?") stack.push([]);
    else if (found === "?}") {
      const tokens = stack.pop()!;
      stack.at(-1)!.push({ type: "optional", tokens });
    } else stack.at(-1)!.push(placeOf(inside!));
  }
  addText(text.length);
  if (stack.length !== 1) throw new RangeError(`"{?" without "?}" in the form "${text}"`);
  return stack[0]!;
}

function placeOf(inside: string): Token {
  if (inside === "...") return { type: "anything" };
  const [name, words] = inside.split("~", 2) as [string, string | undefined];
  if (name === "") return { type: "words", words: words!.split("|") };
  const [fact, fieldName = fact] = name.split("=", 2) as [string, string | undefined];
  const known: MessageField | undefined = FIELDS[fieldName as MessageFieldName];
  if (words !== undefined) {
    const read = known?.read ?? ((found: string) => found);
    const pattern = words.split("|").map(escaped).join("|");
    const field = { pattern, read, isHex: false, sample: words.split("|")[0]! };
    return { type: "place", place: { name: fact, field, words: words.split("|") } };
  }
  if (known === undefined) throw new RangeError(`no field "${fieldName}"`);
  return { type: "place", place: { name: fact, field: known, words: null } };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&").replace(/\s+/g, "\\s+");
}

/**
 * The pattern of a form. Between two places for any text, the first text that fits is the one to take: no
 * later one leaves more room for the rest. So it is searched once, and not again when the rest is missing
 * (a lookahead is not entered a second time); otherwise each further place for any text would multiply the
 * time by the length of the line.
 */
function patternOfAll(tokens: readonly Token[]): string {
  const parts: string[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const end = tokens.findIndex(({ type }, at) => at > index && type === "anything");
    const between = tokens.slice(index + 1, Math.max(end, index + 1));
    const isFixed = between.every(({ type }) => type === "text" || type === "words");
    if (tokens[index]!.type !== "anything" || between.length === 0 || !isFixed) {
      parts.push(patternOf(tokens[index]!));
      continue;
    }
    const name = `skipped${index}`;
    parts.push(`(?=(?<${name}>.*?${between.map(patternOf).join("")}))\\k<${name}>`);
    index = end - 1;
  }
  return parts.join("");
}

function patternOf(token: Token): string {
  switch (token.type) {
    case "text":
      return escaped(token.text);
    case "place":
      return `(?<${token.place.name}>${token.place.field.pattern})`;
    case "words":
      return `(?:${token.words.map(escaped).join("|")})`;
    case "anything":
      return ".*?";
    case "optional":
      return `(?:${token.tokens.map(patternOf).join("")})?`;
  }
}

function placesOf(tokens: readonly Token[]): Place[] {
  return tokens.flatMap((token) =>
    token.type === "place" ? [token.place] : token.type === "optional" ? placesOf(token.tokens) : []
  );
}

function sampleOf(token: Token, isWhole: boolean): string {
  switch (token.type) {
    case "text":
      return token.text;
    case "place":
      return token.place.field.sample;
    case "words":
      return token.words[0]!;
    case "anything":
      return "…";
    case "optional":
      return isWhole ? token.tokens.map((each) => sampleOf(each, isWhole)).join("") : "";
  }
}
