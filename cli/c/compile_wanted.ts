/**
 * Compiles what is wanted of C, or takes it from the folder where it was kept the last time.
 *
 * What is kept is known by the hash of all that it was made from: the text, the headers that it
 * includes, ours, the arguments, and the compiler's version.
 */
import { resolveKernel } from "../../runtime/kernels/kernels.ts";
import { derivedHeaders } from "../../lang/builtins/c/header_text.ts";
import { makeCModule } from "../../lang/builtins/c/c_module.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import { LoadError } from "../../lang/syntax/load_files.ts";
import type { CompiledC } from "../../lang/values/c_module.ts";
import type { HostLoader } from "../host_loader.ts";
import { COMPILER, readCompilerLock, readHeaders, SUPPORT } from "../package/places.ts";
import { keepModule, keptModule } from "./c_cache.ts";
import { ARGUMENTS, compileC } from "./clang.ts";
import { saidDiagnostics } from "./said_diagnostics.ts";
import type { WantedC } from "./c_shelf.ts";

const INCLUDE = "include";
/** Headers of a driver's own, of which there may be many but not without end. */
const MOST_SOURCES = 200;
const LOCAL_INCLUDE = /^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm;

/** Compiles everything that a loader was asked for and does not have. */
export async function compileWanted(loader: HostLoader): Promise<void> {
  for (const wanted of loader.shelf.wanted) {
    loader.shelf.put(wanted, await compiledOf(wanted, loader));
  }
}

async function compiledOf(wanted: WantedC, loader: HostLoader): Promise<CompiledC> {
  const { config, source } = wanted;
  const { pageSizeBytes } = config;
  const { strategies } = resolveKernel(config);
  const target = { kernel: config.kernel, pageSizeBytes, strategies };
  const sources = sourcesFrom(source, loader);
  const headers = { ...readHeaders(), ...derivedHeaders(target) };
  const texts = [...sources].map(([name, { text }]) => [name, text]);
  const compiler = COMPILER === null ? "" : readCompilerLock();
  const parts = [compiler, ARGUMENTS, texts, Object.entries(headers)];
  const key = await hashOf(JSON.stringify(parts));
  const main = [...sources.keys()][0]!;
  let made = keptModule(key);
  if (made === null) {
    const files: Record<string, string> = {};
    for (const [name, { text }] of sources) files[name] = text;
    for (const [name, text] of Object.entries(headers)) files[`${INCLUDE}/${name}`] = text;
    const compiled = await compileC([main, `${INCLUDE}/${SUPPORT}`], files);
    if ("problem" in compiled) {
      return { module: null, diagnostics: [notCompiled(wanted, compiled)] };
    }
    made = compiled;
    if (made.module !== null) keepModule(key, made.module, made.said);
  }
  const diagnostics = saidDiagnostics(made.said, { main: source, sources, target });
  if (made.module === null) return { module: null, diagnostics };
  return { module: makeCModule(source.name, made.module, sources), diagnostics };
}

/** A source and the headers beside it, by names that lead nowhere else. */
function sourcesFrom(main: SourceFile, loader: HostLoader): ReadonlyMap<string, SourceFile> {
  const sources = new Map<string, SourceFile>();
  const add = (source: SourceFile): void => {
    const name = innerName(source.name);
    if (sources.has(name) || sources.size >= MOST_SOURCES) return;
    sources.set(name, source);
    for (const [, path] of source.text.matchAll(LOCAL_INCLUDE)) {
      const header = loader.load(path!, source);
      // One that is not there is the compiler's to tell of: it may stand behind a condition.
      if (!(header instanceof LoadError)) add(header);
    }
  };
  add(main);
  return sources;
}

/** A path inside the compiler's own folder. */
function innerName(name: string): string {
  return name.replaceAll("\\", "/").replace(/^\/+/, "root/").replaceAll("../", "above/");
}

function notCompiled({ source }: WantedC, { problem }: { readonly problem: string }): Diagnostic {
  const span = { source, start: 0, end: 0 };
  return { code: "E0710", severity: "error", span, message: problem };
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
