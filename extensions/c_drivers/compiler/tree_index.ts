/** Keeps the index of a tree's exported names in the user's cache folder. */
import { hashOf, type HostTree, keepBytes, keptValue } from "@dmalab/cli";
import {
  type ExportedNames,
  type ExportingFiles,
  exportingFiles,
  indexedSources,
  namesExportedBy,
} from "../tree/exported_files.ts";

const KEPT_IN = "c";
/** The form of the kept index. */
const VERSION = 1;
const INDEXES = new WeakMap<HostTree, Promise<ExportingFiles>>();

/** The files that export a name, from the cache if no source has changed since. */
export function filesExporting(tree: HostTree): Promise<ExportingFiles> {
  return INDEXES.getOrInsertComputed(tree, async () => exportingFiles(await namesOf(tree)));
}

async function namesOf(tree: HostTree): Promise<ExportedNames> {
  const sources = indexedSources(tree);
  const key = await keyOf(tree, sources);
  const kept = await keptValue(KEPT_IN, key, readNames);
  if (kept !== null) return kept;
  const made = namesExportedBy(tree, sources);
  await keepBytes(KEPT_IN, key, new TextEncoder().encode(JSON.stringify(made)));
  return made;
}

async function keyOf(tree: HostTree, sources: readonly string[]): Promise<string> {
  const stamps = sources.map((path) => `${path} ${tree.stampOf(path)}`);
  const text = [VERSION, tree.root, ...stamps].join("\n");
  return `exports-${await hashOf(new TextEncoder().encode(text))}`;
}

/** @throws {Error} If the bytes are something else. */
function readNames(bytes: Uint8Array): ExportedNames {
  const read: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const areNames = typeof read === "object" && read !== null &&
    Object.values(read).every((names) =>
      Array.isArray(names) && names.every((name) => typeof name === "string")
    );
  if (!areNames) throw new TypeError("this is no index of names");
  return read as ExportedNames;
}
