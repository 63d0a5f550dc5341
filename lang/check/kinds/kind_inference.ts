/**
 * Works out the kind of every expression as far as it can be known before the run, and reports
 * mixes that have no meaning. What cannot be known is `any` and is checked while the script runs.
 */
import type { Registry } from "../../values/registry.ts";
import type { Kind, MethodSpec, TypeSpec } from "../../values/spec.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { itHas } from "../../diagnostics/suggest.ts";
import type { Span } from "../../source.ts";
import type {
  Argument,
  AssignStatement,
  CallExpression,
  ChangeStatement,
  Expression,
  FieldExpression,
  FunctionDeclaration,
  IndexExpression,
} from "../../syntax/tree/ast.ts";
import type { Callable } from "../../values/call_arguments.ts";
import { describeKind, kindOf, rangeEndsKind } from "../../values/kinds.ts";
import {
  findField,
  findMethod,
  inherited,
  memberNames,
  memberProblem,
  typeOfKind,
} from "../../values/types.ts";
import { isSequenceCall } from "./sequence_call.ts";
import { ifKind, matchKind } from "./arms.ts";
import { checkArguments } from "./argument_check.ts";
import { checkChange, checkCopy, refuseConst } from "./changed_places.ts";
import { meantEvent } from "../names/event_names.ts";
import type { Binding, Resolution, Variable } from "../names/bindings.ts";
import type { FunctionResults } from "./function_results.ts";
import type { Misfits } from "./misfits.ts";
import { OperatorKinds } from "./operator_kinds.ts";
import { type Shape, Shapes } from "./shapes.ts";

/**
 * How far a kind is followed from one declaration to the next. Beyond it a kind counts as not
 * known: the host's stack is no place for a chain of ten thousand functions.
 */
const CHAIN_LIMIT = 100;

export class KindInference {
  readonly #operators: OperatorKinds;
  readonly #shapes: Shapes;
  /** Entries whose names were found to be two words. */
  readonly #joined = new Set<Span>();
  readonly #kinds = new Map<Expression, Kind>();
  readonly #pending = new Set<Expression>();
  #chain = 0;
  readonly #variables = new Map<Variable, Kind>();
  readonly #functions = new Map<FunctionDeclaration, Kind>();

  constructor(
    readonly resolution: Resolution,
    readonly registry: Registry,
    readonly bag: DiagnosticBag,
    readonly misfits: Misfits,
    readonly results: FunctionResults,
  ) {
    this.#operators = new OperatorKinds(this, bag, misfits);
    this.#shapes = new Shapes(
      (expression) => this.kindOf(expression),
      resolution,
      registry,
      results,
    );
  }

  /** The kind of an expression; errors inside it are reported the first time it is asked for. */
  kindOf(expression: Expression): Kind {
    let kind = this.#kinds.get(expression);
    if (kind !== undefined) return kind;
    // Asking again while this is being worked out is a cycle.
    if (this.#pending.has(expression)) return "any";
    this.#pending.add(expression);
    kind = this.#infer(expression);
    this.#pending.delete(expression);
    this.#kinds.set(expression, kind);
    return kind;
  }

  /** What made the item of a list or the entry of a record that an expression takes, if it does. */
  madeBy(expression: Expression): Expression | null {
    return this.#shapes.of(expression).madeBy;
  }

  /** Reports a condition that can be neither true nor false. */
  wantBool(expression: Expression, what: string): void {
    const kind = this.kindOf(expression);
    if (kind === "bool" || kind === "any") return;
    const message = `${what} takes true or false, but this is ${describeKind(kind)}`;
    const hint = kind === "nothing" ? "compare it: `x != none`" : undefined;
    this.misfits.wrong("E0403", expression, kind, message, hint);
  }

  /** The kind of what a `for` or `forall` gives its variable. */
  itemKind(values: Expression): Kind {
    if (values.kind === "Range") {
      return rangeEndsKind(this.kindOf(values.first), this.kindOf(values.last)) ?? "any";
    }
    return this.kindOf(values) === "bytes" ? "int" : this.#shapes.item(values).kind;
  }

  #infer(expression: Expression): Kind {
    switch (expression.kind) {
      case "Integer":
        return "int";
      case "Ratio":
        return "ratio";
      case "Size":
        return "size";
      case "Duration":
        return "duration";
      case "String":
        for (const part of expression.parts) if (typeof part !== "string") this.kindOf(part);
        return "string";
      case "Bytes":
        return "bytes";
      case "Boolean":
        return "bool";
      case "None":
        return "nothing";
      case "Name":
        return this.resolution.counts.has(expression)
          ? "any"
          : this.#bindingKind(this.resolution.names.get(expression));
      case "List":
        for (const item of expression.items) this.kindOf(item);
        return "list";
      case "Record":
        for (const entry of expression.entries) this.kindOf(entry.value);
        return "record";
      case "Lambda":
        this.kindOf(expression.body);
        return "function";
      case "Unary":
        return this.#operators.unary(expression.operator, expression.operand);
      case "Try":
        this.kindOf(expression.operand);
        return "record";
      case "Binary":
        return this.#operators.binary(expression);
      case "Range":
        return this.#operators.range(expression);
      case "Cast":
        return this.#operators.cast(expression);
      case "Call":
        return this.#callKind(expression);
      case "Index":
        return this.#indexKind(expression);
      case "Field":
        if (this.resolution.eventNames.has(expression)) return "string";
        // A number of events, or of events for each turn.
        return this.resolution.counts.has(expression) ? "ratio" : this.#fieldKind(expression);
      case "CopyWith":
        checkCopy(expression, this.#shapes.of(expression.object).entries, this);
        return "record";
      case "IfValue":
        return ifKind(expression, this);
      case "MatchValue":
        return matchKind(expression, this, this.bag);
      case "Trace":
        return this.registry.types.has("trace") ? "@trace" : "any";
      case "Compare":
        return "list";
      case "Fork":
      case "Race":
        return "record";
      case "ErrorExpression":
        return "any";
    }
  }

  // Names.

  #bindingKind(binding: Binding | undefined): Kind {
    switch (binding?.kind) {
      case "variable":
        return this.#follow(() => this.variableKind(binding));
      case "const":
        return this.#follow(() => this.kindOf(binding.declaration.value));
      case "machine":
        return binding.valueKind;
      case "word":
        return "word";
      default:
        return "any";
    }
  }

  #follow(infer: () => Kind): Kind {
    if (this.#chain >= CHAIN_LIMIT) return "any";
    this.#chain++;
    const kind = infer();
    this.#chain--;
    return kind;
  }

  /** A variable has a kind when everything that is assigned to it has. */
  variableKind(variable: Variable): Kind {
    const known = this.#variables.get(variable);
    if (known !== undefined) return known;
    if (variable.owner === null || variable.source === null) {
      return this.#shapes.parameter(variable);
    }
    this.#variables.set(variable, "any");
    const first = variable.role === "let" || isSequenceCall(variable.source)
      ? this.kindOf(variable.source)
      : this.itemKind(variable.source);
    this.#variables.set(variable, first);
    for (const assignment of variable.assigned) {
      // A value that is made of the variable itself is looked at by `assigned`, afterwards.
      if (this.#pending.has(assignment.value)) continue;
      const kind = this.kindOf(assignment.value);
      const result = assignment.operator === "=" ? kind : this.#operators.added(first, assignment);
      if (result !== first) {
        this.#variables.set(variable, "any");
        return "any";
      }
    }
    return first;
  }

  /** Takes note of an assignment: a value of another kind leaves the variable's open. */
  assigned(variable: Variable, assignment: AssignStatement): void {
    const value = this.kindOf(assignment.value);
    const kind = this.variableKind(variable);
    if (assignment.operator === "=" && value !== kind) this.#variables.set(variable, "any");
  }

  /** Takes note of a change in place. */
  changed(statement: ChangeStatement): void {
    checkChange(statement, this, this.#operators);
  }

  // Members and calls.

  #indexKind(expression: IndexExpression): Kind {
    const object = this.kindOf(expression.object);
    const index = this.kindOf(expression.index);
    const type = object.startsWith("@") ? typeOfKind(object, this.registry.types) : undefined;
    const plain = ["any", "list", "bytes", "string", "record"].includes(object);
    const indexed = type !== undefined && inherited(type, "index") !== undefined;
    if (!plain && !indexed && (type !== undefined || !object.startsWith("@"))) {
      this.misfits.add({
        code: "E0405",
        span: expression.span,
        message: `Cannot index ${describeKind(object)}`,
      }, [expression.object, object]);
    } else if (
      (object === "list" || object === "bytes" || object === "string") &&
      index !== "int" && index !== "any"
    ) {
      const message = `An index is an int, but this is ${describeKind(index)}`;
      this.misfits.wrong("E0405", expression.index, index, message);
    }
    if (object === "string") return "string";
    if (object === "bytes") return "int";
    return object === "list" ? this.#shapes.item(expression.object).kind : "any";
  }

  #fieldKind(expression: FieldExpression): Kind {
    const object = this.kindOf(expression.object);
    if (object === "any") return "any";
    const type = typeOfKind(object, this.registry.types);
    if (object === "record") return this.#entryKind(expression, type);
    if (type === undefined) {
      // A type the registry does not list is checked while the script runs.
      if (!object.startsWith("@")) this.#noMember(expression, object, [], "field");
      return "any";
    }
    const field = findField(type, expression.field.text);
    if (field !== null) {
      return object === "list" && field.kind === "any"
        ? this.#shapes.of(expression).kind
        : field.kind;
    }
    this.#noMember(expression, object, memberNames(type), "field");
    return "any";
  }

  /** An entry of a record whose entries are known; of any other it is a matter of the run. */
  #entryKind(expression: FieldExpression, type: TypeSpec | undefined): Kind {
    const { entries } = this.#shapes.of(expression.object);
    if (entries === null) return "any";
    const entry = entries.get(expression.field.text);
    if (entry !== undefined) return entry.kind;
    if (this.#runsTogether(expression, entries)) return "any";
    const others = type === undefined ? [] : memberNames(type);
    const names = this.bag.mayCompare(entries.size) ? [...entries.keys(), ...others] : [];
    this.#noMember(expression, "record", names, "field");
    return "any";
  }

  /** `{ sizemax: 4KiB }` asked for its `size`: two words have become one where it is put in. */
  #runsTogether({ field }: FieldExpression, entries: ReadonlyMap<string, Shape>): boolean {
    const { span, text } = field;
    // What is nearly the name is a slip of this line.
    const isNear = this.bag.didYouMean(text, [...entries.keys()]) !== undefined;
    if (isNear || !this.bag.mayCompare(entries.size)) return false;
    const found = [...entries].find(([key]) => text.length > 2 && key.startsWith(text));
    const place = found?.[1].madeBy?.span;
    if (found === undefined || place === undefined || place.source !== span.source) return false;
    if (!this.#joined.has(place)) {
      this.bag.error(
        "E0315",
        place,
        `The entry is written as \`${found[0]}\`, and read as \`${text}\``,
        "one of the two is misspelled",
        [{ span, message: "asked for here" }],
      );
    }
    this.#joined.add(place);
    return true;
  }

  #noMember(
    expression: FieldExpression,
    object: Kind,
    names: readonly string[],
    what: "field" | "method",
  ): void {
    const name = expression.field.text;
    const meant = this.bag.didYouMean(name, names) ??
      meantEvent(expression, this.registry, this.bag);
    const { message, use } = memberProblem(object, name, names, what, this.registry.types);
    const hint = use ?? meant ?? (names.length === 0 ? undefined : itHas(names));
    const error = { code: "E0315" as const, span: expression.field.span, message, hint };
    // A misspelled member is no mistake of the line that made the value.
    if (use !== undefined || meant !== undefined) this.misfits.add(error);
    else this.misfits.add(error, [expression.object, object]);
  }

  #callKind(call: CallExpression): Kind {
    const { callee } = call;
    if (callee.kind === "Name") return this.#namedCallKind(call, callee);
    if (callee.kind === "Field") return this.#methodCallKind(call, callee);
    if (this.#isCallable(callee, this.kindOf(callee))) this.#checkValues(call);
    return "any";
  }

  #namedCallKind(call: CallExpression, callee: Extract<Expression, { kind: "Name" }>): Kind {
    const binding = this.resolution.names.get(callee);
    switch (binding?.kind) {
      case "builtin":
        this.#checkArguments(call, binding.spec);
        return this.#dataKind(call) ?? binding.spec.result;
      case "function":
        this.#checkFunctionArguments(call, binding.declaration);
        return this.#follow(() => this.#functionKind(binding.declaration));
      case undefined:
        for (const argument of call.arguments) this.kindOf(argument.value);
        return "any";
      default:
        if (!this.#isCallable(callee, this.#bindingKind(binding))) return "any";
        this.#checkValues(call);
        if (binding?.kind === "variable") this.#checkLambdaCall(call, binding);
        return "any";
    }
  }

  /** The kind of what a file of data says; null for any other call. */
  #dataKind(call: CallExpression): Kind | null {
    const data = this.resolution.data.get(call);
    return data === undefined ? null : kindOf(data);
  }

  #methodCallKind(call: CallExpression, callee: FieldExpression): Kind {
    const object = this.kindOf(callee.object);
    const type = typeOfKind(object, this.registry.types);
    if (object === "any" || object === "record" || type === undefined) {
      for (const argument of call.arguments) this.kindOf(argument.value);
      if (object === "record") this.#entryCalled(callee, type);
      if (
        type === undefined && object !== "any" && !object.startsWith("@") && object !== "record"
      ) {
        this.#noMember(callee, object, [], "method");
      }
      return "any";
    }
    const method = findMethod(type, callee.field.text);
    if (method === null) {
      for (const argument of call.arguments) this.kindOf(argument.value);
      this.#noMember(callee, object, memberNames(type), "method");
      return "any";
    }
    if (method.changes !== undefined) refuseConst(callee.object, this);
    this.#shapes.noteLambda(call, callee);
    this.#checkArguments(call, method);
    this.#checkItemFunction(call, method);
    return object === "list" && method.result === "any"
      ? this.#shapes.of(call).kind
      : method.result;
  }

  /** A function that a method calls with each item takes one, and where it chooses says which. */
  #checkItemFunction(call: CallExpression, { gives, name, parameters }: MethodSpec): void {
    const lambda = call.arguments[0]?.value;
    if (lambda?.kind !== "Lambda" || parameters[0]?.calledWith === undefined) return;
    const count = lambda.parameters.length;
    if (count !== 1) {
      this.bag.error(
        "E0304",
        lambda.span,
        `\`${name}\` calls its function with 1 argument, but this one takes ${count}`,
      );
    } else if (gives !== "mapped") {
      this.wantBool(lambda.body, `\`${name}\``);
    }
  }

  /** An entry of a record that is called, or a method of records. */
  #entryCalled(callee: FieldExpression, type: TypeSpec | undefined): void {
    const { entries } = this.#shapes.of(callee.object);
    const name = callee.field.text;
    if (entries === null || entries.has(name)) return;
    if (type !== undefined && findMethod(type, name) !== null) return;
    const others = type === undefined ? [] : memberNames(type);
    const names = this.bag.mayCompare(entries.size) ? [...entries.keys(), ...others] : [];
    this.#noMember(callee, "record", names, "method");
  }

  #checkArguments(
    call: CallExpression,
    callable: Callable,
    declared: FunctionDeclaration | null = null,
  ): void {
    const kindOf = (argument: Argument) => this.kindOf(argument.value);
    for (const argument of call.arguments) this.kindOf(argument.value);
    const known = { kindOf, misfits: this.misfits, incomplete: this.resolution.incomplete };
    checkArguments(call, callable, known, this.registry, this.bag, declared);
  }

  #checkFunctionArguments(call: CallExpression, declaration: FunctionDeclaration): void {
    const { name, parameters } = declaration;
    const callable = {
      name: name.text,
      parameters: parameters.map(({ text }) => ({ name: text, kind: "any" as const, doc: "" })),
    };
    this.#checkArguments(call, callable, declaration);
  }

  /** False, and an error, for what is no function: then the arguments do not matter either. */
  #isCallable(callee: Expression, kind: Kind): boolean {
    if (kind === "function" || kind === "any") return true;
    this.misfits.wrong("E0303", callee, kind, `Cannot call ${describeKind(kind)}`);
    return false;
  }

  /** Arguments of a lambda, which have no names. */
  #checkValues(call: CallExpression): void {
    for (const argument of call.arguments) {
      this.kindOf(argument.value);
      if (argument.name !== null) {
        this.bag.error(
          "E0305",
          argument.name.span,
          "A lambda takes its arguments by position, not by name",
        );
      }
    }
  }

  /** A lambda that a name stands for, and nothing else, has as many arguments as it declares. */
  #checkLambdaCall(call: CallExpression, { assigned, name, source, span }: Variable): void {
    if (source?.kind !== "Lambda" || assigned.length > 0) return;
    const wanted = source.parameters.length;
    const given = call.arguments.length;
    if (wanted === given) return;
    this.bag.error(
      "E0304",
      call.span,
      `\`${name}\` takes ${wanted === 1 ? "1 argument" : `${wanted} arguments`}, but got ${given}`,
      undefined,
      [{ span, message: "declared here" }],
    );
  }

  /** What a function of the script returns, when every way out returns the same kind. */
  #functionKind(declaration: FunctionDeclaration): Kind {
    const known = this.#functions.get(declaration);
    if (known !== undefined) return known;
    this.#functions.set(declaration, "any");
    const { endsInReturn, isNone, values } = this.results.of(declaration);
    const kinds = new Set(values.map((value) => value === null ? "nothing" : this.kindOf(value)));
    const kind = isNone ? "nothing" : kinds.size > 1 || !endsInReturn ? "any" : [...kinds][0]!;
    this.#functions.set(declaration, kind);
    return kind;
  }
}
