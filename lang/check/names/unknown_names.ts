/**
 * Unknown names, and the most likely location of the mistake.
 *
 * A name is most often misspelled where it is used. There are two exceptions. If a function uses an
 * unknown name and is called with one argument too many, the function lacks a parameter. If a name
 * is bound and never used, while a similar name is used repeatedly and bound nowhere, the bound
 * name is misspelled.
 */
import { groupBy } from "@dmalab/runtime/basics";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { type Hint, nearestNames } from "../../diagnostics/suggest.ts";
import type { Span } from "../../source.ts";
import type { CallExpression, FunctionDeclaration } from "../../syntax/tree/ast.ts";
import type { CodeScope } from "./bindings.ts";

/**
 * Limit of the unknown names that are examined. A script with more than a hundred has another
 * problem.
 */
const MAX_EXAMINED = 100;

/** A use of an unknown name. */
export interface UnknownName {
  readonly name: string;
  readonly span: Span;
  /** The call, if the name is the called function. */
  readonly call: CallExpression | null;
  /** The outermost piece of code around the use. */
  readonly code: CodeScope;
  readonly inside: FunctionDeclaration | null;
  readonly hint: Hint | undefined;
}

/** A name that is bound and never used. */
export interface UnusedName {
  readonly name: string;
  readonly span: Span;
  /** The declaration of a function with that name; null for a value. */
  readonly declaration: FunctionDeclaration | null;
  /** The code in which the name is visible; null for the whole file. */
  readonly code: CodeScope | null;
}

/** The other names of a file, one of which may be meant by an unknown name. */
export interface NamesAround {
  readonly unused: readonly UnusedName[];
  readonly callsOf: (declaration: FunctionDeclaration) => readonly CallExpression[];
}

export function reportUnknownNames(
  unknown: readonly UnknownName[],
  around: NamesAround,
  bag: DiagnosticBag,
): void {
  const left = new Set(unknown);
  /** Calls of unknown functions, by the unused function that was meant. */
  const meant = new Map<FunctionDeclaration, readonly CallExpression[]>();
  for (const uses of groups(unknown).slice(0, MAX_EXAMINED)) {
    const bound = misspelled(uses, around.unused, bag);
    if (bound === null) continue;
    reportMisspelled(bound, uses, bag);
    for (const use of uses) left.delete(use);
    if (bound.declaration !== null) {
      meant.set(bound.declaration, uses.flatMap(({ call }) => call ?? []));
    }
  }
  const inside = new Set([...left].flatMap(({ inside }) => inside ?? []));
  for (const declaration of [...inside].slice(0, MAX_EXAMINED)) {
    const uses = [...left].filter(({ call, inside }) => inside === declaration && call === null);
    const calls = [...around.callsOf(declaration), ...meant.get(declaration) ?? []];
    if (!areParameters(uses, declaration, calls, around.unused)) continue;
    if (!meant.has(declaration)) reportParameters(uses, declaration, calls, bag);
    for (const use of uses) left.delete(use);
  }
  for (const { call, hint, name, span } of left) {
    if (call !== null) bag.error("E0303", span, `There is no function \`${name}\``, hint);
    else bag.error("E0301", span, `Nothing is called \`${name}\``, hint);
  }
}

/**
 * Groups uses by name: names of functions in the whole file, names of values within one piece of
 * code.
 */
function groups(unknown: readonly UnknownName[]): UnknownName[][] {
  const ofNames = groupBy(unknown, ({ name }) => name).values();
  return [...ofNames].flatMap((uses) => [
    ...groupBy(uses, ({ call, code }) => call === null ? code : null).values(),
  ]);
}

/**
 * The unused binding with a misspelled name, if these uses probably have the correct name. Null if
 * the uses are misspelled.
 */
function misspelled(
  uses: readonly UnknownName[],
  unused: readonly UnusedName[],
  bag: DiagnosticBag,
): UnusedName | null {
  const [{ call, code, name }] = uses as readonly [UnknownName, ...UnknownName[]];
  const candidates = unused.filter((bound) =>
    bound.name !== name && (bound.declaration !== null) === (call !== null) &&
    (bound.code === null || bound.code === code)
  );
  // The bound name starts with the used name. Either a space is missing in the bound name, or a
  // word that belongs elsewhere was added to it.
  const joined = candidates.find((bound) => name.length > 2 && bound.name.startsWith(name));
  if (joined !== undefined || uses.length < 2 || !bag.mayCompare(candidates.length)) {
    return joined ?? null;
  }
  const [nearest] = nearestNames(name, candidates.map((bound) => bound.name));
  return candidates.find((bound) => bound.name === nearest) ?? null;
}

function reportMisspelled(
  { declaration, name: bound, span }: UnusedName,
  uses: readonly UnknownName[],
  bag: DiagnosticBag,
): void {
  const [first] = uses as readonly [UnknownName, ...UnknownName[]];
  const count = uses.length === 1 ? "once" : `${uses.length} times`;
  const [used, made] = declaration === null ? ["used", "bound"] : ["called", "declared"];
  bag.add({
    code: declaration === null ? "E0301" : "E0303",
    severity: "error",
    span,
    message:
      `\`${bound}\` is never ${used}, but \`${first.name}\` is, ${count}, and is ${made} nowhere`,
    hint: "one of the two is misspelt",
    related: [{ span: first.span, message: `${used} here` }],
    fixes: [uses.length === 1 ? { span: first.span, text: bound } : { span, text: first.name }],
  });
}

/**
 * Whether calls of a function pass extra arguments that belong to the unknown names in the
 * function. The function then lacks parameters for these names.
 */
function areParameters(
  uses: readonly UnknownName[],
  declaration: FunctionDeclaration,
  calls: readonly CallExpression[],
  unused: readonly UnusedName[],
): boolean {
  const names = new Set(uses.map(({ name }) => name));
  const given = Math.max(...calls.map((call) => call.arguments.length));
  const surplus = given - declaration.parameters.length;
  if (names.size === 0 || surplus <= 0) return false;
  const idle = declaration.parameters.filter(({ span }) =>
    unused.some((bound) => bound.span === span)
  );
  return names.size <= surplus + idle.length;
}

function reportParameters(
  uses: readonly UnknownName[],
  declaration: FunctionDeclaration,
  calls: readonly CallExpression[],
  bag: DiagnosticBag,
): void {
  const firsts = new Map<string, Span>();
  for (const { name, span } of uses) if (!firsts.has(name)) firsts.set(name, span);
  const names = [...firsts.keys()].map((name) => `\`${name}\``);
  const takes = declaration.parameters.length;
  const call = calls.find(({ arguments: given }) => given.length > takes)!;
  const count = `${call.arguments.length} argument${call.arguments.length === 1 ? "" : "s"}`;
  bag.error(
    "E0301",
    declaration.name.span,
    `\`${declaration.name.text}\` uses ${names.join(" and ")}, but has no parameter${
      names.length === 1 ? " of that name" : "s of these names"
    }`,
    undefined,
    [
      ...[...firsts.values()].map((span) => ({ span, message: "used here" })),
      {
        span: call.span,
        message: `called with ${count} here, and it takes ${takes === 0 ? "none" : takes}`,
      },
    ],
  );
}
