/** Statements that try things out → instructions: blocks that run more than once, or elsewhere. */
import { type ForkKeyword, RETURNING, type TrialDuty, type TrialWord } from "../vm/code.ts";
import { headOf, type Span } from "../source.ts";
import type {
  Block,
  BranchesExpression,
  CompareExpression,
  Expression,
  FailStatement,
  InvariantStatement,
  Statement,
  TraceExpression,
} from "../syntax/tree/ast.ts";
import { Op } from "../vm/loop.ts";
import { RareOp } from "../vm/rare_ops.ts";
import { canonicalName } from "../values/registry.ts";
import { ExpressionCompiler } from "./expression_compiler.ts";
import { type FunctionBuilder, Label } from "./function_builder.ts";

export abstract class TrialCompiler extends ExpressionCompiler {
  /** Statements stand in a block that runs on machines of its own. */
  protected forkKeyword: ForkKeyword | null = null;
  /** Statements stand in a block of a race, where another one may go on before each. */
  protected inRace = false;
  /** The block of `inject each` or `race` that statements stand in. */
  protected trial: Pick<TrialDuty, "word" | "trial"> | null = null;
  /** The race that is a statement of its own. */
  protected raceStatement: Expression | null = null;

  protected abstract override nested(): TrialCompiler;

  /** Writes the statements of a block; the slots of its variables are free again after it. */
  abstract block(block: Block): void;

  /** Writes the condition of an assertion, and what happens when it does not hold. */
  protected abstract check(
    condition: Expression,
    message: Expression | null,
    span: Span,
    expectation: number | null,
  ): void;

  /** Numbers a statement that expects something, so that the report knows what was never reached. */
  protected expectation(span: Span): number {
    const index = this.code.expectations.push(span) - 1;
    this.builder.expectations.push(index);
    return index;
  }

  /** Numbers what is reached, without a word where it is not. */
  #unlisted(span: Span): number {
    return this.code.expectations.push(span) - 1;
  }

  /** Writes what runs in the ways of a trial. */
  #tried(word: TrialWord, trial: number, write: () => void): void {
    const outer = this.trial;
    this.trial = { word, trial };
    write();
    this.trial = outer;
  }

  /** A statement of a trial that has to be done in one of its runs. */
  protected duty(kind: "holds" | "succeeds", span: Span): void {
    if (this.trial === null) return;
    const done = this.#unlisted(span);
    const duty = { ...this.trial, kind, span, done };
    if (kind === "holds") this.builder.emit(0, RareOp.Reached, done);
    else {
      // A call that is never come to hangs on a condition, which is a duty itself.
      duty.trial = this.#unlisted(span);
      this.builder.emit(0, RareOp.Reached, duty.trial);
      this.builder.emit(0, RareOp.ReachedByValue, done);
    }
    this.code.trialDuties.push(duty);
  }

  protected rootExpression(expression: Expression): void {
    this.root = expression;
    this.expression(expression);
  }

  protected override trace(expression: TraceExpression): void {
    const { builder } = this;
    const before = builder.usedSlots;
    const slot = builder.take(2);
    builder.emit(0, RareOp.TraceStart, slot);
    this.innerBlock(expression.body);
    builder.at(expression.span);
    builder.emit(1, RareOp.TraceEnd, slot);
    builder.release(before);
    if (this.site !== null) builder.emit(0, Op.Site, this.site);
  }

  /**
   * Writes a block inside an expression; what is known of the statement around it stays.
   *
   * @param raced Whether another block may go on between its statements.
   */
  protected innerBlock(block: Block, raced = false): void {
    const { builder, recorded, root, site } = this;
    const { loop } = builder;
    const inRace = this.inRace;
    builder.loop = null;
    this.recorded = null;
    this.inRace = raced;
    this.block(block);
    this.inRace = inRace;
    builder.loop = loop;
    this.recorded = recorded;
    this.root = root;
    this.site = site;
  }

  /** Writes blocks that run on machines of their own; null: on this one. */
  protected besides(word: ForkKeyword | null, write: () => void): void {
    const { forkKeyword } = this;
    this.forkKeyword = word;
    write();
    this.forkKeyword = forkKeyword;
  }

  // Trying things out.

  protected failing(statement: FailStatement): void {
    const { builder } = this;
    const { body, error, nth, point, span } = statement;
    const expectation = this.expectation(span);
    if (point === null) {
      const hit = this.#unlisted(span);
      const info = this.code.failEachs.push({ span, expectation, hit }) - 1;
      builder.emit(0, RareOp.FailEachStart, info);
      this.#tried("inject each", expectation, () => this.innerBlock(body));
      // What is said in the block itself tells more.
      const duty = { word: "inject each", kind: "fails", trial: expectation, done: hit } as const;
      this.code.trialDuties.push({ ...duty, span: headOf(span) });
      builder.at(span);
      builder.emit(0, RareOp.FailEachEnd);
      return;
    }
    if (nth !== null) this.rootExpression(nth);
    builder.at(span);
    const info = this.code.fails.push({
      point: point.text,
      error: error === null ? null : canonicalName(error.text, this.tables.registry),
      hasNth: nth !== null,
      expectation,
    }) - 1;
    builder.emit(nth === null ? 0 : -1, RareOp.FailStart, info);
    builder.cleanups.push({ kind: "scope" });
    this.block(body);
    builder.cleanups.pop();
    builder.emit(0, RareOp.LeaveScope, 1);
  }

  /** The condition is code of its own, which is run after every event. */
  protected invariant(statement: InvariantStatement): void {
    const { builder } = this;
    const { condition, name, span } = statement;
    const inner = this.nested();
    this.closure(statement, inner, [], () => {
      inner.check(condition, null, condition.span, null);
      endFunction(inner.builder);
    });
    builder.at(condition.span);
    const expectation = this.expectation(span);
    const info = this.code.invariants.push({ name, span: condition.span, expectation }) - 1;
    builder.emit(-1, RareOp.InvariantStart, info);
    builder.cleanups.push({ kind: "scope" });
  }

  protected override fork(expression: BranchesExpression): void {
    const { builder } = this;
    const { branches, span } = expression;
    const after = new Label();
    const entries = branches.map(() => new Label());
    builder.jump(0, RareOp.Fork, after, branches.length);
    for (const entry of entries) builder.jump(0, Op.Jump, entry);
    branches.forEach((branch, index) => {
      builder.place(entries[index]!);
      this.besides("fork", () => this.innerBlock(branch));
      builder.emit(0, RareOp.BranchEnd);
    });
    builder.at(span);
    builder.place(after);
    // The value is there when all blocks have run; none of them leaves one by itself.
    builder.holds(1);
  }

  /** The blocks share a frame; each keeps its slots, because the others run in between. */
  protected override race(expression: BranchesExpression): void {
    const { builder } = this;
    const { branches, span } = expression;
    const whole = this.raceStatement === expression;
    const before = builder.usedSlots;
    const after = new Label();
    const entries = branches.map(() => new Label());
    const trial = this.#unlisted(span);
    const info = this.code.races.push({ span, blocks: branches.length, trial, whole }) - 1;
    builder.jump(0, RareOp.RaceStart, after, info);
    for (const entry of entries) builder.jump(0, Op.Jump, entry);
    branches.forEach((branch, index) => {
      builder.place(entries[index]!);
      this.besides(whole ? this.forkKeyword : "race", () => {
        this.#tried("race", trial, () => this.innerBlock(branch, true));
      });
      builder.emit(0, RareOp.RaceEnd);
      builder.take(builder.slots - builder.usedSlots);
    });
    builder.release(before);
    builder.at(span);
    builder.place(after);
    builder.holds(1);
  }

  protected racePoint({ span }: Statement): void {
    this.builder.emit(0, RareOp.RacePoint, this.code.racePoints.push(span) - 1);
  }

  protected override compare(expression: CompareExpression): void {
    const inner = this.nested();
    inner.forkKeyword = "compare";
    this.closure(expression, inner, [], () => {
      inner.block(expression.body);
      endFunction(inner.builder);
    });
    const info = this.code.comparisons.push({
      span: expression.span,
      machines: this.resolution.comparisons.get(expression) ?? [],
    }) - 1;
    this.builder.emit(0, RareOp.Compare, info);
  }
}

/** The code of a whole function: its body, and a return for those who reach its end. */
export function endFunction(builder: FunctionBuilder, isMarked = false): void {
  builder.emit(1, Op.PushNone);
  if (isMarked) builder.emit(0, Op.Mark, RETURNING);
  builder.emit(-1, Op.Return);
}
