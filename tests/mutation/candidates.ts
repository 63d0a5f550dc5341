/**
 * Every small change that could be made to a source: the candidates of mutation testing.
 *
 * TypeScript's own parser and types find the candidates, so that nearly all changed sources
 * compile. `+` is changed only between numbers, only arguments of the same type are swapped, and a
 * returned value is replaced by a value of its type.
 */
import { memberPaths } from "@dmalab/tools";
import ts from "typescript";

/** A possible change of a file. */
export interface Candidate {
  /** The file's path, from the project's folder, with `/`. */
  readonly path: string;
  /** Offsets of the replaced code; a whole expression or a whole statement. */
  readonly start: number;
  readonly end: number;
  /** The replacement; null for a statement, which can only be removed. */
  readonly replacement: string | null;
  /** From 1. */
  readonly line: number;
  /**
   * The function or the class member that contains the change, such as `IovaAllocator.free`; empty
   * at the top of the file.
   */
  readonly within: string;
  /**
   * The change as code, `a < b → a <= b`. For a number or a truth value, the code around the value
   * is included.
   */
  readonly change: string;
  /** Number of the change among the changes with the same text in the same function, from 1. */
  readonly nth: number;
}

/** The replacements for an operator; several if several slips are likely. */
const OTHER_OPERATORS: ReadonlyMap<ts.SyntaxKind, readonly string[]> = new Map([
  [ts.SyntaxKind.LessThanToken, ["<=", ">="]],
  [ts.SyntaxKind.LessThanEqualsToken, ["<", ">"]],
  [ts.SyntaxKind.GreaterThanToken, [">=", "<="]],
  [ts.SyntaxKind.GreaterThanEqualsToken, [">", "<"]],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, ["!=="]],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, ["==="]],
  [ts.SyntaxKind.AmpersandAmpersandToken, ["||"]],
  [ts.SyntaxKind.BarBarToken, ["&&"]],
  [ts.SyntaxKind.MinusToken, ["+"]],
  [ts.SyntaxKind.AsteriskToken, ["/"]],
  [ts.SyntaxKind.SlashToken, ["*"]],
  [ts.SyntaxKind.PercentToken, ["*"]],
  [ts.SyntaxKind.AmpersandToken, ["|"]],
  [ts.SyntaxKind.BarToken, ["&"]],
  [ts.SyntaxKind.CaretToken, ["&"]],
  [ts.SyntaxKind.LessThanLessThanToken, [">>"]],
  [ts.SyntaxKind.GreaterThanGreaterThanToken, ["<<"]],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken, ["<<"]],
  [ts.SyntaxKind.MinusEqualsToken, ["+="]],
  [ts.SyntaxKind.AsteriskEqualsToken, ["/="]],
  [ts.SyntaxKind.SlashEqualsToken, ["*="]],
  [ts.SyntaxKind.BarEqualsToken, ["&="]],
  [ts.SyntaxKind.AmpersandEqualsToken, ["|="]],
]);

/**
 * Comparison operators. A condition with one of them is not negated separately, because its
 * negation is among the replacements above.
 */
const COMPARISONS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
]);

const CHOICES: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

/** @param root The project's folder, or the folder of a copy. */
export function compilerOf(root: string): ts.CompilerOptions {
  return {
    allowImportingTsExtensions: true,
    exactOptionalPropertyTypes: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noEmit: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ESNext,
    types: [],
    paths: memberPaths(root),
  };
}

/**
 * Every candidate of some files, in the order of the files and of their text.
 *
 * @param root The project's folder, with a `/` at its end.
 * @param paths Paths relative to `root`.
 */
export function findCandidates(root: string, paths: readonly string[]): Candidate[] {
  const program = ts.createProgram(paths.map((path) => root + path), compilerOf(root));
  const checker = program.getTypeChecker();
  return paths.flatMap((path) => {
    const tree = program.getSourceFile(root + path);
    if (tree === undefined) throw new Error(`there is no file ${path}`);
    return new FileReader(path, tree, checker).candidates();
  });
}

/** The candidates of one file. */
class FileReader {
  readonly #path: string;
  readonly #tree: ts.SourceFile;
  readonly #checker: ts.TypeChecker;
  readonly #found: Candidate[] = [];
  /** How often each change has occurred in each function. */
  readonly #alike = new Map<string, number>();

  constructor(path: string, tree: ts.SourceFile, checker: ts.TypeChecker) {
    this.#path = path;
    this.#tree = tree;
    this.#checker = checker;
  }

  candidates(): Candidate[] {
    this.#visit(this.#tree);
    return this.#found;
  }

  #add(node: ts.Node, replacement: string | null): void {
    const start = node.getStart(this.#tree);
    const line = this.#tree.getLineAndCharacterOfPosition(start).line + 1;
    const [within, change] = [formatLocation(node), this.#change(node, replacement)];
    const nth = (this.#alike.get(`${within}: ${change}`) ?? 0) + 1;
    this.#alike.set(`${within}: ${change}`, nth);
    this.#found.push({
      path: this.#path,
      start,
      end: node.end,
      replacement,
      line,
      within,
      change,
      nth,
    });
  }

  #change(node: ts.Node, replacement: string | null): string {
    const around = isLiteral(node) ? holderOf(node) : node;
    const [start, end] = [around.getStart(this.#tree), around.end];
    const changed = this.#tree.text.slice(start, node.getStart(this.#tree)) +
      (replacement ?? "nothing") + this.#tree.text.slice(node.end, end);
    return changeText(oneLine(this.#text(around)), oneLine(changed));
  }

  #text(node: ts.Node): string {
    return node.getText(this.#tree);
  }

  #visit(node: ts.Node): void {
    if (isOnlyForTypes(node) || continuesChain(node) || isOwnCheck(node)) return;
    if (ts.isBinaryExpression(node)) this.#binary(node);
    else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
      this.#unary(node);
    } else if (ts.isNumericLiteral(node) || ts.isBigIntLiteral(node)) this.#number(node);
    else if (node.kind === ts.SyntaxKind.TrueKeyword) this.#add(node, "false");
    else if (node.kind === ts.SyntaxKind.FalseKeyword) this.#add(node, "true");
    else if (isSentence(node)) this.#add(node, '""');
    else if (ts.isCallExpression(node) || ts.isNewExpression(node)) this.#arguments(node);
    else if (ts.isExpressionStatement(node)) this.#statement(node);
    else if (ts.isReturnStatement(node) && node.expression !== undefined) {
      this.#returned(node.expression);
    } else if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) this.#returned(node.body);
    const condition = conditionOf(node);
    if (condition !== undefined) this.#negate(condition);
    ts.forEachChild(node, (child) => this.#visit(child));
  }

  #binary(node: ts.BinaryExpression): void {
    const operator = node.operatorToken.kind;
    const [left, right] = [this.#text(node.left), this.#text(node.right)];
    const put = (text: string) => this.#add(node, `${left} ${text} ${right}`);
    if (operator === ts.SyntaxKind.PlusToken || operator === ts.SyntaxKind.PlusEqualsToken) {
      if (this.#isNumber(node.left) && this.#isNumber(node.right)) {
        put(operator === ts.SyntaxKind.PlusToken ? "-" : "-=");
      }
    } else if (operator === ts.SyntaxKind.QuestionQuestionToken) {
      // Only the left side is removed: without the right side the code would rarely compile.
      this.#add(node, right);
    } else for (const other of OTHER_OPERATORS.get(operator) ?? []) put(other);
    if (
      operator === ts.SyntaxKind.AmpersandAmpersandToken || operator === ts.SyntaxKind.BarBarToken
    ) {
      this.#negate(node.left);
      this.#negate(node.right);
    }
  }

  #unary(node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression): void {
    const operand = this.#text(node.operand);
    const prefix = ts.isPrefixUnaryExpression(node);
    if (node.operator === ts.SyntaxKind.PlusPlusToken) {
      this.#add(node, prefix ? `--${operand}` : `${operand}--`);
    } else if (node.operator === ts.SyntaxKind.MinusMinusToken) {
      this.#add(node, prefix ? `++${operand}` : `${operand}++`);
    } else this.#add(node, operand);
  }

  #number(node: ts.NumericLiteral | ts.BigIntLiteral): void {
    if (!ts.isExpression(node.parent) && isNameOf(node, node.parent)) return;
    const one = ts.isBigIntLiteral(node) ? "1n" : "1";
    this.#add(node, `${this.#text(node)} + ${one}`);
    if (!/^0n?$/.test(this.#text(node))) this.#add(node, `${this.#text(node)} - ${one}`);
  }

  /** Swaps neighbouring arguments, if each can be assigned to the other's parameter. */
  #arguments(node: ts.CallExpression | ts.NewExpression): void {
    const given = node.arguments ?? ts.factory.createNodeArray();
    if (given.length < 2 || /^Math\.(min|max)$/.test(this.#text(node.expression))) return;
    const places = this.#checker.getResolvedSignature(node)?.parameters ?? [];
    for (let index = 0; index + 1 < given.length; index++) {
      const texts = given.map((each) => this.#text(each));
      if (texts[index] === texts[index + 1]) continue;
      const [first, second] = [given[index]!, given[index + 1]!];
      if (ts.isSpreadElement(first) || ts.isSpreadElement(second)) continue;
      if (!this.#fits(first, places[index + 1], node)) continue;
      if (!this.#fits(second, places[index], node)) continue;
      [texts[index], texts[index + 1]] = [texts[index + 1]!, texts[index]!];
      const head = this.#tree.text.slice(node.getStart(this.#tree), given.pos);
      this.#add(node, `${head}${texts.join(", ")})`);
    }
  }

  /** Whether a value can be assigned to a parameter; false for rest parameters. */
  #fits(value: ts.Expression, parameter: ts.Symbol | undefined, call: ts.Node): boolean {
    if (parameter === undefined) return false;
    const type = this.#checker.getTypeOfSymbolAtLocation(parameter, call);
    if ((type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0) return false;
    return this.#checker.isTypeAssignableTo(this.#checker.getTypeAtLocation(value), type);
  }

  /** Removes a call or an assignment that is a statement. */
  #statement(node: ts.ExpressionStatement): void {
    const { expression } = node;
    const isSuper = ts.isCallExpression(expression) &&
      expression.expression.kind === ts.SyntaxKind.SuperKeyword;
    if (!isSuper && !ts.isStringLiteral(expression)) this.#add(node, null);
  }

  #returned(node: ts.Expression): void {
    const text = this.#text(node);
    const type = this.#checker.getTypeAtLocation(node);
    if (isOf(type, ts.TypeFlags.BooleanLike)) {
      for (const value of ["true", "false"]) {
        if (text !== "true" && text !== "false") this.#add(node, value);
      }
    } else if (isOf(type, ts.TypeFlags.NumberLike)) {
      const isZero = type.isNumberLiteral() && type.value === 0;
      if (!isZero && !ts.isNumericLiteral(node)) this.#add(node, "0");
    } else if (isOf(type, ts.TypeFlags.StringLike) && !type.isStringLiteral()) {
      if (!isSentence(node) && !type.isUnion()) this.#add(node, '""');
    }
  }

  #negate(node: ts.Expression): void {
    const inner = ts.isParenthesizedExpression(node) ? node.expression : node;
    if (ts.isBinaryExpression(inner)) {
      const { kind } = inner.operatorToken;
      if (COMPARISONS.has(kind) || CHOICES.has(kind)) return;
    }
    if (ts.isPrefixUnaryExpression(inner)) return;
    if (inner.kind === ts.SyntaxKind.TrueKeyword || inner.kind === ts.SyntaxKind.FalseKeyword) {
      return;
    }
    this.#add(node, `!(${this.#text(node)})`);
  }

  #isNumber(node: ts.Expression): boolean {
    const type = this.#checker.getTypeAtLocation(node);
    return isOf(type, ts.TypeFlags.NumberLike) || isOf(type, ts.TypeFlags.BigIntLike);
  }
}

/** Whether a type has these flags; also for branded types and for unions of such types. */
function isOf(type: ts.Type, flags: ts.TypeFlags): boolean {
  if ((type.flags & flags) !== 0) return true;
  if (type.isIntersection()) return type.types.some((each) => isOf(each, flags));
  return type.isUnion() && type.types.every((each) => isOf(each, flags));
}

/** Whether a node has no code at run time, or contains only names, such as an import. */
function isOnlyForTypes(node: ts.Node): boolean {
  return ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) || ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) || ts.isEnumDeclaration(node);
}

/**
 * Whether a node is `invariant(…)` or `new InvariantError(…)`. These check for errors in dmalab
 * itself, and never fail.
 */
function isOwnCheck(node: ts.Node): boolean {
  const inner = ts.isExpressionStatement(node) ? node.expression : node;
  return (ts.isCallExpression(inner) || ts.isNewExpression(inner)) &&
    /^invariant$|InvariantError$/.test(inner.expression.getText());
}

/**
 * Whether a node is like `b()` in `a?.b().c`. If such a node were put in separate brackets, it
 * would no longer be skipped together with the rest of its chain.
 */
function continuesChain(node: ts.Node): boolean {
  return ts.isOptionalChain(node) && ts.isOptionalChain(node.parent) &&
    node.parent.expression === node;
}

function isNameOf(node: ts.Node, parent: ts.Node): boolean {
  return (parent as { name?: ts.Node }).name === node;
}

/** Whether a node is a text for people: it contains a blank. */
function isSentence(node: ts.Node): boolean {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
    return !isNameOf(node, node.parent) && node.text.trim().includes(" ");
  }
  return ts.isTemplateExpression(node) && !ts.isTaggedTemplateExpression(node.parent) &&
    [node.head, ...node.templateSpans.map(({ literal }) => literal)]
      .some(({ text }) => text.includes(" "));
}

function conditionOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) {
    return node.expression;
  }
  return ts.isForStatement(node) || ts.isConditionalExpression(node) ? node.condition : undefined;
}

function isLiteral(node: ts.Node): boolean {
  return ts.isNumericLiteral(node) || ts.isBigIntLiteral(node) ||
    node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword;
}

/**
 * The code around a literal, if this code is short and no block. It identifies the place, which a
 * literal alone does not.
 */
function holderOf(node: ts.Node): ts.Node {
  const { parent } = node;
  if (ts.isBlock(parent) || ts.isSourceFile(parent) || parent.getText().length > 60) return node;
  return ts.isPrefixUnaryExpression(parent) || ts.isParenthesizedExpression(parent)
    ? holderOf(parent)
    : parent;
}

/** The names of the declarations around a node, outermost first. */
function formatLocation(node: ts.Node): string {
  const names: string[] = [];
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if (ts.isConstructorDeclaration(at)) names.unshift("constructor");
    else if (
      ts.isFunctionDeclaration(at) || ts.isClassLike(at) || ts.isClassElement(at) ||
      (ts.isVariableDeclaration(at) && ts.isSourceFile(at.parent.parent.parent))
    ) names.unshift(at.name?.getText() ?? "");
  }
  return names.join(".");
}

/** Largest number of characters of a change that are shown. */
const SHORT_CHANGE = 140;
/** For a longer change, number of characters shown on each side of the difference. */
const BESIDE = 25;

function changeText(before: string, after: string): string {
  if (before.length + after.length <= SHORT_CHANGE) return `${before} → ${after}`;
  if (after === "nothing") return `${before.slice(0, SHORT_CHANGE)}… → nothing`;
  const most = Math.min(before.length, after.length);
  let first = 0;
  while (first < most && before[first] === after[first]) first++;
  let last = 0;
  while (last < most - first && before.at(-1 - last) === after.at(-1 - last)) last++;
  const part = (text: string) =>
    text.slice(Math.max(0, first - BESIDE), text.length - Math.max(0, last - BESIDE))
      .slice(0, SHORT_CHANGE);
  return `…${part(before)}… → …${part(after)}…`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
