/**
 * Reads the makefiles of a tree for one of its files: the symbols that build the file, and the
 * file's own flags.
 */
import { addAll } from "@dmalab/runtime/basics";
import {
  checkMost,
  MODULE_FOLDER,
  NESTED,
  type TreeFiles,
  treePath,
} from "@dmalab/runtime/kernels";
import { isBelow, type Kbuild, KERNEL_ROOT, MODULE_ROOT } from "../make/mod.ts";

const NAMES = ["Kbuild", "Makefile"];
/** A rule such as `name-$(CONFIG_X) += a.o b.o`, `name-objs := a.o` or `obj-y += folder/`. */
const RULE =
  /^[ \t]*([\w.-]+?)(?:-objs|-y)?-?(?:\$\(CONFIG_(\w+)(?::m=y)?\))?[ \t]*[:+]?=[ \t]*(.*)$/;
const IF = /^[ \t]*if(?:n?def|n?eq)\b/;
const IF_SET =
  /^[ \t]*(?:ifdef\s+CONFIG_(\w+)|ifeq\s*\(\$\(CONFIG_(\w+)\),\s*[ym]\)|ifneq\s*\(\$\(CONFIG_(\w+)\),\s*\))\s*$/;
const ELSE = /^[ \t]*else\b/;
const ENDIF = /^[ \t]*endif\b/;
/** The deepest nesting of conditions and of makefiles; an untrusted tree may have more. */
const MAX_DEPTH = 100;
const MAX_INCLUDED = 2 ** 20;
/** Left sides that do not name an object. */
const LISTS = new Set(["obj", "lib", "ccflags", "subdir"]);
const FLAGS =
  /^[ \t]*(?:(subdir-)?ccflags-(?:y|\$\(CONFIG_(\w+)\))|CFLAGS_([\w.-]+)|(?:EXTRA_|KBUILD_)CFLAGS)[ \t]*[:+]?=(.*)$/gm;
const VARIABLE = /^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*[:?]?=[ \t]*(\S.*)$/gm;
/** The deepest nesting of variables in values. */
const MAX_VALUES = 5;
/** A line that includes another makefile. */
const READ = /^-?include[ \t]+(\S+)[ \t]*$/gm;
const USED = /\$[({](\w+)[)}]/g;
const INCLUDE = /-I[ \t]*(\S+)/g;
const DEFINE = /-D[ \t]*([A-Za-z_]\w*(?:=[\w."'\\]+)?)(?=\s|$)/g;

/** A rule: its left side, `name-$(CONFIG_SYMBOL)`, and the conditions around it. */
interface Rule {
  readonly base: string;
  readonly symbols: readonly string[];
}

/** Flags of a file: folders and headers are paths from the tree's root. */
export interface FileFlags {
  /** Folders that are searched before the tree's headers, and after them. */
  readonly first: readonly string[];
  readonly folders: readonly string[];
  readonly defines: readonly string[];
  readonly undefines: readonly string[];
  /** Headers that are included before the file. */
  readonly includes: readonly string[];
}

/**
 * The makefiles of a tree. They are searched for what builds a file, because the configuration is made
 * for that file. The makefiles of an out-of-tree module are evaluated (`Kbuild`).
 */
export class Makefiles {
  readonly #texts = new Map<string, string>();
  readonly #rules = new Map<string, ReadonlyMap<string, readonly Rule[]>>();

  /** @param module Reads the makefiles of the out-of-tree module in the tree. */
  constructor(readonly files: TreeFiles, readonly module: () => Kbuild | null = () => null) {}

  /** Symbols that build a file. */
  symbolsOf(path: string): ReadonlySet<string> {
    const source = inModule(path);
    if (source !== null) {
      const names = this.module()?.asked.keys() ?? [];
      return new Set([...names].map((name) => name.replace(/^CONFIG_/, "")));
    }
    const symbols = objectsOf(path).map((place) => this.#symbolsOfObject(...place));
    return symbols.reduce((all, each) => all.union(each));
  }

  /**
   * Whether a makefile names the file's object. If a file has no object, other files that are built
   * include it.
   */
  builds(path: string): boolean {
    const source = inModule(path);
    if (source !== null) return this.module()?.moduleOf(source) != null;
    return objectsOf(path).some(([folder, object]) => this.#rulesOf(folder).has(object));
  }

  /** Whether the makefiles of an out-of-tree module name all sources of the module that has a file. */
  listsModuleOf(path: string): boolean {
    const source = inModule(path);
    return source !== null && this.module()?.moduleOf(source)?.isWhole === true;
  }

  /** Symbols that include the file's folders in the build. */
  symbolsOfFolders(path: string): ReadonlySet<string> {
    if (inModule(path) !== null) return new Set();
    const parts = path.split("/");
    let symbols: ReadonlySet<string> = new Set();
    for (let depth = parts.length - 2; depth > 0; depth--) {
      const folder = parts.slice(0, depth).join("/");
      symbols = symbols.union(this.#symbolsOfObject(folder, `${parts[depth]}/`));
    }
    return symbols;
  }

  /**
   * The files that are linked into the same module as a given file.
   * @param isSet Whether a symbol is set.
   */
  moduleOf(path: string, isSet: (symbol: string) => boolean): readonly string[] {
    const source = inModule(path);
    if (source !== null) {
      const objects = this.module()?.moduleOf(source)?.objects ?? [];
      return objects.flatMap((each) =>
        each.source === null || each.source === source ? [] : [`${MODULE_FOLDER}/${each.source}`]
      );
    }
    return objectsOf(path).flatMap(([folder, object]) => {
      const rules = this.#rulesOf(folder);
      const bases = new Set((rules.get(object) ?? []).map(({ base }) => base));
      const isBeside = ({ base, symbols }: Rule) =>
        !LISTS.has(base) && bases.has(base) && symbols.every(isSet);
      return [...rules].filter(([, each]) => each.some(isBeside))
        .map(([name]) => treePath(`${folder}/${name.replace(/\.o$/, ".c")}`));
    }).filter((each) => each !== path);
  }

  /**
   * Header folders (from the root) and definitions for a file. The makefiles of the file's folder
   * and of the folders above it add them.
   */
  flagsOf(path: string): FileFlags {
    const source = inModule(path);
    if (source !== null) return flagsInModule(this.module(), source);
    const parts = path.split("/");
    const object = `${parts.at(-1)!.replace(/\.c$/, "")}.o`;
    const folders: string[] = [];
    const defines: string[] = [];
    for (let depth = parts.length - 1; depth > 0; depth--) {
      const folder = parts.slice(0, depth).join("/");
      // A makefile in a higher folder applies only if it names the file's object, as for a module with
      // several folders.
      const named = parts.slice(depth).join("/").replace(/\.c$/, ".o");
      const isNear = depth >= parts.length - 2 || this.#rulesOf(folder).has(named);
      const text = this.#text(folder);
      const variables = new Map(
        [...text.matchAll(VARIABLE)].map(([, name, value]) => [name!, value!.trimEnd()] as const),
      );
      for (const [, isForAll, condition, only, written] of text.matchAll(FLAGS)) {
        if (only === undefined ? !isNear && isForAll === undefined : only !== object) continue;
        for (const [, include] of withValues(written!, variables).matchAll(INCLUDE)) {
          folders.push(resolved(include!, folder));
        }
        // Conditional definitions in a makefile are ignored: they may contradict the configuration.
        if (condition === undefined && depth === parts.length - 1) {
          const flags = written!.replace(USED, (all, name) => oneWord(variables.get(name)) ?? all);
          addAll(defines, [...flags.matchAll(DEFINE)].map(([, define]) => define!));
        }
      }
    }
    return {
      first: [],
      folders: [...new Set(folders)],
      defines: [...new Set(defines)],
      undefines: [],
      includes: [],
    };
  }

  #symbolsOfObject(folder: string, object: string): ReadonlySet<string> {
    const rules = this.#rulesOf(folder);
    const symbols = new Set<string>();
    const objects = new Set([object]);
    // The loop includes the objects that it adds.
    for (const each of objects) {
      for (const { base, symbols: named } of rules.get(each) ?? []) {
        for (const symbol of named) symbols.add(symbol);
        if (!LISTS.has(base)) objects.add(`${base}.o`);
      }
    }
    return symbols;
  }

  /** The rules of a folder, by each object that they list. */
  #rulesOf(folder: string): ReadonlyMap<string, readonly Rule[]> {
    const known = this.#rules.get(folder);
    if (known !== undefined) return known;
    const made = new Map<string, Rule[]>();
    const conditions: (string | undefined)[] = [];
    for (const line of this.#text(folder).split("\n")) {
      if (IF.test(line)) {
        conditions.push(IF_SET.exec(line)?.slice(1).find((symbol) => symbol !== undefined));
        checkMost(conditions.length, MAX_DEPTH, `makefile of ${folder}`, NESTED);
      } else if (ELSE.test(line)) conditions.splice(-1, 1, undefined);
      else if (ENDIF.test(line)) conditions.pop();
      const [, base, symbol, objects = ""] = RULE.exec(line) ?? [];
      if (base === undefined) continue;
      const symbols = [...conditions, symbol].filter((each) => each !== undefined);
      for (const object of objects.split(/\s+/)) {
        made.getOrInsertComputed(object, () => []).push({ base, symbols });
      }
    }
    this.#rules.set(folder, made);
    return made;
  }

  #text(folder: string): string {
    return this.#texts.getOrInsertComputed(folder, () => {
      const found = NAMES.map((name) => this.files.text(`${folder}/${name}`)).find((text) =>
        text !== null
      );
      return this.#whole(found ?? "", folder, { length: 0 });
    });
  }

  /**
   * The text of a makefile with its included makefiles. In included makefiles, `$(src)` also means
   * the folder of the makefile that includes them.
   */
  #whole(text: string, folder: string, included: { length: number }, depth = 0): string {
    const name = `makefile of ${folder}`;
    checkMost(depth, MAX_DEPTH, name, "makefiles within each other");
    return text.replaceAll("\\\n", " ").replace(READ, (line, written: string) => {
      const found = this.files.text(resolved(written, folder));
      if (found === null) return line;
      included.length += found.length;
      checkMost(included.length, MAX_INCLUDED, name, "characters in makefiles that it includes");
      return this.#whole(found, folder, included, depth + 1);
    });
  }
}

/** The path of a file from the out-of-tree module's folder; null for a file of the tree. */
function inModule(path: string): string | null {
  return path.startsWith(`${MODULE_FOLDER}/`) ? path.slice(MODULE_FOLDER.length + 1) : null;
}

function flagsInModule(module: Kbuild | null, source: string): FileFlags {
  const flags = module?.flagsOf(source);
  const inTree = (paths: readonly string[]) =>
    paths.flatMap((path) =>
      isBelow(path, MODULE_ROOT)
        ? [`${MODULE_FOLDER}${path.slice(MODULE_ROOT.length)}`]
        : isBelow(path, KERNEL_ROOT)
        ? [treePath(path.slice(KERNEL_ROOT.length))]
        : []
    );
  return {
    first: inTree(flags?.first ?? []),
    folders: inTree(flags?.folders ?? []),
    includes: inTree(flags?.includes ?? []),
    defines: flags?.defines ?? [],
    undefines: flags?.undefines ?? [],
  };
}

/**
 * The possible names of a file's object in makefiles: relative to the file's folder, and relative
 * to each folder above it.
 */
function objectsOf(path: string): readonly (readonly [folder: string, object: string])[] {
  const parts = path.replace(/\.c$/, ".o").split("/");
  return parts.slice(1).map((_, index) => {
    const depth = parts.length - 1 - index;
    return [parts.slice(0, depth).join("/"), parts.slice(depth).join("/")] as const;
  });
}

/** Replaces the variables in a makefile's text by their values. */
function withValues(text: string, variables: ReadonlyMap<string, string>): string {
  let found = text;
  for (let step = 0; step < MAX_VALUES && found.length < MAX_INCLUDED; step++) {
    const next = found.replace(USED, (all, name) => variables.get(name) ?? all);
    if (next === found) break;
    found = next;
  }
  // Path functions are replaced by their argument, which is relative to the folder.
  return found.replace(/\$\((?:abspath|realpath)\s+([^()\s]+|\$\(\w+\))\)/g, "$1")
    .replace(/\$\(dir\s+(\$\(\w+\)|[^()\s]+)\)/g, "$1/..");
}

/**
 * The value, if it is one word. A value with several words is not used, because it may depend on
 * conditions of the makefile.
 */
function oneWord(value: string | undefined): string | undefined {
  return value === undefined || /\s/.test(value) ? undefined : value;
}

/** The folder in a flag, as a path from the tree's root. */
function resolved(written: string, folder: string): string {
  const path = written.replace(/^\$\(srctree\)\/?/, "")
    .replace(/^\$[({](?:src|obj|srctree\/\$\(src\)|M|PWD|CURDIR|KBUILD_EXTMOD)[)}]/, folder);
  return treePath(path);
}
