/**
 * The extensions of this program. `bin/` has their list and provides it when a program starts; the
 * library `@dmalab/cli` has none.
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

/** The part of the first extension that has one; undefined without one. */
export async function extensionPart<K extends keyof Extension>(
  part: K,
): Promise<Extension[K] | undefined> {
  return (await load()).find((extension) => extension[part] !== undefined)?.[part];
}
