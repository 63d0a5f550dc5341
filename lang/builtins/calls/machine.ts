/** Time, random numbers, quizzes, and the state of the two-step API. */
import { formatValue } from "../../render/value_text.ts";
import { typeOf } from "../../values/value_types.ts";
import { LIST_BYTES, NEW_ITEM_BYTES, RECORD_BYTES } from "../../values/limits.ts";
import type { WrongAnswer } from "../../values/question.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { madeStep, sequenceChoices } from "../../values/sequences.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { RecordValue, type Value } from "../../values/value.ts";
import { IOVA_STATE, newIovaState } from "../types/dma/iova_state.ts";
import { LATENCIES } from "../types/latencies.ts";
import { numberOf } from "../../values/sequences.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

const ENTRIES = ["answer", "rule", "hint"] as const;

/**
 * One item of `wrong`: a record with the entries `answer`, `rule` and `hint`. The wrong answer must
 * have the same kind as the right answer.
 */
function wrongAnswer(item: Value, right: Value, context: ExecutionContext): WrongAnswer {
  const [answer, rule, hint] = item instanceof RecordValue
    ? ENTRIES.map((entry) => item.entries.get(entry))
    : [];
  if (answer === undefined || typeof rule !== "string" || typeof hint !== "string") {
    throw new ValueError(
      "A wrong answer of a quiz is a record with an answer, a rule and a hint",
      '`{ answer: 4KiB, rule: "dma.1.6", hint: "…" }`',
    );
  }
  if (typeOf(answer) !== typeOf(right)) {
    throw new ValueError("A wrong answer of a quiz has the kind of the right one");
  }
  return { answer: formatValue(answer, context), rule, hint };
}

export const MACHINE_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "iova_state",
    result: IOVA_STATE,
    doc: "A state for the two-step API, all zero, as a driver keeps it with its request.",
    example: `let state = iova_state()\nassert not state.use_iova`,
    run: newIovaState,
  }),
  builtin({
    name: "now",
    pure: true,
    result: "duration",
    doc: "Virtual time of the current CPU since the machine was ready.",
    example: `advance 5us\nassert now() == 5us`,
    run: (context) => context.lab.machine.clock.nowNs,
  }),
  builtin({
    name: "latencies",
    pure: true,
    result: LATENCIES,
    doc: "The machine's latencies: what events cost in virtual time. Show them with every result " +
      "that depends on time.",
    example: `machine { latencies { iotlb_sync = 300ns } }\n` +
      `assert latencies().iotlb_sync == 300ns\nshow latencies()`,
    run: (context) => context.lab.config,
  }),
  builtin({
    name: "random",
    parameters: [param.range("range", "The range, end excluded.")],
    result: "any",
    doc:
      "A number from a range, drawn by the machine's seeded generator: the same seed gives the " +
      "same numbers.",
    example: `assert (0..6).contains(random(0..6))`,
    run(context, [range]) {
      const { first, end } = range;
      if (end <= first) {
        throw new ValueError("Cannot choose from an empty range");
      }
      return numberOf(range, context.lab.machine.random.between(first, end));
    },
  }),
  builtin({
    name: "sequence",
    parameters: [
      param.range("length", "How many steps it may have."),
      param.any(
        "of",
        "What a step can be: a list stands for one of its items, a range for one of its " +
          "numbers, a record for a record whose entries are drawn in the same way. From a list " +
          "of records, one record is chosen first.",
      ),
    ],
    result: "list",
    doc:
      "A list of steps, each chosen by the machine's seeded generator. After `forall … in` the " +
      "property engine draws the lists, and shrinks a failing one by leaving steps out.",
    example: `let ops = sequence(3..=5, { op: [read, write], page: 0..8 })\n` +
      `assert ops.length >= 3 and ops.all(o => o.page < 8)\n` +
      `property "counts" forall ops in sequence(0..=9, [1, 2]) {\n` +
      `  assert ops.length <= 9\n}`,
    run(context, [length, of]) {
      const choices = sequenceChoices(length, of);
      if (typeof choices === "string") throw new ValueError(choices);
      const { longest, shortest, step } = choices;
      const below = (limit: number) => context.lab.machine.random.below(limit);
      const steps = shortest + below(longest - shortest + 1);
      context.chargeMemory(LIST_BYTES + (RECORD_BYTES + NEW_ITEM_BYTES) * steps);
      return Array.from({ length: steps }, () => madeStep(step, below));
    },
  }),
  builtin({
    name: "quiz",
    parameters: [
      param.string("question", "The question, which contains values of this run."),
      param.any("answer", "The right answer, read from the machine."),
      param.list(
        "wrong",
        "Common mistakes: records with the wrong `answer`, the `rule` that it overlooks, and a `hint`.",
      ),
    ],
    doc:
      "Asks a quiz question about this run. The site and `dmalab run` at a terminal offer all answers, and " +
      "name the rule that a common mistake overlooks; elsewhere commands print the question with its " +
      "answer. With values from `random`, another `--seed` asks with other values.",
    example: `machine { iommu { mode = strict }\npci { root_port rp0 { endpoint nic { } } } }\n` +
      `test "bytes of IOVA" {\n  let size = random(1..7) * 512B\n` +
      `  let mapping = dma_map_phys(nic, 0x10_0000, size, to_device)\n` +
      `  let mapped = events.last("iommu.map").size_bytes\n` +
      `  quiz("The driver maps {size}. How much does the IOMMU map?", mapped, [\n` +
      `    { answer: size, rule: "dma.1.6", hint: "an IOMMU maps whole granules" },\n  ])\n` +
      `  dma_unmap_phys(nic, mapping, size, to_device)\n}`,
    run(context, [text, right, items]) {
      const answer = formatValue(right, context);
      const wrong = items.map((item) => wrongAnswer(item, right, context));
      const answers = [answer, ...wrong.map((each) => each.answer)];
      const twice = answers.find((each, index) => answers.indexOf(each) !== index);
      if (twice !== undefined) {
        throw new ValueError(
          `Two answers of this quiz are the same: ${twice}`,
          "draw values for which the right answer and each mistake differ",
        );
      }
      context.ask({ text, answer, wrong });
      return null;
    },
  }),
];
