/** `dmalab bench`: the benches of scenarios, on each machine of their matrix. */
import { printable, printableJson } from "../../lang/diagnostics/display_width.ts";
import { runBench } from "../../lang/run/bench.ts";
import { type BenchOutcome, displayName } from "../../lang/run/report.ts";
import { isNamed, type NameMatch } from "../../lang/run/name_match.ts";
import { type ExitCode, FAILED, HELD, worseExitCode } from "../exit_code.ts";
import { type Interrupts, withInterrupts } from "../interrupts.ts";
import { type Paint, painter } from "../../lang/render/paint.ts";
import type { Screen } from "../screen.ts";
import { benchTable, turnsPerSecond } from "./bench_table.ts";
import { allLimits, type LimitOptions } from "./limit_options.ts";
import { diagnosticStyle } from "./diagnostic_style.ts";
import { codeOfFailure, loadScenario } from "./load_scenario.ts";

export interface BenchScenarioOptions {
  /** Only benches whose name has one of these in it; all when there is none. */
  readonly matches: readonly NameMatch[];
  readonly seed: number | null;
  readonly json: boolean;
  readonly limits: LimitOptions;
}

/** Runs the benches of each file; none found is a failure. */
export async function benchScenarios(
  paths: readonly string[],
  options: BenchScenarioOptions,
  screen: Screen,
): Promise<ExitCode> {
  return await withInterrupts((watch) => benchAll(paths, options, screen, watch));
}

async function benchAll(
  paths: readonly string[],
  options: BenchScenarioOptions,
  screen: Screen,
  watch: Interrupts,
): Promise<ExitCode> {
  const paint = painter(screen.colour);
  let exitCode: ExitCode = HELD;
  let found = 0;
  for (const path of paths) {
    const { exitCode: loaded, program } = await loadScenario(path, screen);
    if (program === null) {
      exitCode = worseExitCode(exitCode, loaded);
      continue;
    }
    const all = program.tests.filter(({ kind }) => kind === "bench");
    const ran: BenchOutcome[] = [];
    const wanted = all.filter((each) => isNamed(each, options.matches));
    for (const [index, bench] of wanted.entries()) {
      if (watch.interrupted()) break;
      found++;
      const outcome = runBench(program, bench, {
        clock: () => performance.now(),
        watch,
        limits: allLimits(options.limits),
        ...options.seed === null ? {} : { seed: options.seed },
        onLine: (line) => screen.out(`${printable(line)}\n`),
        columns: screen.columns ?? undefined,
        style: diagnosticStyle(paint),
      });
      if (outcome.outcome === "passed") ran.push(outcome);
      const lines = options.json ? jsonLines(outcome) : textLines(outcome, paint);
      // The machines of one bench are one behind the other.
      if (!options.json && wanted[index + 1]?.declaration !== bench.declaration) {
        lines.push(...benchTable(ran.splice(0)));
      }
      screen.out(lines.map((line) => `${line}\n`).join(""));
      exitCode = worseExitCode(exitCode, codeOfFailure(outcome.failure));
    }
  }
  if (found > 0 || exitCode !== HELD) return exitCode;
  screen.err("error: No bench found in what was given\n");
  return FAILED;
}

/** What came of a bench on one machine; what it measured stands in the table below. */
function textLines(outcome: BenchOutcome, paint: Paint): string[] {
  const name = paint("strong", printable(displayName(outcome)));
  if (outcome.outcome === "skipped") return [`${name} ... ${paint("warning", "ignored")}`];
  if (outcome.failure !== null) {
    return [`${name} ... ${paint("bad", "FAILED")}`, ...outcome.failure.lines];
  }
  return [`${name} ... ${paint("good", "ok")}`];
}

function jsonLines(outcome: BenchOutcome): string[] {
  const name = displayName(outcome);
  const line = (suffix: string, value: number, unit: string) =>
    printableJson({ name: `${name}${suffix}`, value, unit, ratio: null, to: null }, 0);
  if (outcome.outcome !== "passed") return [printableJson({ name, error: outcome.outcome }, 0)];
  const rate = turnsPerSecond(outcome);
  return [
    ...rate === null ? [] : [line("", Number(rate.toPrecision(4)), "turns/s")],
    line(" time", outcome.virtualNs / outcome.iterations, "ns/turn"),
    ...Object.entries(outcome.counts).map(([event, count]) =>
      line(` ${event}`, count / outcome.iterations, "events/turn")
    ),
  ];
}
