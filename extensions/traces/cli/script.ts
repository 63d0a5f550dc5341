/** `dmalab trace script`: turns the trace of a real machine into a scenario. */
import { traceScript } from "../script/trace_script.ts";
import { WorkloadScript } from "../script/workload_script.ts";
import { eventOf, staysInJob } from "../line/event_log.ts";
import type { ScriptedCall } from "../script/recorder.ts";
import { formatCount } from "@dmalab/lang/text";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { checkTrace, openTrace } from "./check.ts";
import { type LineSource, lineSource } from "./read_lines.ts";

/** Turns requests from blkparse or a fio job into a scenario; null without requests. */
async function workloadOf(source: LineSource): Promise<string | null> {
  const script = new WorkloadScript();
  let isInJob = false;
  await source.each((line, number) => {
    const event = eventOf(line, source.name, number, isInJob);
    isInJob = staysInJob(event, line, isInJob);
    if (event !== null) script.take(event);
  });
  return script.text(source.name);
}

export async function runScript(
  paths: readonly string[],
  around: number | null,
  shrink: boolean,
  screen: Screen,
): Promise<ExitCode> {
  const opened = await openTrace(paths.map((path) => lineSource(path)));
  const { log, trace } = opened;
  const steps: ScriptedCall[] = [];
  const { result } = await checkTrace(opened, (step) => steps.push(step));
  const { classified, findings } = result;
  if (steps.length === 0) {
    const workload = await workloadOf(trace);
    if (workload !== null) {
      screen.out(workload);
      return HELD;
    }
    return refuse(`"${trace.name}" has no mapping that a scenario could be made of`, screen);
  }
  const machine = { facts: log.facts, version: classified.boot?.version ?? null };
  const script = traceScript(steps, findings, machine, trace.name, { around, shrink });
  if (script.isEmpty) {
    for (const each of script.missing) screen.err(`not reproduced: ${each}\n`);
    const reason = !shrink && around === null
      ? `"${trace.name}" has no mapping; record dma:* too`
      : script.findings.length === 0
      ? around === null ? "no finding is proved or likely" : `no finding is at line ${around}`
      : "no line of the trace has the mapping that its findings are about";
    return refuse(`the scenario would be empty: ${reason}`, screen);
  }
  screen.out(script.text);
  if (script.missing.length > 0) {
    const count = `${script.missing.length} of ${formatCount(script.findings.length, "finding")}`;
    screen.err(`${count} not reproduced: the first lines of the scenario list them\n`);
  }
  return HELD;
}
