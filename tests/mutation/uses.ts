/**
 * Finds the users of a value that a mutant changes at load: a constant, a table, a static field of
 * a class.
 *
 * Such a mutant acts before any test begins, so its switch does not show which tests use the value.
 * The names show it. Places in functions get a mark if they name the changed value, or a value that
 * was computed from it while modules were loaded. A test that reaches a mark may notice the mutant.
 */
import ts from "typescript";
import { compilerOf } from "./candidates.ts";
import type { Mutant } from "./schemata.ts";

/** A name in a text, with a call that records the use of the name. */
export interface Mark {
  readonly id: number;
  readonly path: string;
  readonly start: number;
  readonly end: number;
  /**
   * Whether the use is written as `{ NAME }`. The word is then the name of the object's entry and
   * also the name of the variable.
   */
  readonly isShorthand: boolean;
}

/** What may notice a mutant that acts at load. */
export interface Use {
  readonly marks: ReadonlySet<number>;
  /** Test files that use the changed value while they are loaded. */
  readonly testFiles: ReadonlySet<string>;
  /** Whether a statement that declares no name uses the value: then any test may notice. */
  readonly isOpen: boolean;
}

export interface Uses {
  readonly marks: readonly Mark[];
  /** By mutant. */
  readonly of: ReadonlyMap<number, Use>;
}

/** A place that names a value: in a function, or in a statement of a module. */
interface Site {
  readonly path: string;
  readonly node: ts.Identifier;
  /** `P` of `NAME.P`; null if the whole value is used. */
  readonly entry: string | null;
  readonly isInFunction: boolean;
  readonly statement: ts.Statement;
}

interface Found {
  readonly marks: Set<number>;
  readonly testFiles: Set<string>;
  readonly seen: Set<string>;
  isOpen: boolean;
}

/**
 * @param root The project's folder, with a `/` at its end.
 * @param paths Every source and test, relative to that folder.
 */
export function findUses(
  root: string,
  paths: readonly string[],
  mutants: readonly Mutant[],
): Uses {
  const program = ts.createProgram(paths.map((path) => root + path), compilerOf(root));
  const reader = new UseReader(root, paths, program);
  const of = new Map(mutants.map((mutant) => [mutant.id, reader.useOf(mutant)]));
  return { marks: reader.marks, of };
}

class UseReader {
  readonly marks: Mark[] = [];
  readonly #root: string;
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;
  /** The places where a name is used for its value, by the name. */
  readonly #names = new Map<string, { path: string; node: ts.Identifier }[]>();
  /** For each imported or exported name, the other names that `as` introduces for it. */
  readonly #aliases = new Map<string, Set<string>>();
  readonly #sites = new Map<ts.Symbol, readonly Site[]>();
  readonly #numbers = new Map<ts.Symbol, number>();
  readonly #markOf = new Map<ts.Identifier, number>();

  constructor(root: string, paths: readonly string[], program: ts.Program) {
    this.#root = root;
    this.#program = program;
    this.#checker = program.getTypeChecker();
    for (const path of paths) {
      const file = program.getSourceFile(root + path);
      if (file !== undefined) this.#read(path, file);
    }
  }

  #read(path: string, node: ts.Node): void {
    if (ts.isTypeNode(node)) return;
    if (ts.isImportSpecifier(node) || ts.isExportSpecifier(node)) {
      if (node.propertyName === undefined) return;
      const given = this.#aliases.get(node.propertyName.text) ?? new Set();
      this.#aliases.set(node.propertyName.text, given.add(node.name.text));
      return;
    }
    if (ts.isIdentifier(node) && isValue(node)) {
      const known = this.#names.get(node.text);
      if (known === undefined) this.#names.set(node.text, [{ path, node }]);
      else known.push({ path, node });
    }
    ts.forEachChild(node, (child) => this.#read(path, child));
  }

  useOf(mutant: Mutant): Use {
    const found: Found = { marks: new Set(), testFiles: new Set(), seen: new Set(), isOpen: false };
    const file = this.#program.getSourceFile(this.#root + mutant.path)!;
    const node = nodeAt(file, mutant.start, mutant.end);
    const statement = statementOf(node);
    if (isInFunction(node)) this.#calledAtLoad(statement, file, found);
    else this.#changed(statement, mutant.path, entryOf(node, statement), found);
    return found;
  }

  /**
   * If a function runs while modules are loaded, its result is part of the values that are declared
   * by the statements that call the function.
   */
  #calledAtLoad(statement: ts.Statement, file: ts.SourceFile, found: Found): void {
    for (const symbol of this.#declared(statement)) {
      if (this.#wasSeen(symbol, "a call", found)) continue;
      for (const site of this.#sitesOf(symbol)) {
        if (site.node.getSourceFile() === file && site.isInFunction) {
          this.#calledAtLoad(site.statement, file, found);
        } else if (!site.isInFunction && site.statement !== statement) {
          this.#changed(site.statement, site.path, null, found);
        }
      }
    }
  }

  /** @param entry The changed entry of the table that the statement declares; null for all entries. */
  #changed(statement: ts.Statement, path: string, entry: string | null, found: Found): void {
    const symbols = this.#declared(statement);
    if (symbols.length === 0 && path.endsWith("_test.ts")) found.testFiles.add(path);
    else if (symbols.length === 0) found.isOpen = true;
    for (const symbol of symbols) {
      if (this.#wasSeen(symbol, entry ?? "*", found)) continue;
      for (const site of this.#sitesOf(symbol)) {
        if (entry !== null && site.entry !== null && site.entry !== entry) continue;
        if (site.isInFunction) found.marks.add(this.#mark(site));
        else if (site.statement !== statement) {
          this.#changed(site.statement, site.path, null, found);
        }
      }
    }
  }

  #wasSeen(symbol: ts.Symbol, what: string, found: Found): boolean {
    const number = this.#numbers.get(symbol) ?? this.#numbers.size;
    this.#numbers.set(symbol, number);
    const key = `${number} ${what}`;
    if (found.seen.has(key)) return true;
    found.seen.add(key);
    return false;
  }

  #mark({ path, node }: Site): number {
    const known = this.#markOf.get(node);
    if (known !== undefined) return known;
    const id = this.marks.length;
    const start = node.getStart();
    const isShorthand = ts.isShorthandPropertyAssignment(node.parent);
    this.marks.push({ id, path, start, end: node.end, isShorthand });
    this.#markOf.set(node, id);
    return id;
  }

  #sitesOf(symbol: ts.Symbol): readonly Site[] {
    const known = this.#sites.get(symbol);
    if (known !== undefined) return known;
    const names = [symbol.name, ...this.#aliases.get(symbol.name) ?? []];
    const sites = names.flatMap((name) => this.#names.get(name) ?? [])
      .filter(({ node }) => this.#meaningOf(node) === symbol)
      .map(({ path, node }): Site => {
        const { parent } = node;
        const isOwner = ts.isPropertyAccessExpression(parent) && parent.expression === node;
        return {
          path,
          node,
          entry: isOwner ? parent.name.text : null,
          isInFunction: isInFunction(node),
          statement: statementOf(node),
        };
      });
    this.#sites.set(symbol, sites);
    return sites;
  }

  #meaningOf(node: ts.Identifier): ts.Symbol | undefined {
    const symbol = ts.isShorthandPropertyAssignment(node.parent)
      ? this.#checker.getShorthandAssignmentValueSymbol(node.parent)
      : this.#checker.getSymbolAtLocation(node);
    const isAlias = symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  /** The names that a statement of a module declares. */
  #declared(statement: ts.Statement): ts.Symbol[] {
    const names: ts.Node[] = [];
    const collect = (name: ts.BindingName) => {
      if (ts.isIdentifier(name)) names.push(name);
      else for (const each of name.elements) if (ts.isBindingElement(each)) collect(each.name);
    };
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) collect(name);
    } else if (
      (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) &&
      statement.name !== undefined
    ) names.push(statement.name);
    return names.flatMap((name) => this.#checker.getSymbolAtLocation(name) ?? []);
  }
}

/**
 * Whether the identifier uses the name's value: it does not declare the name, and is not the name
 * of an entry or a member.
 */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isBindingElement(parent) && parent.propertyName === node) return false;
  if (ts.isImportClause(parent) || ts.isNamespaceImport(parent)) return false;
  if (isAssigned(node)) return false;
  return (parent as { name?: ts.Node }).name !== node;
}

/**
 * Whether the name is assigned to: `NAME = …`, `NAME += …`, `NAME++`. A mark cannot be placed
 * there, because a mark cannot be assigned to.
 */
function isAssigned(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPostfixUnaryExpression(parent)) return true;
  if (ts.isPrefixUnaryExpression(parent)) {
    return parent.operator === ts.SyntaxKind.PlusPlusToken ||
      parent.operator === ts.SyntaxKind.MinusMinusToken;
  }
  return ts.isBinaryExpression(parent) && parent.left === node &&
    parent.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
    parent.operatorToken.kind <= ts.SyntaxKind.LastAssignment;
}

function isInFunction(node: ts.Node): boolean {
  for (let at = node; !ts.isSourceFile(at); at = at.parent) {
    if (ts.isFunctionLike(at)) return true;
    if (ts.isPropertyDeclaration(at)) {
      return (ts.getCombinedModifierFlags(at) & ts.ModifierFlags.Static) === 0;
    }
  }
  return false;
}

/** The statement of the module in which a node lies. */
function statementOf(node: ts.Node): ts.Statement {
  let at = node;
  while (!ts.isSourceFile(at.parent)) at = at.parent;
  return at as ts.Statement;
}

/**
 * The name `P` if the node is inside the value in `const NAME = { P: … }` or in `static P = …`;
 * otherwise null.
 */
function entryOf(node: ts.Node, statement: ts.Statement): string | null {
  for (let at = node; at !== statement; at = at.parent) {
    const { parent } = at;
    if (
      (ts.isPropertyDeclaration(at) && parent === statement) ||
      (ts.isPropertyAssignment(at) && isWholeValue(parent))
    ) return "text" in at.name ? at.name.text : null;
  }
  return null;
}

/** Whether an object is the whole value of a constant of the module. */
function isWholeValue(object: ts.Node): boolean {
  let at = object.parent;
  while (ts.isAsExpression(at) || ts.isSatisfiesExpression(at)) at = at.parent;
  return ts.isVariableDeclaration(at) && ts.isSourceFile(at.parent.parent.parent);
}

/** The innermost node that contains a range. */
function nodeAt(file: ts.SourceFile, start: number, end: number): ts.Node {
  let found: ts.Node = file;
  const visit = (node: ts.Node): void => {
    if (node.getStart(file) > start || node.end < end) return;
    found = node;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
}
