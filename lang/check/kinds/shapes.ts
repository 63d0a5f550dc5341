/**
 * What is known, before the run, of the inside of lists and records: the kind of their items, the
 * names and kinds of their entries. What a literal holds is what a name for it holds, as long as the
 * name is given nothing else, and nothing is changed in place: of entries that the program changes
 * anywhere, and of items where it changes any list, nothing is known.
 */
import type { Registry } from "../../values/registry.ts";
import type { Contents, FromItems, Kind } from "../../values/spec.ts";
import type {
  CallExpression,
  Expression,
  FieldExpression,
  FunctionDeclaration,
} from "../../syntax/tree/ast.ts";
import { BRANCH_NAMES } from "../../values/branch_outcome.ts";
import { isNumeric, rangeEndsKind } from "../../values/kinds.ts";
import { findField, findMethod, typeOfKind } from "../../values/types.ts";
import type { Resolution, Variable } from "../names/bindings.ts";
import { isSequenceCall } from "./sequence_call.ts";
import type { FunctionResults } from "./function_results.ts";

/** A kind, and what is known of what is inside. */
export interface Shape {
  readonly kind: Kind;
  /** What each item of a list is; null when nothing is known of them. */
  readonly item: Shape | null;
  /** The entries of a record; null when they are not known. */
  readonly entries: ReadonlyMap<string, Shape> | null;
  /** What made it an item or an entry: an item of a list, the body of a lambda; null elsewhere. */
  readonly madeBy: Expression | null;
}

/** How far a value is followed back: the host's stack is no place for a chain of ten thousand. */
const CHAIN_LIMIT = 50;

/** A kind of which no more is known. */
function plainShape(kind: Kind): Shape {
  return { kind, item: null, entries: null, madeBy: null };
}

const UNKNOWN = plainShape("any");

export class Shapes {
  readonly #known = new Map<Expression, Shape>();
  /** Parameters of lambdas that are called with items. */
  readonly #parameters = new Map<Variable, Shape>();
  #depth = 0;

  constructor(
    readonly kindOf: (expression: Expression) => Kind,
    readonly resolution: Resolution,
    readonly registry: Registry,
    readonly results: FunctionResults,
  ) {}

  /** What is known of a value. */
  of(expression: Expression): Shape {
    const known = this.#known.get(expression);
    if (known !== undefined) return known;
    if (this.#depth >= CHAIN_LIMIT) return UNKNOWN;
    // Asking again while this is being worked out is a cycle.
    this.#known.set(expression, UNKNOWN);
    this.#depth++;
    const shape = this.#infer(expression);
    this.#depth--;
    this.#known.set(expression, shape);
    return shape;
  }

  /** What the items of a list, or of whatever else can be walked, are. */
  item(values: Expression): Shape {
    return this.of(values).item ?? UNKNOWN;
  }

  /** The kind of a lambda's parameter, where it is known what it is called with. */
  parameter(variable: Variable): Kind {
    return this.#parameters.get(variable)?.kind ?? "any";
  }

  /** Takes note of what a method hands to a lambda, before the lambda is looked at. */
  noteLambda({ arguments: given }: CallExpression, callee: FieldExpression): void {
    const [argument] = given;
    if (argument?.value.kind !== "Lambda" || argument.value.parameters.length !== 1) return;
    const variable = this.resolution.variables.get(argument.value.parameters[0]!);
    if (variable === undefined) return;
    const called = this.#calledWith(callee);
    if (called === null) return;
    const item = called === "item" ? this.item(callee.object) : plainShape(called);
    this.#parameters.set(variable, item);
  }

  /** What a method calls its function with; null where it takes none that is known. */
  #calledWith({ field, object }: FieldExpression): Kind | "item" | null {
    const type = typeOfKind(this.kindOf(object), this.registry.types);
    const method = type === undefined ? null : findMethod(type, field.text);
    return method?.parameters[0]?.calledWith ?? null;
  }

  #infer(expression: Expression): Shape {
    const kind = this.kindOf(expression);
    const plain = plainShape(kind);
    switch (expression.kind) {
      case "List":
        return {
          ...plain,
          item: this.#items(joined(expression.items.map((item) => this.#madeBy(item)))),
        };
      case "Record": {
        const entries = expression.entries.map(({ key, value }) => this.#entry(key.text, value));
        return this.#record(new Map(entries));
      }
      case "Name":
        return this.#named(expression) ?? plain;
      case "Field":
        return this.#field(expression) ?? plain;
      case "Index":
        return kind === "string" ? plain : this.of(expression.object).item ?? plain;
      case "Call":
        return this.#call(expression) ?? plain;
      case "Range": {
        const ends = [expression.first, expression.last].map((end) => this.kindOf(end));
        const item = rangeEndsKind(ends[0]!, ends[1]!);
        return { ...plain, item: item === null ? null : plainShape(item) };
      }
      case "Try": {
        // Nothing is left for a second `try` to take.
        if (expression.operand.kind === "Try") return plain;
        const value = this.#madeBy(expression.operand);
        // The value is none where the operand has raised.
        const entries = { ok: plainShape("bool"), error: UNKNOWN, value };
        return { ...plain, entries: new Map(Object.entries(entries)) };
      }
      case "Compare":
        return shapeOf("list", "@outcome");
      case "Fork":
        return {
          ...plain,
          entries: new Map(
            expression.branches.map((_, at) => [BRANCH_NAMES[at]!, plainShape("@outcome")]),
          ),
        };
      case "Binary": {
        if (expression.operator !== "+" || kind !== "list") return plain;
        return {
          ...plain,
          item: this.#items(joined([this.item(expression.left), this.item(expression.right)])),
        };
      }
      case "CopyWith":
        return this.#copied(expression) ?? plain;
      case "IfValue":
        return joined([this.of(expression.then), this.of(expression.otherwise)]) ?? plain;
      case "MatchValue":
        return joined(expression.arms.map(({ value }) => this.of(value))) ?? plain;
      case "Integer":
      case "Ratio":
      case "Size":
      case "Duration":
      case "String":
      case "Bytes":
      case "Boolean":
      case "None":
      case "Lambda":
      case "Unary":
      case "Cast":
      case "Trace":
      case "Race":
      case "ErrorExpression":
        return plain;
    }
  }

  /** What a value is once it is an item or an entry. */
  #madeBy(expression: Expression): Shape {
    return { ...this.of(expression), madeBy: expression };
  }

  /** Items of a list that the script made: nothing is known of them where any such list changes. */
  #items(item: Shape | null): Shape | null {
    return this.resolution.changes.items ? null : item;
  }

  /** An entry of a record that the script made: somewhere it may be given another value. */
  #entry(name: string, value: Expression): readonly [string, Shape] {
    const { anyEntry, entries } = this.resolution.changes;
    return [name, anyEntry || entries.has(name) ? UNKNOWN : this.#madeBy(value)];
  }

  #record(entries: ReadonlyMap<string, Shape>): Shape {
    const { changes } = this.resolution;
    return { ...plainShape("record"), entries: changes.names ? null : entries };
  }

  /** A record with other values for some entries. */
  #copied({ entries, object }: Extract<Expression, { kind: "CopyWith" }>): Shape | null {
    const known = this.of(object).entries;
    if (known === null) return null;
    const changed = entries.filter(({ key }) => known.has(key.text)).map(({ key, value }) =>
      this.#entry(key.text, value)
    );
    return this.#record(new Map([...known, ...changed]));
  }

  #named(expression: Extract<Expression, { kind: "Name" }>): Shape | null {
    const binding = this.resolution.names.get(expression);
    if (binding?.kind === "const") return this.of(binding.declaration.value);
    if (binding?.kind !== "variable") return null;
    const known = this.#parameters.get(binding);
    if (known !== undefined) return known;
    const { assigned, owner, role, source } = binding;
    if (owner === null || source === null || assigned.length > 0) return null;
    return role === "let" || isSequenceCall(source) ? this.of(source) : this.of(source).item;
  }

  #field({ field, object }: FieldExpression): Shape | null {
    const { entries, item, kind } = this.of(object);
    const entry = entries?.get(field.text);
    if (entry !== undefined) return entry;
    const type = kind === "record" ? undefined : typeOfKind(kind, this.registry.types);
    const spec = type === undefined ? null : findField(type, field.text);
    if (spec === null) return null;
    return spec.gives === undefined
      ? shapeOf(spec.kind, spec.of)
      : this.#fromItems(spec.gives, item, null);
  }

  #call(call: CallExpression): Shape | null {
    const { callee } = call;
    if (callee.kind === "Name") {
      const binding = this.resolution.names.get(callee);
      if (binding?.kind === "function") return this.#returned(binding.declaration);
      return binding?.kind === "builtin" ? shapeOf(binding.spec.result, binding.spec.of) : null;
    }
    if (callee.kind !== "Field") return null;
    const { item, kind } = this.of(callee.object);
    const type = typeOfKind(kind, this.registry.types);
    const method = type === undefined ? null : findMethod(type, callee.field.text);
    if (method === null) return null;
    return method.gives === undefined
      ? shapeOf(method.result, method.of)
      : this.#fromItems(method.gives, item, call);
  }

  /** What a member of a list gives, by what is known of its items. */
  #fromItems(gives: FromItems, item: Shape | null, call: CallExpression | null): Shape | null {
    switch (gives) {
      case "items":
        return { ...plainShape("list"), item: this.#items(item) };
      case "item":
        return item;
      case "sum":
        return isNumber(item) ? item : null;
      case "mapped":
        return call === null ? null : this.#mapped(call);
    }
  }

  /** What a function of the script gives, where there is only one way out of it. */
  #returned(declaration: FunctionDeclaration): Shape | null {
    const { endsInReturn, values } = this.results.of(declaration);
    const [value, ...others] = values;
    return !endsInReturn || others.length > 0 || value === undefined || value === null
      ? null
      : this.of(value);
  }

  #mapped({ arguments: given }: CallExpression): Shape | null {
    const body = given[0]?.value;
    if (body?.kind !== "Lambda") return null;
    return { ...plainShape("list"), item: this.#items(this.#madeBy(body.body)) };
  }
}

/** What a builtin says of what it gives. */
function shapeOf(kind: Kind, contents: Contents | undefined): Shape {
  if (contents === undefined) return plainShape(kind);
  const inner = shapeOfContents(contents);
  return kind === "list" ? { ...plainShape(kind), item: inner } : inner;
}

function shapeOfContents(contents: Contents): Shape {
  if (typeof contents === "string") return plainShape(contents);
  // `Array.isArray` does not tell a list that is readonly from a record.
  if (0 in contents) return shapeOf("list", contents[0]);
  const entries = Object.entries(contents).map(([name, entry]) =>
    [name, shapeOfContents(entry)] as const
  );
  return { ...plainShape("record"), entries: new Map(entries) };
}

function isNumber(shape: Shape | null): boolean {
  return shape !== null && isNumeric(shape.kind);
}

/** What several values have in common. */
function joined(shapes: readonly Shape[]): Shape | null {
  const [first, ...others] = shapes;
  if (first === undefined) return null;
  const kind = others.every((other) => other.kind === first.kind) ? first.kind : "any";
  const isRecord = kind === "record" && shapes.every(({ entries }) => hasKeys(entries, first));
  return {
    kind,
    item: kind === "list" ? joinedOrNull(shapes.map(({ item }) => item)) : null,
    entries: !isRecord ? null : new Map(
      [...first.entries!.keys()].map((key) =>
        [key, joined(shapes.map(({ entries }) => entries!.get(key)!))!] as const
      ),
    ),
    madeBy: kind === "any" ? null : first.madeBy,
  };
}

function joinedOrNull(shapes: readonly (Shape | null)[]): Shape | null {
  const known = shapes.filter((shape) => shape !== null);
  return known.length === shapes.length ? joined(known) : null;
}

function hasKeys(entries: ReadonlyMap<string, Shape> | null, { entries: wanted }: Shape): boolean {
  return entries !== null && wanted !== null && entries.size === wanted.size &&
    [...wanted.keys()].every((key) => entries.has(key));
}
