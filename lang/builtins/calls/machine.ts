/** Time, chance, and the state that the two-step API wants. */
import { ScriptError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { IOVA_STATE, newIovaState } from "../things/dma/iova_state.ts";
import { PRICES } from "../things/prices.ts";
import { rangeValue } from "../values/list.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

export const MACHINE_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "iova_state",
    parameters: [],
    result: IOVA_STATE,
    doc: "A state for the two-step API, all zero, as a driver keeps it with its request.",
    example: `let state = iova_state()\nassert not state.use_iova`,
    run: newIovaState,
  }),
  builtin({
    name: "now",
    parameters: [],
    result: "duration",
    doc: "Virtual time since the machine was ready.",
    example: `advance 5us\nassert now() == 5us`,
    run: (run) => run.lab.machine.clock.nowNs,
  }),
  builtin({
    name: "prices",
    parameters: [],
    result: PRICES,
    doc:
      "The machine's price list: what events cost in virtual time. Results that depend on time " +
      "should be shown together with it.",
    example: `machine { prices { iotlb_sync = 300ns } }\n` +
      `assert prices().iotlb_sync == 300ns\nshow prices()`,
    run: (run) => run.lab.config,
  }),
  builtin({
    name: "random",
    parameters: [param.range("range", "Where it comes from, end excluded.")],
    result: "any",
    doc: "A number out of a range, from the machine's seeded generator: the same seed gives the " +
      "same numbers.",
    example: `assert (0..6).contains(random(0..6))`,
    run(run, [range]) {
      const { first, end } = range;
      if (end <= first) {
        throw new ScriptError("E0919", "Cannot choose from a range without numbers");
      }
      return rangeValue(range, run.lab.machine.random.between(first, end));
    },
  }),
];
