/**
 * Infers the kind of every expression and of its parts, as far as it can be known before the run,
 * and reports combinations without a meaning. An unknown kind is `any`; such a value is checked
 * while the script runs.
 */
import { countType } from "../names/bench_names.ts";
import type { Registry } from "../../values/registry.ts";
import type { FromItems, HandleType, MethodSpec, Type } from "../../values/spec.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type {
  AssignStatement,
  BinaryExpression,
  CallExpression,
  ChangeStatement,
  CopyWithExpression,
  Expression,
  FieldExpression,
  FunctionDeclaration,
  IndexExpression,
  Name,
  NameExpression,
} from "../../syntax/tree/ast.ts";
import {
  type ArithmeticOperator,
  arithmeticType,
  capitalized,
  castable,
  comparableNumbers,
  comparableTypes,
  isNumeric,
  rangeEndsType,
  typeOf,
  typeText,
} from "../../values/value_types.ts";
import { isSequenceCall } from "./sequence_call.ts";
import { checkArms } from "./arms.ts";
import type { NameBinding, Resolution, Variable } from "../names/bindings.ts";
import type { FunctionResults } from "./function_results.ts";
import type { KnownKinds } from "./known_kinds.ts";
import type { TypeMismatches } from "./type_mismatches.ts";
import { joined, plainShape, recordShape, shapeOf, type StructuralType, UNKNOWN } from "./shape.ts";
import type { Span } from "../../source.ts";
import { BUFFER_CHANGES } from "../../values/changes.ts";
import { mixHint } from "../../values/operators.ts";
import { itHas } from "../../diagnostics/suggest.ts";
import {
  BRANCH_NAMES,
  findField,
  findMethod,
  handleTypeOf,
  inherited,
  memberNames,
  memberProblem,
} from "../../values/types.ts";
import { meantEvent } from "../names/event_names.ts";
import type { Callable } from "../../values/call_arguments.ts";
import { checkArguments } from "./argument_check.ts";

/**
 * Longest chain of declarations through which a kind is followed. Beyond this length the kind
 * counts as unknown, because the host's stack cannot hold a chain of ten thousand functions.
 */
const CHAIN_LIMIT = 100;

export class TypeInference {
  readonly #pending = new Set<Expression>();
  /** Entries that were reported because their name probably lacks a space between two words. */
  readonly #joined = new Set<Span>();
  #chain = 0;
  /** Functions with a result that is being inferred. */
  readonly #returning = new Set<FunctionDeclaration>();

  constructor(
    readonly resolution: Resolution,
    readonly registry: Registry,
    readonly bag: DiagnosticBag,
    readonly mismatches: TypeMismatches,
    readonly results: FunctionResults,
    private readonly known: KnownKinds,
  ) {}

  /** The kind of an expression; the first call also reports errors inside the expression. */
  kindOf(expression: Expression): Type {
    return this.shapeOf(expression).type;
  }

  /** The kind, with the known kinds inside it. */
  shapeOf(expression: Expression): StructuralType {
    let shape = this.known.shape(expression);
    if (shape !== undefined) return shape;
    // A kind that is requested while it is being inferred depends on itself.
    if (this.#pending.has(expression)) {
      this.known.dependsOnOrder = true;
      return UNKNOWN;
    }
    this.#pending.add(expression);
    shape = this.#infer(expression);
    this.#pending.delete(expression);
    this.known.setShape(expression, shape);
    return shape;
  }

  /**
   * If an expression reads a list item or a record entry, the expression that made this item or
   * entry; otherwise null.
   */
  madeBy(expression: Expression): Expression | null {
    return this.shapeOf(expression).madeBy;
  }

  /** Reports a condition that is not a boolean. */
  requireBool(expression: Expression, what: string): void {
    const type = this.kindOf(expression);
    if (type === "bool" || type === "any") return;
    const message = `${what} takes true or false, but this is ${typeText(type)}`;
    const hint = type === "nothing" ? "compare it: `x != none`" : undefined;
    this.mismatches.wrong("E0403", expression, type, message, hint);
  }

  /** The kind of the variable of `for` or `forall`: that of the items. */
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
        return this.#list(expression.items.map((item) => this.#madeShape(item)));
      case "Record":
        return this.#record(expression.entries.map((entry) => this.#entry(entry)));
      case "Lambda":
        this.kindOf(expression.body);
        return plainShape("function");
      case "Unary":
        return plainShape(this.#unary(expression.operator, expression.operand));
      case "Try":
        return this.#tried(expression.operand);
      case "Binary": {
        const type = this.#binary(expression);
        if (expression.operator !== "+" || type !== "list") return plainShape(type);
        return this.#list([this.item(expression.left), this.item(expression.right)]);
      }
      case "Range": {
        const item = rangeEndsType(this.kindOf(expression.first), this.kindOf(expression.last));
        const range = plainShape(this.#range(expression));
        return { ...range, item: item === null ? null : plainShape(item) };
      }
      case "Cast":
        return plainShape(this.#cast(expression));
      case "Call":
        return this.#call(expression);
      case "Index":
        return this.#index(expression);
      case "Field":
        if (this.resolution.eventNames.has(expression)) return plainShape("string");
        return this.#count(expression) ?? this.#field(expression);
      case "CopyWith":
        return this.#copied(expression);
      case "IfValue":
        this.requireBool(expression.condition, "`if`");
        return this.#anyOf([expression.then, expression.otherwise]);
      case "MatchValue": {
        const arms = expression.arms.map(({ pattern, value }) => ({ pattern, behind: value.span }));
        checkArms(expression.subject, arms, this);
        return this.#anyOf(expression.arms.map(({ value }) => value));
      }
      case "Trace":
        return this.registry.types.has("trace") ? plainShape("@trace") : UNKNOWN;
      case "Compare":
        return shapeOf("list", "@outcome");
      case "Fork":
        return recordShape(
          // Extra blocks are reported by another check.
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

  /** The shape of a value that becomes an item or an entry. */
  #madeShape(expression: Expression): StructuralType {
    return { ...this.shapeOf(expression), madeBy: expression };
  }

  /** The shape of the items of a script's list: unknown if the program changes any list. */
  #items(item: StructuralType | null): StructuralType | null {
    return this.resolution.changes.items ? null : item;
  }

  #list(items: readonly StructuralType[]): StructuralType {
    return { ...plainShape("list"), item: this.#items(joined(items)) };
  }

  /**
   * An entry of a script's record. Its shape is unknown if the program assigns to entries with the
   * same name.
   */
  #entry(
    { key, value }: { readonly key: Name; readonly value: Expression },
  ): [string, StructuralType] {
    const made = this.#madeShape(value);
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
    const value = this.#madeShape(operand);
    // In a `try` of a `try`, the outer one is useless: it cannot catch anything.
    if (operand.kind === "Try") return plainShape("record");
    // The value is none if the operand raised an error.
    return recordShape([["ok", plainShape("bool")], ["error", UNKNOWN], ["value", value]]);
  }

  /** The shape of a value that may be any of `values`. */
  #anyOf(values: readonly Expression[]): StructuralType {
    return joined(values.map((value) => this.shapeOf(value))) ?? UNKNOWN;
  }

  // Names.

  /** The kind of a bench's figure; null for other names. */
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
    this.known.noteChain(++this.#chain);
    const shape = infer();
    this.#chain--;
    return shape;
  }

  /**
   * A variable has a kind if all of its values have that kind. The kinds inside the value are known
   * only if the variable is never assigned again.
   */
  #variable(variable: Variable): StructuralType {
    const known = this.known.variable(variable);
    if (known !== undefined) return known;
    const { assigned, givenKind, owner, role, source } = variable;
    if (givenKind !== null) return plainShape(givenKind);
    if (owner === null || source === null) return UNKNOWN;
    this.known.setVariable(variable, UNKNOWN);
    const first = role === "let" || isSequenceCall(source)
      ? this.shapeOf(source)
      : this.item(source);
    const shape = assigned.length === 0 ? first : plainShape(first.type);
    this.known.setVariable(variable, shape);
    for (const assignment of assigned) {
      // A value that uses the variable itself is checked later, by `assigned`.
      if (this.#pending.has(assignment.value)) continue;
      const type = this.kindOf(assignment.value);
      const result = assignment.operator === "="
        ? type
        : this.#sum(first.type, type, assignment.span);
      if (result !== first.type) {
        this.known.setVariable(variable, UNKNOWN);
        return UNKNOWN;
      }
    }
    return shape;
  }

  /** Records the shape of a lambda's parameter, before the lambda is examined. */
  #noteParameter(parameter: Name, shape: StructuralType): void {
    const variable = this.resolution.variables.get(parameter);
    if (variable !== undefined) this.known.setVariable(variable, shape);
  }

  /** Records an assignment: after a value of another kind, the variable's kind is unknown. */
  assigned(variable: Variable, assignment: AssignStatement): void {
    const value = this.kindOf(assignment.value);
    const { type } = this.#variable(variable);
    if (assignment.operator === "=" && value !== type) this.known.setVariable(variable, UNKNOWN);
  }

  /** Reports a place that cannot be changed, and a `+=` without a meaning. */
  changed(statement: ChangeStatement): void {
    const { operator, operatorSpan, place, value } = statement;
    const object = this.kindOf(place.object);
    const given = this.kindOf(value);
    if (refuseConst(place.object, this)) return;
    if (object.startsWith("@")) {
      this.bag.error(
        "E0308",
        place.span,
        `Cannot change ${typeText(object)}: it belongs to the machine`,
        object === "@buffer" && place.kind === "Index"
          ? BUFFER_CHANGES
          : "only its functions and methods change it",
      );
      return;
    }
    const old = this.kindOf(place);
    if (!["any", "record", place.kind === "Index" ? "list" : "any"].includes(object)) {
      // A missing field was already reported when its kind was inferred.
      if (place.kind === "Index") {
        const message = `Cannot change an item of ${typeText(object)}`;
        this.mismatches.wrong(
          "E0405",
          place.object,
          object,
          message,
          object === "bytes"
            ? 'bytes are a copy; the CPU writes memory by `poke(b.phys + 3, bytes"02")`'
            : "only lists and records can be changed",
        );
      }
    } else if (operator === "+=") this.#sum(old, given, operatorSpan);
  }

  /** The result of a script's function: a kind if all paths return that kind. */
  functionShape(declaration: FunctionDeclaration): StructuralType {
    return this.#follow(() => {
      const known = this.known.function(declaration);
      if (known !== undefined) return known;
      if (this.#returning.has(declaration)) {
        this.known.dependsOnOrder = true;
        return UNKNOWN;
      }
      this.#returning.add(declaration);
      const shape = this.#returned(declaration);
      this.#returning.delete(declaration);
      this.known.setFunction(declaration, shape);
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

  // Operators.

  #unary(operator: "not" | "-", operand: Expression): Type {
    if (operator === "not") {
      this.requireBool(operand, "`not`");
      return "bool";
    }
    const type = this.kindOf(operand);
    if (type === "any") return "any";
    if (isNumeric(type) && type !== "phys" && type !== "dma") return type;
    const hint = type === "word"
      ? "write the errno without a sign; `f() fails EIO` expects it"
      : undefined;
    this.mismatches.wrong("E0401", operand, type, `Cannot negate ${typeText(type)}`, hint);
    return "any";
  }

  #binary(expression: BinaryExpression): Type {
    const { left, operator, right } = expression;
    switch (operator) {
      case "and":
      case "or":
        this.requireBool(left, `\`${operator}\``);
        this.requireBool(right, `\`${operator}\``);
        return "bool";
      case "==":
      case "!=":
        if (!comparableTypes(this.kindOf(left), this.kindOf(right))) {
          this.#reportMix("E0404", expression, "can never be equal");
        }
        return "bool";
      case "<":
      case "<=":
      case ">":
      case ">=":
        this.#checkOrder(expression);
        return "bool";
      case "|":
      case "&":
      case "<<":
      case ">>":
        return this.#bitsKind(expression);
      default:
        return this.#arithmetic(expression, operator);
    }
  }

  #checkOrder(expression: BinaryExpression): void {
    const left = this.kindOf(expression.left);
    const right = this.kindOf(expression.right);
    if (left === "any" || right === "any") return;
    if (isNumeric(left) && isNumeric(right) && comparableNumbers(left, right)) return;
    this.#reportMix("E0401", expression, "cannot be compared");
  }

  #bitsKind(expression: BinaryExpression): Type {
    const left = this.kindOf(expression.left);
    const right = this.kindOf(expression.right);
    const plain = (type: Type) => type === "int" || type === "any";
    if (plain(left) && plain(right)) return "int";
    this.#reportMix("E0401", expression, `cannot be combined by \`${expression.operator}\``);
    return "any";
  }

  #arithmetic(expression: BinaryExpression, operator: ArithmeticOperator): Type {
    const left = this.kindOf(expression.left);
    const right = this.kindOf(expression.right);
    const kind = resultOf(operator, left, right);
    if (kind !== null) return kind;
    this.#reportMix("E0401", expression, `cannot be combined by \`${operator}\``);
    return "any";
  }

  #reportMix(code: "E0401" | "E0404", expression: BinaryExpression, what: string): void {
    const left = this.kindOf(expression.left);
    const right = this.kindOf(expression.right);
    const subject = `${typeText(left)} and ${typeText(right)}`;
    this.mismatches.add(
      {
        code,
        span: expression.operatorSpan,
        message: `${capitalized(subject)} ${what}`,
        hint: mixHint(expression.operator, left, right) ?? undefined,
      },
      [expression.left, left],
      [expression.right, right],
    );
  }

  #range(expression: Extract<Expression, { kind: "Range" }>): Type {
    const first = this.kindOf(expression.first);
    const last = this.kindOf(expression.last);
    const isOrdered = [first, last].every((type) => type === "any" || isNumeric(type));
    const isKnown = first !== "any" && last !== "any";
    if (!isOrdered || isKnown && rangeEndsType(first, last) === null) {
      this.mismatches.add(
        {
          code: "E0401",
          span: expression.span,
          message: `A range cannot go from ${typeText(first)} to ${typeText(last)}`,
        },
        [expression.first, first],
        [expression.last, last],
      );
    }
    // If `..` is written instead of `.`, the ends of the range have no order or are unknown names.
    // That error is reported already, so uses of the range are not reported.
    return isOrdered && (first !== "any" || last !== "any") ? "range" : "any";
  }

  #cast(expression: Extract<Expression, { kind: "Cast" }>): Type {
    const type = this.kindOf(expression.operand);
    const target = expression.target.text;
    if (target !== "phys" && target !== "dma") {
      this.bag.error(
        "E0406",
        expression.target.span,
        `There is no cast \`as ${target}\``,
        "there are only `as phys` and `as dma`",
      );
      return "any";
    }
    if (type !== "any" && !castable(type)) {
      const isThing = type.startsWith("@");
      const error = {
        code: "E0406" as const,
        span: expression.operand.span,
        message: `Cannot cast ${typeText(type)} to ${typeText(target)}`,
        hint: isThing ? "take its address first, such as `.phys` or `.addr`" : undefined,
      };
      if (isThing) this.mismatches.add(error);
      else this.mismatches.add(error, [expression.operand, type]);
    }
    return target;
  }

  /** The kind of the sum in a `+=`. Reports a combination without a meaning. */
  #sum(left: Type, right: Type, span: Span): Type {
    const kind = resultOf("+", left, right);
    if (kind !== null) return kind;
    this.bag.error(
      "E0401",
      span,
      `Cannot add ${typeText(right)} to ${typeText(left)}`,
      mixHint("+", left, right) ?? undefined,
    );
    return "any";
  }

  // Members.

  #index(expression: IndexExpression): StructuralType {
    const object = this.kindOf(expression.object);
    const index = this.kindOf(expression.index);
    const type = object.startsWith("@") ? handleTypeOf(object, this.registry.types) : undefined;
    const plain = ["any", "list", "bytes", "string", "record"].includes(object);
    const indexed = type !== undefined && inherited(type, "index") !== undefined;
    if (!plain && !indexed && (type !== undefined || !object.startsWith("@"))) {
      this.mismatches.add({
        code: "E0405",
        span: expression.span,
        message: `Cannot index ${typeText(object)}`,
      }, [expression.object, object]);
    } else if (
      (object === "list" || object === "bytes" || object === "string") &&
      index !== "int" && index !== "any"
    ) {
      const message = `An index is an int, but this is ${typeText(index)}`;
      this.mismatches.wrong("E0405", expression.index, index, message);
    }
    if (object === "string") return plainShape("string");
    return object === "list" || object === "bytes" ? this.item(expression.object) : UNKNOWN;
  }

  #field(expression: FieldExpression): StructuralType {
    const { registry } = this;
    const value = this.shapeOf(expression.object);
    const { type: kind } = value;
    if (kind === "any") return UNKNOWN;
    const type = handleTypeOf(kind, registry.types);
    if (kind === "record") return this.#entryOf(expression, value, type);
    const field = type === undefined ? null : findField(type, expression.field.text);
    if (field !== null) {
      const given = field.gives === undefined
        ? shapeOf(field.type, field.of)
        : this.#fromItems(field.gives, value.item, null);
      return given ?? plainShape(field.type);
    }
    // A type that the registry does not list is checked while the script runs.
    if (type !== undefined || !kind.startsWith("@")) {
      this.#noMember(expression, kind, type === undefined ? [] : memberNames(type), "field");
    }
    return UNKNOWN;
  }

  /** The kind that a member of lists gives, from the kinds of the list's items. */
  #fromItems(
    gives: FromItems,
    item: StructuralType | null,
    call: CallExpression | null,
  ): StructuralType | null {
    switch (gives) {
      case "items":
        return { ...plainShape("list"), item: this.#items(item) };
      case "item":
        return item;
      case "sum":
        return item !== null && isNumeric(item.type) ? item : null;
      case "mapped":
        return call === null ? null : this.#mapped(call);
    }
  }

  #mapped({ arguments: given }: CallExpression): StructuralType | null {
    const body = given[0]?.value;
    if (body?.kind !== "Lambda") return null;
    return { ...plainShape("list"), item: this.#items(this.#madeShape(body.body)) };
  }

  /**
   * The kind of an entry of a record with known entries. Other records are checked while the script
   * runs.
   */
  #entryOf(
    expression: FieldExpression,
    record: StructuralType,
    type: HandleType | undefined,
  ): StructuralType {
    const { entries } = record;
    if (entries === null) return UNKNOWN;
    const entry = entries.get(expression.field.text);
    if (entry !== undefined) return entry;
    if (this.#runsTogether(expression, entries)) return UNKNOWN;
    const others = type === undefined ? [] : memberNames(type);
    const names = this.bag.mayCompare(entries.size) ? [...entries.keys(), ...others] : [];
    this.#noMember(expression, "record", names, "field");
    return UNKNOWN;
  }

  /**
   * Reports an entry with a name that begins with the name that the program reads: a space is
   * probably missing in the entry's name. Example: the program reads `size`, but the record is
   * written `{ sizemax: 4KiB }`. The error is shown at the entry.
   */
  #runsTogether({ field }: FieldExpression, entries: ReadonlyMap<string, StructuralType>): boolean {
    const { span, text } = field;
    // A name that is similar to an entry's name is a typing mistake in this line.
    const isNear = this.bag.didYouMean(text, [...entries.keys()]) !== undefined;
    if (isNear || !this.bag.mayCompare(entries.size)) return false;
    const found = [...entries].find(([key]) => text.length > 2 && key.startsWith(text));
    const place = found?.[1].madeBy?.span;
    if (found === undefined || place === undefined || place.source !== span.source) return false;
    if (!this.#joined.has(place)) {
      this.bag.error(
        "E0315",
        place,
        `The entry is written as \`${found[0]}\` but read as \`${text}\``,
        "one of the two is misspelt",
        [{ span, message: "asked for here" }],
      );
    }
    this.#joined.add(place);
    return true;
  }

  /** Reports a field or method that a kind does not have. */
  #noMember(
    expression: FieldExpression,
    object: Type,
    names: readonly string[],
    what: "field" | "method",
  ): void {
    const name = expression.field.text;
    const meant = this.bag.didYouMean(name, names) ??
      meantEvent(expression, this.registry, this.bag);
    const { message, use } = memberProblem(object, name, names, what, this.registry.types);
    const hint = use ?? meant ?? (names.length === 0 ? undefined : itHas(names));
    const error = { code: "E0315" as const, span: expression.field.span, message, hint };
    // A misspelled member is a mistake of this line, so the line that made the value is not blamed.
    if (use !== undefined || meant !== undefined) this.mismatches.add(error);
    else this.mismatches.add(error, [expression.object, object]);
  }

  // Calls.

  #call(call: CallExpression): StructuralType {
    const { callee } = call;
    if (callee.kind === "Name") return this.#namedCall(call, callee);
    if (callee.kind === "Field") return this.#methodCall(call, callee);
    if (this.#isCallable(callee, this.kindOf(callee))) this.#checkValues(call);
    return UNKNOWN;
  }

  #namedCall(call: CallExpression, callee: NameExpression): StructuralType {
    const binding = this.resolution.names.get(callee);
    switch (binding?.kind) {
      case "builtin":
        this.#checkArguments(call, binding.spec);
        return this.#data(call) ?? shapeOf(binding.spec.result, binding.spec.of);
      case "function":
        this.#checkFunctionArguments(call, binding.declaration);
        return this.functionShape(binding.declaration);
      case undefined:
        for (const argument of call.arguments) this.kindOf(argument.value);
        return UNKNOWN;
      default:
        if (!this.#isCallable(callee, this.kindOf(callee))) return UNKNOWN;
        this.#checkValues(call);
        if (binding?.kind === "variable") this.#checkLambdaCall(call, binding);
        return UNKNOWN;
    }
  }

  /** The kind of a data file's contents; null for any other call. */
  #data(call: CallExpression): StructuralType | null {
    const data = this.resolution.data.get(call);
    return data === undefined ? null : plainShape(typeOf(data));
  }

  #methodCall(call: CallExpression, callee: FieldExpression): StructuralType {
    const { item, type: object } = this.shapeOf(callee.object);
    const type = handleTypeOf(object, this.registry.types);
    if (object === "any" || object === "record" || type === undefined) {
      for (const argument of call.arguments) this.kindOf(argument.value);
      if (object === "record") this.#entryCalled(callee, type);
      if (
        type === undefined && object !== "any" && !object.startsWith("@") && object !== "record"
      ) {
        this.#noMember(callee, object, [], "method");
      }
      return UNKNOWN;
    }
    const method = findMethod(type, callee.field.text);
    if (method === null) {
      for (const argument of call.arguments) this.kindOf(argument.value);
      this.#noMember(callee, object, memberNames(type), "method");
      return UNKNOWN;
    }
    if (method.changes !== undefined) refuseConst(callee.object, this);
    this.#noteLambda(call, callee, method);
    this.#checkArguments(call, method);
    this.#checkItemFunction(call, method);
    const given = method.gives === undefined
      ? shapeOf(method.result, method.of)
      : this.#fromItems(method.gives, item, call);
    return given ?? plainShape(method.result);
  }

  /**
   * Records the kinds of the arguments that a method passes to a lambda, before the lambda is
   * examined.
   */
  #noteLambda(
    { arguments: given }: CallExpression,
    { object }: FieldExpression,
    { parameters }: MethodSpec,
  ): void {
    const [argument] = given;
    const called = parameters[0]?.calledWith;
    if (called === undefined || argument?.value.kind !== "Lambda") return;
    const [parameter, ...others] = argument.value.parameters;
    if (parameter === undefined || others.length > 0) return;
    this.#noteParameter(
      parameter,
      called === "item" ? this.item(object) : plainShape(called),
    );
  }

  /**
   * Checks a function that a method calls with each item. It must have one parameter, and must
   * return a boolean if the method uses it to select items.
   */
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
      this.requireBool(lambda.body, `\`${name}\``);
    }
  }

  /** Reports a call of a record's member that is neither an entry nor a method of records. */
  #entryCalled(callee: FieldExpression, type: HandleType | undefined): void {
    const { entries } = this.shapeOf(callee.object);
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
    for (const argument of call.arguments) this.kindOf(argument.value);
    checkArguments(call, callable, this, declared);
  }

  #checkFunctionArguments(call: CallExpression, declaration: FunctionDeclaration): void {
    const { name, parameters } = declaration;
    const callable = {
      name: name.text,
      parameters: parameters.map(({ text }) => ({ name: text, type: "any" as const, doc: "" })),
    };
    this.#checkArguments(call, callable, declaration);
  }

  /** Reports a value that is not a function; its arguments are then not checked. */
  #isCallable(callee: Expression, type: Type): boolean {
    if (type === "function" || type === "any") return true;
    this.mismatches.wrong("E0303", callee, type, `Cannot call ${typeText(type)}`);
    return false;
  }

  /** Checks the arguments of a lambda. These arguments cannot be named. */
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

  /** Checks the number of arguments for a name that has a lambda as its only value. */
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
}

/** The kind of an operator's result for two kinds; null for a combination without a meaning. */
function resultOf(operator: ArithmeticOperator, left: Type, right: Type): Type | null {
  if (left === "any" || right === "any") return "any";
  if (isNumeric(left) && isNumeric(right)) return arithmeticType(operator, left, right);
  const joins = operator === "+" && ["string", "list", "bytes"].includes(left);
  return joins && left === right ? left : null;
}

/**
 * Reports a copy of a value that is not a record, and a copy that sets entries which the record
 * does not have.
 */
function checkCopy(
  { entries, object }: Pick<CopyWithExpression, "entries" | "object">,
  known: ReadonlyMap<string, unknown> | null,
  kinds: TypeInference,
): void {
  const { bag, mismatches } = kinds;
  const type = kinds.kindOf(object);
  for (const { value } of entries) kinds.kindOf(value);
  if (type !== "record" && type !== "any") {
    const message = `\`with\` copies a record, but this is ${typeText(type)}`;
    mismatches.wrong("E0405", object, type, message);
  }
  if (known === null) return;
  const names = [...known.keys()];
  for (const { key } of entries) {
    if (known.has(key.text)) continue;
    const hint = bag.didYouMean(key.text, names) ?? itHas(names);
    bag.error("E0315", key.span, `A record has no entry \`${key.text}\``, hint);
  }
}

/** Reports a change inside a `const`, which must be the same for every test. */
function refuseConst(
  object: Expression,
  { bag, resolution }: TypeInference,
): boolean {
  let root = object;
  while (root.kind === "Field" || root.kind === "Index") root = root.object;
  const binding = root.kind === "Name" ? resolution.names.get(root) : undefined;
  if (binding?.kind !== "const") return false;
  const { text } = binding.declaration.name;
  bag.error(
    "E0308",
    object.span,
    `\`${text}\` is a \`const\`, which is read-only`,
    `\`let mine = ${text}.copy()\` makes a copy that can be changed`,
    [{ span: binding.declaration.name.span, message: "declared here" }],
  );
  return true;
}
