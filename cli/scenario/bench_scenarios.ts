/** `dmalab bench`: the benches of scenarios, on each machine of their matrix. */
import { printable, printableJson } from "../../lang/diagnostics/display_width.ts";
import { runBench } from "../../lang/run/bench.ts";
import { type BenchOutcome, displayName } from "../../lang/run/report.ts";
import { isNamed, type NameMatch } from "../../lang/run/name_match.ts";
import { codeOfFailure, type ExitCode, FAILED, HELD, worseExitCode } from "../exit_code.ts";
import { type Interrupts, withInterrupts } from "../interrupts.ts";
import { type Paint, painter } from "../../lang/render/paint.ts";
import type { Screen } from "../screen.ts";
import { benchTable, iterationsPerSecond } from "./bench_table.ts";
import { counted } from "./report_printer.ts";
import { allLimits, type LimitOptions } from "./limit_options.ts";
import { diagnosticStyle } from "./diagnostic_style.ts";
import { loadScenario } from "./load_scenario.ts";

export interface BenchScenarioOptions {
  /** Only benches whose name matches one of these; all when there is none. */
  readonly matches: readonly NameMatch[];
  readonly seed: number | null;
  readonly json: boolean;
  /** A fault or a report that a bench does not expect fails it. */
  readonly strict: boolean;
  readonly limits: LimitOptions;
}

/** Runs the benches of each file; finding none is a failure. */
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
  const say = (lines: readonly string[]) => screen.out(lines.map((line) => `${line}\n`).join(""));
  // With --json the standard output has nothing else: what a bench prints goes to the other one.
  const print = (text: string) => options.json ? screen.err(text) : screen.out(text);
  let exitCode: ExitCode = HELD;
  let found = 0;
  let tolerant = 0;
  for (const path of paths) {
    const { exitCode: loaded, program } = await loadScenario(path, screen);
    if (program === null) {
      exitCode = worseExitCode(exitCode, loaded);
      continue;
    }
    const all = program.tests.filter(({ kind }) => kind === "bench");
    const ran: BenchOutcome[] = [];
    const wanted = all.filter((each) => isNamed(each, options.matches));
    for (const bench of wanted) {
      if (watch.interrupted()) break;
      found++;
      const outcome = runBench(program, bench, {
        clock: () => performance.now(),
        watch,
        limits: allLimits(options.limits),
        strict: options.strict,
        ...options.seed === null ? {} : { seed: options.seed },
        onLine: (line) => print(`${printable(line)}\n`),
        columns: screen.columns ?? undefined,
        style: diagnosticStyle(paint),
      });
      if (outcome.outcome === "passed") ran.push(outcome);
      if (outcome.failure === null && outcome.incidents.length > 0) tolerant++;
      say(options.json ? jsonLines(outcome) : textLines(outcome, paint));
      exitCode = worseExitCode(exitCode, codeOfFailure(outcome.failure));
    }
    if (!options.json) say(benchTable(ran));
  }
  if (tolerant > 0 && !options.json) {
    const passed = `${counted(tolerant, "bench run")} passed with unexpected reports or faults`;
    say([`${paint("warning", "warning:")} ${passed}; --strict makes that a failure`]);
  }
  if (found > 0 || exitCode !== HELD) return exitCode;
  screen.err("error: No bench found\n");
  return FAILED;
}

/** The result of a bench on one machine; its numbers are in the table. */
function textLines(outcome: BenchOutcome, paint: Paint): string[] {
  const name = paint("strong", printable(displayName(outcome)));
  if (outcome.outcome === "skipped") return [`${name} ... ${paint("warning", "ignored")}`];
  const incidents = outcome.incidents.flatMap(({ incident, times }) => [
    ...incident.lines.map((line) => `  ${line}`),
    ...times > 1 ? [paint("dim", `    … ${counted(times - 1, "time")} more`)] : [],
  ]);
  if (outcome.failure !== null) {
    return [`${name} ... ${paint("bad", "FAILED")}`, ...incidents, ...outcome.failure.lines];
  }
  return [`${name} ... ${paint("good", "ok")}`, ...incidents];
}

function jsonLines(outcome: BenchOutcome): string[] {
  const name = displayName(outcome);
  const line = (suffix: string, value: number, unit: string) =>
    printableJson({ name: `${name}${suffix}`, value, unit, ratio: null, to: null }, 0);
  const incidents = outcome.incidents.map(({ incident: { kind, name: tag, place, text }, times }) =>
    printableJson({ name, [kind]: tag, place, text, times }, 0)
  );
  if (outcome.outcome !== "passed") {
    return [printableJson({ name, error: outcome.outcome }, 0), ...incidents];
  }
  const rate = iterationsPerSecond(outcome);
  return [
    ...rate === null ? [] : [line("", Number(rate.toPrecision(4)), "iterations/s")],
    line(" time", outcome.virtualNs / outcome.iterations, "ns/iteration"),
    ...Object.entries(outcome.counts).map(([event, count]) =>
      line(` ${event}`, count / outcome.iterations, "events/iteration")
    ),
    ...incidents,
  ];
}
