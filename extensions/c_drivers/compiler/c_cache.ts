/** Compiled drivers in the user's cache folder. */
import { keepBytes, keptValue } from "@dmalab/cli";
import type { Compiled } from "./clang.ts";

const FOLDER = "c";
/** The first bytes of what the compiler makes: a module of WebAssembly, or a text in LLVM IR. */
const BEGINNINGS = { wasm: "\0asm", ir: "; ModuleID" } as const;

/**
 * Reads what is stored under a key; an empty module stands for a file that cannot be compiled. Null if there is
 * nothing, or if the stored bytes are not of the form.
 */
export async function keptModule(
  key: string,
  form: keyof typeof BEGINNINGS = "wasm",
): Promise<Compiled | null> {
  const beginning = new TextEncoder().encode(BEGINNINGS[form]);
  return await keptValue(FOLDER, key, (content) => {
    const saidEnd = content.indexOf(0x0a);
    const said: unknown = JSON.parse(new TextDecoder().decode(content.subarray(0, saidEnd)));
    const module = content.slice(saidEnd + 1);
    const isModule = module.length === 0 ||
      beginning.every((byte, index) => module[index] === byte);
    if (typeof said !== "string" || !isModule) throw new TypeError(`this is no ${form}`);
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
