/**
 * Private methods that can be functions beside their class: V8 compiles a method early only as such.
 *
 * With a name in place of a private one, each call would look for it, and a long run takes a sixth
 * longer. A function that a variable holds is found as a private method is. `this.#map(page)` becomes
 * `$own0(this,page)`, and the method a function whose first parameter is what was `this`. It is made
 * within its class still, where it may use what else is private.
 */
import ts from "typescript";
import { type Edit, unusedName } from "./edits.ts";

export interface OwnFunctions {
  /** The variable that holds what a method becomes; they are the file's. */
  readonly names: ReadonlyMap<ts.ClassElement, string>;
  /** The parameter that stands for `this`. */
  readonly self: string;
  /** How the methods are called then, and `this` in them. */
  readonly edits: readonly Edit[];
}

/** A call `receiver.#method(…)`. */
interface OwnCall {
  readonly call: ts.CallExpression;
  readonly method: ts.ClassElement;
}

/**
 * Finds the private methods of a file that can be functions.
 *
 * @param hasRun Whether a method is wanted early.
 */
export function findOwnFunctions(
  file: ts.SourceFile,
  hasRun: (method: ts.Node) => boolean,
): OwnFunctions {
  const { calls, otherwiseUsed } = findUses(file);
  const prefix = unusedName(file.text, "$own");
  const names = new Map<ts.ClassElement, string>();
  for (const { method } of calls) {
    if (names.has(method) || otherwiseUsed.has(method)) continue;
    if (hasRun(method) && canBeFunction(method)) names.set(method, `${prefix}${names.size}`);
  }
  const self = unusedName(file.text, "$self");
  const edits: Edit[] = [];
  // A receiver that is such a call itself begins at the same place, and was found first.
  for (const { call, method } of calls.toReversed()) {
    const name = names.get(method);
    if (name !== undefined) edits.push(...calledByName(call, name));
  }
  for (const method of names.keys()) renameThis(method, self, edits);
  return { names, self, edits };
}

/** Where private members are called, and which are used in any other way. */
function findUses(file: ts.SourceFile): {
  readonly calls: readonly OwnCall[];
  readonly otherwiseUsed: ReadonlySet<ts.ClassElement>;
} {
  const calls: OwnCall[] = [];
  const otherwiseUsed = new Set<ts.ClassElement>();
  /** The private members of the classes around a node, the innermost last. */
  const around: ReadonlyMap<string, ts.ClassElement>[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isClassLike(node)) {
      around.push(privateMembers(node));
      ts.forEachChild(node, visit);
      around.pop();
      return;
    }
    if (ts.isPrivateIdentifier(node) && !ts.isClassElement(node.parent)) {
      const method = around.findLast((members) => members.has(node.text))!.get(node.text)!;
      const call = callOf(node);
      if (call === null) otherwiseUsed.add(method);
      else calls.push({ call, method });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { calls, otherwiseUsed };
}

/** The call that a private name is used for; null for any other use. */
function callOf(name: ts.PrivateIdentifier): ts.CallExpression | null {
  const { parent: access } = name;
  if (!ts.isPropertyAccessExpression(access) || !ts.isCallExpression(access.parent)) return null;
  const call = access.parent;
  // After `?.` the arguments may be left alone.
  const isPlain = call.expression === access && (call.flags & ts.NodeFlags.OptionalChain) === 0;
  return isPlain ? call : null;
}

function privateMembers(node: ts.ClassLikeDeclaration): ReadonlyMap<string, ts.ClassElement> {
  const members = node.members.flatMap((member) =>
    member.name !== undefined && ts.isPrivateIdentifier(member.name)
      ? [[member.name.text, member] as const]
      : []
  );
  return new Map(members);
}

/** Whether a member is a method that does not depend on being one. */
function canBeFunction(member: ts.ClassElement): member is ts.MethodDeclaration {
  return ts.isMethodDeclaration(member) && !isStatic(member) && isMadeOnce(member.parent) &&
    !someWithin(member, dependsOnMethod);
}

function dependsOnMethod(node: ts.Node): boolean {
  return node.kind === ts.SyntaxKind.SuperKeyword || ts.isMetaProperty(node) ||
    ts.isIdentifier(node) && node.text === "arguments";
}

/** Whether there is one class only: its functions have one variable each. */
function isMadeOnce(node: ts.Node): boolean {
  for (let outer = node.parent; !ts.isSourceFile(outer); outer = outer.parent) {
    const isRepeated = ts.isFunctionLike(outer) || ts.isIterationStatement(outer, false) ||
      ts.isPropertyDeclaration(outer);
    if (isRepeated) return false;
  }
  return true;
}

export function isStatic(member: ts.ClassElement): boolean {
  return (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static) !== 0;
}

/** Whether a node, or one within it, is like this. */
export function someWithin(node: ts.Node, test: (node: ts.Node) => boolean): boolean {
  return test(node) ||
    ts.forEachChild(node, (child) => someWithin(child, test) || undefined) === true;
}

/** `receiver.#map(page)` as `$own0(receiver,page)`. */
function calledByName(call: ts.CallExpression, name: string): readonly Edit[] {
  const { expression: receiver } = call.expression as ts.PropertyAccessExpression;
  const start = receiver.getStart();
  const comma = call.arguments.length > 0 ? "," : "";
  return [
    { start, end: start, text: `${name}(` },
    { start: receiver.end, end: call.arguments.pos, text: comma },
  ];
}

/** What `this` is in a method is a parameter of the function. */
function renameThis(method: ts.Node, self: string, edits: Edit[]): void {
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.ThisKeyword) {
      edits.push({ start: node.getStart(), end: node.end, text: self });
    }
    // These have one of their own.
    const hasOwn = ts.isClassLike(node) || ts.isFunctionLike(node) && !ts.isArrowFunction(node);
    if (!hasOwn) ts.forEachChild(node, visit);
  };
  ts.forEachChild(method, visit);
}
