/**
 * Reads the symbols of a tree's configuration from its Kconfig files, as far as a file of the tree
 * needs these symbols.
 */
import { addAll } from "@dmalab/runtime/basics";
import { checkMost, NESTED, type TreeFiles } from "@dmalab/runtime/kernels";

/** A symbol, combined from all its declarations. */
export interface Symbol {
  /** Whether the symbol is bool or tristate, so that it can be set to 1. */
  isSwitch: boolean;
  /** Whether the symbol's object can be built as a module. */
  isTristate: boolean;
  readonly selects: Set<string>;
  /** The symbol's dependencies by their text. In each list, at least one symbol must be set. */
  readonly needs: Map<string, readonly string[]>;
  /** Default values of a number or text: the first one with true conditions is used. */
  readonly values: { readonly value: string; readonly needs: Needs }[];
  /** Whether the symbol has no prompt, and is set whenever its dependencies are set. */
  isDefault: boolean;
  /** Other symbols: if none of them is set, this symbol is set. Empty without such a rule. */
  unless: readonly string[];
  /** Symbols without a prompt that default to y if this symbol is set. */
  readonly implies: Set<string>;
}

export type Kconfig = ReadonlyMap<string, Symbol> & {
  /** Files in `source` lines that the tree lacks. */
  readonly missing?: readonly string[];
};

class KconfigSymbols extends Map<string, Symbol> {
  readonly missing: string[] = [];
}

/**
 * Lists of symbols; in each list, at least one symbol must be set. `A && (B || C)` is `[[A], [B,
 * C]]`.
 */
type Needs = readonly (readonly string[])[];

/**
 * Limits for an untrusted tree. Such a tree may have more files than any release, circular `source`
 * lines, and deeply nested conditions.
 */
const MAX_FILES = 10_000;
const MAX_DEPTH = 100;
const SYMBOL = /^\s*(?:menu)?config\s+(\w+)\s*$/;
const SWITCH = /^\s*(bool|tristate|def_bool|def_tristate)\b\s*(.*)$/;
const SELECT = /^\s*select\s+(\w+)/;
const DEPENDS = /^\s*depends on\s+([^#]*)/;
const VALUE = /^\s*default\s+("[^"]*"|-?\d+|0x[\da-fA-F]+)(?:\s+if\s+([^#]*))?\s*(?:#.*)?$/;
const NUMBER = /^\s*(?:int|hex|string)\b/;
const ALWAYS = /^\s*(?:default|def_bool|def_tristate)\s+[ym]\s*$/;
const DEFAULT = /^\s*(?:default|def_bool|def_tristate)\s+[ym]\s+if\s+([^#]*)/;
const UNLESS = /^\s*(?:default|def_bool)\s+y\s+if\s+(!\w+(?:\s*&&\s*!\w+)*)\s*$/;
/**
 * Matches a default that depends on the symbols in the pattern's group: one of these symbols must
 * be set.
 */
const SAME = /^\s*(?:default|def_bool|def_tristate)\s+([A-Z]\w*(?:\s*\|\|\s*[A-Z]\w*)*)\s*$/;
const SOURCE = /^\s*source\s+"([^"]+)"/;
const IF = /^\s*if\s+([^#]*)/;
const ENDIF = /^\s*endif\b/;
const CHOICE = /^\s*choice\b/;
const ENDCHOICE = /^\s*endchoice\b/;
const CHOSEN = /^\s*default\s+(\w+)(?:\s+if\b.*)?\s*$/;
const END = /^(?:endif|endmenu|menu|if|source|choice|comment)\b/;
/** A condition that a symbol is set. */
const IS_SET = /^(\w+)(?:\s*(?:=\s*[ym]|!=\s*n))?$/;

/**
 * Reads all Kconfig files that are reachable from one file. If this file is the tree's first
 * Kconfig file, the files of architectures are not read.
 *
 * @throws {TreeError} If there are more files than in any release.
 */
export function readKconfig(files: TreeFiles, first = "Kconfig"): Kconfig {
  const reader = new KconfigReader(files);
  reader.read(first, []);
  return reader.symbols;
}

/** The symbol to which the properties on the lines read now belong. */
interface Current {
  readonly name: string;
  hasPrompt: boolean;
  isNumber: boolean;
}

/** A choice: a list of symbols, one of which is set. */
interface Choice {
  needs: Needs;
  /** The default symbol, else the first. */
  chosen: string | null;
}

class KconfigReader {
  readonly symbols = new KconfigSymbols();
  readonly #seen = new Set<string>();

  constructor(readonly files: TreeFiles) {}

  /** @param outer The conditions around the `source` line. */
  read(path: string, outer: Needs, depth = 0): void {
    if (this.#seen.has(path)) return;
    this.#seen.add(path);
    checkMost(this.#seen.size, MAX_FILES, "Kconfig", "files that it leads to");
    checkMost(depth, MAX_DEPTH, path, "nested `source` lines above it");
    const found = this.files.text(path);
    // A path with a variable depends on the architecture.
    if (found === null && !path.includes("$")) this.symbols.missing.push(path);
    const text = found ?? "";
    const conditions: Needs[] = [outer];
    const around = () => conditions.flat();
    let current: Current | null = null;
    let choice: Choice | null = null;
    for (const line of text.replaceAll("\\\n", " ").split("\n")) {
      const name = SYMBOL.exec(line)?.[1];
      if (name !== undefined) {
        current = { name, hasPrompt: false, isNumber: false };
        this.#needs(name, around());
        if (choice !== null) choice.chosen ??= name;
        continue;
      }
      if (current !== null) this.#property(line, current);
      else if (choice !== null) this.#ofChoice(line, choice);
      if (END.test(line)) current = null;
      if (CHOICE.test(line)) choice = { needs: around(), chosen: null };
      if (ENDCHOICE.test(line)) {
        this.#choose(choice);
        choice = null;
      }
      const condition = IF.exec(line)?.[1];
      if (condition !== undefined && current === null) {
        conditions.push(needsOf(condition));
        checkMost(conditions.length - 1, MAX_DEPTH, path, NESTED);
      }
      if (ENDIF.test(line) && conditions.length > 1) conditions.pop();
      const source = SOURCE.exec(line)?.[1];
      if (source !== undefined) this.read(source, around(), depth + 1);
    }
  }

  #ofChoice(line: string, choice: Choice): void {
    const depends = DEPENDS.exec(line)?.[1];
    if (depends !== undefined) choice.needs = [...choice.needs, ...needsOf(depends)];
    choice.chosen ??= CHOSEN.exec(line)?.[1] ?? null;
  }

  /** If the symbols that a choice needs are set, its default symbol is set too. */
  #choose(choice: Choice | null): void {
    if (choice === null || choice.chosen === null) return;
    for (const name of choice.needs.flat()) this.#symbol(name).implies.add(choice.chosen);
  }

  #property(line: string, current: Current): void {
    const symbol = this.#symbol(current.name);
    const [, kind, rest = ""] = SWITCH.exec(line) ?? [];
    if (kind !== undefined) {
      symbol.isSwitch = true;
      symbol.isTristate ||= kind.endsWith("tristate");
      // A prompt with a condition is not shown to most users, so the default is used.
      if (/^"[^"]*"\s*$/.test(rest)) current.hasPrompt = true;
    }
    const selected = SELECT.exec(line)?.[1];
    if (selected !== undefined) symbol.selects.add(selected);
    const depends = DEPENDS.exec(line)?.[1];
    if (depends !== undefined) this.#needs(current.name, needsOf(depends));
    current.isNumber ||= NUMBER.test(line);
    const [, value, condition = ""] = current.isNumber ? VALUE.exec(line) ?? [] : [];
    if (value !== undefined) {
      // Numbers may be in quotes; other texts are not used.
      const written = value.replace(/^"(-?\d+|0x[\da-fA-F]+)"$/, "$1");
      symbol.values.push({ value: written, needs: needsOf(condition) });
    }
    symbol.isDefault ||= !current.hasPrompt && ALWAYS.test(line);
    const unless = current.hasPrompt ? undefined : UNLESS.exec(line)?.[1];
    if (unless !== undefined && symbol.unless.length === 0) symbol.unless = unless.match(/\w+/g)!;
    const causes = SAME.exec(line)?.[1] ??
      (current.hasPrompt ? undefined : DEFAULT.exec(line)?.[1]);
    // `A && B` requires both symbols, which this table cannot express.
    const [names = [], ...others] = causes === undefined ? [] : needsOf(causes);
    for (const each of others.length > 0 ? [] : names) {
      this.#symbol(each).implies.add(current.name);
    }
  }

  #needs(name: string, needs: Needs): void {
    for (const names of needs) this.#symbol(name).needs.set(names.join(" || "), names);
  }

  #symbol(name: string): Symbol {
    return this.symbols.getOrInsertComputed(name, () => ({
      isSwitch: false,
      isTristate: false,
      selects: new Set<string>(),
      needs: new Map<string, readonly string[]>(),
      values: [],
      isDefault: false,
      unless: [],
      implies: new Set<string>(),
    }));
  }
}

/**
 * The needs of a condition. Only parts that require one symbol to be set, or one of several
 * symbols, are read; other parts are ignored.
 */
function needsOf(condition: string): Needs {
  return parts(condition, "&&").map((part) => {
    const alternatives = parts(/^\(.*\)$/.test(part) ? part.slice(1, -1) : part, "||");
    const names = alternatives.map((each) => IS_SET.exec(each)?.[1]);
    return names.every((name) => name !== undefined) ? names : [];
  }).filter((names) => names.length > 0);
}

/** The operands of an operator in a condition, outside of brackets. */
function parts(condition: string, operator: "&&" | "||"): readonly string[] {
  const found: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < condition.length; at++) {
    if (condition[at] === "(") depth++;
    if (condition[at] === ")") depth--;
    if (depth !== 0 || !condition.startsWith(operator, at)) continue;
    found.push(condition.slice(begin, at).trim());
    begin = at + operator.length;
  }
  return [...found, condition.slice(begin).trim()];
}

/**
 * Some symbols, and all symbols that they select, depend on and imply.
 * @param isOut Whether a symbol is never set.
 */
export function closureOf(
  wanted: Iterable<string>,
  kconfig: Kconfig,
  isOut: (name: string) => boolean,
): ReadonlySet<string> {
  const set = new Set<string>();
  const left = [...wanted];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    const symbol = kconfig.get(name);
    if (symbol === undefined || set.has(name) || isOut(name)) continue;
    set.add(name);
    left.push(...symbol.selects, ...symbol.implies);
    for (const names of symbol.needs.values()) {
      const first = names.find((each) => kconfig.get(each)?.isSwitch === true && !isOut(each));
      if (first !== undefined && !names.some((each) => set.has(each))) left.push(first);
    }
  }
  return set;
}

/**
 * The symbols that the wanted symbols need and that are never set; the wanted ones are not
 * included.
 */
export function lackingOf(
  wanted: Iterable<string>,
  kconfig: Kconfig,
  isOut: (name: string) => boolean,
): readonly string[] {
  const seen = new Set<string>();
  const lacking = new Set<string>();
  const left = [...wanted];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const [text, names] of kconfig.get(name)?.needs ?? []) {
      if (names.every(isOut)) lacking.add(text);
      else if (names.length === 1) addAll(left, names);
    }
  }
  return [...lacking].toSorted();
}
