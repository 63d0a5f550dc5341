/** Statements that move the machine: `step`, `wait`, `advance`, `on cpu`. */
import { formatInSentence } from "../render/value_text.ts";
import { ExpectationError } from "./failure.ts";
import { ACTIVITY_STEPS, COMPARE_STEPS } from "../values/limits.ts";
import { wantedCount } from "./mistakes.ts";
import { describeValue } from "../values/operators.ts";
import { ScriptError } from "../values/script_error.ts";
import { Handle, ListValue, Quantity, type Value } from "../values/value.ts";
import type { Run } from "../values/run.ts";
import type { Control } from "./control.ts";
import { findField } from "../values/types.ts";

const NOTHING_LEFT = "timers fire when time moves: `advance 10ms`";

/** Activities between two looks at the clock. */
const WATCHED_ACTIVITIES = 64;

export class Activities {
  #count = 0;

  constructor(readonly vm: Control) {}

  #run(): boolean {
    this.vm.countWork();
    this.vm.steps -= ACTIVITY_STEPS;
    if (++this.#count % WATCHED_ACTIVITIES === 0) this.vm.watch?.check();
    if (this.vm.steps < 0) throw this.vm.tooManySteps();
    const ran = this.vm.world.runNextActivity();
    this.vm.atRest();
    return ran;
  }

  stepEvents(count: Value): void {
    if (typeof count !== "number" || count < 0) throw wantedCount("step", count);
    const { stream } = this.vm.world;
    const target = stream.seq + count;
    while (stream.seq < target && this.#run());
  }

  wait(subject: Value): void {
    this.vm.world.maySleep("wait");
    while (!isDone(subject, this.vm)) {
      if (!this.#run()) {
        throw new ExpectationError(
          "E0907",
          `Nothing is left to do, and ${formatInSentence(subject, this.vm)} is not done`,
          { hint: NOTHING_LEFT },
        );
      }
    }
  }

  advance(duration: Value): void {
    const durationNs = duration instanceof Quantity && duration.kind === "duration"
      ? duration.value
      : duration;
    if (typeof durationNs !== "number" || durationNs < 0) {
      throw new ScriptError("E0913", `Cannot advance time by ${describeValue(duration)}`);
    }
    if (this.vm.world.nowNs() + durationNs > Number.MAX_SAFE_INTEGER) {
      throw new ScriptError(
        "E0913",
        `Cannot advance time by ${describeValue(duration)}: it ends after 2^53 - 1 ns`,
      );
    }
    this.vm.world.advance(durationNs);
    this.vm.atRest();
  }

  enterCpu(cpu: Value): void {
    if (typeof cpu !== "number" || cpu < 0 || cpu >= this.vm.world.cpus) {
      throw new ScriptError(
        "E0919",
        `There is no CPU ${typeof cpu === "number" ? cpu : describeValue(cpu)}`,
        `the machine has ${this.vm.world.cpus}, counted from 0; \`cpus = …\` in the machine block`,
      );
    }
    this.vm.world.stream.context.cpu = cpu;
  }

  /** Runs one activity for `step until`. */
  stepActivity(): void {
    if (this.#run()) return;
    throw new ExpectationError(
      "E0907",
      "Nothing is left to do, and the condition does not hold",
      { hint: NOTHING_LEFT },
    );
  }
}

/** True when a thing with a field `.done` says so; a list is done when all of it is. */
function isDone(value: Value, run: Run): boolean {
  run.work(COMPARE_STEPS);
  if (value instanceof ListValue) return value.items.every((item) => isDone(item, run));
  if (value instanceof Handle) {
    const field = findField(value.type, "done");
    if (field !== null) return field.get(value.target as never, run) === true;
  }
  throw new ScriptError(
    "E0913",
    `Cannot wait for ${describeValue(value)}`,
    "`wait` takes what has a field `.done`: an io, a request, or a list of them",
  );
}
