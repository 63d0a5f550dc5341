/** Expressions → instructions. Statements are in `statement_compiler.ts`, which extends this. */
import type { ClosureNode, Resolution, Variable } from "../check/names/bindings.ts";
import type {
  Argument,
  BinaryExpression,
  BinaryOperator,
  BranchesExpression,
  CallExpression,
  CompareExpression,
  Expression,
  IfExpression,
  LambdaExpression,
  MatchExpression,
  NameExpression,
  TraceExpression,
} from "../syntax/tree/ast.ts";
import type { CallShape } from "../vm/code.ts";
import { BytesValue, Quantity, Ratio, type Value } from "../values/value.ts";
import { Op } from "../vm/loop.ts";
import { RareOp } from "../vm/rare_ops.ts";
import type { CodeBuilder } from "./code_builder.ts";
import { FunctionBuilder, Label } from "./function_builder.ts";
import type { ProgramTables } from "./program_tables.ts";

const BINARY: Readonly<Record<Exclude<BinaryOperator, "and" | "or">, Op>> = {
  "==": Op.Equal,
  "!=": Op.NotEqual,
  "<": Op.Less,
  "<=": Op.LessEqual,
  ">": Op.Greater,
  ">=": Op.GreaterEqual,
  "|": Op.BitOr,
  "&": Op.BitAnd,
  "<<": Op.ShiftLeft,
  ">>": Op.ShiftRight,
  "+": Op.Add,
  "-": Op.Subtract,
  "*": Op.Multiply,
  "/": Op.Divide,
  "%": Op.Modulo,
};

/** Comparisons that are one instruction with the jump that follows them. */
const JUMPS: Readonly<Partial<Record<BinaryOperator, Op>>> = {
  "==": Op.JumpUnlessEqual,
  "!=": Op.JumpIfEqual,
  "<": Op.JumpUnlessLess,
  "<=": Op.JumpUnlessLessEqual,
  ">": Op.JumpUnlessGreater,
  ">=": Op.JumpUnlessGreaterEqual,
};

export abstract class ExpressionCompiler {
  readonly tables: ProgramTables;
  readonly code: CodeBuilder;
  readonly resolution: Resolution;
  readonly builder: FunctionBuilder;
  readonly #slots = new Map<Variable, number>();
  /** While an assertion's condition is compiled: where each part's value is kept. */
  recorded: ReadonlyMap<Expression, number> | null = null;
  /** The statement that calls belong to, and its outermost expression. */
  site: number | null = null;
  root: Expression | null = null;

  constructor(tables: ProgramTables) {
    this.tables = tables;
    this.code = tables.code;
    this.resolution = tables.resolution;
    this.builder = new FunctionBuilder(tables.code.spans);
  }

  /** Gives a variable of this frame its slot. */
  bind(variable: Variable): number {
    const slot = this.builder.take(1);
    this.builder.names.push({ name: variable.name, slot });
    this.#slots.set(variable, slot);
    return slot;
  }

  slotOf(variable: Variable): number {
    return this.#slots.get(variable)!;
  }

  /** Writes an expression; its value is then on the stack. */
  expression(expression: Expression): void {
    this.builder.at(expression.span);
    this.#value(expression);
    const slot = this.recorded?.get(expression);
    if (slot !== undefined) this.builder.emit(0, Op.RecordPart, slot);
  }

  /** Writes a condition and a jump that is taken when it does not hold. */
  condition(expression: Expression, otherwise: Label): void {
    if (expression.kind === "Binary") {
      if (expression.operator === "and") {
        this.condition(expression.left, otherwise);
        this.condition(expression.right, otherwise);
        return;
      }
      const jump = JUMPS[expression.operator];
      if (jump !== undefined) {
        this.expression(expression.left);
        this.expression(expression.right);
        this.builder.at(expression.operatorSpan);
        this.builder.jump(-2, jump, otherwise);
        return;
      }
    }
    this.expression(expression);
    this.builder.jump(-1, Op.JumpIfFalse, otherwise);
  }

  /** Writes the block of a `trace` and its value. */
  protected abstract trace(expression: TraceExpression): void;

  /** Writes the block of a `compare` as code of its own, and what it comes to. */
  protected abstract compare(expression: CompareExpression): void;

  /** Writes the blocks of a `fork` and what they come to. */
  protected abstract fork(expression: BranchesExpression): void;

  /** Writes the blocks of a `race`, and what it comes to. */
  protected abstract race(expression: BranchesExpression): void;

  /** A compiler for a lambda inside this code. */
  protected abstract nested(): ExpressionCompiler;

  #value(expression: Expression): void {
    const { builder } = this;
    switch (expression.kind) {
      case "Integer":
        return this.#integer(expression.value);
      case "Ratio":
      case "Size":
      case "Duration":
        return this.#constant(literalValue(expression)!);
      case "String":
        return this.#string(expression.parts);
      case "Bytes":
        return this.#constant(new BytesValue(expression.bytes));
      case "Boolean":
        builder.emit(1, expression.value ? Op.PushTrue : Op.PushFalse);
        return;
      case "None":
        builder.emit(1, Op.PushNone);
        return;
      case "Name":
        return this.#name(expression);
      case "List":
        for (const item of expression.items) this.expression(item);
        builder.at(expression.span);
        builder.emit(1 - expression.items.length, Op.MakeList, expression.items.length);
        return;
      case "Record": {
        for (const entry of expression.entries) this.expression(entry.value);
        builder.at(expression.span);
        const keys = this.code.recordKeys.push(expression.entries.map(({ key }) => key.text)) - 1;
        builder.emit(1 - expression.entries.length, Op.MakeRecord, keys);
        return;
      }
      case "CopyWith": {
        this.expression(expression.object);
        for (const entry of expression.entries) this.expression(entry.value);
        builder.at(expression.span);
        const keys = this.code.recordKeys.push(expression.entries.map(({ key }) => key.text)) - 1;
        builder.emit(-expression.entries.length, RareOp.CopyWith, keys);
        return;
      }
      case "IfValue":
        return this.#ifValue(expression);
      case "MatchValue":
        return this.#matchValue(expression);
      case "Lambda":
        return this.#lambda(expression);
      case "Unary":
        return this.#unary(expression);
      case "Try": {
        const after = new Label();
        builder.jump(0, RareOp.TryStart, after);
        builder.cleanups.push({ kind: "try" });
        this.expression(expression.operand);
        builder.cleanups.pop();
        builder.emit(0, RareOp.TryEnd);
        builder.place(after);
        return;
      }
      case "Binary":
        return this.#binary(expression);
      case "Range":
        this.expression(expression.first);
        this.expression(expression.last);
        builder.at(expression.span);
        builder.emit(-1, RareOp.MakeRange, expression.inclusive ? 1 : 0);
        return;
      case "Cast":
        this.expression(expression.operand);
        builder.at(expression.span);
        builder.emit(0, RareOp.Cast, expression.target.text === "dma" ? 1 : 0);
        return;
      case "Call":
        return this.#call(expression);
      case "Index":
        this.expression(expression.object);
        this.expression(expression.index);
        builder.at(expression.span);
        builder.emit(-1, Op.Index);
        return;
      case "Field": {
        if (this.#count(expression)) return;
        const event = this.resolution.eventNames.get(expression);
        if (event !== undefined) return this.#constant(event);
        this.expression(expression.object);
        builder.at(expression.field.span);
        builder.emit(0, Op.Field, this.code.nameIndex(expression.field.text));
        return;
      }
      case "Trace":
        return this.trace(expression);
      case "Compare":
        return this.compare(expression);
      case "Fork":
        return this.fork(expression);
      case "Race":
        return this.race(expression);
      case "ErrorExpression":
        throw new Error(`Cannot compile ${expression.kind}: the checker refuses it`);
      default:
        expression satisfies never;
    }
  }

  #integer(value: number): void {
    if (value === (value | 0)) this.builder.emit(1, Op.PushInt, value);
    else this.#constant(value);
  }

  #constant(value: Value): void {
    this.builder.emit(1, Op.PushConstant, this.code.constant(value));
  }

  #string(parts: readonly (string | Expression)[]): void {
    if (parts.every((part) => typeof part === "string")) {
      this.#constant(parts.join(""));
      return;
    }
    for (const part of parts) {
      if (typeof part === "string") this.#constant(part);
      else this.expression(part);
    }
    this.builder.emit(1 - parts.length, RareOp.Interpolate, parts.length);
  }

  /** True when the expression stands for an event's count, in a budget. */
  #count(expression: Expression): boolean {
    const event = this.resolution.counts.get(expression);
    if (event === undefined) return false;
    this.builder.emit(1, RareOp.Count, this.code.nameIndex(event));
    return true;
  }

  #name(expression: NameExpression): void {
    if (this.#count(expression)) return;
    const { builder } = this;
    const binding = this.resolution.names.get(expression)!;
    switch (binding.kind) {
      case "variable":
        return this.load(binding);
      case "const": {
        const literal = literalValue(binding.declaration.value);
        if (typeof literal === "number") this.#integer(literal);
        else if (literal !== undefined) this.#constant(literal);
        else builder.emit(1, Op.LoadGlobal, this.tables.constGlobal(binding));
        return;
      }
      case "machine":
        builder.emit(1, Op.LoadGlobal, this.tables.machineGlobal(binding.name));
        return;
      case "word":
        return this.#constant(binding.word);
      case "function":
      case "builtin":
        throw new Error(`Cannot use ${binding.kind} as a value: the checker refuses it`);
      default:
        binding satisfies never;
    }
  }

  /** Writes a variable's value, which is a local, a captured copy or a session's global. */
  load(variable: Variable): void {
    const slot = this.#slots.get(variable);
    if (slot !== undefined) this.builder.emit(1, Op.LoadLocal, slot);
    else this.builder.emit(1, Op.LoadGlobal, this.tables.variableGlobal(variable));
  }

  #unary(expression: Extract<Expression, { kind: "Unary" }>): void {
    const { operand, operator } = expression;
    if (operator === "-" && operand.kind === "Integer" && operand.value !== 0) {
      this.#integer(-operand.value);
      return;
    }
    this.expression(operand);
    this.builder.at(expression.span);
    this.builder.emit(0, operator === "not" ? Op.Not : Op.Negate);
  }

  #binary(expression: BinaryExpression): void {
    const { builder } = this;
    const { left, operator, right } = expression;
    this.expression(left);
    if (operator === "and" || operator === "or") {
      const after = new Label();
      builder.jump(-1, operator === "and" ? Op.JumpIfFalseKeep : Op.JumpIfTrueKeep, after);
      this.expression(right);
      builder.emit(0, Op.CheckBool);
      builder.place(after);
      return;
    }
    if (operator === "+" && right.kind === "Integer" && right.value === (right.value | 0)) {
      builder.at(expression.operatorSpan);
      builder.emit(0, Op.AddInt, right.value);
      return;
    }
    this.expression(right);
    builder.at(expression.operatorSpan);
    builder.emit(-1, BINARY[operator]);
  }

  #ifValue({ condition, otherwise, then }: IfExpression): void {
    const { builder } = this;
    const other = new Label();
    const after = new Label();
    this.condition(condition, other);
    this.expression(then);
    builder.jump(-1, Op.Jump, after);
    builder.place(other);
    this.expression(otherwise);
    builder.place(after);
  }

  #matchValue({ arms, span, subject }: MatchExpression): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const after = new Label();
    const slot = builder.take(1);
    this.expression(subject);
    builder.emit(-1, Op.StoreLocal, slot);
    for (const { pattern, value } of arms) {
      const next = new Label();
      if (pattern !== null) this.matchArm(pattern, slot, next);
      this.expression(value);
      builder.jump(-1, Op.Jump, after);
      builder.place(next);
    }
    builder.at(span);
    builder.emit(1, Op.LoadLocal, slot);
    builder.emit(0, RareOp.NoArm);
    builder.place(after);
    builder.release(before);
  }

  /** Writes a jump that is taken when the value of a slot does not fit a pattern. */
  protected matchArm(pattern: Expression, slot: number, next: Label): void {
    const { builder } = this;
    builder.emit(1, Op.LoadLocal, slot);
    this.expression(pattern);
    builder.emit(-1, RareOp.MatchTest);
    builder.jump(-1, Op.JumpIfFalse, next);
  }

  // Calls.

  #call(expression: CallExpression): void {
    const { callee } = expression;
    const binding = callee.kind === "Name" ? this.resolution.names.get(callee) : undefined;
    const { builder } = this;
    const data = this.resolution.data.get(expression);
    if (data !== undefined) return this.#constant(data);
    if (binding?.kind === "function") {
      this.#callFunction(expression, binding.declaration.parameters.map(({ text }) => text));
      builder.at(expression.span);
      const count = expression.arguments.length;
      builder.emit(1 - count, Op.Call, this.tables.functionIndex(binding.declaration), count);
      this.#sameSite(expression);
      return;
    }
    if (binding?.kind === "builtin") {
      const shape = this.#arguments(expression.arguments, "");
      builder.at(expression.span);
      const builtin = this.code.builtin(binding.spec);
      builder.emit(1 - expression.arguments.length, Op.CallBuiltin, builtin, shape);
      return;
    }
    if (callee.kind === "Field") {
      this.expression(callee.object);
      const shape = this.#arguments(expression.arguments, callee.field.text);
      builder.at(expression.span);
      builder.emit(-expression.arguments.length, Op.CallMethod, shape);
      return;
    }
    this.expression(callee);
    const shape = this.#arguments(expression.arguments, "");
    builder.at(expression.span);
    builder.emit(-expression.arguments.length, Op.CallValue, shape);
    this.#sameSite(expression);
  }

  /** Arguments of a function of the script, in the order of its parameters. */
  #callFunction(expression: CallExpression, parameters: readonly string[]): void {
    const places = expression.arguments.map((argument, position) =>
      argument.name === null ? position : parameters.indexOf(argument.name.text)
    );
    if (places.every((place, position) => place === position)) {
      for (const argument of expression.arguments) this.expression(argument.value);
      return;
    }
    // Named out of order: evaluated as written, then put in order by way of slots.
    const before = this.builder.usedSlots;
    const first = this.builder.take(places.length);
    for (const [position, argument] of expression.arguments.entries()) {
      this.expression(argument.value);
      this.builder.emit(-1, Op.StoreLocal, first + places[position]!);
    }
    for (let place = 0; place < places.length; place++) {
      this.builder.emit(1, Op.LoadLocal, first + place);
    }
    this.builder.release(before);
  }

  #arguments(given: readonly Argument[], name: string): number {
    for (const argument of given) this.expression(argument.value);
    const named = given.filter((argument) => argument.name !== null)
      .map((argument) => argument.name!.text);
    const shape: CallShape = { name, positional: given.length - named.length, named };
    return this.code.shapes.push(shape) - 1;
  }

  /** What the called function did belongs to its own statements; what follows to ours again. */
  #sameSite(call: CallExpression): void {
    if (this.site !== null && this.root !== call) this.builder.emit(0, Op.Site, this.site);
  }

  #lambda(expression: LambdaExpression): void {
    const inner = this.nested();
    for (const name of expression.parameters) inner.bind(this.resolution.variables.get(name)!);
    const parameters = expression.parameters.map(({ text }) => text);
    this.closure(expression, inner, parameters, () => {
      inner.expression(expression.body);
      inner.builder.emit(-1, Op.Return);
    });
  }

  /** Writes code that takes values of the code around it along, and leaves it as a closure. */
  protected closure<C extends ExpressionCompiler>(
    node: ClosureNode,
    inner: C,
    parameters: readonly string[],
    write: () => void,
  ): void {
    const { captures } = this.resolution.closures.get(node)!;
    for (const variable of captures) inner.bind(variable);
    write();
    const index = this.code.reserveFunction("lambda", "", node.span, parameters);
    this.code.finish(index, inner.builder);
    this.builder.expectations.push(...inner.builder.expectations);
    for (const variable of captures) this.load(variable);
    this.builder.at(node.span);
    this.builder.emit(1 - captures.length, RareOp.MakeClosure, index, captures.length);
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
