/** Loads what may have drivers in C: what they need is compiled, and then it is loaded again. */
import type { HostLoader } from "../host_loader.ts";

/** @param load Reads a program by this loader. */
export async function withCompiled<T>(loader: HostLoader, load: () => T): Promise<T> {
  let loaded = load();
  while (loader.shelf.wanted.length > 0) {
    const { extensionPart } = await import("../extensions.ts");
    const compile = await extensionPart("loadCompiler")?.();
    if (compile === undefined) break;
    await compile([loader]);
    loaded = load();
  }
  return loaded;
}
