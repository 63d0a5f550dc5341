/** Possible words at the end of a text, each with its description. */
import { EVENT_NAMES, eventEntry } from "@dmalab/runtime";
import { FUNCTIONS, TYPES } from "../builtins/mod.ts";
import { wordRow } from "../syntax/language_words.ts";
import { firstSentence } from "../text/columns.ts";
import type { HandleType } from "../values/spec.ts";
import { findField, findMethod, handleTypeOf, memberNames } from "../values/types.ts";
import { type KnownNames, knownNames, nameDoc, typeOf } from "./describe_name.ts";
import { openCall } from "./open_call.ts";
import { QUIRK_NAMES } from "@dmalab/runtime/kernels";
import { keyName, keysNamed, MACHINE_KEYS } from "../machine/key_text.ts";
import { MACHINE_SCHEMA, type ValueShape } from "../machine/schema.ts";
import { type Analysis, statementStart } from "./analysis.ts";
import { NamesAt } from "./names_at.ts";

/** The text before a block of the machine, or before settings with their full names. */
const OPENERS = /\b(machine|with|matrix|compare)\s*$/;

/** `iommu.mode = `, perhaps inside a list: the key of the value that follows. */
const BEFORE_VALUE = /([\w.]+)\s*=\s*(?:\[[^\]]*?)?"?$/;

/**
 * Possible words at the end of a text that is in a machine block or in settings; null elsewhere.
 *
 * @param text From the beginning of the statement, without the word that is being typed.
 */
function machineWords(text: string): readonly Suggestion[] | null {
  const path = openBlocks(text);
  if (path === null) return null;
  const key = text.match(BEFORE_VALUE)?.[1];
  const owner = path.at(-1) ?? "machine";
  if (key !== undefined) {
    const name = owner === "machine" ? key : `${owner}.${key}`;
    return keysNamed(name).flatMap(({ spec: { shape } }) =>
      wordsOf(shape).map((word) => ({ text: word, doc: "" }))
    );
  }
  if (path.length === 0) {
    return MACHINE_KEYS.map((key) => suggestion(keyName(key), key.spec.doc));
  }
  const block = MACHINE_SCHEMA.blocks.get(owner);
  if (block === undefined) return [];
  return [
    ...block.settings.map(({ doc, key: text }) => suggestion(text, doc)),
    ...block.children.map((text) => suggestion(text, MACHINE_SCHEMA.blocks.get(text)?.doc ?? "")),
  ];
}

function suggestion(text: string, doc: string): Suggestion {
  return { text, doc: firstSentence(doc) };
}

/**
 * The keywords of the blocks that are open at the end of a text, the machine first. Empty inside
 * `with { }` and similar braces, where keys have full names. Null if the end is neither inside a
 * machine nor inside such braces.
 */
function openBlocks(text: string): string[] | null {
  const open: string[] = [];
  let head = "";
  for (const letter of text) {
    if (letter === "{") open.push(head);
    if (letter === "}") open.pop();
    head = /[{}\n,;]/.test(letter) ? "" : head + letter;
  }
  const first = open.findLastIndex((each) => OPENERS.test(each));
  if (first < 0) return null;
  const [opener] = open[first]!.match(OPENERS)![0].trim().split(/\s/);
  const inner = open.slice(first + 1).map((each) => each.trim().split(/\s+/)[0]!);
  return opener === "machine" ? ["machine", ...inner] : [];
}

/** The words that are possible values of a form. */
function wordsOf(shape: ValueShape): readonly string[] {
  switch (shape.kind) {
    case "bool":
      return ["true", "false"];
    case "string":
    case "word":
      return shape.choices;
    case "words":
      return [...shape.choices, ...shape.orWords ?? []];
    case "answer_delay":
      return ["at_once", "late", "never"];
    case "quirks":
      return ["none", "not", ...QUIRK_NAMES];
    default:
      return "none" in shape && shape.none !== undefined ? ["none"] : [];
  }
}

const CLOSING: Readonly<Record<string, string>> = { ")": "(", "]": "[" };

/**
 * The owner of the member that is being typed, and the typed part of the member; null if there is
 * no `.`.
 */
function ownerOfMember(text: string): { owner: string; part: string } | null {
  const part = text.match(/\w*$/)![0];
  const dot = text.length - part.length - 1;
  if (text[dot] !== "." || text[dot - 1] === ".") return null;
  const owner = text.slice(valueStart(text, dot), dot);
  return /^\d/.test(owner) ? null : { owner, part };
}

/** The beginning of the chain of names, calls and indices that ends at an offset. */
function valueStart(text: string, end: number): number {
  let at = end;
  while (at > 0) {
    const letter = text[at - 1]!;
    const opener = CLOSING[letter];
    if (/[\w.]/.test(letter)) at--;
    else if (opener !== undefined) {
      const start = bracketStart(text, at - 1, letter, opener);
      if (start === null) return at;
      at = start;
    } else return at;
  }
  return at;
}

/** The offset of the opening bracket for a closing one. Strings are skipped. */
function bracketStart(text: string, end: number, closer: string, opener: string): number | null {
  let depth = 0;
  let inText = false;
  for (let at = end; at >= 0; at--) {
    const letter = text[at]!;
    if (letter === '"' && text[at - 1] !== "\\") inText = !inText;
    else if (!inText && letter === closer) depth++;
    else if (!inText && letter === opener && --depth === 0) return at;
  }
  return null;
}

/**
 * Completions at the end of a text.
 *
 * @param text From the beginning of the statement.
 * @param names The names that are known at that place.
 * @param offersAll Whether to offer all names if no part of a name is typed.
 */
export function suggestInStatement(
  text: string,
  names: KnownNames,
  offersAll = false,
): Suggestions {
  const part = text.match(/(?:\w+\.)*\w*$/)![0];
  const before = text.slice(0, text.length - part.length);
  const ofMachine = machineWords(before);
  if (ofMachine !== null) return fitting(ofMachine, part);
  const inCall = argumentWords(before, names);
  if (inCall.only) return fitting(inCall.words, part);
  const owner = ownerOfMember(text);
  if (owner !== null) return fitting(members(owner.owner, names), owner.part);
  return fitting([...inCall.words, ...part === "" && !offersAll ? [] : allNames(names)], part);
}

/** The suggestions that begin with `part`, each once: arguments of the call first, each sort by name. */
export function fitting(words: readonly Suggestion[], part: string): Suggestions {
  const found = new Map<string, Suggestion>();
  for (const word of words) {
    if (word.text.startsWith(part) && !found.has(word.text)) found.set(word.text, word);
  }
  const last = ({ kind }: Suggestion) => Number(kind !== "argument");
  const all = [...found.values()].sort((a, b) => last(a) - last(b) || (a.text < b.text ? -1 : 1));
  return { part, all };
}

/** Every event, with its description. */
export function eventWords(): readonly Suggestion[] {
  return EVENT_NAMES.map((text) => {
    const when = eventEntry(text)?.when;
    return { text, kind: "event", doc: when === undefined ? "" : firstSentence(when) };
  });
}

function allNames(names: KnownNames): readonly Suggestion[] {
  const { declared, machineNames, variables } = names.summary();
  const own = new Map<string, SuggestionKind>([
    ...declared.map((name) => [name, "function"] as const),
    ...machineNames.map((name) => [name, "variable"] as const),
    ...variables.map(({ name }) => [name, "variable"] as const),
  ]);
  return [...knownNames(names)].map((name) => ({
    text: name,
    kind: own.get(name) ?? kindOfName(name),
    get doc() {
      return nameDoc(name, names);
    },
  }));
}

function kindOfName(name: string): SuggestionKind {
  if (wordRow(name) !== undefined) return "keyword";
  if (FUNCTIONS.has(name)) return "function";
  return TYPES.has(name) ? "type" : "constant";
}

/** Members that may follow the dot after an expression. */
function members(owner: string, names: KnownNames): readonly Suggestion[] {
  const entries: readonly Suggestion[] = (names.entriesOf?.(owner) ?? []).map((text) => ({
    text,
    doc: "",
    kind: "field",
  }));
  const type = typeOfText(owner, names);
  if (type === undefined) return entries;
  return [
    ...entries,
    ...memberNames(type).map((text): Suggestion => {
      const field = findField(type, text);
      const spec = field ?? findMethod(type, text);
      return {
        text,
        kind: field === null ? "method" : "field",
        doc: spec === null ? "" : firstSentence(spec.doc),
      };
    }),
  ];
}

/**
 * The type of `ssd.limits` or `counters.iova`; undefined if it cannot be inferred without running.
 */
function typeOfText(text: string, names: KnownNames): HandleType | undefined {
  const whole = names.kindOf(text);
  if (whole !== undefined && whole !== "any") return handleTypeOf(whole, TYPES);
  const [owner, ...rest] = text.split(".");
  let type = typeOf(owner!, names);
  for (const member of rest) {
    const field = type === undefined ? null : findField(type, member);
    type = field === null ? undefined : handleTypeOf(field.type, TYPES);
  }
  return type;
}

/** Suggestions for the arguments of the call at the end of a text. */
interface ArgumentWords {
  readonly words: readonly Suggestion[];
  /** True if no other words are allowed in the argument. */
  readonly only: boolean;
}

const NO_WORDS: ArgumentWords = { words: [], only: false };

const plain = (text: string): Suggestion => ({ text, doc: "", kind: "constant" });

function argumentWords(text: string, names: KnownNames): ArgumentWords {
  const call = openCall(text);
  if (call === null) return NO_WORDS;
  const parameters = calledSpec(call.callee, names)?.parameters ?? [];
  const current = call.name === null
    ? parameters[call.unnamed]
    : parameters.find(({ name }) => name === call.name);
  if (call.inText) return { words: current?.event ? eventWords() : [], only: true };
  if (call.name !== null) {
    return current?.type === "bool"
      ? { words: [plain("false"), plain("true")], only: true }
      : NO_WORDS;
  }
  if (!call.atStart) return NO_WORDS;
  // Arguments without a name belong to the first parameters.
  const free = parameters.filter(({ name, named }, index) =>
    (named || index >= call.unnamed) && !call.given.includes(name)
  );
  const words = free.map(({ doc, name }): Suggestion => ({
    text: `${name}:`,
    doc,
    kind: "argument",
  }));
  return { words, only: false };
}

/**
 * The description of the called function; undefined for a function of the script, and for an
 * unknown function.
 */
export function calledSpec(
  callee: string,
  names: KnownNames,
): Pick<ReturnType<typeof FUNCTIONS.get> & object, "doc" | "parameters" | "result"> | undefined {
  const dot = callee.lastIndexOf(".");
  if (dot < 0) return FUNCTIONS.get(callee);
  const type = typeOfText(callee.slice(0, dot), names);
  return type === undefined ? undefined : findMethod(type, callee.slice(dot + 1)) ?? undefined;
}

/** Completions at an offset. */
export function completeAt(analysis: Analysis, offset: number): Suggestions {
  const { text } = analysis.source;
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  // Nothing is offered in a comment.
  if (/^(?:[^"#]|"(?:[^"\\]|\\.)*")*#/.test(line)) return { all: [], part: "" };
  const names = new NamesAt(analysis, offset);
  return suggestInStatement(text.slice(statementStart(analysis, offset), offset), names, true);
}

/** The kind of a suggested word, for the icon that an editor puts before it. */
export type SuggestionKind =
  | "argument"
  | "constant"
  | "event"
  | "field"
  | "function"
  | "key"
  | "keyword"
  | "method"
  | "type"
  | "variable";

/** A possible word at the cursor. */
export interface Suggestion {
  readonly text: string;
  /** The description of the word, in a sentence; empty if unknown. */
  readonly doc: string;
  readonly kind?: SuggestionKind;
}

/** Possible words at the cursor, and the part of the word already typed. */
export interface Suggestions {
  readonly all: readonly Suggestion[];
  readonly part: string;
}
