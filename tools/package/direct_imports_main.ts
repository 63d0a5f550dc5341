/**
 * Copies a program's sources into a folder and resolves its imports of members' doors.
 *
 * A door is a file that re-exports the lists of several folders (`export *`). An import of a single name
 * makes the bundler load every file behind the door. In the copy, a file imports the name from the folder
 * that lists it. Another way was tried: imports from the file that declares the name. The bundle then had 527
 * files instead of 436.
 *
 *     deno run -R -W --allow-env tools/package/direct_imports_main.ts FOLDER bin/main.ts
 */
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { memberEntries } from "../members.ts";
import { PROJECT } from "../project.ts";

/** Skips comments: only imports and exports are read. */
const PARSING: ts.CreateSourceFileOptions = {
  languageVersion: ts.ScriptTarget.Latest,
  jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
};

/** The copy. */
class DirectSources {
  readonly #doors = memberEntries();
  readonly #parsed = new Map<string, ts.SourceFile>();
  readonly #copied = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #library: ReadonlyMap<string, string>;

  constructor(readonly folder: string) {
    const config = JSON.parse(Deno.readTextFileSync(join(PROJECT, "deno.json")));
    const imports: Record<string, string> = config.imports;
    this.#library = new Map(
      Object.entries(imports).filter(([name, to]) => !name.startsWith(".") && to.startsWith("./"))
        .map(([name, to]) => [name, to.slice(2)]),
    );
    delete config.workspace;
    this.#write("deno.json", JSON.stringify(config));
    // The bundler reads `sideEffects` in `package.json`: the files with side effects when loaded.
    for (const name of ["deno.lock", "package.json"]) {
      Deno.copyFileSync(join(PROJECT, name), join(folder, name));
    }
  }

  /**
   * Copies a file and all files that it imports, directly or indirectly.
   * @param path The file's path, relative to the project's folder.
   * @param isWhole Whether its `export *` lines stay, as in an entry of the package.
   */
  copy(path: string, isWhole = false): void {
    if (this.#copied.has(path)) return;
    this.#copied.add(path);
    this.#write(
      path,
      path.endsWith(".ts")
        ? this.#rewritten(path, isWhole || !this.#isDoor(path))
        : Deno.readTextFileSync(join(PROJECT, path)),
    );
  }

  #write(path: string, text: string): void {
    const copy = join(this.folder, path);
    const folder = dirname(copy);
    if (!this.#folders.has(folder)) {
      this.#folders.add(folder);
      Deno.mkdirSync(folder, { recursive: true });
    }
    Deno.writeTextFileSync(copy, text);
  }

  /**
   * @param isWhole Whether the file's `export *` lines stay; otherwise importers name the files
   *   behind the door.
   */
  #rewritten(path: string, isWhole: boolean): string {
    const tree = this.#tree(path);
    const edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
    const replace = (node: ts.Node, text: string) =>
      edits.push({ start: node.getStart(tree), end: node.getEnd(), text });
    const point = (specifier: ts.Node, to: string) => {
      this.copy(to);
      replace(specifier, JSON.stringify(towards(path, to)));
    };
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
        const target = this.#target(path, node.moduleSpecifier);
        if (target === null) return;
        if (hasOnlyTypes(node)) {
          replace(node, "");
          return;
        }
        if (!isWhole && ts.isExportDeclaration(node) && node.exportClause === undefined) {
          replace(node, "");
          return;
        }
        const direct = this.#isDoor(target) ? this.#directly(path, node, target) : null;
        if (direct === null) point(node.moduleSpecifier!, this.#whole(target));
        else replace(node, direct);
      } else if (
        ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
      ) {
        const target = this.#target(path, node.arguments[0]);
        if (target !== null) {
          const names = this.#isDoor(target) ? namesTaken(node) : null;
          point(node.arguments[0]!, this.#list(path, names, target) ?? this.#whole(target));
        }
      } else if (hasLateImports(tree.text)) ts.forEachChild(node, visit);
    };
    tree.statements.forEach(visit);
    return edits.sort((a, b) => b.start - a.start).reduce(
      (text, { end, start, text: by }) => text.slice(0, start) + by + text.slice(end),
      tree.text,
    );
  }

  #isDoor(path: string): boolean {
    return this.#passedOn(path).length > 0;
  }

  /** A copy of a door with all its `export *` lines, for an import without names. */
  #whole(target: string): string {
    if (!this.#isDoor(target)) return target;
    const file = `${target.slice(0, -3)}_whole.ts`;
    if (!this.#copied.has(file)) {
      this.#copied.add(file);
      this.#write(file, this.#rewritten(target, true));
    }
    return file;
  }

  /**
   * Rewrites an import or export of a door so that it names the files behind the door. Null if the
   * statement lists no names.
   */
  #directly(
    path: string,
    node: ts.ImportDeclaration | ts.ExportDeclaration,
    target: string,
  ): string | null {
    const isImport = ts.isImportDeclaration(node);
    const clause = isImport ? node.importClause?.namedBindings : node.exportClause;
    if (clause === undefined || !(ts.isNamedImports(clause) || ts.isNamedExports(clause))) {
      return null;
    }
    const elements = [...clause.elements].filter((each) => !each.isTypeOnly);
    const behind = Map.groupBy(
      elements,
      ({ name, propertyName }) => this.#behind(target, (propertyName ?? name).text),
    );
    return [...behind].map(([file, some]) => {
      this.copy(file);
      const names = some.map((each) => each.getText()).join(", ");
      return `${isImport ? "import" : "export"} { ${names} } from "${towards(path, file)}";`;
    }).join("\n");
  }

  /** A new file that exports only some names of a door, for a late import. */
  #list(path: string, names: readonly string[] | null, target: string): string | null {
    if (names === null) return null;
    const file = `${path.slice(0, -3)}_${names.join("_")}.ts`;
    if (this.#copied.has(file)) return file;
    this.#copied.add(file);
    const lines = names.map((name) => {
      const behind = this.#behind(target, name);
      this.copy(behind);
      return `export { ${name} } from "${towards(file, behind)}";\n`;
    });
    this.#write(file, lines.join(""));
    return file;
  }

  /**
   * The file from which a door gets a name. If no file behind the door has the name, the door
   * itself.
   */
  #behind(door: string, name: string): string {
    const file = this.#passedOn(door).find((each) => this.#has(each, name));
    return file === undefined ? door : this.#behind(file, name);
  }

  #has(file: string, name: string): boolean {
    return this.#tree(file).statements.some((node) =>
      ts.isExportDeclaration(node)
        ? node.exportClause !== undefined && ts.isNamedExports(node.exportClause) &&
          node.exportClause.elements.some((each) => each.name.text === name)
        : declares(node, name)
    ) || this.#passedOn(file).some((further) => this.#has(further, name));
  }

  #passedOn(file: string): readonly string[] {
    return this.#tree(file).statements.flatMap((node) =>
      ts.isExportDeclaration(node) && node.exportClause === undefined
        ? this.#target(file, node.moduleSpecifier) ?? []
        : []
    );
  }

  /** The project file that a specifier means; null for a package or a module of Node. */
  #target(path: string, specifier: ts.Node | undefined): string | null {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return null;
    const text = specifier.text;
    if (text.startsWith(".")) return join(dirname(path), text).replaceAll("\\", "/");
    return this.#doors.get(text) ?? this.#library.get(text) ?? null;
  }

  #tree(path: string): ts.SourceFile {
    const known = this.#parsed.get(path);
    if (known !== undefined) return known;
    const text = Deno.readTextFileSync(join(PROJECT, path));
    const tree = ts.createSourceFile(path, text, PARSING, true);
    this.#parsed.set(path, tree);
    return tree;
  }
}

/** Whether a file may have `import()` in expressions. Otherwise only its statements are visited. */
function hasLateImports(text: string): boolean {
  return text.includes("import(");
}

/** Whether a statement is `import type` or `export type`. The bundler ignores it, and its file need not be copied. */
function hasOnlyTypes(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly;
}

/** The relative specifier from one file of the copy to another. */
function towards(from: string, to: string): string {
  const path = relative(dirname(from), to).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}

/** The names in `const { a, b } = await import("…")`; null for another form. */
function namesTaken(call: ts.CallExpression): readonly string[] | null {
  const declaration = call.parent.parent;
  if (!ts.isAwaitExpression(call.parent) || !ts.isVariableDeclaration(declaration)) return null;
  if (!ts.isObjectBindingPattern(declaration.name)) return null;
  return declaration.name.elements.map(({ name, propertyName }) =>
    (propertyName ?? name).getText()
  );
}

function declares(node: ts.Statement, name: string): boolean {
  if (!ts.canHaveModifiers(node)) return false;
  if (!ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) {
    return false;
  }
  if (ts.isVariableStatement(node)) {
    return node.declarationList.declarations.some((each) =>
      ts.isIdentifier(each.name)
        ? each.name.text === name
        : each.name.elements.some((part) => part.getText() === name)
    );
  }
  return (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) ||
    ts.isEnumDeclaration(node)) && node.name?.text === name;
}

const [folder, ...entries] = Deno.args as [string, ...string[]];
const sources = new DirectSources(folder);
for (const entry of entries) sources.copy(entry, true);
