/**
 * Loads programs that may have drivers in C. The first load finds the drivers; after they are
 * compiled, the program is loaded again.
 */
import type { CompiledC } from "@dmalab/lang/values";
import type { LoadResult } from "@dmalab/lang/run";
import { loadForDebugging, type SourceFile } from "@dmalab/lang";
import type { HostLoader } from "./host_loader.ts";
import type { CompileRequest } from "./compile_cache.ts";

/** @param load Loads a program with this loader; called again after drivers were compiled. */
export async function withCompiled<T>(loader: HostLoader, load: () => T): Promise<T> {
  let loaded = load();
  while (loader.shelf.wanted.length > 0) {
    const { extensionPart } = await import("./extensions.ts");
    const compile = await (await extensionPart("loadCompiler"))?.();
    if (compile !== undefined) await compile([loader]);
    else for (const wanted of loader.shelf.wanted) loader.shelf.put(wanted, notCompiled(wanted));
    loaded = load();
  }
  return loaded;
}

/** Loads a program for debugging, and compiles its drivers in C. */
export function loadCompiled(entry: SourceFile, loader: HostLoader): Promise<LoadResult> {
  return withCompiled(loader, () => loadForDebugging(entry, loader));
}

function notCompiled({ source }: CompileRequest): CompiledC {
  const span = { source, start: 0, end: 0 };
  const message = "This dmalab has no extension that compiles C";
  const hint = "install dmalab with its extension for drivers in C";
  return { module: null, diagnostics: [{ code: "E0710", severity: "error", span, message, hint }] };
}
