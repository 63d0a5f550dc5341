import { command } from "../command.ts";
import { DEFAULT_KERNEL, KERNEL_NAMES } from "../../runtime/kernels/kernels.ts";
import { WRONG } from "../exit_code.ts";
import { SEED } from "./scenario_options.ts";

export const HUNT = command({
  name: "hunt",
  brief: "Hunt for defects: of a driver in all its cases, or with random requests.",
  description:
    "With a file that has a `driver`: runs its map and unmap on every buffer, machine and " +
    "failure that its declaration allows, drawn by lot where there are too many, and prints the " +
    "smallest case in which something is wrong as a test that fails. Otherwise: " +
    "tries random requests on random machines, with random failures, and holds them to one " +
    "property: right bytes, a right status, no fault, nothing used outside the request's memory, " +
    "nothing left behind. What breaks it is shrunk and printed as a test that fails when it is " +
    "run, with the switch that it is gone without; then the hunt goes on without that switch. " +
    "Exit code 0: nothing found; 1: something found.",
  argument: {
    placeholder: "FILE",
    doc: "a scenario, to hunt in its drivers or on its machine; random machines when left out",
    completes: "scenarios",
    count: "maybe",
  },
  options: {
    kernel: {
      kind: "text",
      placeholder: "RELEASE",
      doc: `the release to hunt in: ${KERNEL_NAMES.join(", ")} (${DEFAULT_KERNEL})`,
    },
    quirks: {
      kind: "text",
      placeholder: "LIST",
      doc: 'defects besides the release\'s own, as in a machine: "none", "none, x", "not x"',
    },
    cases: {
      kind: "integer",
      placeholder: "NUMBER",
      doc: "requests to try (20000), or cases of a driver (1000000)",
    },
    seconds: { kind: "integer", placeholder: "NUMBER", doc: "stop after so long" },
    seed: { ...SEED, doc: "where the random choices begin (1)" },
    shard: { kind: "text", placeholder: "I/N", doc: "only the I-th of N parts of the cases" },
  },
  examples: [
    { line: "hunt", doc: "20000 requests on 7.2" },
    { line: "hunt --kernel 7.2.6 --seconds 60", doc: "a minute on another release" },
    { line: "hunt --quirks none --cases 100000", doc: "does the intended behaviour hold?" },
    { line: "hunt examples/museum/11-gap-bit.dma", doc: "on the machine of a scenario" },
    {
      line: "hunt examples/api/04-two-step-unwind.dma",
      doc: "the driver of a scenario, every case",
    },
    { line: "hunt --seed 7 --shard 2/4", doc: "the second of four parts, for another core" },
  ],
  async run({ words, options, screen }) {
    const { openHunt } = await import("../hunt/open_hunt.ts");
    const { runHunt } = await import("../hunt/run_hunt.ts");
    const { withInterrupts } = await import("../interrupts.ts");
    const opened = await openHunt(words[0] ?? null, options, screen);
    if (opened === null) return WRONG;
    return await withInterrupts(async (interrupts) => {
      if (!("drivers" in opened)) return runHunt(opened, screen, interrupts);
      const { runDriverHunt } = await import("../hunt/run_driver_hunt.ts");
      return runDriverHunt(opened.drivers, screen, interrupts);
    });
  },
});
