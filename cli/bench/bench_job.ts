/** Runs the cells of a file's benches, in this process or in workers. */
import { printable } from "@dmalab/lang/diagnostics";
import { painter } from "@dmalab/lang/text";
import {
  type BenchOutcome,
  type HostWatch,
  isNamed,
  type Program,
  type TestEntry,
} from "@dmalab/lang/run";
import { type BenchOptions, runBench } from "@dmalab/lang/program";
import type { NumberedJob } from "../jobs/ordered_plan.ts";
import { MemoryScreen } from "../memory_screen.ts";
import { diagnosticStyle } from "../scenario/diagnostic_style.ts";
import { runSettings } from "../scenario/run_settings.ts";
import type { PrintOptions } from "../scenario/print_run.ts";
import { loadScenario } from "../scenario/load_scenario.ts";

export interface BenchSettings
  extends Pick<PrintOptions, "lenient" | "limits" | "matches" | "seed"> {
  readonly colour: boolean;
  readonly columns: number | null;
}

/** The number is the cell's index among the cells that match the settings. */
export interface BenchJob extends NumberedJob {
  readonly kind: "bench";
  readonly path: string;
  readonly settings: BenchSettings;
}

export interface BenchMessage {
  readonly kind: "end";
  readonly text: string;
  readonly outcome: BenchOutcome;
}

export function cellsOf({ tests }: Program, { matches }: BenchSettings): readonly TestEntry[] {
  return tests.filter((each) => each.kind === "bench" && isNamed(each, matches));
}

/** The options of a cell's run. @param onLine Gets the lines that the run prints. */
export function benchOptions(
  { colour, columns, ...settings }: BenchSettings,
  watch: HostWatch,
  onLine: (line: string) => void = () => {},
): BenchOptions {
  return {
    ...runSettings(settings),
    watch,
    onLine,
    columns: columns ?? undefined,
    style: diagnosticStyle(painter(colour)),
  };
}

export function benchOnce(
  program: Program,
  cell: TestEntry,
  settings: BenchSettings,
  watch: HostWatch,
): BenchMessage {
  let text = "";
  const onLine = (line: string) => void (text += `${printable(line)}\n`);
  const outcome = runBench(program, cell, benchOptions(settings, watch, onLine));
  return { kind: "end", text, outcome };
}

export async function runBenchJob(
  { number, path, settings }: BenchJob,
  send: (message: BenchMessage) => void,
  watch: HostWatch,
): Promise<void> {
  const { program } = await loadScenario(path, new MemoryScreen(), null, settings.limits.timeMs);
  send(benchOnce(program!, cellsOf(program!, settings)[number]!, settings, watch));
}
