/** Statements → instructions. */
import { eventsNamed } from "../check/names/event_names.ts";
import { expectedStatus } from "../check/names/outcome_names.ts";
import type { Span } from "../source.ts";
import type {
  AssertStatement,
  AssignStatement,
  Block,
  ChangeStatement,
  ExpectedOutcome,
  ExpectEventsStatement,
  Expression,
  ForStatement,
  IfStatement,
  MatchStatement,
  OutputStatement,
  RepeatStatement,
  Statement,
  StepStatement,
  WhileStatement,
} from "../syntax/tree/ast.ts";
import { roleOf } from "../syntax/tree/statement_kinds.ts";
import { callsSomething, isCall, onlyCall, someExpression } from "../syntax/tree/walk.ts";
import { canonicalName } from "../values/registry.ts";
import { RETURNING, type Site } from "../vm/code.ts";
import { ChangeBy } from "../vm/changes.ts";
import { Op } from "../vm/loop.ts";
import { RareOp } from "../vm/rare_ops.ts";
import { assertedParts, comparisonsOf } from "./asserted_parts.ts";
import { compilePattern } from "../patterns/event_automaton.ts";
import { Label } from "./function_builder.ts";
import { TrialCompiler } from "./trial_compiler.ts";

/** Where events of a statement come from. */
function siteOf(statement: Statement): Site {
  const { span } = statement;
  return { span, call: onlyCall(statement)?.span ?? span };
}

/** A comparison whose value is not used prints its table. */
export function isTable(statement: Expression): boolean {
  return statement.kind === "Compare";
}

export class StatementCompiler extends TrialCompiler {
  protected override nested(): StatementCompiler {
    const inner = new StatementCompiler(this.tables);
    inner.forkKeyword = this.forkKeyword;
    return inner;
  }

  /** Writes the statements of a block; the slots of its variables are free again after it. */
  override block(block: Block): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const cleanups = builder.cleanups.length;
    for (const statement of block.statements) this.statement(statement);
    // Invariants hold to the end of the block they stand in.
    const invariants = builder.cleanups.length - cleanups;
    if (invariants > 0) builder.emit(0, RareOp.LeaveScope, invariants);
    builder.cleanups.length = cleanups;
    builder.release(before);
  }

  statement(statement: Statement): void {
    this.builder.at(statement.span);
    this.site = null;
    this.root = null;
    if (this.inRace && statement.kind !== "While") this.racePoint(statement);
    // A block of a race begins with the place where another one may go on.
    if (!this.inRace || statement.kind !== "While") this.#mark(statement);
    if (callsSomething(statement)) {
      this.site = this.code.sites.push(siteOf(statement));
      // Loops set it themselves, before each turn.
      if (roleOf(statement) !== "loop") this.builder.emit(0, Op.Site, this.site);
    }
    this.#statement(statement);
  }

  /** Writes a statement of a session that is an expression, and leaves its value. */
  shownStatement(statement: Statement, shown: Expression): void {
    this.builder.at(statement.span);
    this.#mark(statement);
    this.site = this.code.sites.push(siteOf(statement));
    this.builder.emit(0, Op.Site, this.site);
    this.rootExpression(shown);
  }

  #mark({ span }: Statement): void {
    if (!this.tables.marked) return;
    const variables = [...this.builder.names];
    const aside = this.forkKeyword === null ? {} : { forkKeyword: this.forkKeyword };
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
        else this.rootExpression(statement.value);
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
        return this.#assert(statement);
      case "ExpectOutcome":
        this.#outcome(statement.expected, statement.span, false, () => this.block(statement.body));
        return;
      case "ExpectEvents":
        return this.#expectEvents(statement);
      case "Step":
        return this.#step(statement);
      case "Wait":
        this.rootExpression(statement.subject);
        builder.at(statement.span);
        builder.emit(-1, RareOp.Wait);
        return;
      case "Advance":
        this.rootExpression(statement.duration);
        builder.at(statement.span);
        builder.emit(-1, RareOp.Advance);
        return;
      case "OnCpu": {
        this.rootExpression(statement.cpu);
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
          this.raceStatement = statement.expression;
          this.rootExpression(statement.expression);
          if (isCall(statement.expression)) this.duty("succeeds", statement.span);
          builder.emit(-1, isTable(statement.expression) ? RareOp.Show : Op.Pop);
        } else {
          this.#outcome(statement.expected, statement.span, true, () => {
            this.rootExpression(statement.expression);
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
        // Declarations are compiled with the file.
        return;
      case "Fail":
        return this.failing(statement);
      case "Invariant":
        return this.invariant(statement);
      case "ErrorStatement":
        throw new Error(`Cannot compile ${statement.kind}: the checker refuses it`);
      default:
        statement satisfies never;
    }
  }

  /** Ends what blocks that are left early have begun, innermost first. */
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
    // A field can have reasons that its value knows nothing of.
    if (verb === "explain" && value.kind === "Field" && !this.resolution.eventNames.has(value)) {
      this.rootExpression(value.object);
      builder.at(value.field.span);
      builder.emit(-1, RareOp.ExplainField, this.code.nameIndex(value.field.text));
      return;
    }
    this.rootExpression(value);
    builder.at(span);
    builder.emit(-1, { print: RareOp.Print, show: RareOp.Show, explain: RareOp.Explain }[verb]);
  }

  #let(statement: Extract<Statement, { kind: "Let" }>): void {
    const variable = this.resolution.variables.get(statement)!;
    this.rootExpression(statement.value);
    // A name that says that it is not used.
    if (statement.name.text.startsWith("_")) this.duty("succeeds", statement.value.span);
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
    this.rootExpression(statement.value);
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
    this.rootExpression(value);
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
      this.duty("holds", statement.condition.span);
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
    // Each turn asks anew, and another block may have changed the answer.
    if (this.inRace) {
      this.racePoint(statement);
      this.#mark(statement);
    }
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    this.condition(statement.condition, out);
    this.#loopBody(statement.body, again, out);
    builder.jump(0, Op.Jump, again);
    builder.place(out);
  }

  #for(statement: ForStatement): void {
    const { builder } = this;
    const before = builder.usedSlots;
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    this.rootExpression(statement.values);
    const slot = builder.take(2);
    const variable = this.bind(this.resolution.variables.get(statement)!);
    this.#walk(statement.body, Op.ForStart, slot, variable);
    builder.release(before);
  }

  #repeat(statement: RepeatStatement): void {
    const { builder } = this;
    const before = builder.usedSlots;
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    this.rootExpression(statement.count);
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
    builder.jump(0, Op.Jump, again);
    builder.place(out);
  }

  #loopBody(body: Block, again: Label, out: Label): void {
    const { builder } = this;
    const outer = builder.loop;
    builder.loop = { again, out, cleanups: builder.cleanups.length };
    this.block(body);
    builder.loop = outer;
  }

  #match(statement: MatchStatement): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const after = new Label();
    const subject = builder.take(1);
    this.rootExpression(statement.subject);
    builder.emit(-1, Op.StoreLocal, subject);
    for (const arm of statement.arms) {
      const next = new Label();
      if (arm.pattern !== null) this.matchArm(arm.pattern, subject, next);
      this.block(arm.body);
      builder.jump(0, Op.Jump, after);
      builder.place(next);
    }
    builder.place(after);
    builder.release(before);
  }

  // Expectations.

  #assert({ condition, message, span }: AssertStatement): void {
    this.check(condition, message, span, this.expectation(span));
  }

  /** @param expectation Null where being asked is nothing to be reached. */
  protected check(
    condition: Expression,
    message: Expression | null,
    span: Span,
    expectation: number | null,
  ): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const parts = assertedParts(condition, this.resolution);
    const comparisons = [...comparisonsOf(condition)];
    const remembered = new Set(parts.map(({ expression }) => expression));
    // Sides that are literals are not shown, but what is compared with them is.
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
    this.rootExpression(condition);
    this.recorded = outer;
    const holds = new Label();
    builder.at(span);
    builder.jump(-1, Op.Assert, holds, info);
    if (message !== null) {
      this.expression(message);
      builder.emit(-1, RareOp.AssertFailed, info);
    } else {
      builder.emit(0, RareOp.AssertFailed, info);
    }
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
      // An alias such as BLK_STS_INVAL means the status it is another spelling of.
      code: canonicalName(written, this.tables.registry),
      deviceStatus: expectedStatus(written, this.tables.registry),
      oneCall,
      expectation: this.expectation(span),
    }) - 1;
    const after = new Label();
    builder.jump(0, RareOp.OutcomeStart, after, index);
    builder.cleanups.push({ kind: oneCall ? "try" : "outcome" });
    body();
    builder.cleanups.pop();
    builder.at(span);
    builder.emit(oneCall ? -1 : 0, RareOp.OutcomeEnd);
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
      expectation: this.expectation(statement.span),
    }) - 1;
    builder.at(statement.span);
    builder.emit(-1 - pattern.values.length, RareOp.ExpectEvents, index);
  }

  // The machine.

  #step(statement: StepStatement): void {
    const { builder } = this;
    if (statement.until === null) {
      if (statement.count === null) builder.emit(1, Op.PushInt, 1);
      else this.rootExpression(statement.count);
      builder.at(statement.span);
      builder.emit(-1, RareOp.StepEvents);
      return;
    }
    // Code of its own, which is run after every event.
    const { until } = statement;
    const inner = this.nested();
    this.closure(statement, inner, [], () => {
      inner.expression(until);
      inner.builder.at(until.span);
      inner.builder.emit(-1, Op.Return);
    });
    builder.at(statement.span);
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
    // What calls something may make things happen, and is asked between activities alone.
    builder.emit(-1, RareOp.StepUntil, someExpression(until, isCall) ? 0 : 1);
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
