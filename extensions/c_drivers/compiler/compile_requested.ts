/**
 * Compiles the requested C sources, or reads their modules from the cache.
 *
 * The key of a module in the cache is a hash of everything from which the module was made: the
 * text, the headers that it includes, dmalab's own headers, the arguments, and the compiler's
 * version.
 */
import { maxOf } from "@dmalab/runtime/basics";
import { resolveKernel } from "@dmalab/runtime/kernels";
import { type CTarget, derivedHeaders } from "../header_text.ts";
import type { SourceFile } from "@dmalab/lang";
import { LoadError, misnamed } from "@dmalab/lang/syntax";
import { C_FILE, DEFAULT_LIMITS } from "@dmalab/lang/values";
import {
  type CompileRequest,
  hashOf,
  isCompilerKept,
  readCompilerLock,
  readHeaders,
  SUPPORT,
  type WantingLoader,
} from "@dmalab/cli";
import { cacheModule, keptModule } from "./c_cache.ts";
import { ARGUMENTS, type Compiled, type CompileJob, noDrivers, printAtTerminal } from "./clang.ts";
import { moduleOf } from "./made_module.ts";
import { saidDiagnostics } from "./said_diagnostics.ts";
import type { DriverOfTree } from "./tree_driver.ts";
import { dirname, join } from "@dmalab/cli/extend";

const INCLUDE = "include";
/** Limit of the number of files of a driver: its source and its own headers. */
const MAX_SOURCES = 200;
const UP = /(["/]|^)\.\.(?=\/)/g;
const LOCAL_INCLUDE = /^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm;

/** The input for compiling one requested driver. */
interface Recipe {
  readonly wanted: CompileRequest;
  readonly loader: WantingLoader;
  readonly sources: Sources["files"];
  readonly refused: Sources["refused"];
  readonly target: CTarget;
  readonly job: CompileJob;
  /** The module's key in the cache: a hash of the whole input. */
  readonly key: string;
}

/**
 * Compiles everything that was requested from the loaders and is missing there. What compiles is
 * loaded only when it is needed: modules are usually in the cache, and few drivers have a tree.
 */
export async function compileRequested(loaders: readonly WantingLoader[]): Promise<void> {
  const problem = noDrivers();
  if (problem !== null) {
    for (const { shelf } of loaders) {
      for (const wanted of shelf.wanted) {
        shelf.put(wanted, { module: null, ...problem });
      }
    }
    return;
  }
  const timeMs = maxOf(loaders.map((each) => each.compileMs ?? DEFAULT_LIMITS.timeMs));
  const recipes: Recipe[] = [];
  const withTree: DriverOfTree[] = [];
  for (const loader of loaders) {
    for (const wanted of loader.shelf.wanted) {
      const of = loader.trees?.get(wanted.source);
      if (of === undefined) recipes.push(await recipeOf(wanted, loader));
      else withTree.push({ wanted, loader, of });
    }
  }
  if (withTree.length > 0) {
    const { compileWithTrees } = await import("./tree_driver.ts");
    await compileWithTrees(withTree, timeMs);
  }
  // Several scenarios may request the same module.
  const missing: Recipe[][] = [];
  for (const [key, same] of Map.groupBy(recipes, ({ key }) => key)) {
    const kept = await keptModule(key);
    if (kept === null || !WebAssembly.validate(kept.module!)) missing.push(same);
    else for (const recipe of same) putMade(recipe, kept);
  }
  if (missing.length > 0) await compileMissing(missing, timeMs);
}

/** Compiles each group's module, which all its recipes share. */
async function compileMissing(
  missing: readonly (readonly Recipe[])[],
  timeMs: number,
): Promise<void> {
  const [{ compileC }, { compilerService }] = await Promise.all([
    import("./compile_drivers.ts"),
    import("./compiler_service.ts"),
  ]);
  const left = new Set(missing);
  let whyNotKept: string | null = null;
  const stopped = await compileC(missing.map(([recipe]) => recipe!.job), async (index, made) => {
    const same = missing[index]!;
    left.delete(same);
    // Stored at once, because a later step may fail.
    if (made.module !== null) whyNotKept = await cacheModule(same[0]!.key, made.module, made.said);
    for (const recipe of same) putMade(recipe, made);
  }, timeMs).finally(async () => {
    if (!isCompilerKept()) await compilerService.close();
  });
  if (whyNotKept !== null) {
    printAtTerminal(`compiled drivers are not kept for the next run: ${whyNotKept}`);
  }
  for (const { loader, wanted } of [...left].flat()) {
    loader.shelf.put(wanted, { module: null, ...stopped ?? { diagnostics: [] } });
  }
}

async function recipeOf(wanted: CompileRequest, loader: WantingLoader): Promise<Recipe> {
  const { config, source } = wanted;
  const behaviour = resolveKernel(config);
  const target = { kernel: config.kernel, pageSizeBytes: config.pageSizeBytes, behaviour };
  const { files: sources, refused } = sourcesFrom(source, loader);
  const headers = { ...readHeaders(), ...derivedHeaders(target) };
  const files = compiledTexts(sources);
  for (const [name, text] of Object.entries(headers)) files[`${INCLUDE}/${name}`] = text;
  const job = { source: [...sources.keys()][0]!, support: `${INCLUDE}/${SUPPORT}`, files };
  const key = await hashOf(
    new TextEncoder().encode(JSON.stringify([readCompilerLock(), ARGUMENTS, job])),
  );
  return { wanted, loader, sources, refused, target, job, key };
}

function putMade({ loader, refused, sources, target, wanted }: Recipe, made: Compiled): void {
  const { source } = wanted;
  const diagnostics = saidDiagnostics(made, {
    main: source,
    sources,
    refused,
    target,
    hasOwnHeaders: true,
  });
  loader.shelf.put(wanted, moduleOf(made, source, sources, diagnostics));
}

/** A source with its headers, by their names for the compiler. */
interface Sources {
  readonly files: ReadonlyMap<string, SourceFile>;
  /** Reasons why headers could not be loaded, by the header's name in the compiled text. */
  readonly refused: ReadonlyMap<string, LoadError>;
}

/**
 * Collects a source and the headers that it includes. If a header is included by two paths, it has
 * two names.
 */
function sourcesFrom(main: SourceFile, loader: WantingLoader): Sources {
  const files = new Map<string, SourceFile>();
  const refused = new Map<string, LoadError>();
  const add = (name: string, source: SourceFile): void => {
    if (files.has(name)) return;
    files.set(name, source);
    for (const [, written] of source.text.matchAll(LOCAL_INCLUDE)) {
      const header = misnamed(written!, C_FILE) ??
        (files.size < MAX_SOURCES ? loader.load(written!, source) : tooMany(written!));
      // Not an error yet: the include may be excluded by a condition.
      if (header instanceof LoadError) refused.set(withoutUps(written!), header);
      else add(join(dirname(name), withoutUps(written!)), header);
    }
  };
  add(main.name.replaceAll("\\", "/").replace(/^\/+/, "root/"), main);
  return { files, refused };
}

function tooMany(path: string): LoadError {
  const message = `Cannot include "${path}": a driver has at most ${MAX_SOURCES} files`;
  return new LoadError("unreadable", message);
}

/**
 * Replaces each `..` in a path by a folder name of the same length, because the compiler's own file
 * system ignores `..`.
 */
function withoutUps(path: string): string {
  return path.replaceAll(UP, "$1^^");
}

/**
 * The texts to compile, by name. If a header has two names, the text of the second name is only an
 * include of the first name.
 */
function compiledTexts(sources: ReadonlyMap<string, SourceFile>): Record<string, string> {
  const firstNames = new Map<SourceFile, string>();
  const texts: Record<string, string> = {};
  for (const [name, source] of sources) {
    const first = firstNames.get(source);
    if (first === undefined) firstNames.set(source, name);
    texts[name] = first === undefined
      ? source.text.replaceAll(LOCAL_INCLUDE, withoutUps)
      : `#include "${first}"\n`;
  }
  return texts;
}
