/** Error handling of a run: passes an error to the handler that fits, or ends the run. */
import type { IncidentEvent } from "../values/incident.ts";
import type { Span } from "../source.ts";
import { EnumValue } from "../values/value.ts";
import { callersOf } from "./call_stack.ts";
import type { OutcomeInfo } from "./code.ts";
import { BranchEnded, Raising, StatementOver } from "./control.ts";
import { type Failure, ScriptFailure } from "./failure.ts";
import { describeFailure, raisedLocations } from "./failure_report.ts";
import { attempt, notExpected } from "./vm_errors.ts";
import { type CallValue, settleOutcome } from "./outcome.ts";
import type { Vm } from "./vm.ts";
import type { DebugHooks } from "../values/execution_context.ts";

/** A run, with the further fields that error handling uses. */
interface ErrorVm extends Vm {
  readonly span: Span;
  readonly following: DebugHooks;
}

export class Errors {
  constructor(readonly vm: ErrorVm) {}

  /** The error that ends the run, whichever handlers are installed. */
  ended(error: unknown): ScriptFailure | BranchEnded {
    if (error instanceof ScriptFailure || error instanceof BranchEnded) return error;
    const { branches, sweeps } = this.vm;
    const branched = error instanceof Raising && branches.endedBy(error.raised);
    if (!branched) return new ScriptFailure(this.#describe(error));
    const judged = sweeps.judgeEnded();
    if (judged === null) return new BranchEnded();
    const { code, frames, pc } = this.vm;
    const callers = callersOf({ code, depth: judged.depth, frames, pc });
    return new ScriptFailure(this.#describe(judged.wrong, callers));
  }

  #describe(error: unknown, calledFrom = callersOf(this.vm)): Failure {
    const { vm } = this;
    const { callers, raised, span } = error instanceof Raising
      ? error
      : { callers: calledFrom, raised: null, span: vm.span };
    const events = () => vm.machine.recorder.events;
    return describeFailure(error, { callers, raised, span, events });
  }

  /** Passes a kernel error to its handler; throws every other error. */
  recover(error: unknown, floor: number): void {
    if (error instanceof ScriptFailure || error instanceof BranchEnded) throw error;
    if (error instanceof StatementOver) throw error;
    const { vm } = this;
    const raising = error instanceof Raising ? error : this.#raising(error);
    const handler = vm.handlers.at(-1);
    if (handler === undefined || handler.depth <= floor) throw raising;
    vm.handlers.pop();
    vm.races.handlerTaken();
    const { context } = vm.machine.stream;
    const { site } = context;
    vm.depth = handler.depth;
    if (!vm.looking) vm.following.returned();
    vm.fp = handler.fp;
    vm.sp = handler.sp;
    context.cpu = handler.cpu;
    vm.leaveScopes(vm.scopes.length - handler.scopes);
    if (handler.outcome === null) {
      const { errno } = raising.raised;
      const word = vm.registry.words.get(errno) ?? new EnumValue(errno);
      vm.push(attempt(false, null, word, vm.machine.recorder.count));
    } else {
      this.settle(handler.outcome, handler.incidents, null, raising, site);
    }
    vm.pc = handler.pc;
  }

  #raising(error: unknown): Raising {
    const { vm } = this;
    const known = vm.registry.classifyError(error);
    if (known?.kind === "kernel") return new Raising(known, vm.span, callersOf(vm));
    throw new ScriptFailure(this.#describe(known === null ? error : notExpected(known, vm.limits)));
  }

  /** Compares a statement's outcome with its expectation. */
  settle(
    info: OutcomeInfo,
    incidentsBefore: number,
    value: CallValue | null,
    raising: Raising | null = null,
    site: number | null = this.vm.machine.stream.context.site,
  ): void {
    const { vm } = this;
    const incidents = vm.machine.incidents.slice(incidentsBefore);
    const raised = raising?.raised ?? null;
    let expected: readonly IncidentEvent[];
    try {
      const raisedAt = raising === null
        ? []
        : raisedLocations(raising, raising.callers.length - callersOf(vm).length);
      expected = settleOutcome(info, { raised, raisedAt, value, incidents, site });
    } catch (error) {
      throw new ScriptFailure(this.#describe(error));
    }
    for (const event of expected) vm.expectedIncidents.add(event);
  }
}
