import { command } from "../command.ts";
import { DEFAULT_KERNEL, KERNEL_NAMES } from "../../runtime/kernels/kernels.ts";
import { WRONG } from "../exit_code.ts";
import { JOBS, SEED } from "./scenario_options.ts";

export const HUNT = command({
  name: "hunt",
  brief: "Search for defects: every case of a driver, or random requests.",
  description:
    "With a file that declares a `driver`: tests the driver's map and unmap functions on every " +
    "buffer layout, machine and injected failure that its declaration allows (a random sample if " +
    "there are too many), and prints a minimal failing case as a test. Otherwise: runs random " +
    "requests on random machines with injected failures, and checks each for correct data, correct " +
    "status, no IOMMU fault, no access outside the request's memory and no leak. A failing case is " +
    "minimised and printed as a failing test, with the defect switch (`quirks`) that causes it; the " +
    "hunt then continues with that switch off. Exit codes: 0 nothing found; 1 a defect found.",
  argument: {
    placeholder: "FILE",
    doc: "a scenario: test its drivers, or use its machine; default: random machines",
    completes: "scenarios",
    count: "maybe",
  },
  options: {
    kernel: {
      kind: "text",
      placeholder: "RELEASE",
      doc: `kernel release: ${KERNEL_NAMES.join(", ")} (default: ${DEFAULT_KERNEL})`,
    },
    quirks: {
      kind: "text",
      placeholder: "LIST",
      doc:
        'defects to add to or remove from the release\'s: "x" adds, "not x" removes, "none" first: empty set',
    },
    mode: {
      kind: "text",
      placeholder: "MODE",
      doc: "IOMMU mode of random machines (default: drawn)",
    },
    cases: {
      kind: "integer",
      placeholder: "NUMBER",
      doc: "requests to try (default: 20000), or cases of a driver (default: 1000000)",
    },
    seconds: { kind: "integer", placeholder: "NUMBER", doc: "stop after NUMBER seconds" },
    seed: { ...SEED, doc: "random seed (default: 1)" },
    shard: { kind: "text", placeholder: "I/N", doc: "run shard I of N of the cases" },
    jobs: JOBS,
  },
  examples: [
    { line: "hunt", doc: "20000 requests on 7.2.12" },
    { line: "hunt --kernel 7.2.6 --seconds 60", doc: "one minute on another release" },
    { line: "hunt --quirks none --cases 100000", doc: "without any known defect" },
    { line: "hunt examples/museum/11-gap-bit.dma", doc: "on the machine of a scenario" },
    {
      line: "hunt examples/api/04-two-step-unwind.dma",
      doc: "the driver of a scenario, every case",
    },
    { line: "hunt --seed 7 --shard 2/4", doc: "the second of four parts, on another machine" },
    { line: "hunt --jobs 4", doc: "on four cores, with the same report" },
  ],
  async run({ words, options, screen }) {
    const { openHunt } = await import("../hunt/open_hunt.ts");
    const { runHunt } = await import("../hunt/run_hunt.ts");
    const { withInterrupts } = await import("../interrupts.ts");
    const path = words[0] ?? null;
    const opened = await openHunt(path, options, screen);
    if (opened === null) return WRONG;
    return await withInterrupts(async (interrupts) => {
      const jobs = { path, words: options, jobs: options.jobs ?? 1 };
      if (!("drivers" in opened)) return await runHunt(opened, jobs, screen, interrupts);
      const { runDriverHunt } = await import("../hunt/run_driver_hunt.ts");
      return await runDriverHunt(opened.drivers, jobs, screen, interrupts);
    });
  },
});
