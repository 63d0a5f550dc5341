/**
 * The extensions of this program. `bin/` lists them and provides them when a program starts; the
 * library `@dmalab/cli` has no extensions.
 */
import type { Extension } from "./extension.ts";

export type LoadExtensions = () => Promise<readonly Extension[]>;

let load: LoadExtensions = () => Promise.resolve([]);

/** Sets how this program loads its extensions. Each entry of `bin/` calls it once, before anything else. */
export function provideExtensions(loader: LoadExtensions): void {
  load = loader;
}

export function loadExtensions(): Promise<readonly Extension[]> {
  return load();
}

/** A part of the first extension that has this part; undefined if no extension has it. */
export async function extensionPart<K extends keyof Extension>(
  part: K,
): Promise<Extension[K] | undefined> {
  return (await load()).find((extension) => extension[part] !== undefined)?.[part];
}
