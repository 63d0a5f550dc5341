/** `dmalab trace compare`: two traces of one workload, before and after a change. */
import { TraceCheck } from "../../instruments/traces/ledger/trace_check.ts";
import { TraceLine } from "../../instruments/traces/line/trace_line.ts";
import {
  comparisonJson,
  comparisonLines,
  TracedUse,
} from "../../instruments/traces/usage/trace_compare.ts";
import { printableJson } from "../../lang/diagnostics/display_width.ts";
import { type ExitCode, HELD } from "../exit_code.ts";
import { refuse, type Screen } from "../screen.ts";
import { openTrace } from "./check.ts";
import { UnreadableFile } from "./read_lines.ts";

async function useOf(path: string) {
  const { log, trace } = await openTrace([path]);
  const check = new TraceCheck(log);
  const use = new TracedUse();
  const line = new TraceLine();
  let seconds = 0;
  check.ledger.recorder = (step) => use.take(step, seconds);
  await trace.each((text, number) => {
    if (line.read(text) === "event") seconds = line.seconds;
    check.push(text, number);
  });
  check.end();
  if (use.devices.devices.size === 0) {
    throw new UnreadableFile(
      `"${trace.name}" has no mapping of a device: expected dma:* events, or iommu:* beside nvme:*`,
    );
  }
  const { firstSeconds, lastSeconds } = check.ledger.edges;
  return { use, seconds: firstSeconds === null ? 0 : lastSeconds - firstSeconds, name: trace.name };
}

export async function runCompare(
  paths: readonly string[],
  asJson: boolean,
  screen: Screen,
): Promise<ExitCode> {
  const [first, second, another] = paths;
  if (first === undefined || second === undefined || another !== undefined) {
    return refuse("trace compare needs two traces: before, then after", screen);
  }
  try {
    const [before, after] = [await useOf(first), await useOf(second)];
    const json = comparisonJson(before.use, after.use, [before.seconds, after.seconds]);
    if (asJson) screen.out(`${printableJson(json, 0)}\n`);
    else {
      for (const line of comparisonLines(json, [before.name, after.name])) screen.out(`${line}\n`);
    }
    return HELD;
  } catch (error) {
    if (error instanceof UnreadableFile) return refuse(error.message, screen);
    throw error;
  }
}
