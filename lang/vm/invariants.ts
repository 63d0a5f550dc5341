/**
 * `invariant`: a condition that must be true after every event, until the end of the block that
 * contains the statement.
 */
import type { MachineEvent } from "@dmalab/runtime";
import { formatEventText } from "../render/event_line.ts";
import type { InvariantInfo } from "./code.ts";
import { ExpectationError, ScriptFailure } from "./failure.ts";
import { ScriptError } from "../values/script_error.ts";
import type { Closure, Value } from "../values/value.ts";
import { type Control, Raising } from "./control.ts";

export class Invariants {
  #checking = false;

  constructor(readonly vm: Control) {}

  /**
   * @throws {ScriptError} E0924 while a condition is evaluated, because conditions must not change
   *   anything.
   */
  requireChange(): void {
    if (!this.#checking) return;
    throw new ScriptError(
      "E0924",
      "An invariant changes a list or a record",
      "it may only read the machine, and call pure functions",
    );
  }

  /** Checks a condition now and after every event, until the block around it ends. */
  start(info: InvariantInfo, condition: Value): void {
    const closure = condition as Closure;
    this.vm.expecting(info.expectation);
    this.#check(info, closure, null);
    this.vm.atRest();
    const stop = this.vm.machine.listen((event) => {
      // Events during the evaluation of a condition are found by `#check`, after the evaluation.
      if (!this.#checking) this.#check(info, closure, event);
    });
    this.vm.scopes.push({ leave: stop });
  }

  #check(info: InvariantInfo, condition: Closure, event: MachineEvent | null): void {
    if (this.vm.broken !== null) return;
    const { context: { site }, seq } = this.vm.machine.stream;
    this.#checking = true;
    try {
      this.vm.call(condition, []);
      if (this.vm.machine.stream.seq !== seq) {
        this.vm.broken = notOnlyLooking(info, this.vm.recorder.after(seq)[0]?.name ?? "an event");
      }
    } catch (error) {
      this.vm.broken ??= this.#breach(info, event, error);
    } finally {
      this.#checking = false;
      this.vm.machine.stream.context.site = site;
    }
  }

  /** The message for an invariant that does not hold, or that cannot be evaluated. */
  #breach(info: InvariantInfo, event: MachineEvent | null, error: unknown): Error {
    if (error instanceof Raising) {
      const { errno, what } = error.raised;
      return new ExpectationError("E0923", `Invariant "${info.name}" cannot be evaluated`, {
        span: info.span,
        notes: [`${errno}: ${what}`],
      });
    }
    if (!(error instanceof ScriptFailure)) return error as Error;
    const { failure } = error;
    if (failure.diagnostic.code !== "E0901") return error;
    const span = event === null || event.site === null ? null : this.vm.siteSpan(event.site);
    const moment = event === null ? "where it begins" : `after event ${event.seq}, ${event.name}`;
    const here = span === null ? [] : [{ span, message: "the statement that was running" }];
    return new ScriptFailure({
      ...failure,
      diagnostic: {
        ...failure.diagnostic,
        code: "E0923",
        message: `Invariant "${info.name}" does not hold ${moment}`,
        related: here,
      },
      notes: event === null ? [] : [`event ${event.seq}: ${formatEventText(event)}`],
    });
  }
}

/**
 * The error for a condition that caused an event: the condition would change the machine that it
 * checks.
 */
function notOnlyLooking(info: InvariantInfo, eventName: string): Error {
  return new ExpectationError(
    "E0924",
    `Invariant "${info.name}" has a side effect: ${eventName}`,
    { span: info.span, hint: "it may only read the machine, and call pure functions" },
  );
}
