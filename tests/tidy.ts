/**
 * Checks of the code's order: unused files, comments about removed code, functions longer than a
 * screen, interfaces that repeat a class. The checks use TypeScript's syntax tree, so that text that
 * only looks like code is ignored.
 *
 * Every finding has a key, `path` or `path name`; `tests/tidy_excuses.ts` lists the keys that may
 * stay, with their reasons.
 */
import ts from "typescript";
import { dirname, join, normalize } from "node:path";
import type { SourceText } from "./source_text.ts";

/** The project's own limits, from docs/dev/code-rules.md. */
const MAX_LINES_PER_FILE = 1500;
const MAX_LINES_PER_FUNCTION = 70;
const MAX_PARAMETERS = 6;

/** Files with exports for users of the library. */
const LIBRARY: readonly string[] = ["mod.ts", "recording/library.ts"];

export interface Finding {
  readonly key: string;
  /** The text for a person, with the place. */
  readonly text: string;
}

/**
 * A source with its syntax tree. Tests and their helpers are read, too, but findings in them are
 * ignored.
 */
interface Parsed extends SourceText {
  readonly tree: ts.SourceFile;
  readonly isProduct: boolean;
}

/**
 * Matches tests and their helpers: `_rig.ts`, `testing_edits.ts`, `testing/`. It does not match the
 * code of the conformance replay, which follows the same rules as the product's code.
 */
const TEST_FILE =
  /^(?:extensions\/\w+\/)?tests\/(?!conformance\/)|_test\.ts$|\/_\w+\.ts$|\/testing(?:_\w+)?(?:\.ts$|\/)/;
/**
 * Code with objects that belong to a machine. No closure may keep them alive too long, because a
 * hunt creates thousands of machines.
 */
const OF_MACHINES =
  /^(?:devices|extensions\/(?:c_drivers|hunt\/(?:driver|requests)|kernel_tree\/oracle|topology|vectors)|lang|recording|runtime)\//;
/** Folders in which a page is looked up if it is named without a folder. */
const PAGES = ["docs", "docs/rules"];

/** Tags of comments are not parsed: no check reads them. */
const PARSING: ts.CreateSourceFileOptions = {
  languageVersion: ts.ScriptTarget.Latest,
  jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
};

export class House {
  readonly #files: readonly Parsed[];
  readonly #byPath: ReadonlyMap<string, Parsed>;

  /**
   * @param sources All TypeScript of the project, including tests, because tests use exports.
   * @param entries Text that names the files that are started, such as the tasks of deno.json.
   * @param members The files that members of the workspace export, by their import names.
   */
  constructor(
    sources: readonly SourceText[],
    readonly entries: string,
    readonly members: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#files = sources.map(({ path, text }) => ({
      path,
      text,
      tree: ts.createSourceFile(path, text, PARSING, true),
      isProduct: !TEST_FILE.test(path),
    }));
    this.#byPath = new Map(this.#files.map((file) => [file.path, file]));
  }

  get #product(): readonly Parsed[] {
    return this.#files.filter(({ isProduct }) => isProduct);
  }

  /**
   * Files that no other file uses. A use is an import, a URL with the name of the file, or a start
   * of the file. An import by a test does not count as a use.
   */
  deadFiles(): Finding[] {
    const named = new Set<string>();
    const entries = new Set(this.members.values());
    const users = new Map<string, Set<string>>();
    for (const file of this.#files) {
      for (const target of namedFiles(file, this.members)) {
        users.set(target, (users.get(target) ?? new Set()).add(file.path));
        const isOwnTest = file.path.endsWith("_test.ts") && !target.startsWith("tests/") &&
          !entries.has(target);
        if (file.isProduct || !isOwnTest) named.add(target);
      }
    }
    return this.#files
      .filter(({ path }) => !path.endsWith("_test.ts") && !path.endsWith(".d.ts"))
      .filter(({ path }) => !named.has(path) && !this.entries.includes(path))
      .filter(({ path, isProduct }) =>
        isProduct || !users.get(path)?.difference(new Set([path])).size
      )
      .map(({ path }) => ({ key: path, text: `${path} is imported by no file` }));
  }

  /** Exported functions, classes and constants that no code imports, not even a test. */
  unusedExports(): Finding[] {
    const taken = new Set<string>();
    const passedOn = new Map(
      this.#files.map((file) => [file.path, passedOnBy(file, this.members)]),
    );
    const take = (target: string, names: readonly string[] | "all") => {
      const other = this.#byPath.get(target);
      const own = names === "all" && other !== undefined
        ? [...exportedValues(other)].map(([name]) => name)
        : names === "all"
        ? []
        : names;
      for (const name of own) taken.add(`${target} ${name}`);
      for (const further of passedOn.get(target) ?? []) take(further, names);
    };
    for (const file of this.#files) {
      for (const { target, names } of importedNames(file, this.members)) take(target, names);
    }
    const doors = [...this.members.values()];
    const entries = new Set([...doors, ...doors.flatMap((door) => passedOn.get(door) ?? [])]);
    return this.#product.flatMap((file) =>
      [...exportedValues(file, entries.has(file.path))]
        .filter(([name]) => !taken.has(`${file.path} ${name}`) && !LIBRARY.includes(file.path))
        .map(([name, node]) => finding(file, node, name, `exports ${name}, which is not imported`))
    );
  }

  /**
   * Exported type names that occur in several files. In the whole project, a name must have only one
   * meaning.
   */
  repeatedTypes(): Finding[] {
    const byName = Map.groupBy(
      this.#product.flatMap((file) =>
        file.tree.statements.flatMap((node) =>
          isExported(node) && isTypeDeclaration(node) && node.name !== undefined
            ? [{ name: node.name.text, file, node }]
            : []
        )
      ),
      ({ name }) => name,
    );
    return [...byName.values()].flatMap((all) => {
      const [first, ...more] = all.filter(({ file }, index) =>
        all.findIndex((other) => other.file === file) === index
      );
      return more.map(({ name, file, node }) =>
        finding(file, node, name, `exports ${name}, and so does ${first!.file.path}`)
      );
    });
  }

  /**
   * Interfaces with exactly one implementing class, if the class is in the same member: `import type`
   * can name the class instead of the interface. A class in a test, such as a fake, counts as an
   * implementing class, too.
   */
  singleClassInterfaces(): Finding[] {
    const classes = classesByInterface(this.#files);
    return this.#product.flatMap((file) =>
      file.tree.statements.filter(ts.isInterfaceDeclaration).flatMap((node) => {
        const name = node.name.text;
        const [only, ...others] = classes.get(interfaceKey(file, node)) ?? [];
        if (only === undefined || others.length > 0) return [];
        if (memberOf(only.file.path) !== memberOf(file.path)) return [];
        const place = `${nameOf(only.node) || "a class"} of ${only.file.path}`;
        return finding(file, node, name, `only ${place} implements ${name}: use the class`);
      })
    );
  }

  /** Comments that mention a file that does not exist, or a name that the code does not have. */
  staleComments(isFile: (path: string) => boolean): Finding[] {
    const code = new Set(this.entries.match(/\w+/g));
    for (const file of this.#files) collectWords(file.tree, code);
    return this.#files.flatMap((file) =>
      commentsOf(file).flatMap(({ text, start }) => {
        const missing = [
          ...this.missingFiles(file.path, text, isFile),
          ...namesOfCode(text).filter((name) => !code.has(name)),
        ];
        const { line } = file.tree.getLineAndCharacterOfPosition(start);
        return missing.map((name) => ({
          key: `${file.path} ${name}`,
          text: `${file.path}:${line + 1} a comment names ${name}, which is not there`,
        }));
      })
    );
  }

  /** Files that are mentioned in a text of the file or page `from`, but do not exist. */
  missingFiles(from: string, text: string, isFile: (path: string) => boolean): string[] {
    return namesOfFiles(text).filter((name) => !this.#isThere(from, name, isFile));
  }

  #isThere(from: string, name: string, isFile: (path: string) => boolean): boolean {
    const folders = ["", dirname(from), ...PAGES];
    if (folders.some((folder) => isFile(normalize(join(folder, name))))) return true;
    // In lang/, `vm/vm.ts` may be written for lang/vm/vm.ts.
    return [...this.#byPath.keys()].some((path) => path.endsWith(`/${name}`));
  }

  longFiles(): Finding[] {
    return this.#product.flatMap((file) => {
      const lines = file.tree.getLineStarts().length - 1;
      if (lines <= MAX_LINES_PER_FILE) return [];
      return { key: file.path, text: `${file.path} has ${lines} lines` };
    });
  }

  longFunctions(): Finding[] {
    return this.#functions().flatMap(({ file, node, name }) => {
      const lines = lineOf(file, node.getEnd()) - lineOf(file, node.getStart()) + 1;
      if (lines <= MAX_LINES_PER_FUNCTION) return [];
      return finding(file, node, name, `${name} has ${lines} lines`);
    });
  }

  longParameterLists(): Finding[] {
    return this.#functions().flatMap(({ file, node, name }) => {
      const { length } = node.parameters;
      if (length <= MAX_PARAMETERS) return [];
      return finding(file, node, name, `${name} takes ${length} parameters`);
    });
  }

  /** Variables of modules and static fields of classes that may change while the program runs. */
  mutableModules(): Finding[] {
    return this.#product.flatMap((file) =>
      moduleState(file).map(([name, node]) => finding(file, node, name, `${name} is module state`))
    );
  }

  /** Casts with `as unknown as`, which hide that the types are wrong. */
  forcedCasts(): Finding[] {
    return this.#product.flatMap((file) => {
      const found: Finding[] = [];
      walk(file.tree, (node) => {
        if (
          ts.isAsExpression(node) && ts.isAsExpression(node.expression) &&
          node.expression.type.kind === ts.SyntaxKind.UnknownKeyword
        ) {
          const place = `${file.path}:${lineOf(file, node.getStart())}`;
          const type = node.type.getText().replace(/\s+/g, " ");
          found.push({ key: `${file.path} ${type}`, text: `${place} \`as unknown as ${type}\`` });
        }
      });
      return found;
    });
  }

  /**
   * Closures that V8 allocates in its old generation: functions assigned to a property, and getters
   * of object literals. Such a closure keeps its machine alive until a full garbage collection.
   */
  oldClosures(): Finding[] {
    return this.#product.filter(({ path }) => OF_MACHINES.test(path)).flatMap((file) => {
      const found: Finding[] = [];
      walk(file.tree, (node) => {
        const name = ts.isBinaryExpression(node) && !ts.isIdentifier(node.left) &&
            node.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
            (ts.isArrowFunction(node.right) || ts.isFunctionExpression(node.right))
          ? node.left
          : ts.isGetAccessor(node) && ts.isObjectLiteralExpression(node.parent)
          ? node.name
          : null;
        if (name === null) return;
        const text = name.getText();
        found.push(finding(file, node, text, `${text} keeps its machine until a full collection`));
      });
      return found;
    });
  }

  #functions() {
    return this.#product.flatMap((file) => {
      const found: { file: Parsed; node: ts.FunctionLikeDeclaration; name: string }[] = [];
      walk(file.tree, (node) => {
        if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return;
        found.push({ file, node: node as ts.FunctionLikeDeclaration, name: nameOf(node) });
      });
      return found;
    });
  }
}

/** The errors after applying the excuses: findings without an excuse, and excuses without a finding. */
export function judge(
  list: string,
  findings: readonly Finding[],
  excuses: Readonly<Record<string, string>>,
): string[] {
  const keys = new Set(findings.map(({ key }) => key));
  return [
    ...findings.filter(({ key }) => !(key in excuses)).map(({ text }) => text),
    ...Object.keys(excuses).filter((key) => !keys.has(key)).map((key) =>
      `${list}: "${key}" needs no excuse any more; drop it`
    ),
  ];
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function lineOf(file: Parsed, offset: number): number {
  return file.tree.getLineAndCharacterOfPosition(offset).line + 1;
}

function finding(file: Parsed, node: ts.Node, name: string, what: string): Finding {
  const place = `${file.path}:${lineOf(file, node.getStart())}`;
  return { key: `${file.path} ${name}`, text: `${place} ${what}` };
}

/** `method`, `Class.method`, or the variable that contains a function. */
function nameOf(node: ts.Node): string {
  const own = ts.isConstructorDeclaration(node)
    ? "constructor"
    : (node as ts.NamedDeclaration).name?.getText();
  const { parent } = node;
  if (own === undefined) {
    return parent === undefined || ts.isSourceFile(parent) ? "" : nameOf(parent);
  }
  return ts.isClassLike(parent) && parent.name !== undefined ? `${parent.name.text}.${own}` : own;
}

function resolve(
  file: Parsed,
  specifier: string,
  members: ReadonlyMap<string, string>,
): string | null {
  if (!specifier.startsWith(".")) return members.get(specifier) ?? null;
  return normalize(join(dirname(file.path), specifier)).replaceAll("\\", "/");
}

/** Files that a file imports, or names in `new URL("…", import.meta.url)`. */
function namedFiles(file: Parsed, members: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  walk(file.tree, (node) => {
    if (!ts.isStringLiteral(node)) return;
    if (node.text.endsWith(".ts") || members.has(node.text)) {
      found.push(resolve(file, node.text, members) ?? node.text);
    }
  });
  return found;
}

interface Imported {
  readonly target: string;
  readonly names: readonly string[] | "all";
}

function importedNames(file: Parsed, members: ReadonlyMap<string, string>): Imported[] {
  const found: Imported[] = [];
  const add = (specifier: ts.Expression | undefined, names: readonly string[] | "all") => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    const target = resolve(file, specifier.text, members);
    if (target !== null) found.push({ target, names });
  };
  const own = (elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[]) =>
    elements.map(({ name, propertyName }) => (propertyName ?? name).text);
  walk(file.tree, (node) => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      if (bindings !== undefined) {
        add(
          node.moduleSpecifier,
          ts.isNamedImports(bindings) ? own(bindings.elements) : "all",
        );
      }
    } else if (ts.isExportDeclaration(node)) {
      const clause = node.exportClause;
      // `export *` itself uses no name. A name is used by each file that imports it through `export
      // *`.
      if (clause === undefined) return;
      add(node.moduleSpecifier, ts.isNamedExports(clause) ? own(clause.elements) : "all");
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], "all");
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal as ts.Expression, "all");
    }
  });
  return found;
}

/** The files that a file passes on with `export *`. */
function passedOnBy(file: Parsed, members: ReadonlyMap<string, string>): readonly string[] {
  return file.tree.statements.flatMap((node) => {
    if (!ts.isExportDeclaration(node) || node.exportClause !== undefined) return [];
    const specifier = node.moduleSpecifier;
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return [];
    return resolve(file, specifier.text, members) ?? [];
  });
}

const isTypeDeclaration = (node: ts.Statement) =>
  ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) ||
  ts.isClassDeclaration(node) || ts.isEnumDeclaration(node);

const isExported = (node: ts.Statement) =>
  ts.canHaveModifiers(node) &&
  ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;

/**
 * @param passedOn Whether to include names that the file re-exports: a member's entry exports names
 *   of other files.
 */
function* exportedValues(
  file: Parsed,
  passedOn = false,
): Generator<[name: string, node: ts.Node]> {
  for (const statement of file.tree.statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause: clause, isTypeOnly } = statement;
      if (!passedOn || isTypeOnly || clause === undefined || !ts.isNamedExports(clause)) continue;
      for (const each of clause.elements) {
        if (!each.isTypeOnly) yield [each.name.text, each];
      }
    } else if (!isExported(statement)) continue;
    else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      if (statement.name !== undefined) yield [statement.name.text, statement];
    } else if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name)) yield [name.text, statement];
      }
    }
  }
}

/** The folder of a file's member: `lang`, `extensions/hunt`. */
function memberOf(path: string): string {
  return path.match(/^(?:extensions\/)?[^/]+(?=\/)/)?.[0] ?? "";
}

/**
 * Identifies an interface. The name identifies an exported one, because an exported name has only
 * one meaning in the project (`House.repeatedTypes`).
 */
function interfaceKey({ path }: Parsed, node: ts.InterfaceDeclaration): string {
  return isExported(node) ? node.name.text : `${path} ${node.name.text}`;
}

interface ImplementingClass {
  readonly file: Parsed;
  readonly node: ts.ClassLikeDeclaration;
}

/**
 * The classes with an `implements` clause for an interface, or for an interface that extends it. The
 * keys are those of `interfaceKey`.
 */
function classesByInterface(files: readonly Parsed[]): Map<string, Set<ImplementingClass>> {
  const classes = new Map<string, Set<ImplementingClass>>();
  const extended = new Map<string, string[]>();
  const add = (key: string, each: ImplementingClass) => {
    const known = classes.get(key) ?? new Set();
    if (known.has(each)) return;
    classes.set(key, known.add(each));
    for (const base of extended.get(key) ?? []) add(base, each);
  };
  const found: (readonly [key: string, each: ImplementingClass])[] = [];
  for (const file of files) {
    const keyOf = interfaceKeysIn(file);
    walk(file.tree, (node) => {
      if (ts.isInterfaceDeclaration(node)) {
        const key = interfaceKey(file, node);
        extended.set(key, [...extended.get(key) ?? [], ...basesOf(node).map(keyOf)]);
      } else if (ts.isClassLike(node)) {
        const each = { file, node };
        found.push(...basesOf(node).map((name) => [keyOf(name), each] as const));
      }
    });
  }
  for (const [key, each] of found) add(key, each);
  return classes;
}

/** The interfaces that a class implements, or that an interface extends. */
function basesOf(node: ts.ClassLikeDeclaration | ts.InterfaceDeclaration): string[] {
  return (node.heritageClauses ?? [])
    .filter(({ token }) =>
      ts.isInterfaceDeclaration(node) || token === ts.SyntaxKind.ImplementsKeyword
    )
    .flatMap(({ types }) => types.map(({ expression }) => expression))
    .map((each) => ts.isPropertyAccessExpression(each) ? each.name.text : each.getText());
}

/** Returns a function from an interface's name in a file to its key. */
function interfaceKeysIn(file: Parsed): (name: string) => string {
  const keys = new Map<string, string>();
  for (const node of file.tree.statements) {
    if (ts.isInterfaceDeclaration(node)) keys.set(node.name.text, interfaceKey(file, node));
    if (!ts.isImportDeclaration(node)) continue;
    const bindings = node.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    for (const { name, propertyName } of bindings.elements) {
      if (propertyName !== undefined) keys.set(name.text, propertyName.text);
    }
  }
  return (name) => keys.get(name) ?? name;
}

interface Comment {
  readonly text: string;
  readonly start: number;
}

function commentsOf({ text, tree }: Pick<Parsed, "text" | "tree">): Comment[] {
  const literals = new Map<number, number>();
  walk(tree, (node) => {
    if (ts.isLiteralExpression(node) || ts.isTemplateLiteralToken(node)) {
      literals.set(node.getStart(tree), node.getEnd());
    }
  });
  const starts = [...literals.keys()].sort((a, b) => a - b);
  const found: Comment[] = [];
  const comment = /\/\/.*|\/\*[^]*?\*\//g;
  let next = 0;
  for (let at = comment.exec(text); at !== null; at = comment.exec(text)) {
    while (literals.get(starts[next]!)! <= at.index) next++;
    if (starts[next]! <= at.index) comment.lastIndex = literals.get(starts[next]!)!;
    else found.push({ text: at[0], start: at.index });
  }
  return found;
}

/**
 * Project files (`.ts`, `.md`) that a text mentions. `x.ts` and `FILE.md` are left out, because
 * they are placeholders.
 */
function namesOfFiles(text: string): string[] {
  return [...text.matchAll(/(?<![\w/.*{}-])((?:[\w-]+\/)*[\w-]{2,}\.(?:ts|md))\b/g)]
    .map((match) => match[1]!)
    .filter((name) => !/^[A-Z_]+\./.test(name));
}

/** Names like `dmaMapSg` and `IovaAllocator.alloc` in backticks or links. */
function namesOfCode(text: string): string[] {
  return [
    ...text.matchAll(/(?:`|\{@link )#?([A-Za-z_$][\w$]*(?:\.#?[A-Za-z_$][\w$]*)*)(?:\(\))?[`}]/g),
  ]
    .flatMap((match) => match[1]!.split(/\.#?/))
    .filter((word) => /^[a-z]+(?:[A-Z][a-z0-9]*)+$|^(?:[A-Z][a-z0-9]+){2,}$/.test(word));
}

/**
 * All names that code uses, and the words in its strings, because these can be names of files, keys
 * and commands.
 */
function collectWords(tree: ts.Node, into: Set<string>): void {
  walk(tree, (node) => {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) into.add(node.text.replace("#", ""));
    else if (ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node)) {
      for (const word of node.text.match(/[A-Za-z_$][\w$]*/g) ?? []) into.add(word);
    }
  });
}

const WRITERS =
  /^(?:set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin)$/;

/**
 * Variables of a module that are written after the module was loaded, and static fields that are
 * not `readonly`.
 */
function moduleState(file: Parsed): [name: string, node: ts.Node][] {
  const found: [string, ts.Node][] = [];
  const constants = new Map<string, ts.Node>();
  for (const statement of file.tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    const isConst = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
    for (const { name } of statement.declarationList.declarations) {
      if (!isConst) found.push([name.getText(), statement]);
      else if (ts.isIdentifier(name)) constants.set(name.text, statement);
    }
  }
  const written = new Set<string>();
  walk(file.tree, (node) => {
    if (ts.isPropertyDeclaration(node)) {
      const kinds = ts.getModifiers(node)?.map(({ kind }) => kind) ?? [];
      const isStatic = kinds.includes(ts.SyntaxKind.StaticKeyword);
      if (isStatic && !kinds.includes(ts.SyntaxKind.ReadonlyKeyword)) {
        found.push([nameOf(node), node]);
      }
    }
    const name = writtenName(node);
    // A variable that is only written while the module loads is a table, not state.
    if (name !== null && constants.has(name) && isInFunction(node) && !isShadowed(node, name)) {
      written.add(name);
    }
  });
  return [...found, ...[...written].map((name): [string, ts.Node] => [name, constants.get(name)!])];
}

const isAssignment = (kind: ts.SyntaxKind) =>
  kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;

/** The variable with contents that an expression changes: `x` in `x.push(1)` and `x[0] = 1`. */
function writtenName(node: ts.Node): string | null {
  const rootOf = (expression: ts.Expression): string | null =>
    ts.isIdentifier(expression)
      ? expression.text
      : ts.isElementAccessExpression(expression) || ts.isPropertyAccessExpression(expression) ||
          ts.isNonNullExpression(expression)
      ? rootOf(expression.expression)
      : null;
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { expression, name } = node.expression;
    return ts.isIdentifier(expression) && WRITERS.test(name.text) ? expression.text : null;
  }
  const target = ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)
    ? node.left
    : ts.isDeleteExpression(node)
    ? node.expression
    : (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) &&
        (node.operator === ts.SyntaxKind.PlusPlusToken ||
          node.operator === ts.SyntaxKind.MinusMinusToken)
    ? node.operand
    : null;
  return target === null || ts.isIdentifier(target) ? null : rootOf(target);
}

function isInFunction(node: ts.Node): boolean {
  return ts.findAncestor(node, (each) => ts.isFunctionLike(each)) !== undefined;
}

/** Whether a parameter or variable of an enclosing function has the same name. */
function isShadowed(node: ts.Node, name: string): boolean {
  return ts.findAncestor(node, (each) => {
    if (!ts.isFunctionLike(each) && !ts.isBlock(each)) return false;
    let has = false;
    ts.forEachChild(each, (child) => {
      if (ts.isParameter(child) && child.name.getText() === name) has = true;
      if (!ts.isVariableStatement(child)) return;
      for (const declared of child.declarationList.declarations) {
        if (declared.name.getText() === name) has = true;
      }
    });
    return has;
  }) !== undefined;
}

/**
 * The parts of the host that the pure layers must not use: the host's clock, random numbers, files
 * and console. The pure layers are `lang/`, `runtime/` and `devices/`. They run unchanged in a
 * browser page and in a worker, and give the same events for the same file, seed and profile. Each
 * entry is a pattern for code without comments and strings, with the reason.
 */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\bDeno\b/g, "the host belongs to cli/"],
  [/\bMath\s*\.\s*random\b/g, "randomness comes from the machine's seeded generator"],
  [/\bDate\b/g, "time is virtual and comes from the machine's clock"],
  [/\bperformance\b/g, "time is virtual and comes from the machine's clock"],
  [/\bset(?:Timeout|Interval|Immediate)\b/g, "time is virtual: post an activity"],
  [/\bqueueMicrotask\b/g, "order is defined: post an activity"],
  [/\bconsole\s*\./g, "text goes through the run's output"],
  [/\bglobalThis\b/g, "there is no global state"],
  [/\bprocess\s*\.\s*(?:env|argv|exit|hrtime|stdout|stderr)\b/g, "the host belongs to cli/"],
  [/\bcrypto\s*\./g, "randomness comes from the machine's seeded generator"],
  // A controller may have a method named `fetch`. Therefore only uses inside an expression match.
  [/(?:[=(,?:&|!]|\bawait|\breturn)\s*fetch\s*\(/g, "the host belongs to cli/"],
  [/\bnew\s+Worker\b/g, "the host belongs to cli/"],
];

/** One sentence for each use of the host in a source that must be pure. Tests may use the host. */
export function purityViolations(sources: readonly SourceText[]): string[] {
  return sources.flatMap(({ path, text }) => {
    if (path.endsWith("_test.ts")) return [];
    const code = blankOut(text);
    return FORBIDDEN.flatMap(([pattern, instead]) =>
      [...code.matchAll(pattern)].map((match) =>
        `${path}:${code.slice(0, match.index).split("\n").length} uses ${
          match[0].trim()
        }: ${instead}`
      )
    );
  });
}

/**
 * The text with blanks in place of comments and of the contents of strings. Line breaks stay, so
 * that a position in the result is the same position in the source.
 */
export function blankOut(text: string): string {
  const tree = ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, true);
  const out = text.split("");
  const blank = (start: number, end: number) => {
    for (let index = start; index < end; index++) if (out[index] !== "\n") out[index] = " ";
  };
  for (const comment of commentsOf({ text, tree })) {
    blank(comment.start, comment.start + comment.text.length);
  }
  walk(tree, (node) => {
    if (ts.isStringLiteral(node) || ts.isTemplateLiteralToken(node)) {
      blank(node.getStart(tree) + 1, node.getEnd() - 1);
    }
  });
  return out.join("");
}
