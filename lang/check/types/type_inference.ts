/**
 * Works out the kind of every expression, and of what is in it, as far as it can be known before the
 * run, and reports mixes that have no meaning. What cannot be known is `any` and is checked while the
 * script runs.
 */
import { countType } from "../names/bench_names.ts";
import type { Registry } from "../../values/registry.ts";
import type { Type } from "../../values/spec.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type {
  AssignStatement,
  CallExpression,
  ChangeStatement,
  Expression,
  FunctionDeclaration,
  Name,
} from "../../syntax/tree/ast.ts";
import { BRANCH_NAMES } from "../../values/branch_outcome.ts";
import { rangeEndsType, typeText } from "../../values/value_types.ts";
import { checkArms } from "./arms.ts";
import { CallTypes } from "./call_types.ts";
import { checkChange, checkCopy } from "./changed_places.ts";
import type { NameBinding, Resolution, Variable } from "../names/bindings.ts";
import type { FunctionResults } from "./function_results.ts";
import { MemberTypes } from "./member_types.ts";
import type { TypeMismatches } from "./type_mismatches.ts";
import { OperatorTypes } from "./operator_types.ts";
import { joined, plainShape, recordShape, shapeOf, type StructuralType, UNKNOWN } from "./shape.ts";

/**
 * How far a kind is followed from one declaration to the next. Beyond it a kind counts as not
 * known: the host's stack is no place for a chain of ten thousand functions.
 */
const CHAIN_LIMIT = 100;

export class TypeInference {
  readonly #operators: OperatorTypes;
  readonly #members: MemberTypes;
  readonly #calls: CallTypes;
  readonly #shapes = new Map<Expression, StructuralType>();
  readonly #pending = new Set<Expression>();
  #chain = 0;
  readonly #variables = new Map<Variable, StructuralType>();
  readonly #functions = new Map<FunctionDeclaration, StructuralType>();

  constructor(
    readonly resolution: Resolution,
    readonly registry: Registry,
    readonly bag: DiagnosticBag,
    readonly mismatches: TypeMismatches,
    readonly results: FunctionResults,
  ) {
    this.#operators = new OperatorTypes(this, bag, mismatches);
    this.#members = new MemberTypes(this);
    this.#calls = new CallTypes(this, this.#members);
  }

  /** The kind of an expression; errors inside it are reported the first time it is asked for. */
  kindOf(expression: Expression): Type {
    return this.shapeOf(expression).type;
  }

  /** The same with what is known of its inside. */
  shapeOf(expression: Expression): StructuralType {
    let shape = this.#shapes.get(expression);
    if (shape !== undefined) return shape;
    // What is asked again while it is being worked out goes round in a circle.
    if (this.#pending.has(expression)) return UNKNOWN;
    this.#pending.add(expression);
    shape = this.#infer(expression);
    this.#pending.delete(expression);
    this.#shapes.set(expression, shape);
    return shape;
  }

  /** What made the item of a list or the entry of a record that an expression takes, if it does. */
  madeBy(expression: Expression): Expression | null {
    return this.shapeOf(expression).madeBy;
  }

  /** Reports a condition that can be neither true nor false. */
  requireBool(expression: Expression, what: string): void {
    const type = this.kindOf(expression);
    if (type === "bool" || type === "any") return;
    const message = `${what} takes true or false, but this is ${typeText(type)}`;
    const hint = type === "nothing" ? "compare it: `x != none`" : undefined;
    this.mismatches.wrong("E0403", expression, type, message, hint);
  }

  /** What a `for` or `forall` gives its variable: an item of what it walks. */
  item(values: Expression): StructuralType {
    const { item, type } = this.shapeOf(values);
    return item ?? (type === "bytes" ? plainShape("int") : UNKNOWN);
  }

  #infer(expression: Expression): StructuralType {
    switch (expression.kind) {
      case "Integer":
        return plainShape("int");
      case "Ratio":
        return plainShape("ratio");
      case "Size":
        return plainShape("size");
      case "Duration":
        return plainShape("duration");
      case "String":
        for (const part of expression.parts) if (typeof part !== "string") this.kindOf(part);
        return plainShape("string");
      case "Bytes":
        return plainShape("bytes");
      case "Boolean":
        return plainShape("bool");
      case "None":
        return plainShape("nothing");
      case "Name":
        return this.#count(expression) ?? this.#bound(this.resolution.names.get(expression));
      case "List":
        return this.#list(expression.items.map((item) => this.madeShape(item)));
      case "Record":
        return this.#record(expression.entries.map((entry) => this.#entry(entry)));
      case "Lambda":
        this.kindOf(expression.body);
        return plainShape("function");
      case "Unary":
        return plainShape(this.#operators.unary(expression.operator, expression.operand));
      case "Try":
        return this.#tried(expression.operand);
      case "Binary": {
        const type = this.#operators.binary(expression);
        if (expression.operator !== "+" || type !== "list") return plainShape(type);
        return this.#list([this.item(expression.left), this.item(expression.right)]);
      }
      case "Range": {
        const item = rangeEndsType(this.kindOf(expression.first), this.kindOf(expression.last));
        const range = plainShape(this.#operators.range(expression));
        return { ...range, item: item === null ? null : plainShape(item) };
      }
      case "Cast":
        return plainShape(this.#operators.cast(expression));
      case "Call":
        return this.#calls.call(expression);
      case "Index":
        return this.#members.index(expression);
      case "Field":
        if (this.resolution.eventNames.has(expression)) return plainShape("string");
        return this.#count(expression) ?? this.#members.field(expression);
      case "CopyWith":
        return this.#copied(expression);
      case "IfValue":
        this.requireBool(expression.condition, "`if`");
        return this.#anyOf([expression.then, expression.otherwise]);
      case "MatchValue": {
        const arms = expression.arms.map(({ pattern, value }) => ({ pattern, behind: value.span }));
        checkArms(expression.subject, arms, this, this.bag);
        return this.#anyOf(expression.arms.map(({ value }) => value));
      }
      case "Trace":
        return this.registry.types.has("trace") ? plainShape("@trace") : UNKNOWN;
      case "Compare":
        return shapeOf("list", "@outcome");
      case "Fork":
        return recordShape(
          // More blocks than names are reported.
          BRANCH_NAMES.slice(0, expression.branches.length)
            .map((name) => [name, plainShape("@outcome")]),
        );
      case "Race":
        return plainShape("record");
      case "ErrorExpression":
        return UNKNOWN;
    }
  }

  // Lists and records that the script makes.

  /** What a value is once it is an item or an entry. */
  madeShape(expression: Expression): StructuralType {
    return { ...this.shapeOf(expression), madeBy: expression };
  }

  /** Items of a list that the script made: nothing is known of them where any such list changes. */
  items(item: StructuralType | null): StructuralType | null {
    return this.resolution.changes.items ? null : item;
  }

  #list(items: readonly StructuralType[]): StructuralType {
    return { ...plainShape("list"), item: this.items(joined(items)) };
  }

  /** An entry of a record that the script made: somewhere it may be given another value. */
  #entry(
    { key, value }: { readonly key: Name; readonly value: Expression },
  ): [string, StructuralType] {
    const made = this.madeShape(value);
    const { anyEntry, entries } = this.resolution.changes;
    return [key.text, anyEntry || entries.has(key.text) ? UNKNOWN : made];
  }

  #record(entries: Iterable<readonly [string, StructuralType]>): StructuralType {
    return this.resolution.changes.names ? plainShape("record") : recordShape(entries);
  }

  /** A record with other values for some entries. */
  #copied({ entries, object }: Extract<Expression, { kind: "CopyWith" }>): StructuralType {
    const { entries: known } = this.shapeOf(object);
    checkCopy({ entries, object }, known, this);
    if (known === null) return plainShape("record");
    const changed = entries.filter(({ key }) => known.has(key.text));
    return this.#record([...known, ...changed.map((entry) => this.#entry(entry))]);
  }

  #tried(operand: Expression): StructuralType {
    const value = this.madeShape(operand);
    // Nothing is left for a second `try` to take.
    if (operand.kind === "Try") return plainShape("record");
    // The value is none where the operand has raised.
    return recordShape([["ok", plainShape("bool")], ["error", UNKNOWN], ["value", value]]);
  }

  /** One of several values. */
  #anyOf(values: readonly Expression[]): StructuralType {
    return joined(values.map((value) => this.shapeOf(value))) ?? UNKNOWN;
  }

  // Names.

  /** What a figure of a bench comes to; null for what is none. */
  #count(expression: Expression): StructuralType | null {
    const key = this.resolution.counts.get(expression);
    return key === undefined ? null : plainShape(countType(key));
  }

  #bound(binding: NameBinding | undefined): StructuralType {
    switch (binding?.kind) {
      case "variable":
        return this.#follow(() => this.#variable(binding));
      case "const":
        return this.#follow(() => this.shapeOf(binding.declaration.value));
      case "machine":
        return plainShape(binding.valueKind);
      case "word":
        return plainShape("word");
      default:
        return UNKNOWN;
    }
  }

  #follow(infer: () => StructuralType): StructuralType {
    if (this.#chain >= CHAIN_LIMIT) return UNKNOWN;
    this.#chain++;
    const shape = infer();
    this.#chain--;
    return shape;
  }

  /** A variable has a kind when everything that is assigned to it has, and is known inside when nothing is. */
  #variable(variable: Variable): StructuralType {
    const known = this.#variables.get(variable);
    if (known !== undefined) return known;
    const { assigned, givenKind, owner, role, source } = variable;
    if (givenKind !== null) return plainShape(givenKind);
    if (owner === null || source === null) return UNKNOWN;
    this.#variables.set(variable, UNKNOWN);
    const first = role === "let" || isSequenceCall(source)
      ? this.shapeOf(source)
      : this.item(source);
    const shape = assigned.length === 0 ? first : plainShape(first.type);
    this.#variables.set(variable, shape);
    for (const assignment of assigned) {
      // A value that is made of the variable itself is looked at by `assigned`, afterwards.
      if (this.#pending.has(assignment.value)) continue;
      const type = this.kindOf(assignment.value);
      const result = assignment.operator === "="
        ? type
        : this.#operators.added(first.type, assignment);
      if (result !== first.type) {
        this.#variables.set(variable, UNKNOWN);
        return UNKNOWN;
      }
    }
    return shape;
  }

  /** Takes note of what a lambda is called with, before the lambda is looked at. */
  noteParameter(parameter: Name, shape: StructuralType): void {
    const variable = this.resolution.variables.get(parameter);
    if (variable !== undefined) this.#variables.set(variable, shape);
  }

  /** Takes note of an assignment: a value of another kind leaves the variable's open. */
  assigned(variable: Variable, assignment: AssignStatement): void {
    const value = this.kindOf(assignment.value);
    const { type } = this.#variable(variable);
    if (assignment.operator === "=" && value !== type) this.#variables.set(variable, UNKNOWN);
  }

  /** Takes note of a change in place. */
  changed(statement: ChangeStatement): void {
    checkChange(statement, this, this.#operators);
  }

  /** What a function of the script returns: its kind when every way out returns the same one. */
  functionShape(declaration: FunctionDeclaration): StructuralType {
    return this.#follow(() => {
      const known = this.#functions.get(declaration);
      if (known !== undefined) return known;
      this.#functions.set(declaration, UNKNOWN);
      const shape = this.#returned(declaration);
      this.#functions.set(declaration, shape);
      return shape;
    });
  }

  #returned(declaration: FunctionDeclaration): StructuralType {
    const { endsInReturn, isNone, values } = this.results.of(declaration);
    const shapes = values.map((value) =>
      value === null ? plainShape("nothing") : this.shapeOf(value)
    );
    if (isNone) return plainShape("nothing");
    const [first = UNKNOWN, ...others] = shapes;
    if (!endsInReturn || others.some(({ type }) => type !== first.type)) return UNKNOWN;
    return others.length === 0 ? first : plainShape(first.type);
  }
}

/** The builtin whose arguments say what a property's sequences are. */
const SEQUENCE_FUNCTION = "sequence";

export function isSequenceCall(expression: Expression): expression is CallExpression {
  return expression.kind === "Call" && expression.callee.kind === "Name" &&
    expression.callee.name === SEQUENCE_FUNCTION;
}
