/** Symbols of a tree's configuration: what its Kconfig files declare, as far as a file needs it. */
import type { TreeFiles } from "./tree_files.ts";

/** A symbol, from all places that declare it. */
export interface Symbol {
  /** Bool or tristate: what can be set to 1. */
  isSwitch: boolean;
  /** What it builds can be a module. */
  isTristate: boolean;
  readonly selects: Set<string>;
  /** Symbols that it depends on, each of them. */
  readonly depends: Set<string>;
  /** Of each of these lists it needs one. */
  readonly oneOf: (readonly string[])[];
  /** What a number or a text is where nothing is said. */
  value: string | null;
  /** Symbols without a prompt that default to y where this one is set. */
  readonly implies: Set<string>;
}

export type Kconfig = ReadonlyMap<string, Symbol>;

/** No tree has as many; one of a stranger's may have more. */
const MOST_FILES = 10_000;
/** Files that lead to each other, one by the next. */
const MOST_DEPTH = 100;
const SYMBOL = /^\s*(?:menu)?config\s+(\w+)\s*$/;
const SWITCH = /^\s*(bool|tristate|def_bool|def_tristate)\b\s*(.*)$/;
const SELECT = /^\s*select\s+(\w+)/;
const DEPENDS = /^\s*depends on\s+([^#]*)/;
const VALUE = /^\s*default\s+("[^"]*"|-?\d+|0x[\da-fA-F]+)\s*$/;
const NUMBER = /^\s*(?:int|hex|string)\b/;
const DEFAULT = /^\s*(?:default|def_bool|def_tristate)\s+[ym]\s+if\s+([^#]*)/;
const SOURCE = /^\s*source\s+"([^"]+)"/;
const IF = /^\s*if\s+([^#]*)/;
const ENDIF = /^\s*endif\b/;
const END = /^(?:endif|endmenu|menu|if|source|choice|comment)\b/;

/** Reads all Kconfig files that the tree's first one leads to; those of architectures are left out. */
export function readKconfig(files: TreeFiles): Kconfig {
  const reader = new KconfigReader(files);
  reader.read("Kconfig", []);
  return reader.symbols;
}

/** The symbol whose properties are read. */
interface Current {
  readonly name: string;
  hasPrompt: boolean;
  isNumber: boolean;
}

class KconfigReader {
  readonly symbols = new Map<string, Symbol>();
  readonly #seen = new Set<string>();

  constructor(readonly files: TreeFiles) {}

  /** @param outer What the lines that lead to the file stand under. */
  read(path: string, outer: readonly string[], depth = 0): void {
    if (this.#seen.has(path) || this.#seen.size >= MOST_FILES || depth > MOST_DEPTH) return;
    this.#seen.add(path);
    const text = this.files.text(path) ?? "";
    const conditions: (readonly string[])[] = [outer];
    let current: Current = { name: "", hasPrompt: false, isNumber: false };
    for (const line of text.replaceAll("\\\n", " ").split("\n")) {
      const name = SYMBOL.exec(line)?.[1];
      if (name !== undefined) {
        current = { name, hasPrompt: false, isNumber: false };
        for (const each of conditions.flat()) this.#symbol(name).depends.add(each);
        continue;
      }
      if (current.name !== "") this.#property(line, current);
      if (END.test(line)) current = { name: "", hasPrompt: false, isNumber: false };
      const condition = IF.exec(line)?.[1];
      if (condition !== undefined && current.name === "") conditions.push(namesOfAll(condition));
      if (ENDIF.test(line) && conditions.length > 1) conditions.pop();
      const source = SOURCE.exec(line)?.[1];
      if (source !== undefined) this.read(source, conditions.flat(), depth + 1);
    }
  }

  #property(line: string, current: Current): void {
    const symbol = this.#symbol(current.name);
    const [, kind, rest = ""] = SWITCH.exec(line) ?? [];
    if (kind !== undefined) {
      symbol.isSwitch = true;
      symbol.isTristate ||= kind.endsWith("tristate");
      // A prompt under a condition is not shown to most users, and the default counts.
      if (/^"[^"]*"\s*$/.test(rest)) current.hasPrompt = true;
    }
    const selected = SELECT.exec(line)?.[1];
    if (selected !== undefined) symbol.selects.add(selected);
    const depends = DEPENDS.exec(line)?.[1];
    if (depends !== undefined) {
      for (const each of namesOfAll(depends)) symbol.depends.add(each);
      const either = namesOfAny(depends);
      if (either.length > 1) symbol.oneOf.push(either);
    }
    current.isNumber ||= NUMBER.test(line);
    const value = current.isNumber ? VALUE.exec(line)?.[1] : undefined;
    // Numbers may stand in quotes; a text is no number.
    if (value !== undefined) symbol.value ??= value.replace(/^"(-?\d+|0x[\da-fA-F]+)"$/, "$1");
    const causes = current.hasPrompt ? undefined : DEFAULT.exec(line)?.[1];
    for (const each of causes === undefined ? [] : namesOfAny(causes)) {
      this.#symbol(each).implies.add(current.name);
    }
  }

  #symbol(name: string): Symbol {
    const known = this.symbols.get(name);
    if (known !== undefined) return known;
    const made = {
      isSwitch: false,
      isTristate: false,
      selects: new Set<string>(),
      depends: new Set<string>(),
      oneOf: [],
      value: null,
      implies: new Set<string>(),
    };
    this.symbols.set(name, made);
    return made;
  }
}

/** The names of `A && B`; of other parts nothing is known. */
function namesOfAll(condition: string): readonly string[] {
  if (condition.includes("(")) return [];
  return condition.split("&&").map((part) => part.trim()).filter((part) => /^\w+$/.test(part));
}

/** The names of `A || B`, with or without brackets around them. */
function namesOfAny(condition: string): readonly string[] {
  const names = condition.trim().replace(/^\((.*)\)$/, "$1").split("||").map((part) => part.trim());
  return names.every((name) => /^\w+$/.test(name)) ? names : [];
}

/** All that symbols select, depend on and imply, with themselves. @param isOut Which are never set. */
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
    left.push(...symbol.selects, ...symbol.depends, ...symbol.implies);
    for (const names of symbol.oneOf) {
      const first = names.find((each) => kconfig.get(each)?.isSwitch === true && !isOut(each));
      if (first !== undefined && !names.some((each) => set.has(each))) left.push(first);
    }
  }
  return set;
}

/** What symbols need that is never set, themselves left out. */
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
    const symbol = kconfig.get(name);
    for (const each of symbol?.depends ?? []) {
      if (isOut(each)) lacking.add(each);
      else left.push(each);
    }
    for (const names of symbol?.oneOf ?? []) {
      if (names.every(isOut)) lacking.add(names.join(" || "));
    }
  }
  return [...lacking].toSorted();
}
