/**
 * Collects facts about an out-of-tree PCI module from its folder. Makefile and sources are read as text; no
 * program is run.
 */
import { TreeError, type TreeFolders } from "@dmalab/runtime/kernels";
import {
  Kbuild,
  type KbuildModule,
  MakeFiles,
  type MakePlace,
  type MakeQuestion,
  type MissingMakefile,
  type UnknownPart,
} from "../make/mod.ts";
import { exportsIn } from "../tree/library.ts";
import { activeText, type Macros, valueOf } from "./active_text.ts";
import { barSizes, barsOf, portBars } from "./bar_kinds.ts";
import { classOfEntry, comparedClass } from "./device_class.ts";
import { vectorCount } from "./vector_count.ts";

/** The deepest nesting of folders, and the most sources, that are read. */
const MAX_DEPTH = 6;
const MAX_SOURCES = 2000;
const REGISTERS = /\b(?:pci_register_driver|module_pci_driver|builtin_pci_driver)\s*\(/;
const MAKEFILE = /^(?:Kbuild|Makefile)$/;
/** An option that adds a header folder above the makefile's own, such as `-I$(src)/../include`. */
const OUTER_FOLDER = /^[^#]*-I[ \t]*\S*\.\.(?:\/|\s|$)/;
/** The head of a rule that generates a header. */
const HEADER_RULE = /^[^#\t].*\.h\b.*/;
/** The file to which a line of a recipe writes, behind the sign: a header. */
const WRITTEN_HEADER = /^[ \t]*\S+\.h\b/;
/** Longest name of a file in a recipe. */
const MAX_NAME = 300;
/** Longest entry of a table of ids. */
const MAX_ENTRY = 1000;
/**
 * Matches the head of a device id table. The parts of the pattern have bounded lengths, so that a text with many
 * table heads and no table's end is still read in one pass.
 */
const TABLE_HEAD =
  /(?:struct\s{1,20}pci_device_id\s{1,20}(\w{1,100})\s{0,20}(?:\[[^\]]{0,100}\])?|DEFINE_PCI_DEVICE_TABLE\s{0,20}\((\w{1,100})\))[^={;]{0,200}=\s{0,100}\{/g;
/** The name of the table that a driver registers. */
const NAMED_TABLE =
  /\.id_table\s{0,20}=\s{0,20}(\w+)|\bMODULE_DEVICE_TABLE\s{0,20}\(\s{0,20}pci\s{0,20},\s{0,20}(\w+)/g;
const TABLE_END = /\}\s*;/g;
const ENTRY =
  /PCI_DEVICE_DATA\s*\(\s*(\w+)\s*,\s*(\w+)|PCI_(?:DEVICE(?:_SUB|_DRIVER_OVERRIDE)?|DRIVER_OVERRIDE_DEVICE_VFIO)\s*\(\s*(\w+)\s*,\s*(\w+)|PCI_VDEVICE\s*\(\s*(\w+)\s*,\s*(\w+)|\{\s*(0x\w+|\w+)\s*,\s*(0x\w+|\w+)\s*,|(?:\.vendor\s*=|\bvendor\s*:)\s*(\w+)\s*,\s*(?:\.device\s*=|\bdevice\s*:)\s*(\w+)/g;
/** Device id to use for a table entry that matches every device of a vendor. */
const ANY_DEVICE = 1;
const DEFINE = /^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+\(?(0x[\da-fA-F]+|\d+|\w+)[uUlL]*\)?/gm;
/** A constant with an expression: `#define LEN (16 * 1024)`. */
const EXPRESSION =
  /^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\([\w \t()*+<|-]{1,80}\))[ \t]*(?:\/[/*].*)?$/gm;
/** The body of an enumeration; its members with a number are `ENUMERATOR`. */
const ENUM = /\benum\b(?:\s{1,20}\w{1,100})?\s{0,20}\{([^{}]{0,20000})\}/g;
const COMMENT = /\/\*[^*]*\*\//g;
const ENUMERATOR = /\b(\w+)\s{0,40}=\s{0,40}(0x[\da-fA-F]+|\d+|\w+)[uUlL]*\s{0,40}(?=,|$)/g;
/** A size of `linux/sizes.h`. */
const SIZE = /^SZ_(\d+)([KMG])?$/;
const ASSEMBLER = /\b(?:__)?asm(?:__)?\s*(?:(?:volatile|__volatile__)\s*)?\(\s*"[^"]*\w/;

const NAME = /\b[A-Za-z_]\w+/g;
const LOCAL_INCLUDE = /^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm;

/** A line in a file of the module. */
export interface ModulePlace {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** A BAR's size, with the line that compares it. */
export interface BarBytes {
  readonly sizeBytes: number;
  readonly at: ModulePlace;
}

/** A device's class, with the line that wants it. */
export interface DeviceClass {
  /** The class with its programming interface, as 24 bits. */
  readonly code: number;
  readonly at: ModulePlace;
  /** Whether the driver compares it; else the line is its table's. */
  readonly isCompared: boolean;
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
  /** Sizes of BARs that the driver compares with, in bytes, by the BAR's number. */
  readonly barBytes: ReadonlyMap<number, BarBytes>;
  /** The class that the driver compares, or that its table names; null without one. */
  readonly deviceClass: DeviceClass | null;
  /** Number of interrupt vectors that the device has. */
  readonly vectors: number;
  /** Numbers of the BARs that the driver accesses as I/O ports. */
  readonly portBars: ReadonlySet<number>;
  /**
   * The sources of the driver's module, and the sources and headers of the folder that they include, by their
   * paths. Lines that the preprocessor drops are blank.
   */
  readonly ownTexts: ReadonlyMap<string, string>;
  /**
   * Texts of the driver's source, of the other sources and modules that the driver needs, and of
   * the headers beside these files.
   */
  readonly texts: readonly string[];
  /** Constants defined in the module's sources and headers, by name. */
  readonly constants: ReadonlyMap<string, number>;
  /** The module that has the driver's source; null if no makefile builds it. */
  readonly module: KbuildModule | null;
  /** Conditions of makefiles that only a program could decide. */
  readonly questions: readonly MakeQuestion[];
  /** Flags and objects that only a program could tell; they are left out. */
  readonly unknown: readonly UnknownPart[];
  /** Symbols of `obj-$(CONFIG_…)` that nothing sets; they are taken as `m`. */
  readonly asked: ReadonlyMap<string, MakePlace>;
  /** Makefiles that others include and that the folder does not have. */
  readonly missingMakefiles: readonly MissingMakefile[];
  /** Lines of makefiles that add a header folder above the module's own. */
  readonly outerFolders: readonly ModulePlace[];
  /** Lines of makefiles with a rule for a generated header. */
  readonly headerRules: readonly ModulePlace[];
  /** Lines with assembler. */
  readonly assembler: readonly ModulePlace[];
}

/** What the reading of a module's folder knows beside the folder. */
export interface ModuleOptions {
  /** Path of the driver's source, from the folder. Null chooses the first source that registers a PCI driver. */
  readonly wanted?: string | null;
  /** The tree's list of PCI vendors; "" without a tree. */
  readonly pciIds?: string;
  /** The kernel's release, such as "6.12.90"; null without a tree. */
  readonly release?: string | null;
  /** The module's makefiles, if they have been read. */
  readonly kbuild?: Kbuild;
  /** Whether a makefile builds a source, if that is known otherwise than by the folder's own makefiles. */
  readonly isBuilt?: (path: string) => boolean;
  /** The text of a header above the folder, "../regs.h", of a driver that lies in a tree. */
  readonly above?: (path: string) => string | null;
}

/** Release for makefiles and conditions in C without a tree: the newest. */
export const NEWEST = "7.3.0";

/**
 * Reads a module's folder.
 *
 * @throws {TreeError} If no source registers a PCI driver, or the makefiles cannot be read.
 */
export function readModule(
  files: TreeFolders,
  {
    above = () => null,
    isBuilt = () => true,
    kbuild: given,
    pciIds = "",
    release = null,
    wanted = null,
  }: ModuleOptions = {},
): ModuleFacts {
  const texts = new Map<string, string>();
  readInto(texts, files, "", 0);
  const kbuild = given ??
    new Kbuild({ files: new MakeFiles(files, ""), release: release ?? NEWEST, config: () => "" });
  const active = new ActiveTexts(texts, kbuild, release ?? NEWEST, above);
  const sources = [...texts.keys()].filter((path) => path.endsWith(".c"));
  const built = kbuild.modules.flatMap(({ objects }) =>
    objects.flatMap(({ source }) => source ?? [])
  );
  const registering = (paths: readonly string[]) =>
    [...new Set(paths)].filter((path) => active.of(path).some(([, text]) => REGISTERS.test(text)));
  const ofBuild = registering(built);
  const included = new Set(ofBuild.flatMap((path) => active.of(path).map(([each]) => each)));
  const mains = [
    ...ofBuild,
    ...registering(sources.filter((path) => !included.has(path))),
  ];
  const including = wanted === null || isBuilt(wanted)
    ? undefined
    : sources.find((path) => path !== wanted && isIncluded(wanted, texts, [path]));
  const main = checkedMain(including ?? wanted ?? mains[0], texts, { mains, sources });
  const module = kbuild.moduleOf(main);
  const own = [main, ...module?.objects.flatMap(({ source }) => source ?? []) ?? []];
  const ownTexts = new Map(own.flatMap((path) => active.of(path)));
  // The driver's own constants last: other drivers of the folder may have different ones of the same names.
  const constants = constantsIn([pciIds, ...texts.values(), ...ownTexts.values()]);
  const needed = neededTexts([...ownTexts.keys()], texts);
  const all = new Map([...ownTexts, ...texts]);
  const entry = entryIn([...ownTexts], all, constants);
  return {
    main,
    module,
    loads: [...ownTexts.values()].some((text) => /\bmodule_init\s*\(/.test(text)),
    others: mains.filter((path) =>
      path !== main && !ownTexts.has(path) && !isIncluded(path, texts, [...ownTexts.keys()])
    ),
    ids: entry?.ids ?? null,
    ownTexts,
    texts: needed,
    ...deviceFacts(ownTexts, { needed, texts, constants, byTable: entry?.deviceClass ?? null }),
    constants,
    questions: kbuild.questions,
    unknown: kbuild.unknown,
    asked: kbuild.asked,
    missingMakefiles: kbuild.missing,
    outerFolders: placesIn(texts, isMakefile, OUTER_FOLDER),
    headerRules: placesIn(texts, isMakefile, { test: makesHeader }),
    assembler: placesIn(texts, (path) => /\.[ch]$/.test(path), ASSEMBLER),
  };
}

/** The source that registers the driver. @throws {TreeError} Without it, or if the folder does not have it. */
function checkedMain(
  main: string | undefined,
  texts: ReadonlyMap<string, string>,
  { mains, sources }: { readonly mains: readonly string[]; readonly sources: readonly string[] },
): string {
  if (main === undefined) {
    throw new TreeError(
      `None of ${sources.length} sources calls pci_register_driver() or module_pci_driver()`,
      "name the folder of a PCI module; of a module on another bus a scenario is written by hand",
    );
  }
  if (texts.has(main)) return main;
  throw new TreeError(
    `The module's folder has no "${main}"`,
    `sources that register a PCI driver: ${mains.join(", ") || "none"}`,
  );
}

/** What the sources say of the device. */
function deviceFacts(
  ownTexts: ReadonlyMap<string, string>,
  { byTable, constants, needed, texts }: Pick<ModuleFacts, "constants"> & {
    readonly byTable: DeviceClass | null;
    readonly needed: readonly string[];
    readonly texts: ReadonlyMap<string, string>;
  },
): Pick<ModuleFacts, "bars" | "portBars" | "barBytes" | "deviceClass" | "vectors"> {
  const place = ({ index, path }: { readonly index: number; readonly path: string }) =>
    placeAt(path, texts.get(path) ?? ownTexts.get(path)!, index);
  const found = comparedClass(ownTexts, constants);
  return {
    bars: barsOf(needed, constants),
    portBars: portBars(needed, constants),
    barBytes: new Map(
      [...barSizes(ownTexts, constants)].map(([bar, each]) =>
        [bar, { sizeBytes: each.sizeBytes, at: place(each) }] as const
      ),
    ),
    deviceClass: found === null
      ? byTable
      : { code: found.code, at: place(found), isCompared: true },
    vectors: vectorCount(needed, constants),
  };
}

/** Whether one of some files includes a source, in whatever branch of the preprocessor. */
function isIncluded(
  path: string,
  texts: ReadonlyMap<string, string>,
  from: readonly string[],
): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return from.some((each) =>
    [...texts.get(each)!.matchAll(LOCAL_INCLUDE)].some(([, written]) =>
      written === name || written!.endsWith(`/${name}`)
    )
  );
}

/** The macro of the kernel's version. @param release Such as "6.12.90". */
export function versionMacros(release: string): ReadonlyMap<string, number> {
  const [major = 0, minor = 0, patch = 0] = release.split(/[.-]/).map(Number);
  return new Map([["LINUX_VERSION_CODE", major * 65_536 + minor * 256 + Math.min(patch, 255)]]);
}

/** Texts of sources and of what they include, as the preprocessor keeps them. */
class ActiveTexts {
  readonly #known: Macros;
  readonly #found = new Map<string, readonly (readonly [path: string, text: string])[]>();

  constructor(
    readonly texts: Map<string, string>,
    readonly kbuild: Kbuild,
    release: string,
    readonly above: (path: string) => string | null,
  ) {
    this.#known = new Map<string, number | null>([
      ...versionMacros(release),
      ...[
        "KERNEL_VERSION",
        "__KERNEL__",
        "MODULE",
        "CONFIG_PCI",
        "CONFIG_PCI_MSI",
        "CONFIG_MODULES",
      ]
        .map((name) => [name, 1] as const),
    ]);
  }

  /** A source, and the sources and headers of the folder that it includes, in their order. */
  of(path: string): readonly (readonly [path: string, text: string])[] {
    return this.#found.getOrInsertComputed(path, () => {
      const macros = new Map(this.#known);
      for (const define of this.kbuild.flagsOf(path)?.defines ?? []) {
        const [name = "", value = "1"] = define.split("=");
        macros.set(name, Number.isSafeInteger(Number(value)) ? Number(value) : null);
      }
      const found = new Map<string, string>();
      const left = [path];
      for (let each = left.pop(); each !== undefined; each = left.pop()) {
        const text = found.has(each) ? undefined : this.texts.get(each);
        if (text === undefined || found.size >= MAX_SOURCES) continue;
        const active = activeText(text, macros);
        found.set(each, active);
        const folder = each.includes("/") ? each.slice(0, each.lastIndexOf("/")) : "";
        for (const [, name] of active.matchAll(LOCAL_INCLUDE)) {
          left.push(this.#placed(name!, folder));
        }
      }
      return [...found];
    });
  }

  /** The path of an included file; a header above the folder is read, if it may be. */
  #placed(name: string, folder: string): string {
    const path = fromFolder(name, folder);
    const text = path.startsWith("../") && !this.texts.has(path) ? this.above(path) : null;
    if (text !== null) this.texts.set(path, text);
    return path;
  }
}

/** A path from the module's folder; paths above it begin with "../". */
function fromFolder(name: string, folder: string): string {
  const parts = folder === "" ? [] : folder.split("/");
  for (const part of name.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/**
 * The driver's sources, the sources that define functions used in these sources or in each other, and the
 * headers beside these sources.
 */
function neededTexts(
  own: readonly string[],
  texts: ReadonlyMap<string, string>,
): readonly string[] {
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
  const isBeside = (path: string) => Number(folderOf(path) === folderOf(own[0]!));
  const sources = [...texts].filter(([path, text]) => path.endsWith(".c") && !REGISTERS.test(text))
    .toSorted(([one], [other]) => isBeside(other) - isBeside(one));
  const definers = exportsIn(sources);
  const found = new Set(own);
  // The loop includes the paths that it adds.
  for (const path of found) {
    for (const [name] of texts.get(path)!.matchAll(NAME)) {
      const other = definers.get(name);
      if (other !== undefined) found.add(other);
    }
  }
  const folders = new Set([...found].filter((path) => path.endsWith(".c")).map(folderOf));
  const headers = [...texts.keys()].filter((path) =>
    path.endsWith(".h") && !found.has(path) && folders.has(folderOf(path))
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

/** The enumerators with a number of a text: `enum { BAR = 5 }`. */
function enumerators(text: string): readonly (readonly [name: string, value: string])[] {
  return [...text.matchAll(ENUM)].flatMap(([, body]) =>
    [...body!.replace(COMMENT, "").matchAll(ENUMERATOR)].map(([, name, value]) =>
      [name!, value!] as const
    )
  );
}

function constantsIn(texts: Iterable<string>): ReadonlyMap<string, number> {
  const written = new Map<string, string>();
  const expressions = new Map<string, string>();
  for (const text of texts) {
    for (const [, name, value] of text.matchAll(DEFINE)) written.set(name!, value!);
    for (const [, name, value] of text.matchAll(EXPRESSION)) expressions.set(name!, value!);
    for (const [name, value] of enumerators(text)) written.set(name, value);
  }
  const found = new Map<string, number>();
  for (const name of written.keys()) {
    let value = written.get(name)!;
    // Resolves constants that are defined as another constant.
    for (let step = 0; step < 4 && written.has(value); step++) value = written.get(value)!;
    const number = Number(value);
    if (Number.isSafeInteger(number)) found.set(name, number);
    const [, count, unit = ""] = SIZE.exec(value) ?? [];
    if (count !== undefined) found.set(name, Number(count) * 1024 ** " KMG".indexOf(unit || " "));
  }
  for (const [name, text] of expressions) {
    const value = valueOf(text, found);
    if (value !== null) found.set(name, value);
  }
  return found;
}

/** The device of an entry of a table. */
interface TableEntry extends Pick<ModuleFacts, "ids"> {
  /** The class that the entry asks for. */
  readonly deviceClass: DeviceClass | null;
}

/** The first entry with numbers; if the tables have none, the first one with a class. */
function entryIn(
  own: readonly (readonly [path: string, text: string])[],
  texts: ReadonlyMap<string, string>,
  constants: ReadonlyMap<string, number>,
): TableEntry | null {
  // Sources that register another driver are skipped: their ids are of other devices.
  const others = [...texts].filter(([, text]) => !REGISTERS.test(text));
  // A table that the driver registers comes before tables that its code compares with.
  const named = new Set(
    own.flatMap(([, text]) => [...text.matchAll(NAMED_TABLE)].map(([, one, two]) => one ?? two)),
  );
  const tables = [...own, ...others].flatMap(([path, text]) =>
    tablesIn(text).map((table) => ({ ...table, path, text }))
  ).toSorted((one, two) => Number(named.has(two.name)) - Number(named.has(one.name)));
  const classIn = ({ at, body, path, text }: (typeof tables)[number], index: number) => {
    const code = classOfEntry(entryAt(body, index), constants);
    return code === null ? null : { code, at: placeAt(path, text, at), isCompared: false };
  };
  for (const table of tables) {
    const { at, body, path, text } = table;
    for (const entry of body.matchAll(ENTRY)) {
      const [first, second] = namesIn(entry);
      const one = numberOf(first, constants);
      const two = second === "PCI_ANY_ID" ? ANY_DEVICE : numberOf(second, constants);
      if (one === null || two === null || one > 0xffff || two > 0xffff || one === 0) continue;
      return {
        ids: { vendor: one, device: two, at: placeAt(path, text, at) },
        deviceClass: classIn(table, entry.index),
      };
    }
  }
  for (const table of tables.filter(({ name }) => named.has(name))) {
    for (const { index } of table.body.matchAll(/\{/g)) {
      const deviceClass = classIn(table, index);
      if (deviceClass !== null) return { ids: null, deviceClass };
    }
  }
  return null;
}

/** The entry of a table that has an offset, from its brace to the one that ends it. */
function entryAt(body: string, index: number): string {
  const end = body.indexOf("}", index);
  return body.slice(body.lastIndexOf("{", index), end < 0 ? index + MAX_ENTRY : end + 1)
    .slice(0, MAX_ENTRY);
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

/** A device id table in a source, with its offset. */
interface IdTable {
  readonly name: string;
  readonly at: number;
  readonly body: string;
}

function tablesIn(text: string): readonly IdTable[] {
  const tables: IdTable[] = [];
  const head = new RegExp(TABLE_HEAD);
  const end = new RegExp(TABLE_END);
  for (let begun = head.exec(text); begun !== null; begun = head.exec(text)) {
    end.lastIndex = head.lastIndex;
    const ended = end.exec(text);
    if (ended === null) break;
    const [, name, older] = begun;
    tables.push({
      name: name ?? older!,
      at: begun.index,
      body: text.slice(head.lastIndex, ended.index),
    });
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
  pattern: Pick<RegExp, "test">,
): readonly ModulePlace[] {
  return [...texts].filter(([path]) => isWanted(path)).flatMap(([path, text]) =>
    text.split("\n").flatMap((line, index) =>
      pattern.test(line) ? [{ path, line: index + 1, text: line.trim() }] : []
    )
  );
}

/** Whether a line of a makefile is the head of a rule for a header, or a recipe's line that writes one. */
function makesHeader(line: string): boolean {
  if (!line.startsWith("\t")) return HEADER_RULE.test(line);
  const at = line.lastIndexOf(">") + 1;
  return at > 0 && WRITTEN_HEADER.test(line.slice(at, at + MAX_NAME));
}

/** The line at an offset in a file. */
export function placeAt(path: string, text: string, index: number): ModulePlace {
  const line = text.slice(0, index).split("\n").length;
  return { path, line, text: text.split("\n")[line - 1]!.trim() };
}
