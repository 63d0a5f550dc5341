/**
 * Collects facts about an out-of-tree PCI module from its folder. Makefile and sources are read as text; no
 * program is run.
 */
import { TreeError, type TreeFolders } from "@dmalab/runtime/kernels";
import { exportsIn } from "../tree/library.ts";
import { barsOf, portBars } from "./bar_kinds.ts";

/** The deepest nesting of folders, and the most sources, that are read. */
const MAX_DEPTH = 6;
const MAX_SOURCES = 2000;
const REGISTERS = /\b(?:pci_register_driver|module_pci_driver|builtin_pci_driver)\s*\(/;
const MAKEFILE = /^(?:Kbuild|Makefile)$/;
const RUNS_PROGRAM = /\$[({]shell\b|^[ \t]*\w+[ \t]*!=/;
/** An option that adds a header folder above the makefile's own, such as `-I$(src)/../include`. */
const OUTER_FOLDER = /^[^#]*-I[ \t]*\S*\.\.(?:\/|\s|$)/;
/** The head of a rule that generates a header. */
const HEADER_RULE = /^[^#\t].*\.h\b.*/;
/**
 * Matches the head of a device id table. The parts of the pattern have bounded lengths, so that a text with many
 * table heads and no table's end is still read in one pass.
 */
const TABLE_HEAD =
  /(?:struct\s{1,20}pci_device_id\s{1,20}\w{1,100}\s{0,20}\[[^\]]{0,100}\]|DEFINE_PCI_DEVICE_TABLE\s{0,20}\(\w{1,100}\))[^={;]{0,200}=\s{0,100}\{/g;
const TABLE_END = /\}\s*;/g;
const ENTRY =
  /PCI_DEVICE_DATA\s*\(\s*(\w+)\s*,\s*(\w+)|PCI_DEVICE(?:_SUB)?\s*\(\s*(\w+)\s*,\s*(\w+)|PCI_VDEVICE\s*\(\s*(\w+)\s*,\s*(\w+)|\{\s*(0x\w+|\w+)\s*,\s*(0x\w+|\w+)\s*,|(?:\.vendor\s*=|\bvendor\s*:)\s*(\w+)\s*,\s*(?:\.device\s*=|\bdevice\s*:)\s*(\w+)/g;
/** Device id to use for a table entry that matches every device of a vendor. */
const ANY_DEVICE = 1;
const DEFINE = /^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+\(?(0x[\da-fA-F]+|\d+|\w+)[uUlL]*\)?/gm;
const ASSEMBLER = /\b(?:__)?asm(?:__)?\s*(?:(?:volatile|__volatile__)\s*)?\(\s*"[^"]*\w/;

const NAME = /\b[A-Za-z_]\w+/g;

/** A line in a file of the module. */
export interface ModulePlace {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

export interface ModuleFacts {
  /** Path, from the module's folder, of the source that registers the driver. */
  readonly main: string;
  /** Other sources that register a PCI driver. */
  readonly others: readonly string[];
  /** Whether the driver's source has an init function. */
  readonly loads: boolean;
  /** The first entry of the driver's device id table; null if none is found. */
  readonly ids:
    | { readonly vendor: number; readonly device: number; readonly at: ModulePlace }
    | null;
  /** Numbers of the device's BARs. */
  readonly bars: readonly number[];
  /** Numbers of the BARs that the driver accesses as I/O ports. */
  readonly portBars: ReadonlySet<number>;
  /**
   * Texts of the driver's source, of the other sources and modules that the driver needs, and of
   * the headers beside these files.
   */
  readonly texts: readonly string[];
  /** Constants defined in the module's sources and headers, by name. */
  readonly constants: ReadonlyMap<string, number>;
  /** Lines of makefiles that run a program; dmalab does not run it. */
  readonly programs: readonly ModulePlace[];
  /** Lines of makefiles that add a header folder above the module's own. */
  readonly outerFolders: readonly ModulePlace[];
  /** Lines of makefiles with a rule for a generated header. */
  readonly headerRules: readonly ModulePlace[];
  /** Lines with assembler. */
  readonly assembler: readonly ModulePlace[];
}

/**
 * Reads a module's folder.
 *
 * @param wanted Path of the driver's source, from the folder. Null chooses the first source that
 *   registers a PCI driver.
 * @param pciIds The tree's list of PCI vendors; "" without a tree.
 * @throws {TreeError} If no source registers a PCI driver.
 */
export function readModule(
  files: TreeFolders,
  wanted: string | null,
  pciIds: string,
): ModuleFacts {
  const texts = new Map<string, string>();
  readInto(texts, files, "", 0);
  const sources = [...texts].filter(([path]) => path.endsWith(".c"));
  const mains = sources.filter(([, text]) => REGISTERS.test(text)).map(([path]) => path);
  const built = mains.filter((path) => isBuilt(path, texts));
  const main = wanted ?? built[0] ?? mains[0];
  if (main === undefined) {
    throw new TreeError(
      `None of ${sources.length} sources calls pci_register_driver() or module_pci_driver()`,
      "name the folder of a PCI module; of a module on another bus a scenario is written by hand",
    );
  }
  if (!texts.has(main)) {
    throw new TreeError(
      `The module's folder has no "${main}"`,
      `sources that register a PCI driver: ${mains.join(", ") || "none"}`,
    );
  }
  const constants = constantsIn([pciIds, ...texts.values()]);
  const needed = neededTexts(main, texts);
  return {
    main,
    loads: /\bmodule_init\s*\(/.test(texts.get(main)!),
    others: mains.filter((path) => path !== main),
    ids: idsIn(main, texts, constants),
    texts: needed,
    bars: barsOf(needed, constants),
    portBars: portBars(needed, constants),
    constants,
    programs: placesIn(texts, isMakefile, RUNS_PROGRAM),
    outerFolders: placesIn(texts, isMakefile, OUTER_FOLDER),
    headerRules: placesIn(texts, isMakefile, HEADER_RULE),
    assembler: placesIn(texts, (path) => /\.[ch]$/.test(path), ASSEMBLER),
  };
}

/**
 * The driver's source, the sources that define functions used in this source or in each other, and the headers beside
 * these sources.
 */
function neededTexts(main: string, texts: ReadonlyMap<string, string>): readonly string[] {
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
  const isBeside = (path: string) => Number(folderOf(path) === folderOf(main));
  const sources = [...texts].filter(([path, text]) => path.endsWith(".c") && !REGISTERS.test(text))
    .toSorted(([one], [other]) => isBeside(other) - isBeside(one));
  const definers = exportsIn(sources);
  const found = new Set([main]);
  // The loop includes the paths that it adds.
  for (const path of found) {
    for (const [name] of texts.get(path)!.matchAll(NAME)) {
      const other = definers.get(name);
      if (other !== undefined) found.add(other);
    }
  }
  const folders = new Set([...found].map(folderOf));
  const headers = [...texts.keys()].filter((path) =>
    path.endsWith(".h") && folders.has(folderOf(path))
  );
  return [...found, ...headers].map((path) => texts.get(path)!);
}

function readInto(
  texts: Map<string, string>,
  files: TreeFolders,
  folder: string,
  depth: number,
): void {
  for (const { isFolder, name } of files.entries(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isFolder) {
      if (depth < MAX_DEPTH && !name.startsWith(".")) readInto(texts, files, path, depth + 1);
      continue;
    }
    if (!/\.[ch]$/.test(name) && !MAKEFILE.test(name)) continue;
    const text = texts.size < MAX_SOURCES ? files.text(path) : null;
    if (text !== null) texts.set(path, text);
  }
}

/** Whether a source is built by a makefile in its folder, or in a folder above it. */
function isBuilt(path: string, texts: ReadonlyMap<string, string>): boolean {
  const object = path.split("/").at(-1)!.replace(/\.c$/, ".o");
  return [...texts].some(([makefile, text]) => isMakefile(makefile) && text.includes(object));
}

function constantsIn(texts: Iterable<string>): ReadonlyMap<string, number> {
  const written = new Map<string, string>();
  for (const text of texts) {
    for (const [, name, value] of text.matchAll(DEFINE)) written.set(name!, value!);
  }
  const found = new Map<string, number>();
  for (const name of written.keys()) {
    let value = written.get(name)!;
    // Resolves constants that are defined as another constant.
    for (let step = 0; step < 4 && written.has(value); step++) value = written.get(value)!;
    const number = Number(value);
    if (Number.isSafeInteger(number)) found.set(name, number);
  }
  return found;
}

function idsIn(
  main: string,
  texts: ReadonlyMap<string, string>,
  constants: ReadonlyMap<string, number>,
): ModuleFacts["ids"] {
  // Sources that register another driver are skipped: their ids are of other devices.
  const others = [...texts].filter(([, text]) => !REGISTERS.test(text)).map(([path]) => path);
  const paths = [main, ...others];
  for (const path of paths) {
    const text = texts.get(path)!;
    for (const { at, body } of tablesIn(text)) {
      for (const entry of body.matchAll(ENTRY)) {
        const [first, second] = namesIn(entry);
        const one = numberOf(first, constants);
        const two = second === "PCI_ANY_ID" ? ANY_DEVICE : numberOf(second, constants);
        if (one === null || two === null || one > 0xffff || two > 0xffff || one === 0) continue;
        return { vendor: one, device: two, at: placeAt(path, text, at) };
      }
    }
  }
  return null;
}

/** The vendor and the device of an entry: numbers, or names of constants. */
function namesIn(entry: RegExpExecArray): readonly [vendor: string, device: string] {
  const [, ofData, data, vendor, device, short, ofShort, plain, ofPlain, named, ofNamed] = entry;
  return ofData === undefined
    ? [
      vendor ?? plain ?? named ?? `PCI_VENDOR_ID_${short}`,
      device ?? ofShort ?? ofPlain ?? ofNamed!,
    ]
    : [`PCI_VENDOR_ID_${ofData}`, `PCI_DEVICE_ID_${ofData}_${data}`];
}

/** The device id tables in a source, with their offsets. */
function tablesIn(text: string): readonly { readonly at: number; readonly body: string }[] {
  const tables: { readonly at: number; readonly body: string }[] = [];
  const head = new RegExp(TABLE_HEAD);
  const end = new RegExp(TABLE_END);
  for (let begun = head.exec(text); begun !== null; begun = head.exec(text)) {
    end.lastIndex = head.lastIndex;
    const ended = end.exec(text);
    if (ended === null) break;
    tables.push({ at: begun.index, body: text.slice(head.lastIndex, ended.index) });
    head.lastIndex = end.lastIndex;
  }
  return tables;
}

function isMakefile(path: string): boolean {
  return MAKEFILE.test(path.split("/").at(-1)!);
}

function numberOf(word: string, constants: ReadonlyMap<string, number>): number | null {
  const number = constants.get(word) ?? Number(word);
  return Number.isSafeInteger(number) ? number : null;
}

function placesIn(
  texts: ReadonlyMap<string, string>,
  isWanted: (path: string) => boolean,
  pattern: RegExp,
): readonly ModulePlace[] {
  return [...texts].filter(([path]) => isWanted(path)).flatMap(([path, text]) =>
    text.split("\n").flatMap((line, index) =>
      pattern.test(line) ? [{ path, line: index + 1, text: line.trim() }] : []
    )
  );
}

/** The line at an offset in a file. */
export function placeAt(path: string, text: string, index: number): ModulePlace {
  const line = text.slice(0, index).split("\n").length;
  return { path, line, text: text.split("\n")[line - 1]!.trim() };
}
