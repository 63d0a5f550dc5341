/**
 * Compiles functions into instructions: expressions, statements, and blocks that run several times
 * or on other machines.
 */
import { addAll } from "@dmalab/runtime/basics";
import type { ClosureNode, Resolution, Variable } from "../check/names/bindings.ts";
import type {
  Argument,
  AssertStatement,
  AssignStatement,
  BinaryExpression,
  BinaryOperator,
  Block,
  BranchesExpression,
  CallExpression,
  ChangeStatement,
  CompareExpression,
  ExpectedOutcome,
  ExpectEventsStatement,
  Expression,
  FailStatement,
  ForStatement,
  IfExpression,
  IfStatement,
  InvariantStatement,
  LambdaExpression,
  MatchExpression,
  MatchStatement,
  NameExpression,
  OutputStatement,
  RepeatStatement,
  Statement,
  StepStatement,
  TraceExpression,
  WhileStatement,
} from "../syntax/tree/ast.ts";
import {
  type CallShape,
  type ForkKeyword,
  RETURNING,
  type Site,
  type TrialDuty,
  type TrialWord,
} from "../vm/code.ts";
import { BytesValue, Quantity, Ratio, type Value } from "../values/value.ts";
import { Op } from "../vm/loop.ts";
import { RareOp } from "../vm/rare_ops.ts";
import type { CodeBuilder } from "./code_builder.ts";
import { FunctionBuilder, Label } from "./function_builder.ts";
import type { ProgramTables } from "./program_tables.ts";
import { headOf, type Span } from "../source.ts";
import { canonicalName } from "../values/registry.ts";
import { eventsNamed } from "../check/names/event_names.ts";
import { expectedStatus } from "../check/names/outcome_names.ts";
import { roleOf } from "../syntax/tree/nodes.ts";
import {
  callsSomething,
  isCall,
  onlyCall,
  someExpression,
  touchesMachine,
} from "../syntax/tree/walk.ts";
import { ChangeBy } from "../vm/changes.ts";
import { assertedParts, comparisonsOf } from "./asserted_parts.ts";
import { compilePattern } from "../patterns/event_automaton.ts";

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

/** Comparisons that are merged with the jump after them into one instruction. */
const JUMPS: Readonly<Partial<Record<BinaryOperator, Op>>> = {
  "==": Op.JumpUnlessEqual,
  "!=": Op.JumpIfEqual,
  "<": Op.JumpUnlessLess,
  "<=": Op.JumpUnlessLessEqual,
  ">": Op.JumpUnlessGreater,
  ">=": Op.JumpUnlessGreaterEqual,
};

/** The site of a statement: the location to which the statement's events refer. */
function siteOf(statement: Statement): Site {
  const { span } = statement;
  return { span, call: onlyCall(statement)?.span ?? span };
}

/** Whether an expression statement prints a table: a `compare` with an unused value does. */
export function isTable(statement: Expression): boolean {
  return statement.kind === "Compare";
}

export class FunctionCompiler {
  readonly code: CodeBuilder;
  readonly resolution: Resolution;
  readonly builder: FunctionBuilder;
  readonly #slots = new Map<Variable, number>();
  /** While an assertion's condition is compiled: the slot in which each part's value is saved. */
  recorded: ReadonlyMap<Expression, number> | null = null;
  /**
   * `site` is the site for calls in the current statement. `root` is the outermost expression of
   * that statement.
   */
  site: number | null = null;
  root: Expression | null = null;

  /**
   * The keyword of the innermost block that runs on separate machines; null outside such blocks.
   */
  #forkKeyword: ForkKeyword | null = null;
  /** True inside a block of a race, where another block may run before each statement. */
  #inRace = false;
  /**
   * The innermost `inject each`, `remove each`, `unplug each` or `race` around the current
   * statement.
   */
  #trial: Pick<TrialDuty, "word" | "trial"> | null = null;
  /**
   * The expression of the current expression statement. A race that is this expression is a whole
   * statement.
   */
  #raceStatement: Expression | null = null;

  constructor(readonly tables: ProgramTables) {
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
        builder.emitAt(
          expression.span,
          1 - expression.items.length,
          Op.MakeList,
          expression.items.length,
        );
        return;
      case "Record":
      case "CopyWith": {
        const { entries, kind, span } = expression;
        if (kind === "CopyWith") this.expression(expression.object);
        for (const { value } of entries) this.expression(value);
        builder.at(span);
        const keys = this.code.recordKeys.push(entries.map(({ key }) => key.text)) - 1;
        if (kind === "Record") builder.emit(1 - entries.length, Op.MakeRecord, keys);
        else builder.emit(-entries.length, RareOp.CopyWith, keys);
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
        builder.emitAt(expression.span, -1, RareOp.MakeRange, expression.inclusive ? 1 : 0);
        return;
      case "Cast":
        this.expression(expression.operand);
        builder.emitAt(expression.span, 0, RareOp.Cast, expression.target.text === "dma" ? 1 : 0);
        return;
      case "Call":
        return this.#call(expression);
      case "Index":
        this.expression(expression.object);
        this.expression(expression.index);
        builder.emitAt(expression.span, -1, Op.Index);
        return;
      case "Field": {
        if (this.#count(expression)) return;
        const event = this.resolution.eventNames.get(expression);
        if (event !== undefined) return this.#constant(event);
        this.expression(expression.object);
        builder.emitAt(
          expression.field.span,
          0,
          Op.Field,
          this.code.nameIndex(expression.field.text),
        );
        return;
      }
      case "Trace":
        return this.#trace(expression);
      case "Compare":
        return this.#compare(expression);
      case "Fork":
        return this.#fork(expression);
      case "Race":
        return this.#race(expression);
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

  /** If the expression is an event's count in a budget, writes it and returns true. */
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
    this.builder.emitAt(expression.span, 0, operator === "not" ? Op.Not : Op.Negate);
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
      builder.emitAt(expression.operatorSpan, 0, Op.AddInt, right.value);
      return;
    }
    this.expression(right);
    builder.emitAt(expression.operatorSpan, -1, BINARY[operator]);
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
      if (pattern !== null) this.#matchArm(pattern, slot, next);
      this.expression(value);
      builder.jump(-1, Op.Jump, after);
      builder.place(next);
    }
    builder.emitAt(span, 1, Op.LoadLocal, slot);
    builder.emit(0, RareOp.NoArm);
    builder.place(after);
    builder.release(before);
  }

  /** Writes a jump that is taken when the value of a slot does not fit a pattern. */
  #matchArm(pattern: Expression, slot: number, next: Label): void {
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
      builder.emitAt(expression.span, -expression.arguments.length, Op.CallMethod, shape);
      return;
    }
    this.expression(callee);
    const shape = this.#arguments(expression.arguments, "");
    builder.emitAt(expression.span, -expression.arguments.length, Op.CallValue, shape);
    this.#sameSite(expression);
  }

  /** Writes the arguments of a function of the script, in the order of its parameters. */
  #callFunction(expression: CallExpression, parameters: readonly string[]): void {
    const places = expression.arguments.map((argument, position) =>
      argument.name === null ? position : parameters.indexOf(argument.name.text)
    );
    if (places.every((place, position) => place === position)) {
      for (const argument of expression.arguments) this.expression(argument.value);
      return;
    }
    // If the arguments are not in the order of the parameters, they are evaluated in the written
    // order, and then reordered in slots.
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

  /**
   * Sets the site of the current statement again, because the call has set the site to statements
   * of the called function.
   */
  #sameSite(call: CallExpression): void {
    if (this.site !== null && this.root !== call) this.builder.emit(0, Op.Site, this.site);
  }

  #lambda(expression: LambdaExpression): void {
    const inner = this.#nested();
    for (const name of expression.parameters) inner.bind(this.resolution.variables.get(name)!);
    const parameters = expression.parameters.map(({ text }) => text);
    this.#closure(expression, inner, parameters, () => {
      inner.expression(expression.body);
      inner.builder.emit(-1, Op.Return);
    });
  }

  /** Writes code as a closure, with the values that it captures from the surrounding code. */
  #closure(
    node: ClosureNode,
    inner: FunctionCompiler,
    parameters: readonly string[],
    write: () => void,
  ): void {
    const { captures } = this.resolution.closures.get(node)!;
    for (const variable of captures) inner.bind(variable);
    write();
    const index = this.code.reserveFunction("lambda", "", node.span, parameters);
    this.code.finish(index, inner.builder);
    addAll(this.builder.expectations, inner.builder.expectations);
    for (const variable of captures) this.load(variable);
    this.builder.emitAt(node.span, 1 - captures.length, RareOp.MakeClosure, index, captures.length);
  }

  // Statements.

  /** A compiler for a function nested in this one. */
  #nested(): FunctionCompiler {
    const inner = new FunctionCompiler(this.tables);
    inner.#forkKeyword = this.#forkKeyword;
    return inner;
  }

  /** Writes the statements of a block; the slots of its variables are free again after it. */
  block(block: Block): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const cleanups = builder.cleanups.length;
    for (const statement of block.statements) this.statement(statement);
    // Invariants end with the block that contains them.
    const invariants = builder.cleanups.length - cleanups;
    if (invariants > 0) builder.emit(0, RareOp.LeaveScope, invariants);
    builder.cleanups.length = cleanups;
    builder.release(before);
  }

  statement(statement: Statement): void {
    this.builder.at(statement.span);
    this.site = null;
    this.root = null;
    if (this.#inRace && statement.kind !== "While") this.#racePoint(statement);
    // The mark follows the race point, where another block may run before the statement. A `while`
    // in a race writes both itself, before each turn.
    if (!this.#inRace || statement.kind !== "While") this.#mark(statement);
    if (touchesMachine(statement)) {
      this.site = this.code.sites.push(siteOf(statement));
      // Loops set the site themselves, before each turn.
      if (roleOf(statement) !== "loop") this.builder.emit(0, Op.Site, this.site);
    }
    this.#statement(statement);
  }

  /** Writes an expression that is a whole statement of a session, and leaves its value. */
  shownStatement(statement: Statement, shown: Expression): void {
    this.builder.at(statement.span);
    this.#mark(statement);
    this.site = this.code.sites.push(siteOf(statement));
    this.builder.emit(0, Op.Site, this.site);
    this.#rootExpression(shown);
  }

  #mark({ span }: Statement): void {
    if (!this.tables.marked) return;
    const variables = [...this.builder.names];
    const aside = this.#forkKeyword === null ? {} : { forkKeyword: this.#forkKeyword };
    this.builder.emit(0, Op.Mark, this.code.statements.push({ span, variables, ...aside }) - 1);
  }

  #statement(statement: Statement): void {
    const { builder } = this;
    switch (statement.kind) {
      case "Let":
        return this.#let(statement);
      case "Assign":
        return this.#assign(statement);
      case "Change":
        return this.#change(statement);
      case "If":
        return this.#if(statement);
      case "While":
        return this.#while(statement);
      case "For":
        return this.#for(statement);
      case "Repeat":
        return this.#repeat(statement);
      case "Match":
        return this.#match(statement);
      case "Return":
        if (statement.value === null) builder.emit(1, Op.PushNone);
        else this.#rootExpression(statement.value);
        this.#cleanUp(0);
        if (this.tables.marked) builder.emit(0, Op.Mark, RETURNING);
        builder.emit(-1, Op.Return);
        return;
      case "Break":
      case "Continue": {
        const loop = builder.loop!;
        this.#cleanUp(loop.cleanups);
        builder.jump(0, Op.Jump, statement.kind === "Break" ? loop.out : loop.again);
        return;
      }
      case "Assert":
        return this.#check(statement, this.#expectation(statement.span));
      case "ExpectOutcome":
        this.#outcome(statement.expected, statement.span, false, () => this.block(statement.body));
        return;
      case "ExpectEvents":
        return this.#expectEvents(statement);
      case "Step":
        return this.#step(statement);
      case "Wait":
        this.#rootExpression(statement.subject);
        builder.emitAt(statement.span, -1, RareOp.Wait);
        return;
      case "Advance":
        this.#rootExpression(statement.duration);
        builder.emitAt(statement.span, -1, RareOp.Advance);
        return;
      case "OnCpu": {
        this.#rootExpression(statement.cpu);
        const slot = builder.take(1);
        builder.emit(-1, RareOp.EnterCpu, slot);
        builder.cleanups.push({ kind: "cpu", slot });
        this.block(statement.body);
        builder.cleanups.pop();
        builder.emit(0, RareOp.LeaveCpu, slot);
        return;
      }
      case "Output":
        return this.#output(statement);
      case "Expression":
        if (statement.expected === null) {
          this.#raceStatement = statement.expression;
          this.#rootExpression(statement.expression);
          if (isCall(statement.expression)) this.#duty("succeeds", statement.span);
          builder.emit(-1, isTable(statement.expression) ? RareOp.Show : Op.Pop);
        } else {
          this.#outcome(statement.expected, statement.span, true, () => {
            this.#rootExpression(statement.expression);
          });
        }
        return;
      case "CDriver":
      case "Use":
      case "Machine":
      case "Const":
      case "Function":
      case "Test":
      case "Property":
      case "Bench":
      case "Driver":
        // Declarations were compiled with the file.
        return;
      case "Fail":
        return this.#failing(statement);
      case "Invariant":
        return this.#invariant(statement);
      case "ErrorStatement":
        throw new Error(`Cannot compile ${statement.kind}: the checker refuses it`);
      default:
        statement satisfies never;
    }
  }

  /** Ends the open blocks that are left early, innermost first. */
  #cleanUp(pending: number): void {
    const { builder } = this;
    for (let index = builder.cleanups.length - 1; index >= pending; index--) {
      const cleanup = builder.cleanups[index]!;
      if (cleanup.kind === "cpu") builder.emit(0, RareOp.LeaveCpu, cleanup.slot);
      else if (cleanup.kind === "outcome") builder.emit(0, RareOp.OutcomeEnd);
      else if (cleanup.kind === "scope") builder.emit(0, RareOp.LeaveScope, 1);
      else builder.emit(0, RareOp.DropHandlers, 1);
    }
  }

  // Variables.

  #output({ span, value, verb }: OutputStatement): void {
    const { builder } = this;
    // The reasons for a field's value belong to the field, so the field is explained. The value
    // alone has no reasons.
    if (verb === "explain" && value.kind === "Field" && !this.resolution.eventNames.has(value)) {
      this.#rootExpression(value.object);
      builder.emitAt(
        value.field.span,
        -1,
        RareOp.ExplainField,
        this.code.nameIndex(value.field.text),
      );
      return;
    }
    this.#rootExpression(value);
    builder.emitAt(
      span,
      -1,
      { print: RareOp.Print, show: RareOp.Show, explain: RareOp.Explain }[verb],
    );
  }

  #let(statement: Extract<Statement, { kind: "Let" }>): void {
    const variable = this.resolution.variables.get(statement)!;
    this.#rootExpression(statement.value);
    // A value that is bound to a name starting with `_` is unused, so the call has to succeed.
    if (statement.name.text.startsWith("_")) this.#duty("succeeds", statement.value.span);
    if (variable.owner === null) {
      this.builder.emit(-1, Op.StoreGlobal, this.tables.variableGlobal(variable));
    } else {
      this.builder.emit(-1, Op.StoreLocal, this.bind(variable));
    }
  }

  #assign(statement: AssignStatement): void {
    const { builder } = this;
    const variable = this.resolution.targets.get(statement)!;
    const local = variable.owner !== null;
    const step = local ? incrementOf(statement) : null;
    if (step !== null) {
      builder.emit(0, Op.IncrementLocal, this.slotOf(variable), step);
      return;
    }
    if (statement.operator === "+=") this.load(variable);
    this.#rootExpression(statement.value);
    builder.at(statement.span);
    if (statement.operator === "+=") builder.emit(-1, Op.Add);
    if (local) builder.emit(-1, Op.StoreLocal, this.slotOf(variable));
    else builder.emit(-1, Op.StoreGlobal, this.tables.variableGlobal(variable));
  }

  #change({ operator, place, value }: ChangeStatement): void {
    const { builder } = this;
    const by = operator === "+=" ? ChangeBy.Add : ChangeBy.Assign;
    this.expression(place.object);
    if (place.kind === "Index") this.expression(place.index);
    this.#rootExpression(value);
    builder.at(place.kind === "Field" ? place.field.span : place.span);
    if (place.kind === "Index") builder.emit(-3, RareOp.ChangeIndex, by);
    else builder.emit(-2, RareOp.ChangeField, this.code.nameIndex(place.field.text), by);
  }

  // Control.

  #if(statement: IfStatement): void {
    const { builder } = this;
    const otherwise = new Label();
    this.condition(statement.condition, otherwise);
    if (statement.otherwise === null && statement.then.statements.some(callsSomething)) {
      this.#duty("holds", statement.condition.span);
    }
    this.block(statement.then);
    if (statement.otherwise === null) {
      builder.place(otherwise);
      return;
    }
    const after = new Label();
    builder.jump(0, Op.Jump, after);
    builder.place(otherwise);
    if ("kind" in statement.otherwise) this.statement(statement.otherwise);
    else this.block(statement.otherwise);
    builder.place(after);
  }

  #while(statement: WhileStatement): void {
    const { builder } = this;
    const again = new Label();
    const out = new Label();
    builder.place(again);
    // The condition is evaluated at each turn, and another block may have changed its value.
    if (this.#inRace) {
      this.#racePoint(statement);
      this.#mark(statement);
    }
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    this.condition(statement.condition, out);
    this.#loopBody(statement.body, again, out);
  }

  #for(statement: ForStatement): void {
    const { builder } = this;
    const before = builder.usedSlots;
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    this.#rootExpression(statement.values);
    const slot = builder.take(2);
    const variable = this.bind(this.resolution.variables.get(statement)!);
    this.#walk(statement.body, Op.ForStart, slot, variable);
    builder.release(before);
  }

  #repeat(statement: RepeatStatement): void {
    const { builder } = this;
    const before = builder.usedSlots;
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    this.#rootExpression(statement.count);
    const slot = builder.take(3);
    this.#walk(statement.body, Op.RepeatStart, slot, slot + 2);
    builder.release(before);
  }

  #walk(body: Block, start: Op, slot: number, variable: number): void {
    const { builder } = this;
    const again = new Label();
    const out = new Label();
    builder.emit(-1, start, slot);
    builder.place(again);
    builder.jump(0, Op.ForNext, out, slot, variable);
    this.#loopBody(body, again, out);
  }

  /** Writes the body of a loop and the jump back to `again`; places `out` behind that jump. */
  #loopBody(body: Block, again: Label, out: Label): void {
    const { builder } = this;
    const outer = builder.loop;
    builder.loop = { again, out, cleanups: builder.cleanups.length };
    this.block(body);
    builder.loop = outer;
    builder.jump(0, Op.Jump, again);
    builder.place(out);
  }

  #match(statement: MatchStatement): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const after = new Label();
    const subject = builder.take(1);
    this.#rootExpression(statement.subject);
    builder.emit(-1, Op.StoreLocal, subject);
    for (const arm of statement.arms) {
      const next = new Label();
      if (arm.pattern !== null) this.#matchArm(arm.pattern, subject, next);
      this.block(arm.body);
      builder.jump(0, Op.Jump, after);
      builder.place(next);
    }
    builder.place(after);
    builder.release(before);
  }

  // Expectations.

  /** @param expectation Null if evaluating the condition does not count as an expectation. */
  #check(
    { condition, message, span }: Pick<AssertStatement, "condition" | "message" | "span">,
    expectation: number | null,
  ): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const parts = assertedParts(condition, this.resolution);
    const comparisons = [...comparisonsOf(condition)];
    const remembered = new Set(parts.map(({ expression }) => expression));
    // If a side of a comparison is a literal, it is not shown, but it is saved for the comparison.
    for (const { left, right } of comparisons) remembered.add(left).add(right);
    const first = builder.take(remembered.size);
    const slots = new Map([...remembered].map((expression, index) => [expression, first + index]));
    const info = this.code.assertions.push({
      condition: condition.span,
      parts: parts.map(({ anchor, expression }) => ({ anchor, slot: slots.get(expression)! })),
      compared: comparisons.map(({ left, right }) => [slots.get(left)!, slots.get(right)!]),
      hasMessage: message !== null,
      expectation,
    }) - 1;
    if (slots.size > 0) builder.emit(0, Op.ForgetParts, first, slots.size);
    const outer = this.recorded;
    this.recorded = slots;
    this.#rootExpression(condition);
    this.recorded = outer;
    const holds = new Label();
    builder.at(span);
    builder.jump(-1, Op.Assert, holds, info);
    if (message !== null) this.expression(message);
    builder.emit(message === null ? 0 : -1, RareOp.AssertFailed, info);
    builder.place(holds);
    builder.release(before);
  }

  #outcome(
    expected: ExpectedOutcome,
    span: Span,
    oneCall: boolean,
    body: () => void,
  ): void {
    const { builder } = this;
    const written = expected.code.text;
    const index = this.code.outcomes.push({
      codeSpan: expected.code.span,
      outcome: expected.outcome,
      // For an alias such as BLK_STS_INVAL, the canonical name of the status.
      code: canonicalName(written, this.tables.registry),
      deviceStatus: expectedStatus(written, this.tables.registry),
      oneCall,
      expectation: this.#expectation(span),
    }) - 1;
    const after = new Label();
    builder.jump(0, RareOp.OutcomeStart, after, index);
    builder.cleanups.push({ kind: oneCall ? "try" : "outcome" });
    body();
    builder.cleanups.pop();
    builder.emitAt(span, oneCall ? -1 : 0, RareOp.OutcomeEnd);
    builder.place(after);
  }

  #expectEvents(statement: ExpectEventsStatement): void {
    const { builder } = this;
    const { registry } = this.tables;
    const pattern = compilePattern(statement.pattern, (name) => eventsNamed(name, registry))!;
    for (const value of pattern.values) this.expression(value);
    this.expression(statement.subject);
    const index = this.code.patterns.push({
      span: statement.pattern.span,
      matcher: pattern.matcher,
      expectation: this.#expectation(statement.span),
    }) - 1;
    builder.emitAt(statement.span, -1 - pattern.values.length, RareOp.ExpectEvents, index);
  }

  // The machine.

  #step(statement: StepStatement): void {
    const { builder } = this;
    if (statement.until === null) {
      if (statement.count === null) builder.emit(1, Op.PushInt, 1);
      else this.#rootExpression(statement.count);
      builder.emitAt(statement.span, -1, RareOp.StepEvents);
      return;
    }
    // The condition is a separate closure, which runs after every event.
    const { until } = statement;
    const inner = this.#nested();
    this.#closure(statement, inner, [], () => {
      inner.expression(until);
      inner.builder.emitAt(until.span, -1, Op.Return);
    });
    builder.at(statement.span);
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    // A condition with a call may cause events, so it is evaluated between activities only.
    builder.emit(-1, RareOp.StepUntil, someExpression(until, isCall) ? 0 : 1);
  }

  // Blocks that run more than once, or on another machine.

  /**
   * Gives a number to a statement with an expectation, so that the report can list statements that
   * were never reached.
   */
  #expectation(span: Span): number {
    const index = this.code.expectations.push(span) - 1;
    this.builder.expectations.push(index);
    return index;
  }

  /** Numbers a place so that the run records that it was reached; no report lists it. */
  #unlisted(span: Span): number {
    return this.code.expectations.push(span) - 1;
  }

  /** Writes the block of a trial, which runs several times. */
  #tried(word: TrialWord, trial: number, write: () => void): void {
    const outer = this.#trial;
    this.#trial = { word, trial };
    write();
    this.#trial = outer;
  }

  /** Adds a requirement: a statement in a trial must succeed in at least one run of the trial. */
  #duty(kind: "holds" | "succeeds", span: Span): void {
    if (this.#trial === null) return;
    const done = this.#unlisted(span);
    const duty = { ...this.#trial, kind, span, done };
    if (kind === "holds") this.builder.emit(0, RareOp.Reached, done);
    else {
      // The requirement applies only if the call is reached. If a call is never reached, it is
      // inside a condition, and the condition has its own requirement.
      duty.trial = this.#unlisted(span);
      this.builder.emit(0, RareOp.Reached, duty.trial);
      this.builder.emit(0, RareOp.ReachedByValue, done);
    }
    this.code.trialDuties.push(duty);
  }

  #rootExpression(expression: Expression): void {
    this.root = expression;
    this.expression(expression);
  }

  #trace(expression: TraceExpression): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const slot = builder.take(2);
    builder.emit(0, RareOp.TraceStart, slot);
    this.#innerBlock(expression.body);
    builder.emitAt(expression.span, 1, RareOp.TraceEnd, slot);
    builder.release(before);
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
  }

  /**
   * Writes a block inside an expression. The state of the surrounding statement is kept.
   *
   * @param raced True if another block may run between the statements of this block.
   */
  #innerBlock(block: Block, raced = false): void {
    const { builder, recorded, root, site } = this;
    const { loop } = builder;
    const inRace = this.#inRace;
    builder.loop = null;
    this.recorded = null;
    this.#inRace = raced;
    this.block(block);
    this.#inRace = inRace;
    builder.loop = loop;
    this.recorded = recorded;
    this.root = root;
    this.site = site;
  }

  /** Writes blocks that run on separate machines; with null, on the current machine. */
  #besides(word: ForkKeyword | null, write: () => void): void {
    const forkKeyword = this.#forkKeyword;
    this.#forkKeyword = word;
    write();
    this.#forkKeyword = forkKeyword;
  }

  // Trying things out.

  #failing(statement: FailStatement): void {
    const { builder } = this;
    const { body, error, meanwhile, nth, point, span, verb } = statement;
    const expectation = this.#expectation(span);
    if (point === null) {
      const word = `${verb} each` as const;
      const hit = this.#unlisted(span);
      const hasMeanwhile = meanwhile !== null;
      const info = this.code.failEachs.push({ word, hasMeanwhile, span, expectation, hit }) - 1;
      if (hasMeanwhile) this.#blockClosure(statement, meanwhile);
      builder.emit(hasMeanwhile ? -1 : 0, RareOp.FailEachStart, info);
      this.#tried(word, expectation, () => this.#innerBlock(body));
      // This requirement is added last, because a requirement of a statement in the block gives a
      // more precise message.
      const duty = { word, kind: "fails", trial: expectation, done: hit } as const;
      this.code.trialDuties.push({ ...duty, span: headOf(span) });
      builder.emitAt(span, 0, RareOp.FailEachEnd);
      return;
    }
    if (nth !== null) this.#rootExpression(nth);
    builder.at(span);
    const trial = this.#unlisted(span);
    const injected = { point: point.text, hasNth: nth !== null };
    const duty = { word: "inject", kind: "injects", trial, done: expectation } as const;
    this.code.trialDuties.push({ ...duty, injected, span: headOf(span) });
    builder.emit(0, RareOp.Reached, trial);
    const info = this.code.fails.push({
      ...injected,
      error: error === null ? null : canonicalName(error.text, this.tables.registry),
      expectation,
    }) - 1;
    builder.emit(nth === null ? 0 : -1, RareOp.FailStart, info);
    builder.cleanups.push({ kind: "scope" });
    this.block(body);
    builder.cleanups.pop();
    builder.emit(0, RareOp.LeaveScope, 1);
  }

  /** A block that is called: compiled into a separate closure. */
  #blockClosure(node: ClosureNode, block: Block): void {
    const inner = this.#nested();
    this.#closure(node, inner, [], () => {
      inner.block(block);
      endFunction(inner.builder);
    });
  }

  /** The condition is a separate closure, which runs after every event. */
  #invariant(statement: InvariantStatement): void {
    const { builder } = this;
    const { condition, name, span } = statement;
    const inner = this.#nested();
    this.#closure(statement, inner, [], () => {
      inner.#check({ condition, message: null, span: condition.span }, null);
      endFunction(inner.builder);
    });
    builder.at(condition.span);
    const expectation = this.#expectation(span);
    const info = this.code.invariants.push({ name, span: condition.span, expectation }) - 1;
    builder.emit(-1, RareOp.InvariantStart, info);
    builder.cleanups.push({ kind: "scope" });
  }

  #fork(expression: BranchesExpression): void {
    const { builder } = this;
    const { branches, span } = expression;
    const after = new Label();
    const entries = branches.map(() => new Label());
    builder.jump(0, RareOp.Fork, after, branches.length);
    for (const entry of entries) builder.jump(0, Op.Jump, entry);
    branches.forEach((branch, index) => {
      builder.place(entries[index]!);
      this.#besides("fork", () => this.#innerBlock(branch));
      builder.emit(0, RareOp.BranchEnd);
    });
    builder.at(span);
    builder.place(after);
    // The value is pushed after all blocks have run; no single block pushes it.
    builder.holds(1);
  }

  /** The blocks share a frame; each keeps its slots, because the other blocks run in between. */
  #race(expression: BranchesExpression): void {
    const { builder } = this;
    const { branches, span } = expression;
    const whole = this.#raceStatement === expression;
    const before = builder.usedSlots;
    const after = new Label();
    const entries = branches.map(() => new Label());
    const trial = this.#unlisted(span);
    const ordered = this.#unlisted(span);
    const info = this.code.races.push({ blocks: branches.length, trial, ordered, whole }) - 1;
    builder.jump(0, RareOp.RaceStart, after, info);
    for (const entry of entries) builder.jump(0, Op.Jump, entry);
    branches.forEach((branch, index) => {
      builder.place(entries[index]!);
      this.#besides(whole ? this.#forkKeyword : "race", () => {
        this.#tried("race", trial, () => this.#innerBlock(branch, true));
      });
      builder.emit(0, RareOp.RaceEnd);
      builder.take(builder.slots - builder.usedSlots);
    });
    const duty = { word: "race", kind: "orders", trial, done: ordered } as const;
    this.code.trialDuties.push({ ...duty, span: headOf(span) });
    builder.release(before);
    builder.at(span);
    builder.place(after);
    builder.holds(1);
  }

  #racePoint({ span }: Statement): void {
    this.builder.emit(0, RareOp.RacePoint, this.code.racePoints.push(span) - 1);
  }

  #compare(expression: CompareExpression): void {
    const inner = this.#nested();
    inner.#forkKeyword = "compare";
    this.#closure(expression, inner, [], () => {
      inner.block(expression.body);
      endFunction(inner.builder);
    });
    const machines = this.resolution.comparisons.get(expression) ?? [];
    const info = this.code.comparisons.push(machines) - 1;
    this.builder.emit(0, RareOp.Compare, info);
  }
}

/** The number that `x += 3` or `x = x + 3` adds; null for any other assignment. */
function incrementOf(statement: AssignStatement): number | null {
  const { operator, target, value } = statement;
  if (operator === "+=") return smallInt(value);
  if (value.kind !== "Binary" || value.operator !== "+") return null;
  const same = value.left.kind === "Name" && value.left.name === target.text;
  return same ? smallInt(value.right) : null;
}

function smallInt(expression: Expression): number | null {
  return expression.kind === "Integer" && expression.value === (expression.value | 0)
    ? expression.value
    : null;
}

/** Ends the code of a function, after its body: returns `none`. */
export function endFunction(builder: FunctionBuilder, isMarked = false): void {
  builder.emit(1, Op.PushNone);
  if (isMarked) builder.emit(0, Op.Mark, RETURNING);
  builder.emit(-1, Op.Return);
}

/** The value of a literal number or boolean; undefined for any other expression. */
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
