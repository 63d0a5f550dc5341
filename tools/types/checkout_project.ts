/**
 * The checkout as a project of TypeScript's native compiler, which `deno task check --quick` starts.
 *
 * Deno's type check takes seconds after each change. The native compiler stores its results in a file
 * and checks only the changed files and the files that depend on changed declarations. It does not
 * read `deno.json`. Therefore this module writes a project for it, in a folder outside of the
 * checkout, with the packages that `deno.json` names.
 */
import { join } from "node:path";
import { memberPaths } from "../members.ts";
import { PROJECT } from "../project.ts";
import { sourceOptions } from "../reference/tsconfig.ts";

/** The file with the stored results. */
const KEPT = "checked.tsbuildinfo";

const CHECKOUT = "checkout";

/**
 * The folder of the declarations. Only the compiler uses them: without them, it cannot tell that the
 * first change to a module left the module's declarations the same, and checks all files that use
 * the module.
 */
const DECLARED = "declared";

/** The import names that `deno.json` defines. */
interface Imports {
  /** Packages of npm by name, `npm:NAME@VERSION` or `npm:/NAME@VERSION/`. */
  readonly packages: Readonly<Record<string, string>>;
  /** Files of the checkout by name. */
  readonly files: Readonly<Record<string, string>>;
}

function readImports(): Imports {
  const { imports }: { readonly imports: Readonly<Record<string, string>> } = JSON.parse(
    Deno.readTextFileSync(join(PROJECT, "deno.json")),
  );
  const named = Object.entries(imports).filter(([name]) => !name.startsWith("."));
  return {
    packages: Object.fromEntries(named.filter(([, to]) => to.startsWith("npm:"))),
    files: Object.fromEntries(named.filter(([, to]) => to.startsWith("./"))),
  };
}

const PACKAGE = /^npm:\/?(?<name>(?:@[^/]+\/)?[^@/]+)@[^/]+(?<inside>\/.*)?$/;

/** Names that differ from those of their packages, such as `sarif` of `@types/sarif`. */
function renamedPackages({ packages }: Imports): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(packages).flatMap(([name, specifier]) => {
      const { name: of = "", inside = "" } = PACKAGE.exec(specifier)?.groups ?? {};
      return of === name || `${of}/` === name ? [] : [[name, [`./node_modules/${of}${inside}`]]];
    }),
  );
}

const TYPES_OF_NEXT = /@ts-types="(?<types>[^"]+)"[^]*?from "(?<module>[^"]+)"/g;

/**
 * Files with the types of JavaScript modules, as `paths` for the native compiler. In the sources, a
 * comment specifies these files for Deno.
 *
 * @param sources Source files by their paths in the checkout.
 */
export function namedTypes(sources: Iterable<readonly [string, string]>): Record<string, string[]> {
  const named: Record<string, string[]> = {};
  for (const [path, text] of sources) {
    for (const { groups } of text.matchAll(TYPES_OF_NEXT)) {
      const { module, types } = groups as { module: string; types: string };
      named[module] = types.startsWith(".")
        ? [`./${join(CHECKOUT, path, "..", types)}`]
        : [`./node_modules/${types}`];
    }
  }
  return named;
}

/** Source files with a comment that names a file with types, found with git. */
function* sourcesWithTypes(): Iterable<readonly [string, string]> {
  const { stdout } = new Deno.Command("git", {
    args: ["grep", "-l", "^// @ts-types=", "--", "*.ts"],
    cwd: PROJECT,
  }).outputSync();
  for (const path of new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "")) {
    yield [path, Deno.readTextFileSync(join(PROJECT, path))];
  }
}

function projectOf(folder: string, imports: Imports): unknown {
  const { exclude }: { readonly exclude: readonly string[] } = JSON.parse(
    Deno.readTextFileSync(join(PROJECT, "deno.json")),
  );
  const inCheckout = (file: string) => `./${join(CHECKOUT, file)}`;
  const files = Object.entries(imports.files).map(([name, file]) => [name, [inCheckout(file)]]);
  const { noEmit: _, ...options } = sourceOptions();
  return {
    compilerOptions: {
      ...options,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: ".",
      outDir: `./${DECLARED}`,
      // Without `dom`: a file that needs the names of browsers has its own reference to that
      // library.
      lib: ["esnext"],
      types: ["node"],
      typeRoots: ["./native/node_modules/@types"],
      paths: {
        ...memberPaths(join(folder, CHECKOUT)),
        ...Object.fromEntries(files),
        ...renamedPackages(imports),
        ...namedTypes(sourcesWithTypes()),
      },
      // The checkout is reached through a symlink: its files find the packages next to the link.
      preserveSymlinks: true,
      incremental: true,
      tsBuildInfoFile: `./${KEPT}`,
    },
    files: ["./deno.d.ts", "./untyped.d.ts"],
    include: [`./${CHECKOUT}/**/*.ts`],
    exclude: [...exclude, "tests/golden", "docs", "node_modules", ".*"].map(inCheckout),
  };
}

/** Modules of Deno's library have no type declarations here. */
const UNTYPED = 'declare module "deno-std/*";\n';

/** Writes a file unless it already has that text. @returns Whether the text is new. */
function renew(path: string, text: string): boolean {
  try {
    if (Deno.readTextFileSync(path) === text) return false;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.writeTextFileSync(path, text);
  return true;
}

async function deno(
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Deno.CommandOutput> {
  return await new Deno.Command(Deno.execPath(), { args: [...args], cwd: folder, env }).output();
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** @throws {Error} With Deno's error output, when it fails. */
async function install(folder: string, args: readonly string[] = []): Promise<void> {
  const { stderr, success } = await deno(["install", "--quiet", ...args], folder);
  if (!success) throw new Error(`Cannot install packages: ${textOf(stderr)}`);
}

/** Writes the project again if `deno.json`, Deno or the compiler has changed. */
async function writeProject(folder: string): Promise<void> {
  Deno.mkdirSync(join(folder, "native"), { recursive: true });
  try {
    Deno.symlinkSync(PROJECT, join(folder, CHECKOUT), { type: "junction" });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const imports = readImports();
  const linker = { nodeModulesDir: "manual", nodeModulesLinker: "hoisted" };
  const wanted = JSON.stringify({ ...linker, imports: imports.packages });
  if (renew(join(folder, "deno.json"), wanted)) {
    Deno.copyFileSync(join(PROJECT, "deno.lock"), join(folder, "deno.lock"));
    await install(folder);
  }
  const native = (name: string) => Deno.readTextFileSync(join(PROJECT, "tools/types/native", name));
  const lock = renew(join(folder, "native/deno.lock"), native("deno.lock"));
  if (renew(join(folder, "native/deno.json"), native("deno.json")) || lock) {
    await install(join(folder, "native"), ["--frozen"]);
  }
  if (renew(join(folder, "deno.version"), Deno.version.deno)) {
    const { stdout } = await deno(["types"], folder);
    Deno.writeFileSync(join(folder, "deno.d.ts"), stdout);
  }
  renew(join(folder, "untyped.d.ts"), UNTYPED);
  renew(join(folder, "tsconfig.json"), JSON.stringify(projectOf(folder, imports), null, 2));
}

/**
 * Errors about Deno's libraries: comments refer to these libraries, but only Deno's own compiler
 * knows them.
 */
const NOT_KNOWN = /^[^\n]*error TS2726: Cannot find lib definition for 'deno\.[^\n]*\n?/gm;

/**
 * Errors about declarations that cannot be written, such as one with a type that is not exported.
 * They are no errors for Deno, which needs no declarations. Each has one line, and further lines
 * that begin with a blank.
 */
const NOT_DECLARED =
  /^[^\n]*error TS(?:40(?!90)\d\d|410[0-3]|2527|2742|7056): [^\n]*\n?(?: [^\n]*\n?)*/gm;

const THROUGH_LINK = new RegExp(`(?:\\.\\./)?${CHECKOUT}/`, "g");

/** Errors with paths relative to the checkout, without errors that Deno does not have. */
export function errorsOf(output: string): string {
  return output.replace(NOT_KNOWN, "").replace(NOT_DECLARED, "").replaceAll(THROUGH_LINK, "");
}

/**
 * Settings of the compiler's garbage collector, which is that of Go: it collects only when the
 * process reaches the limit. A check of a change ends far below it, and takes 0.6 of the time that
 * it takes with Go's defaults; a full check comes near it, and takes 0.85.
 */
const COLLECTOR = { GOGC: "off", GOMEMLIMIT: "2GiB" };

/**
 * Checks the types of the checkout.
 *
 * @param folder Contains the project, and stores the results of a check for the next check.
 * @returns A line for each error, with its location; empty without errors.
 * @throws {Error} When packages cannot be installed, or the compiler does not run.
 */
export async function checkTypes(folder: string): Promise<string> {
  await writeProject(folder);
  const compiler = ["run", "-A", "npm:typescript/tsc"];
  const { code, stderr, stdout } = await deno(
    [...compiler, "--pretty", "false", "-p", "../tsconfig.json"],
    join(folder, "native"),
    COLLECTOR,
  );
  // Exit codes 1 and 2 mean errors in the sources.
  if (code > 2 || code !== 0 && stdout.length === 0) {
    throw new Error(`The native TypeScript ended with ${code}: ${textOf(stderr)}`);
  }
  return errorsOf(textOf(stdout));
}
