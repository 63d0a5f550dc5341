/** Captures of real kernels as scenarios: they run, and report what the machine did. */
import { assert, assertEquals } from "@std/assert";
import { runScenarioText } from "../instruments/hunt/scenario_check.ts";
import { LogPass, TraceCheck } from "../instruments/traces/ledger/trace_check.ts";
import type { Step } from "../instruments/traces/script/recorder.ts";
import { type ScriptOptions, traceScript } from "../instruments/traces/script/trace_script.ts";
import { readGolden } from "./golden_traces.ts";

async function scriptOf(run: string, options: ScriptOptions): Promise<string> {
  const log = new LogPass();
  const text = await readGolden(`real/${run}.dmesg.txt.gz`);
  (text ?? "").split("\n").forEach((line, index) => log.push(line, index + 1));
  log.end();
  const check = new TraceCheck(log);
  const steps: Step[] = [];
  check.ledger.recorder = (step) => steps.push(step);
  const trace = (await readGolden(`real/${run}.trace.txt.gz`))!;
  trace.split("\n").forEach((line, index) => check.push(line, index + 1));
  return traceScript(steps, check.end().findings, `${run}.trace.txt`, options);
}

const WHOLE = { around: null, shrink: false };
const EXPECTATION = / (?:warns|faults) (\w+)/g;

/** What a scenario expects to be told, by name. */
function expectations(script: string): string[] {
  return [...script.matchAll(EXPECTATION)].map(([, name]) => name!).sort();
}

Deno.test("a run with mistakes becomes a scenario that runs and is told the same, shrunk or whole", async () => {
  const runs: readonly (readonly [string, readonly string[], leaks: number])[] = [
    ["72-strict-mistakes", [
      "not_present",
      "not_present",
      "not_readable",
      "sync_direction",
      "unmap_direction",
      "unmap_size",
      "unmap_unknown",
    ], 1],
    ["612-strict-mistakes", [
      "not_present",
      "not_present",
      "not_writable",
      "unmap_direction",
      "unmap_entries",
      "unmap_size",
      "unmap_unknown",
    ], 1],
    ["72-scalable-faults", ["not_present", "not_present", "not_readable"], 0],
  ];
  for (const [run, expected, leaks] of runs) {
    const whole = await scriptOf(run, WHOLE);
    const shrunk = await scriptOf(run, { around: null, shrink: true });
    for (const script of [whole, shrunk]) {
      assertEquals(runScenarioText(script), { end: "held" }, `${run}\n${script}`);
      assertEquals(expectations(script), expected, run);
      assertEquals(script.split("# left behind").length - 1, leaks, run);
    }
    assert(shrunk.length < whole.length, run);
  }
});

Deno.test("a clean run becomes a scenario that is silent, and one finding a scenario of its own", async () => {
  for (const run of ["72-strict-small", "612-strict-small", "72-passthrough", "72-bounce"]) {
    const script = await scriptOf(run, WHOLE);
    assertEquals(expectations(script), [], run);
    assert(script.split("dma_map_").length > 10, run);
    assertEquals(runScenarioText(script), { end: "held" }, run);
  }
  const around = await scriptOf("72-strict-mistakes", { around: 46, shrink: true });
  assertEquals(expectations(around), ["unmap_direction"]);
  assertEquals(runScenarioText(around), { end: "held" });
});
