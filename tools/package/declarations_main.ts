/**
 * Types of the package's modules, for TypeScript and editors: `.d.ts` files next to the bundle.
 *
 * Arguments: the folder to write and the modules. Run this program in the project's folder. It is a
 * separate process, because the compiler needs permission to read the environment, and no other
 * part of the build does.
 */
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { PROJECT as ROOT } from "../project.ts";
import { memberEntries, memberPaths } from "../members.ts";

/** Files of the project, by the names with which members import them. */
const MEMBERS = memberEntries();

const OPTIONS: ts.CompilerOptions = {
  allowImportingTsExtensions: true,
  declaration: true,
  emitDeclarationOnly: true,
  exactOptionalPropertyTypes: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  // `deno check` already checks the types, with the same compiler.
  noCheck: true,
  noUncheckedIndexedAccess: true,
  paths: memberPaths(),
  skipLibCheck: true,
  strict: true,
  target: ts.ScriptTarget.ESNext,
  types: [],
};

/**
 * An inline import type of a project file. The file name has its suffix if the import is from the
 * source, and no suffix if the compiler inferred the import.
 */
const NAMED_FILE = /\bimport\("(\.[^"]+?)(?:\.ts)?"\)/g;

/**
 * Changes the file names in a declaration file's imports to a form that every compiler understands.
 *
 * TypeScript finds types under the name `x.d.ts`, and values under the name `x.js`. Deno looks for
 * `x.js` on the disk. Therefore a comment above each import of `x.js` leads Deno to the types.
 *
 * @param taken Called with each imported file, without its suffix.
 */
function nameFiles(path: string, text: string, taken: (name: string) => void): string {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext);
  let named = "";
  let next = 0;
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    if (statement.moduleSpecifier === undefined) continue;
    const own = statement.getText(file);
    const name = /(?<=["'])\..*(?=\.ts["'];$)/.exec(own)?.[0];
    if (name === undefined) continue;
    taken(name);
    const isType = ts.isImportDeclaration(statement) || statement.isTypeOnly;
    const written = isType
      ? own.replace(`${name}.ts`, `${name}.d.ts`)
      : `// @ts-types="${name}.d.ts"\n${own.replace(`${name}.ts`, `${name}.js`)}`;
    const isPlain = ts.isImportDeclaration(statement) &&
      statement.importClause?.isTypeOnly !== true;
    const typed = isPlain
      ? written.replaceAll(/\btype (?=\w)/g, "").replace(/^import/, "import type")
      : written;
    named += text.slice(next, statement.getStart(file)) + typed;
    next = statement.getEnd();
  }
  return (named + text.slice(next)).replaceAll(NAMED_FILE, (_, name: string) => {
    taken(name);
    return `import("${name}.d.ts")`;
  });
}

/** A statement that imports or exports names of a file. */
const LIST = /(?<=^|\n)(import|export)( type)? \{([^}]*)\} from "([^"]+)";/g;

/** The file that declares a name which an entry re-exports. */
function declaringFile(program: ts.Program, entry: string, name: string): string {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
  const passed = checker.tryGetMemberInModuleExports(name, module)!;
  const isAlias = (passed.flags & ts.SymbolFlags.Alias) !== 0;
  const { declarations } = isAlias ? checker.getAliasedSymbol(passed) : passed;
  return declarations![0]!.getSourceFile().fileName;
}

/**
 * Replaces imports from members by imports from the files that declare the names. The package has
 * no members, and importing an entry would load everything that the entry exports.
 */
function nameMembers(program: ts.Program, text: string, folder: string): string {
  const fileOf = (member: string, name: string) => {
    const path = relative(folder, declaringFile(program, join(ROOT, MEMBERS.get(member)!), name))
      .replaceAll("\\", "/");
    return path.startsWith(".") ? path : `./${path}`;
  };
  return text.replaceAll(LIST, (all, word: string, type = "", names: string, member: string) => {
    if (!MEMBERS.has(member)) return all;
    const each = names.split(",").map((name) => name.trim()).filter((name) => name !== "");
    const files = Map.groupBy(
      each,
      (name) => fileOf(member, name.replace(/^type /, "").replace(/ as .*/, "")),
    );
    return [...files].map(([file, own]) => `${word}${type} { ${own.join(", ")} } from "${file}";`)
      .join("\n");
  }).replaceAll(
    /import\("(@dmalab\/[^"]+)"\)\.(\w+)/g,
    (_, member: string, name: string) => `import("${fileOf(member, name)}").${name}`,
  );
}

/**
 * Writes the declarations of some modules, and of all modules that they import.
 *
 * @param modules Paths from the project's folder.
 */
function writeDeclarations(modules: readonly string[], folder: string): void {
  const program = ts.createProgram(modules.map((path) => join(ROOT, path)), {
    ...OPTIONS,
    rootDir: ROOT,
    outDir: folder,
  });
  const waiting = modules.map((path) => join(ROOT, path));
  const written = new Set<string>();
  for (let module = waiting.pop(); module !== undefined; module = waiting.pop()) {
    if (written.has(module)) continue;
    written.add(module);
    const from = dirname(module);
    const write = (path: string, text: string) => {
      const named = nameFiles(
        path,
        nameMembers(program, text, from),
        (name) => waiting.push(join(from, `${name}.ts`)),
      );
      Deno.mkdirSync(dirname(path), { recursive: true });
      Deno.writeTextFileSync(path, named);
    };
    program.emit(program.getSourceFile(module), write, undefined, true);
  }
}

const [folder, ...modules] = Deno.args;
writeDeclarations(modules, folder!);
