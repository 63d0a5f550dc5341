/** Compiled drivers in the folder `.dmalab/c`, where that may be read and written. */
import { host } from "../host.ts";
import { OWN_FOLDER, ownFile, permitted } from "../own_folder.ts";
import { writeFile } from "../files/write_file.ts";
import type { Compiled } from "./clang.ts";

const FOLDER = `${OWN_FOLDER}/c`;

function pathOf(key: string, ending: "wasm" | "txt"): string {
  return `${FOLDER}/${key}.${ending}`;
}

/** What was kept under a key; null when there is nothing. */
export function keptModule(key: string): Compiled | null {
  if (!permitted("read")) return null;
  try {
    const module = host.readFileSync(pathOf(key, "wasm"));
    return { module, said: host.readTextFileSync(pathOf(key, "txt")) };
  } catch (error) {
    if (error instanceof host.errors.NotFound) return null;
    throw error;
  }
}

/** Keeps a module and what the compiler said of it. */
export function keepModule(key: string, module: Uint8Array, said: string): void {
  if (!permitted("write")) return;
  writeFile(ownFile(`c/${key}.txt`), said);
  writeFile(ownFile(`c/${key}.wasm`), module);
}
