/**
 * Architectures other than the lab's, for files that are built only for them. An architecture
 * provides headers that exist only in its folder of `arch/`, and the symbols by which it builds a
 * file. The lab's own headers stay in use.
 */
import { closureOf, type Kconfig, readKconfig } from "./kconfig.ts";
import { checkMost, type TreeFolders } from "@dmalab/runtime/kernels";
import { isWrong } from "./settings.ts";

export interface Architecture {
  /** Name of the architecture's folder in `arch/`. */
  readonly name: string;
  /** Symbols that the architecture sets, without `CONFIG_`. */
  readonly symbols: readonly string[];
  /** Folders of the architecture's headers, from the tree's root: `arch/NAME/include` first. */
  readonly folders: readonly string[];
}

/** Largest number of architectures: more than any release has. */
const MAX_ARCHITECTURES = 100;
/**
 * `cflags-$(CONFIG_X) += -I$(srctree)/arch/…`, or `machdirs-$(CONFIG_X) += arch/…` for a folder
 * with an `include/`.
 */
const ADDS = /^(machdirs|[\w-]+?)(?:-(?:y|\$\(CONFIG_(\w+)\)))?[ \t]*[:+]?=(.*\barch\/.*)$/gm;
const FOLDER = /-I[ \t]*\$\(srctree\)\/(arch\/[\w./-]+)/g;

export class Architectures {
  readonly #kconfigs = new Map<string, Kconfig>();

  constructor(readonly files: TreeFolders) {}

  /**
   * The architectures that declare at least one of some symbols. The architecture that declares
   * most of them comes first.
   *
   * @param wanted Symbols that a file needs and that the lab's configuration never sets.
   * @param common Symbols declared outside of `arch/`.
   */
  declaring(wanted: readonly string[], common: Kconfig): readonly Architecture[] {
    const isCommon = (name: string) => common.get(name)?.isSwitch === true;
    const ofArchitecture = (name: string): readonly Architecture[] => {
      const kconfig = this.#kconfig(name);
      const own = wanted.filter((each) => kconfig.get(each)?.isSwitch === true && !isCommon(each));
      if (own.length === 0) return [];
      const main = mainOf(kconfig);
      const asked = [...own, ...own.flatMap((each) => selectorOf(each, kconfig))];
      const isOut = (each: string) => !asked.includes(each) && (isCommon(each) || isWrong(each));
      const on = new Set([...wanted.filter(isCommon), ...closureOf(asked, kconfig, isOut)]);
      if (main !== undefined) on.add(main);
      // Adds the common symbols that the symbols in `asked` select. The symbols that the main symbol
      // selects apply to all machines of the architecture. They are not added, because they do not apply
      // to the lab.
      for (const name of asked.filter((each) => each !== main)) {
        const { selects } = kconfig.get(name)!;
        for (const each of selects) if (isCommon(each) && !isWrong(each)) on.add(each);
      }
      for (const [each, { unless }] of kconfig) {
        if (unless.length > 0 && !unless.some((name) => on.has(name)) && !isOut(each)) on.add(each);
      }
      const symbols = [...on];
      return [{ name, symbols, folders: this.#folders(`arch/${name}`, symbols) }];
    };
    const entries = wanted.length === 0 ? [] : this.files.entries("arch");
    checkMost(entries.length, MAX_ARCHITECTURES, "arch", "folders");
    const count = ({ symbols }: Architecture) =>
      wanted.filter((each) => !isCommon(each) && symbols.includes(each)).length;
    return entries.flatMap(({ isFolder, name }) => isFolder ? ofArchitecture(name) : [])
      .toSorted((a, b) => count(b) - count(a));
  }

  #kconfig(name: string): Kconfig {
    return this.#kconfigs.getOrInsertComputed(
      name,
      () => readKconfig(this.files, `arch/${name}/Kconfig`),
    );
  }

  /**
   * The header folders of the architecture: the general folders, then the folders that its machines
   * add, then the folders that are added for all machines.
   */
  #folders(root: string, symbols: readonly string[]): readonly string[] {
    const places = this.files.entries(root).map(({ name }) => `${root}/${name}/Platform`);
    const texts = [...places, `${root}/Makefile`].map((path) => this.files.text(path) ?? "");
    const added = texts.flatMap((text) => [...text.replaceAll("\\\n", " ").matchAll(ADDS)])
      .filter(([, , symbol]) => symbol === undefined || symbols.includes(symbol))
      .flatMap(([, left, , flags]) =>
        left === "machdirs"
          ? [`${flags!.trim()}/include`]
          : [...flags!.matchAll(FOLDER)].map(([, folder]) => folder!)
      );
    return [`${root}/include`, `${root}/include/uapi`, ...new Set(added)];
  }
}

/** The architecture's main symbol: the one that selects most others. */
function mainOf(kconfig: Kconfig): string | undefined {
  const own = [...kconfig].filter(([, { isDefault }]) => isDefault);
  return own.toSorted(([, a], [, b]) => b.selects.size - a.selects.size)[0]?.[0];
}

/**
 * The symbol that selects the symbol `name`; empty if no symbol selects `name`, or if `name` is set
 * by default.
 */
function selectorOf(name: string, kconfig: Kconfig): readonly string[] {
  const found = [...kconfig].find(([, { selects }]) => selects.has(name));
  return found === undefined || kconfig.get(name)!.isDefault ? [] : [found[0]];
}

/**
 * Matches strings and comments, so that text in them is not taken for assembler. Else it matches
 * assembler up to its opening bracket. If the assembler belongs to a declaration, the match begins
 * with the last letter of the text before the assembler.
 */
const ASSEMBLER =
  /\/\*(?:[^]*?\*\/|[^]*)|\/\/.*|"(?:[^"\\\n]|\\[^])*"?|((?<!\b(?:els|d))\w[ \t]+)?\b(?:asm|__asm__|__asm)\b(?:\s+\w+){0,3}[\s\\]*\(/g;
/** A string, a comment, or one character. */
const TOKEN = /"(?:[^"\\]|\\[^])*"?|\/\*(?:[^]*?\*\/|[^]*)|[^]/g;
/** An empty assembler text: a compiler barrier. */
const EMPTY = /^\(\s*""/;
/** The register of a variable, or the assembler name of a symbol. */
const NAME = /^\(\s*(?:"[\w%.$]*"|\w+)\s*\)$/;
const CALL = "({ extern void inline_assembler(void); inline_assembler(); })";

/**
 * Replaces assembler in a text by a call of `inline_assembler()`. No file defines this function.
 * Therefore it becomes a stub, like every function that the lab does not have.
 */
export function withoutAssembler(written: string): string {
  if (!written.includes("asm")) return written;
  // Without its assembler name, a global register variable would not be a valid declaration.
  const text = written.replace(/^register\b/gm, "extern");
  let made = "";
  let end = 0;
  for (const found of text.matchAll(ASSEMBLER)) {
    const open = found.index + found[0].length - 1;
    if (text[open] !== "(" || found.index < end) continue;
    const close = closeOf(text, open);
    if (close === open) break;
    const operands = text.slice(open, close);
    if (EMPTY.test(operands)) continue;
    const [, before = ""] = found;
    const isOutside = before === "" &&
      /(?:^|[^\\]\n)$/.test(text.slice(Math.max(0, found.index - 2), found.index));
    // Keeps line breaks, so that line numbers stay the same.
    const lines = text.slice(found.index, close).match(/\\?\n/g)?.join("") ?? "";
    const isName = before !== "" && NAME.test(operands);
    made += text.slice(end, found.index) + before + (isName || isOutside ? "" : CALL) + lines;
    end = close;
  }
  return made + text.slice(end);
}

/** Offset after the bracket that closes the bracket at `open`. */
function closeOf(text: string, open: number): number {
  let depth = 0;
  for (const { 0: token, index } of text.slice(open).matchAll(TOKEN)) {
    if (token === "(") depth++;
    if (token === ")" && --depth === 0) return open + index + 1;
  }
  return open;
}
