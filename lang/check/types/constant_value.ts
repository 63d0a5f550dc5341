/**
 * Values that are needed before there is a machine: in `machine`, `with`, `matrix` and `forall`.
 *
 * Literals, constants, consts and operators have one; anything that calls something has not.
 */
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { type Hint, itHas } from "../../diagnostics/suggest.ts";
import type { BinaryExpression, ConstDeclaration, Expression } from "../../syntax/tree/ast.ts";
import { valuesEqual } from "../../values/equality.ts";
import { CHARACTER_BYTES } from "../../values/limits.ts";
import { arithmetic, bitwise, cast, compare, makeRange, negate } from "../../values/operators.ts";
import { ScriptError } from "../../values/script_error.ts";
import {
  BytesValue,
  ListValue,
  Quantity,
  Ratio,
  RecordValue,
  type Value,
} from "../../values/value.ts";
import { formatValue } from "../../render/value_text.ts";
import type { FileScope } from "../names/file_scope.ts";

/** Bytes of lists and strings that one constant may make. */
const MEMORY_LIMIT_BYTES = 64 * 2 ** 20;

/** Literals, names and operators of all constants together, each as often as it is worked out. */
const PARTS_LIMIT = 2 ** 18;

/** Consts that one may need, each by way of the next. */
const CHAIN_LIMIT = 200;

/** An expression that has no value before the run. */
class NotConstant extends Error {}

export class ConstantEvaluator {
  readonly #pending = new Set<ConstDeclaration>();
  #memory = MEMORY_LIMIT_BYTES;
  #parts = PARTS_LIMIT;

  /** What is said of a name that means nothing. */
  #wanted: Hint | undefined;

  /** @param bound Names that stand for values there, before all others. */
  constructor(
    readonly scope: FileScope,
    readonly bag: DiagnosticBag,
    readonly bound: ReadonlyMap<string, Value> = new Map(),
  ) {}

  /** The value of an expression; undefined when it has none, which is then reported. */
  evaluate(expression: Expression, wanted?: Hint): Value | undefined {
    this.#wanted = wanted;
    try {
      return this.#value(expression);
    } catch (error) {
      if (error instanceof NotConstant) return undefined;
      if (!(error instanceof ScriptError)) throw error;
      const hint = error.hint ?? undefined;
      this.bag.error(error.code, expression.span, error.message, hint);
      return undefined;
    }
  }

  #value(expression: Expression): Value {
    // A const is worked out anew wherever it is named: forty that name the one before twice have no end.
    if (--this.#parts < 0) {
      throw new ScriptError("E0801", "The values of the file's consts have too many parts");
    }
    switch (expression.kind) {
      case "Integer":
      case "Ratio":
      case "Size":
      case "Duration":
      case "Boolean":
        return literalValue(expression)!;
      case "String":
        return this.#text(expression.parts);
      case "Bytes":
        return new BytesValue(expression.bytes);
      case "None":
        return null;
      case "Name":
        return this.#name(expression);
      case "List":
        return new ListValue(expression.items.map((item) => this.#value(item)), "const");
      case "Record":
        return new RecordValue(
          new Map(expression.entries.map(({ key, value }) => [key.text, this.#value(value)])),
          "const",
        );
      case "Unary": {
        const operand = this.#value(expression.operand);
        return expression.operator === "-" ? negate(operand) : !this.#bool(operand, expression);
      }
      case "Binary":
        return this.#binary(expression);
      case "Range":
        return makeRange(
          this.#value(expression.first),
          this.#value(expression.last),
          expression.inclusive,
        );
      case "Cast":
        return this.#cast(expression);
      case "Field":
        return this.#entry(expression.object, expression.field.text, expression);
      case "Index": {
        const index = this.#value(expression.index);
        if (typeof index === "string") return this.#entry(expression.object, index, expression);
        return this.#item(expression.object, index, expression);
      }
      case "IfValue":
        return this.#bool(this.#value(expression.condition), expression.condition)
          ? this.#value(expression.then)
          : this.#value(expression.otherwise);
      case "ErrorExpression":
        throw new NotConstant();
      case "Call":
        return this.#read(expression);
      case "CopyWith":
      case "MatchValue":
      case "Lambda":
      case "Try":
      case "Trace":
      case "Compare":
      case "Fork":
      case "Race":
        return this.#refuse(
          expression,
          "This must be a constant expression: it is evaluated before the machine is built",
        );
    }
  }

  /** The one call that has a value before the run: one that reads a file. */
  #read(expression: Extract<Expression, { kind: "Call" }>): Value {
    const { callee } = expression;
    const binding = callee.kind === "Name" ? this.scope.find(callee.name, true) : null;
    const reads = binding?.kind === "builtin" ? binding.spec.reads : undefined;
    if (reads === undefined) {
      return this.#refuse(
        expression,
        "This must be a constant expression: it is evaluated before the machine is built",
      );
    }
    const read = this.scope.data.read(expression, reads);
    if (read === null) throw new NotConstant();
    return read.value;
  }

  /** An entry of a record, by its name. */
  #entry(object: Expression, name: string, expression: Expression): Value {
    const record = this.#value(object);
    if (!(record instanceof RecordValue)) {
      return this.#refuse(
        expression,
        "Only fields of records are constant here",
      );
    }
    const entry = record.entries.get(name);
    if (entry !== undefined) return entry;
    const names = [...record.entries.keys()];
    this.bag.error(
      "E0315",
      expression.kind === "Field" ? expression.field.span : expression.span,
      `A record has no field \`${name}\``,
      this.bag.didYouMean(name, names) ?? itHas(names),
    );
    throw new NotConstant();
  }

  #item(object: Expression, index: Value, expression: Expression): Value {
    const list = this.#value(object);
    if (!(list instanceof ListValue) || typeof index !== "number") {
      return this.#refuse(expression, "Only items of lists are constant here");
    }
    const item = list.items[index];
    if (item !== undefined) return item;
    this.bag.error(
      "E0915",
      expression.span,
      `Index ${index} is outside the list of length ${list.items.length}`,
    );
    throw new NotConstant();
  }

  #text(parts: readonly (string | Expression)[]): string {
    let text = "";
    for (const part of parts) {
      text += typeof part === "string" ? part : formatValue(this.#value(part));
      this.#charge(CHARACTER_BYTES * text.length);
    }
    return text;
  }

  #name(expression: Extract<Expression, { kind: "Name" }>): Value {
    const { name } = expression;
    const bound = this.bound.get(name);
    if (bound !== undefined) return bound;
    const binding = this.scope.find(name, false);
    if (binding?.kind === "word") return binding.word;
    if (binding?.kind === "const") {
      const { declaration } = binding;
      binding.reads++;
      if (this.#pending.has(declaration)) {
        return this.#refuse(expression, `\`${name}\` needs itself`);
      }
      if (this.#pending.size >= CHAIN_LIMIT) {
        return this.#refuse(
          expression,
          `\`${name}\` depends on more than ${CHAIN_LIMIT} other consts`,
        );
      }
      this.#pending.add(declaration);
      try {
        return this.#value(declaration.value);
      } finally {
        this.#pending.delete(declaration);
      }
    }
    const hint = this.#wanted ?? this.scope.hint(name, [], false, this.bag);
    if (binding === null) {
      this.bag.error("E0301", expression.span, `Nothing is called \`${name}\``, hint);
      throw new NotConstant();
    }
    return this.#refuse(expression, `\`${name}\` is not a constant`);
  }

  #binary(expression: BinaryExpression): Value {
    const { operator } = expression;
    const left = this.#value(expression.left);
    if (operator === "and" || operator === "or") {
      const first = this.#bool(left, expression.left);
      if (first !== (operator === "and")) return first;
      return this.#bool(this.#value(expression.right), expression.right);
    }
    const right = this.#value(expression.right);
    switch (operator) {
      case "==":
        return valuesEqual(left, right, null);
      case "!=":
        return !valuesEqual(left, right, null);
      case "<":
      case "<=":
      case ">":
      case ">=":
        return compare(operator, left, right);
      case "|":
      case "&":
      case "<<":
      case ">>":
        return bitwise(operator, left, right);
      default:
        return arithmetic(operator, left, right, (bytes) => this.#charge(bytes));
    }
  }

  #cast(expression: Extract<Expression, { kind: "Cast" }>): Value {
    const target = expression.target.text;
    if (target !== "phys" && target !== "dma") {
      return this.#refuse(expression, `There is no cast \`as ${target}\``);
    }
    return cast(this.#value(expression.operand), target);
  }

  #bool(value: Value, expression: Expression): boolean {
    if (typeof value === "boolean") return value;
    this.bag.error("E0403", expression.span, "This is not a bool");
    throw new NotConstant();
  }

  #charge(bytes: number): void {
    this.#memory -= bytes;
    if (this.#memory < 0) {
      throw new ScriptError("E0802", "The values of the file's consts take too much memory");
    }
  }

  #refuse(expression: Expression, message: string): never {
    this.bag.error(
      "E0316",
      expression.span,
      message,
      "it can consist of literals, constants, consts, operators, entries of records and data files",
    );
    throw new NotConstant();
  }
}

/** The value of a number or a boolean as it is written; undefined for any other expression. */
export function literalValue(expression: Expression): Value | undefined {
  switch (expression.kind) {
    case "Integer":
    case "Boolean":
      return expression.value;
    case "Ratio":
      return new Ratio(expression.value);
    case "Size":
      return new Quantity("size", expression.valueBytes);
    case "Duration":
      return new Quantity("duration", expression.valueNs);
    default:
      return undefined;
  }
}
