/** `dmalab trace script`: the run of a real machine as a scenario. */
import { traceScript } from "../../instruments/traces/script/trace_script.ts";
import type { Step } from "../../instruments/traces/script/recorder.ts";
import { TraceCheck } from "../../instruments/traces/ledger/trace_check.ts";
import { type ExitCode, HELD } from "../exit_code.ts";
import { refuse, type Screen } from "../screen.ts";
import { openTrace } from "./check.ts";
import { UnreadableFile } from "./read_lines.ts";

export async function runScript(
  paths: readonly string[],
  around: number | null,
  shrink: boolean,
  screen: Screen,
): Promise<ExitCode> {
  try {
    const { log, trace } = await openTrace(paths);
    const check = new TraceCheck(log);
    const steps: Step[] = [];
    check.ledger.recorder = (step) => steps.push(step);
    await trace.each((text, number) => check.push(text, number));
    const { findings } = check.end();
    if (steps.length === 0) {
      return refuse(`"${trace.name}" has no mapping that a scenario could be made of`, screen);
    }
    screen.out(traceScript(steps, findings, trace.name, { around, shrink }));
    return HELD;
  } catch (error) {
    if (error instanceof UnreadableFile) return refuse(error.message, screen);
    throw error;
  }
}
