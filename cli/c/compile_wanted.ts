/**
 * Compiles what is wanted of C, or takes it from the cache.
 *
 * What is kept is known by the hash of all that it was made from: the text, the headers that it
 * includes, ours, the arguments, and the compiler's version.
 */
import { resolveKernel } from "../../runtime/kernels/kernels.ts";
import { type CTarget, derivedHeaders } from "../../lang/builtins/c/header_text.ts";
import { RefusedCode } from "../../lang/builtins/c/code_checks.ts";
import { makeCModule } from "../../lang/builtins/c/c_module.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import { LoadError } from "../../lang/syntax/load_files.ts";
import type { CLoader, CompiledC } from "../../lang/values/c_module.ts";
import { readCompilerLock, readHeaders, SUPPORT } from "../package/places.ts";
import { hashOf, keepModule, keptModule } from "./c_cache.ts";
import {
  ARGUMENTS,
  compileC,
  type Compiled,
  type CompileJob,
  type NoCompiler,
  noDrivers,
} from "./clang.ts";
import { saidDiagnostics } from "./said_diagnostics.ts";
import type { HostShelf, WantedC } from "./c_shelf.ts";

const INCLUDE = "include";
/** Headers of a driver's own, of which there may be many but not without end. */
const MOST_SOURCES = 200;
const LOCAL_INCLUDE = /^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm;

/** A loader with the shelf that is filled here. */
export interface WantingLoader extends CLoader {
  readonly shelf: HostShelf;
}

/** What a wanted driver is made from. */
interface Recipe {
  readonly wanted: WantedC;
  readonly loader: WantingLoader;
  readonly sources: ReadonlyMap<string, SourceFile>;
  readonly target: CTarget;
  readonly job: CompileJob;
  /** The hash of all that. */
  readonly key: string;
}

/** Compiles everything that loaders were asked for and do not have. */
export async function compileWanted(loaders: readonly WantingLoader[]): Promise<void> {
  const problem = noDrivers();
  if (problem !== null) {
    for (const { shelf } of loaders) {
      for (const wanted of shelf.wanted) {
        shelf.put(wanted, { module: null, diagnostics: [notCompiled(wanted, problem)] });
      }
    }
    return;
  }
  const recipes: Recipe[] = [];
  for (const loader of loaders) {
    for (const wanted of loader.shelf.wanted) recipes.push(await recipeOf(wanted, loader));
  }
  const missing: Recipe[] = [];
  for (const recipe of recipes) {
    const kept = await keptModule(recipe.key);
    if (kept === null) missing.push(recipe);
    else putMade(recipe, kept);
  }
  if (missing.length === 0) return;
  const left = new Set(missing);
  const stopped = await compileC(missing.map(({ job }) => job), async (index, made) => {
    const recipe = missing[index]!;
    left.delete(recipe);
    // At once: what comes after it may fail.
    if (made.module !== null) await keepModule(recipe.key, made.module, made.said);
    putMade(recipe, made);
  });
  for (const { loader, wanted } of left) {
    const diagnostics = stopped === null ? [] : [notCompiled(wanted, stopped)];
    loader.shelf.put(wanted, { module: null, diagnostics });
  }
}

async function recipeOf(wanted: WantedC, loader: WantingLoader): Promise<Recipe> {
  const { config, source } = wanted;
  const { strategies } = resolveKernel(config);
  const target = { kernel: config.kernel, pageSizeBytes: config.pageSizeBytes, strategies };
  const sources = sourcesFrom(source, loader);
  const headers = { ...readHeaders(), ...derivedHeaders(target) };
  const files: Record<string, string> = {};
  for (const [name, { text }] of sources) files[name] = text;
  for (const [name, text] of Object.entries(headers)) files[`${INCLUDE}/${name}`] = text;
  const job = { source: [...sources.keys()][0]!, support: `${INCLUDE}/${SUPPORT}`, files };
  const key = await hashOf(
    new TextEncoder().encode(JSON.stringify([readCompilerLock(), ARGUMENTS, job])),
  );
  return { wanted, loader, sources, target, job, key };
}

function putMade({ loader, sources, target, wanted }: Recipe, made: Compiled): void {
  const { source } = wanted;
  const diagnostics = saidDiagnostics(made, { main: source, sources, target });
  loader.shelf.put(wanted, moduleOf(made, source, sources, diagnostics));
}

function moduleOf(
  { module }: Compiled,
  source: SourceFile,
  sources: ReadonlyMap<string, SourceFile>,
  diagnostics: readonly Diagnostic[],
): CompiledC {
  if (module === null) return { module, diagnostics };
  try {
    return { module: makeCModule(source.name, module, sources), diagnostics };
  } catch (error) {
    if (!(error instanceof RefusedCode)) throw error;
    const { hint, message } = error;
    const span = error.span ?? { source, start: 0, end: 0 };
    const refused = { code: "E0711", severity: "error", span, message, hint } as const;
    return { module: null, diagnostics: [...diagnostics, refused] };
  }
}

/** A source and the headers beside it, by names that lead nowhere else. */
function sourcesFrom(main: SourceFile, loader: WantingLoader): ReadonlyMap<string, SourceFile> {
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

function notCompiled({ source }: WantedC, { hint, problem }: NoCompiler): Diagnostic {
  const span = { source, start: 0, end: 0 };
  return { code: "E0710", severity: "error", span, message: problem, hint };
}
