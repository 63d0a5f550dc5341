/** Time, chance, and the state that the two-step API wants. */
import { duration, thing } from "../arguments.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { RangeValue } from "../../values/value.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { IOVA_STATE, newIovaState } from "../things/dma/iova_state.ts";
import { PRICES } from "../things/prices.ts";
import { rangeItem } from "../values/list.ts";

export const MACHINE_CALLS: readonly FunctionSpec[] = [
  {
    name: "iova_state",
    parameters: [],
    result: "@iova_state",
    doc: "A state for the two-step API, all zero, as a driver keeps it with its request.",
    example: `let state = iova_state()\nassert not state.use_iova`,
    run: () => thing(IOVA_STATE, newIovaState()),
  },
  {
    name: "now",
    parameters: [],
    result: "duration",
    doc: "Virtual time since the machine was ready.",
    example: `advance 5us\nassert now() == 5us`,
    run: (run) => duration(run.lab.machine.clock.nowNs),
  },
  {
    name: "prices",
    parameters: [],
    result: "@prices",
    doc:
      "The machine's price list: what events cost in virtual time. Results that depend on time " +
      "should be shown together with it.",
    example: `machine { prices { iotlb_sync = 300ns } }\n` +
      `assert prices().iotlb_sync == 300ns\nshow prices()`,
    run: (run) => thing(PRICES, run.lab.config),
  },
  {
    name: "random",
    parameters: [{ name: "range", kind: "range", doc: "Where it comes from, end excluded." }],
    result: "any",
    doc: "A number out of a range, from the machine's seeded generator: the same seed gives the " +
      "same numbers.",
    example: `assert (0..6).contains(random(0..6))`,
    run(run, [range]) {
      const { first, end } = range as RangeValue;
      if (end <= first) {
        throw new ScriptError("E0919", "Cannot choose from a range without numbers");
      }
      return rangeItem(range as RangeValue, run.lab.machine.random.below(end - first));
    },
  },
];
