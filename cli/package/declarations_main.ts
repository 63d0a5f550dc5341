/**
 * Types of the package's modules, for TypeScript and editors: `.d.ts` files beside the bundle.
 *
 * Started with the folder to write and the modules, from the project's folder. A process of its own,
 * because the compiler wants to look at the environment, and nothing else here has to.
 */
import { dirname, fromFileUrl, join, relative } from "@std/path";
import ts from "typescript";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

const OPTIONS: ts.CompilerOptions = {
  allowImportingTsExtensions: true,
  declaration: true,
  emitDeclarationOnly: true,
  exactOptionalPropertyTypes: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  // `deno check` does it, by the same compiler.
  noCheck: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  strict: true,
  target: ts.ScriptTarget.ESNext,
  types: [],
};

/** An import of another file of ours, in a declaration. */
const OWN_IMPORT = /(?<=\bfrom |\bimport\(|^import )"(\.[^"]+)\.ts"/gm;

/**
 * Writes the declarations of some modules, and of all that these name.
 *
 * @param modules Paths from the project's folder.
 */
function writeDeclarations(modules: readonly string[], folder: string): void {
  const texts = new Map<string, string>();
  ts.createProgram(modules.map((path) => join(ROOT, path)), {
    ...OPTIONS,
    rootDir: ROOT,
    outDir: ROOT,
  }).emit(undefined, (path, text) => texts.set(path, text), undefined, true);
  const waiting = modules.map((path) => join(ROOT, path.replace(/\.ts$/, ".d.ts")));
  const written = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (written.has(path)) continue;
    written.add(path);
    const from = dirname(path);
    const text = texts.get(path)!.replace(OWN_IMPORT, (_, wanted: string) => {
      waiting.push(join(from, `${wanted}.d.ts`));
      return `"${wanted}.d.ts"`;
    });
    const target = join(folder, relative(ROOT, path));
    Deno.mkdirSync(dirname(target), { recursive: true });
    Deno.writeTextFileSync(target, text);
  }
}

const [folder, ...modules] = Deno.args;
writeDeclarations(modules, folder!);
