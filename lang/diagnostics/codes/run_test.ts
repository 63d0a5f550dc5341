import { assert, assertEquals } from "@std/assert";
import { runBench } from "../../run/bench.ts";
import { runProgram } from "../../run/run_program.ts";
import { program } from "../../testing/test_support.ts";
import { DEFAULT_LIMITS } from "../../values/limits.ts";
import type { CodeEntry } from "./entry.ts";
import { RUN_CODES } from "./run.ts";

const ENTRIES: [string, CodeEntry][] = Object.entries(RUN_CODES);

/** Code to put before the examples that need it. */
const MACHINE = `machine { iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } } }
`;
const NAMES = `let buf = alloc_pages(1)
let state = iova_state()
let m = dma_map_phys(ssd, buf.phys, 4KiB, bidirectional)
`;

const LIMITS = { ...DEFAULT_LIMITS, steps: 1_000_000, memoryBytes: 2 ** 22, outputLines: 100 };

/**
 * Codes that no script alone can cause: they need a million events, a clock, Ctrl-C, `--branch`, or
 * a bug of dmalab.
 */
const NOT_SHOWN = ["E0805", "E0806", "E0807", "E0934", "E0999"];

Deno.test("every code of a run has a title, a paragraph and an example", () => {
  for (const [code, { example, explanation, title }] of ENTRIES) {
    assert(/^E0[89][0-9]{2}$/.test(code), code);
    assert(title.length > 10 && !title.endsWith("."), code);
    assert(explanation.length > 40 && explanation.endsWith("."), code);
    assert(example !== "" || code === "E0999", code);
  }
});

Deno.test("the example of every code of a run ends with it", () => {
  for (const [code, { example }] of ENTRIES) {
    if (NOT_SHOWN.includes(code)) continue;
    const declares = /^(machine|bench|fn|test)/.test(example);
    const setting = example.includes("machine {") ? "" : MACHINE;
    const text = setting + (declares ? "" : NAMES) + example;
    const compiled = program(text);
    const [bench] = compiled.tests.filter(({ kind }) => kind === "bench");
    const failure = bench === undefined
      ? runProgram(compiled, { limits: LIMITS }).outcomes[0]!.failure
      : runBench(compiled, bench, { iterations: 10 }).failure;
    assertEquals(failure?.code, code, failure?.lines.join("\n") ?? "it ran to its end");
  }
});
