/**
 * Finds the file that exports a name, among the lab's own files for trees
 * (`extensions/c_drivers/include/tree/dmalab/`) and in the tree's library (`lib/`). If a driver
 * calls a function and does not define it, that file is compiled, as a linker takes objects from an
 * archive.
 */
import type { TreeFolders } from "@dmalab/runtime/kernels";
import type { Makefiles } from "./makefile.ts";

const FOLDERS = ["lib", "lib/math"];
const FILES = [
  ...["mm/mempool.c", "kernel/resource.c", "drivers/base/property.c", "drivers/of/base.c"],
  ...["drivers/of/property.c", "drivers/net/mdio/mdio-bitbang.c", "drivers/net/mdio.c"],
  ...["drivers/net/mii.c", "net/core/of_net.c", "net/ethernet/eth.c"],
  ...["regmap", "regmap-mmio", "regcache", "regcache-flat", "regcache-maple", "regcache-rbtree"]
    .map((name) => `drivers/base/regmap/${name}.c`),
];
/**
 * Files and folders of a subsystem that are linked with a driver in addition to the driver's
 * module, by the driver's folder.
 */
const OF_SUBSYSTEM: ReadonlyMap<string, readonly string[]> = new Map([
  ["drivers/ata", ["drivers/ata"]],
  ["drivers/crypto", ["crypto/crypto_engine.c"]],
  ["drivers/dma", ["drivers/dma/virt-dma.c", "drivers/dma/of-dma.c"]],
  ["drivers/media", [
    ...["drivers/media/v4l2-core", "drivers/media/common/videobuf2", "drivers/media/mc"],
  ]],
  ["drivers/spi", ["drivers/spi/spi.c"]],
]);
/**
 * Files that iterate requests by the tree's own structures. They are needed because the lab's functions of the
 * same names only know the lab's structures.
 */
const OF_REQUESTS = ["block/blk-mq-dma.c", "block/blk-merge.c"];
const EXPORT = /^[ \t]*EXPORT_(?:SYMBOL|PER_CPU_SYMBOL)(?:_GPL|_NS|_NS_GPL)?\(\s*(\w+)/gm;

/**
 * A function definition at the start of a line, possibly with its type in the line before. The
 * pattern also finds functions that no macro exports, because they are for other files of the same
 * folder.
 */
const DEFINED =
  /^(?!static\b|typedef\b)[a-z_][\w \t*]{0,200}?(?:\b|\n\*?)(\w+)\((?:[^;{}()]|\([^;{}()]*\))*\)\n\{/gm;
/** A variable with an initialiser; other variables need no definition from this file. */
const VARIABLE =
  /^(?!static\b|typedef\b|extern\b)[a-z_][\w \t*]{0,200}?\b(\w+)(?:\[[^\]\n]*\])*(?:\s+__\w+){0,8}\s*=\s/gm;

/**
 * @param texts Texts by their paths.
 * @returns Paths of the files, by the names that the files export or define.
 */
export function exportsIn(
  texts: Iterable<readonly [path: string, text: string]>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const all = [...texts];
  for (const pattern of [EXPORT, DEFINED, VARIABLE]) {
    for (const [path, text] of all) {
      for (const [, name] of text.matchAll(pattern)) {
        if (!found.has(name!)) found.set(name!, path);
      }
    }
  }
  return found;
}

/** Names that a source exports to other modules. */
export function exportedNames(text: string): readonly string[] {
  return [...text.matchAll(EXPORT)].map(([, name]) => name!);
}

type Texts = Generator<readonly [path: string, text: string]>;

/** The files of a tree that iterate requests; some releases lack some of them. */
export function* requestFilesOf(files: TreeFolders): Texts {
  for (const path of OF_REQUESTS) yield [path, files.text(path) ?? ""];
}

export function* libraryOf(files: TreeFolders): Texts {
  for (const path of FILES) yield [path, files.text(path) ?? ""];
  for (const folder of FOLDERS) yield* sourcesOf(files, folder);
}

/** Files with which a driver of a tree is linked: files of its module, and files of its subsystem. */
export function* companionsOf(
  files: TreeFolders,
  path: string,
  module: readonly string[],
): Texts {
  for (const each of module) yield [each, files.text(each) ?? ""];
  for (const [prefix, places] of OF_SUBSYSTEM) {
    if (!path.startsWith(`${prefix}/`)) continue;
    for (const place of places) {
      if (place.endsWith(".c")) yield [place, files.text(place) ?? ""];
      else yield* exportingOf(files, place);
    }
  }
}

/**
 * Modules of the same folder that are built together with a driver, such as the common part of drivers for
 * several buses.
 *
 * @param isSet Whether a symbol is set.
 * @param isOurs Whether the lab or the scenario has a function. If a module exports such a function, the
 *   module is not used.
 */
export function* siblingsOf(
  files: TreeFolders,
  path: string,
  makefiles: Makefiles,
  isSet: (symbol: string) => boolean,
  isOurs: (name: string) => boolean,
): Texts {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const texts = new Map(exportingOf(files, folder));
  const replaced = new Set(
    [...exportsIn(texts)].filter(([name]) => isOurs(name)).map(([, each]) => each),
  );
  for (const [each, text] of texts) {
    const module = [each, ...makefiles.moduleOf(each, isSet)];
    const isBuilt = [...makefiles.symbolsOf(each)].every(isSet);
    if (isBuilt && !module.includes(path) && !module.some((one) => replaced.has(one))) {
      yield [each, text];
    }
  }
}

/**
 * Files of a folder that export a symbol. Files without exported symbols belong to separate
 * modules.
 */
function* exportingOf(files: TreeFolders, folder: string): Texts {
  for (const [path, text] of sourcesOf(files, folder)) {
    if (text.includes("EXPORT_SYMBOL")) yield [path, exportedOnly(text)];
  }
}

/**
 * Only the export lines of a text. A file may also define functions with common names for its own module
 * only, and must not be linked because of those functions.
 */
function exportedOnly(text: string): string {
  return text.split("\n").filter((line) => line.includes("EXPORT_SYMBOL")).join("\n");
}

function* sourcesOf(files: TreeFolders, folder: string): Texts {
  for (const { isFolder, name } of files.entries(folder)) {
    if (isFolder || !name.endsWith(".c")) continue;
    const path = `${folder}/${name}`;
    yield [path, files.text(path) ?? ""];
  }
}
