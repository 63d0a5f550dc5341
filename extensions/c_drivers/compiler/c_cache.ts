/** Compiled drivers in the user's cache folder. */
import { keepBytes, keptBytes } from "@dmalab/cli";
import type { Compiled } from "./clang.ts";

const FOLDER = "c";

/**
 * Reads the module stored under a key. Null if there is no module, or if the hash of the stored
 * bytes is wrong.
 */
export async function keptModule(key: string): Promise<Compiled | null> {
  const content = await keptBytes(FOLDER, key);
  if (content === null) return null;
  const saidEnd = content.indexOf(0x0a);
  const said = JSON.parse(new TextDecoder().decode(content.subarray(0, saidEnd))) as string;
  return { module: content.slice(saidEnd + 1), said };
}

/** Stores a module and the compiler's messages. @returns The result of {@linkcode keepBytes}. */
export function cacheModule(
  key: string,
  module: Uint8Array,
  said: string,
): Promise<string | null> {
  const head = new TextEncoder().encode(`${JSON.stringify(said)}\n`);
  const content = new Uint8Array(head.length + module.length);
  content.set(head);
  content.set(module, head.length);
  return keepBytes(FOLDER, key, content);
}
