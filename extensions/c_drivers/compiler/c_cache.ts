/** Compiled drivers in the user's cache folder. */
import { keepBytes, keptValue } from "@dmalab/cli";
import type { Compiled } from "./clang.ts";

const FOLDER = "c";
/** The first bytes of a module of WebAssembly. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d];

/**
 * Reads the module stored under a key; an empty one stands for a file that cannot be compiled. Null if there is no
 * module, or if the stored bytes are not those of one.
 */
export async function keptModule(key: string): Promise<Compiled | null> {
  return await keptValue(FOLDER, key, (content) => {
    const saidEnd = content.indexOf(0x0a);
    const said: unknown = JSON.parse(new TextDecoder().decode(content.subarray(0, saidEnd)));
    const module = content.slice(saidEnd + 1);
    const isModule = module.length === 0 || MAGIC.every((byte, index) => module[index] === byte);
    if (typeof said !== "string" || !isModule) throw new TypeError("this is no module");
    return { module, said };
  });
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
