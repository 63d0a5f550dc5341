/** Statements that move the machine or ask what it did, as far as they are more than an instruction. */
import type { EventRecorder } from "../../runtime/recorder.ts";
import { groupThousands } from "../text/numbers.ts";
import { formatValue } from "../render/value_text.ts";
import { checkEvents } from "./expected_events.ts";
import { ExpectationError } from "./failure.ts";
import { ACTIVITY_STEPS } from "../values/limits.ts";
import { wantedCount } from "./mistakes.ts";
import { describeValue } from "../values/operators.ts";
import { outputLines } from "./output.ts";
import { LimitError, ScriptError } from "../values/script_error.ts";
import { Quantity, type Value } from "../values/value.ts";
import { VmCore } from "./vm_core.ts";
import { isDone } from "./waiting.ts";

const NOTHING_LEFT = "timers fire when time moves: `advance 10ms`";

/** Activities between two looks at the clock. */
const WATCHED_ACTIVITIES = 64;

export abstract class VmStatements extends VmCore {
  #activities = 0;

  protected expecting(expectation: number): void {
    this.assertions++;
    this.reached.add(expectation);
  }

  protected runActivity(): boolean {
    this.steps -= ACTIVITY_STEPS;
    if (++this.#activities % WATCHED_ACTIVITIES === 0) this.watch?.check();
    if (this.steps < 0) throw this.tooManySteps();
    const ran = this.world.runNextActivity();
    if (this.broken !== null) this.throwBroken();
    return ran;
  }

  protected stepEvents(count: Value): void {
    if (typeof count !== "number" || count < 0) throw wantedCount("step", count);
    const { stream } = this.world;
    const target = stream.seq + count;
    while (stream.seq < target && this.runActivity());
  }

  protected wait(subject: Value): void {
    while (!isDone(subject, this)) {
      if (!this.runActivity()) {
        throw new ExpectationError(
          "E0907",
          `Nothing is left to do, and ${formatValue(subject, this)} is not done`,
          { hint: NOTHING_LEFT },
        );
      }
    }
  }

  protected advance(duration: Value): void {
    const durationNs = duration instanceof Quantity && duration.kind === "duration"
      ? duration.value
      : duration;
    if (typeof durationNs !== "number" || durationNs < 0) {
      throw new ScriptError("E0913", `Cannot advance time by ${describeValue(duration)}`);
    }
    if (this.world.nowNs() + durationNs > Number.MAX_SAFE_INTEGER) {
      throw new ScriptError(
        "E0913",
        `Cannot advance time by ${describeValue(duration)}: it ends after 2^53 - 1 ns`,
      );
    }
    this.world.advance(durationNs);
    if (this.broken !== null) this.throwBroken();
  }

  protected enterCpu(cpu: Value): void {
    if (typeof cpu !== "number" || cpu < 0 || cpu >= this.world.cpus) {
      throw new ScriptError(
        "E0919",
        `There is no CPU ${typeof cpu === "number" ? cpu : describeValue(cpu)}`,
        `the machine has ${this.world.cpus}, counted from 0; \`cpus = …\` in the machine block`,
      );
    }
    this.world.stream.cpu = cpu;
  }

  protected expectEvents(pattern: number, first: number, subject: Value): void {
    this.wantAllEvents(this.world.recorder);
    const info = this.code.patterns[pattern]!;
    const events = this.registry.eventsOf(subject, this);
    if (events === null) {
      throw new ScriptError(
        "E0913",
        `Cannot ask ${describeValue(subject)} for its events`,
        "`expect events … in` takes an io, a request, a trace or a device",
      );
    }
    const values: Value[] = [];
    for (let at = first; at < this.sp; at++) values.push(this.stack[at]!);
    checkEvents(info, events, values, this);
  }

  /** Events that a trace can give back later; a bench keeps none of its own accord. */
  protected startTrace(): void {
    this.world.recorder.start();
  }

  /** Events that were lost must not look as if they had not happened. */
  protected wantAllEvents({ droppedEvents, limitEvents }: EventRecorder): void {
    if (droppedEvents === 0) return;
    throw new LimitError(
      "E0805",
      `Only the first ${groupThousands(limitEvents)} events are kept, and ` +
        `${groupThousands(droppedEvents)} more happened`,
      `\`--max-events ${groupThousands(2 * limitEvents)}\` keeps twice as many`,
    );
  }

  protected endTrace(seq: Value, startNs: Value): Value {
    this.wantAllEvents(this.world.recorder);
    const events = this.world.recorder.after(seq as number);
    return this.registry.traceValue(events, this.world.nowNs() - (startNs as number));
  }

  /** Runs one activity for `step until`. */
  protected stepActivity(): void {
    if (this.runActivity()) return;
    throw new ExpectationError(
      "E0907",
      "Nothing is left to do, and the condition does not hold",
      { hint: NOTHING_LEFT },
    );
  }

  protected output(verb: "print" | "show" | "explain", value: Value): void {
    for (const line of outputLines(verb, value, this, this.registry.types)) this.print(line);
  }
}
