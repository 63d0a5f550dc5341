/** Statements that move the machine: `step`, `wait`, `advance`, `on cpu`. */
import { formatInSentence } from "../render/value_text.ts";
import { ExpectationError, ScriptFailure } from "./failure.ts";
import { ACTIVITY_STEPS, COMPARE_STEPS } from "../values/limits.ts";
import { formatDuration } from "../text/numbers.ts";
import { deeper } from "../values/depth.ts";
import { wantedBool, wantedCount } from "./vm_errors.ts";
import { describeValue } from "../values/operators.ts";
import { KindError, ValueError } from "../values/script_error.ts";
import { type Closure, Handle, ListValue, Quantity, type Value } from "../values/value.ts";
import type { FieldSpec, HandleType } from "../values/spec.ts";
import { type Control, Raising, SideEffectRefused } from "./control.ts";
import { findField, inherited } from "../values/types.ts";

/** What can still happen where no work is pending. */
function timerHint(untilTimerNs: number): string {
  return untilTimerNs === Infinity
    ? "no timer is set either: nothing happens until the script does something"
    : `the next timer fires in ${formatDuration(untilTimerNs)}: \`advance ${
      formatDuration(untilTimerNs)
    }\``;
}

/** Number of activities that run between two checks of the host's clock. */
const WATCHED_ACTIVITIES = 64;

export class Activities {
  #count = 0;
  /** The field `.done` of each type that was waited for: `wait` reads it after each activity. */
  readonly #doneFields = new Map<HandleType, FieldSpec | null>();

  constructor(readonly vm: Control) {}

  #run(): boolean {
    this.#requireMove();
    this.vm.countWork();
    this.vm.steps -= ACTIVITY_STEPS;
    if (++this.#count % WATCHED_ACTIVITIES === 0) this.vm.watch?.check();
    if (this.vm.steps < 0) throw this.vm.tooManySteps();
    const ran = this.vm.machine.runNextActivity();
    this.vm.atRest();
    return ran;
  }

  /** Runs all pending activities, and the activities that they queue. */
  runAll(): void {
    while (this.#run());
  }

  #requireMove(): void {
    if (this.vm.looking) throw new SideEffectRefused("The machine");
  }

  stepEvents(count: Value): void {
    if (typeof count !== "number" || count < 0) throw wantedCount("step", count);
    const { stream } = this.vm.machine;
    const target = stream.seq + count;
    while (stream.seq < target && this.#run());
  }

  wait(subject: Value): void {
    this.vm.machine.maySleep("wait");
    this.#runUntil(
      () => this.#isDone(subject),
      () => `${formatInSentence(subject, this.vm)} is not done`,
    );
    this.#followEnd(subject);
  }

  /** True if the field `.done` of a value is true. A list is done when all its items are done. */
  #isDone(value: Value, depth = 0): boolean {
    const { vm } = this;
    vm.work(COMPARE_STEPS);
    if (value instanceof ListValue) {
      const inside = deeper(depth);
      return value.items.every((item) => this.#isDone(item, inside));
    }
    if (value instanceof Handle) {
      let field = this.#doneFields.get(value.type);
      if (field === undefined) {
        field = findField(value.type, "done");
        this.#doneFields.set(value.type, field);
      }
      if (field !== null) return field.get(value.target as never, vm) === true;
    }
    throw new KindError(
      `Cannot wait for ${describeValue(value)}`,
      "`wait` takes an io, a request, or a list of them: values with a field `.done`",
    );
  }

  #runUntil(holds: () => boolean, problem: () => string): void {
    while (!holds()) {
      if (this.#run()) continue;
      throw new ExpectationError("E0907", `No work is pending, and ${problem()}`, {
        hint: timerHint(this.vm.machine.untilTimerNs),
      });
    }
  }

  #followEnd(subject: Value): void {
    if (subject instanceof ListValue) subject.items.forEach((item) => this.#followEnd(item));
    if (!(subject instanceof Handle)) return;
    const endedNs = inherited(subject.type, "endedNs")?.(subject.target as never);
    if (endedNs !== undefined) this.vm.machine.follow(endedNs);
  }

  advance(duration: Value): void {
    this.#requireMove();
    const durationNs = duration instanceof Quantity && duration.kind === "duration"
      ? duration.value
      : duration;
    if (typeof durationNs !== "number" || durationNs < 0) {
      throw new KindError(`Cannot advance time by ${describeValue(duration)}`);
    }
    if (this.vm.machine.nowNs() + durationNs > Number.MAX_SAFE_INTEGER) {
      throw new KindError(
        `Cannot advance time by ${describeValue(duration)}: it ends after 2^53 - 1 ns`,
      );
    }
    this.vm.machine.advance(durationNs);
    this.vm.atRest();
  }

  enterCpu(cpu: Value): void {
    this.#requireMove();
    if (typeof cpu !== "number" || cpu < 0 || cpu >= this.vm.machine.cpus) {
      throw new ValueError(
        `There is no CPU ${typeof cpu === "number" ? cpu : describeValue(cpu)}`,
        `the machine has ${this.vm.machine.cpus}, counted from 0; \`cpus = …\` in the machine block`,
      );
    }
    this.vm.machine.stream.context.cpu = cpu;
  }

  /**
   * Runs activities, up to the end of the activity in which the condition becomes true.
   *
   * @param inside True to evaluate the condition also after every event, because it may become true
   *   and false again within one activity.
   */
  stepUntil(condition: Value, inside: boolean): void {
    let held = false;
    let asking = false;
    const stop = inside
      ? this.vm.machine.listen(() => {
        if (held || asking) return;
        asking = true;
        held = this.#holdsInside(condition as Closure);
        asking = false;
      })
      : () => {};
    try {
      this.#runUntil(
        () => held ||= this.#holds(condition as Closure),
        () => "the condition is false",
      );
    } finally {
      stop();
    }
  }

  #holds(condition: Closure): boolean {
    const held = this.vm.call(condition, []);
    if (typeof held !== "boolean") throw wantedBool("`step until`", held);
    return held;
  }

  /**
   * Evaluates the condition in the middle of an activity. If the evaluation fails there, the
   * condition counts as false.
   */
  #holdsInside(condition: Closure): boolean {
    const { context } = this.vm.machine.stream;
    const { site } = context;
    try {
      return this.vm.call(condition, []) === true;
    } catch (error) {
      const isNoAnswer = error instanceof Raising ||
        error instanceof ScriptFailure && error.failure.kind === "failed";
      if (!isNoAnswer) this.vm.broken ??= error as Error;
      return false;
    } finally {
      context.site = site;
    }
  }
}
