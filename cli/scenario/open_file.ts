/**
 * Opens a scenario for a command. If the file belongs to another program, the message names the
 * command of dmalab that reads such files.
 */
import type { ForeignFile } from "../extension.ts";
import { readHostFile } from "../host_file.ts";
import { HostLoader, type OpenedFile } from "../host_loader.ts";
import type { HostTree } from "../host_tree.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { PAGE_SUFFIX } from "./page_blocks.ts";

/** The folder of the examples, as help and docs name it. */
const EXAMPLES_FOLDER = "examples/";

/**
 * Like `HostLoader.open`. If the file belongs to another program, the result is a sentence that
 * says so.
 */
export async function openFile(
  path: string,
  tree: HostTree | string | null = null,
  compileMs: number | null = null,
): Promise<OpenedFile | string> {
  const foreign = await foreignFile(path);
  if (foreign !== null) {
    return `"${printable(path)}" is ${foreign.what}, not a scenario: ${foreign.readers}`;
  }
  const opened = HostLoader.open(path, tree, compileMs);
  return typeof opened === "string" ? `${opened}${await ownExample(path)}` : opened;
}

/**
 * A hint for a file of `examples/`, as help and docs name it, if the current folder does not have the file;
 * else empty.
 */
async function ownExample(path: string): Promise<string> {
  if (!path.startsWith(EXAMPLES_FOLDER) || readHostFile(path).found) return "";
  const { EXAMPLES } = await import("../places.ts");
  const own = `${EXAMPLES}/${path.slice(EXAMPLES_FOLDER.length)}`;
  return readHostFile(own).found ? `; dmalab's own is "${own}"` : "";
}

/**
 * A file of another program, recognised by an extension; null for scenarios, for pages, and for
 * unknown files.
 */
export async function foreignFile(path: string): Promise<ForeignFile | null> {
  if (path.endsWith(".dma") || path.endsWith(PAGE_SUFFIX)) return null;
  const { loadExtensions } = await import("../extensions.ts");
  for (const { readForeignFile } of await loadExtensions()) {
    const foreign = await readForeignFile?.(path) ?? null;
    if (foreign !== null) return foreign;
  }
  return null;
}
