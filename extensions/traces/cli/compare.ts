/** `dmalab trace compare`: two traces of one workload, before and after a change. */
import { comparisonJson, comparisonLines } from "../usage/trace_compare.ts";
import { printableJson } from "@dmalab/lang/diagnostics";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { useOf } from "./devices.ts";

export async function runCompare(
  paths: readonly string[],
  asJson: boolean,
  screen: Screen,
): Promise<ExitCode> {
  const [first, second, another] = paths;
  if (first === undefined || second === undefined || another !== undefined) {
    return refuse("trace compare needs two traces: before, then after", screen);
  }
  const [before, after] = [await useOf([first]), await useOf([second])];
  const json = comparisonJson(before.use, after.use, [before.seconds, after.seconds]);
  if (asJson) screen.out(`${printableJson(json, 0)}\n`);
  else {
    for (const line of comparisonLines(json, [before.trace.name, after.trace.name])) {
      screen.out(`${line}\n`);
    }
  }
  return HELD;
}
