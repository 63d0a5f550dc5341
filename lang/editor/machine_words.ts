/** Keys of the machine and words of its settings, for the place where a line ends. */
import { QUIRK_NAMES } from "@dmalab/runtime/kernels";
import { keyName, keysNamed, MACHINE_KEYS } from "../machine/key_text.ts";
import { MACHINE_SCHEMA, type ValueShape } from "../machine/schema.ts";
import { firstSentence } from "../text/columns.ts";
import type { Suggestion } from "./suggestion.ts";

/** What stands before a block of the machine, or before settings by their full names. */
const OPENERS = /\b(machine|with|matrix|compare)\s*$/;

/** `iommu.mode = `, perhaps inside a list: the key whose value comes next. */
const BEFORE_VALUE = /([\w.]+)\s*=\s*(?:\[[^\]]*?)?"?$/;

/**
 * What can stand where a text ends; null outside of machines and settings.
 *
 * @param text From the beginning of the statement, without the word that is being typed.
 */
export function machineWords(text: string): readonly Suggestion[] | null {
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
 * The keywords of the blocks that are open at the end of a text, the machine first; none inside
 * `with { }` and its like, where keys have full names; null where neither is open.
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

/** The words that a value of that form can be, as they are typed. */
function wordsOf(shape: ValueShape): readonly string[] {
  switch (shape.kind) {
    case "bool":
      return ["true", "false"];
    case "string":
    case "word":
      return shape.choices;
    case "words":
      return [...shape.choices, ...shape.orWords ?? []];
    case "quirks":
      return ["none", "not", ...QUIRK_NAMES];
    default:
      return "none" in shape && shape.none !== undefined ? ["none"] : [];
  }
}
