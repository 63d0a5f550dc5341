/**
 * Opens a scenario for a command. If the file belongs to another program, the message names the
 * command of dmalab that reads such files.
 */
import type { ForeignFile } from "../extension.ts";
import { HostLoader, type OpenedFile } from "../host_loader.ts";
import type { HostTree } from "../host_tree.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { PAGE_SUFFIX } from "./page_blocks.ts";

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
  return HostLoader.open(path, tree, compileMs);
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
