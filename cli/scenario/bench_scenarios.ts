/** `dmalab bench`: the benches of scenarios, on each machine of their matrix. */
import { printable, printableJson } from "@dmalab/lang/diagnostics";
import { type BenchOutcome, displayName } from "@dmalab/lang/run";
import { codeOfFailure, type ExitCode, FAILED, HELD, worseExitCode } from "../exit_code.ts";
import { type SignalWatch, withInterrupts } from "../interrupts.ts";
import { type Paint, painter } from "@dmalab/lang/render";
import type { Screen } from "../screen.ts";
import { counted, whyNoFailure } from "./report_printer.ts";
import {
  benchesOf,
  type BenchMessage,
  benchOnce,
  BenchPlan,
  type BenchSettings,
} from "./bench_job.ts";
import { runPlan } from "../jobs/run_plan.ts";
import { loadScenario } from "./load_scenario.ts";
import {
  clip,
  formatDuration,
  formatTimeRounded,
  PICTURE_COLUMNS,
  tableLines,
} from "@dmalab/lang/text";
import { EVENT_NAMES } from "@dmalab/runtime";

/** A name, and its value in each column. */
type Row = readonly [string, ...string[]];

/**
 * The lines of the table. First what depends on the file and the seed alone; the speed on this host
 * comes last.
 *
 * @param outcomes Of one file, those that ran.
 */
function benchTable(outcomes: readonly BenchOutcome[]): string[] {
  if (outcomes.length === 0) return [];
  const rows = [...resultRows(outcomes), ...hostRows(outcomes)];
  const heads = headRows(outcomes);
  return [
    ...parts(heads, rows).flatMap((columns) => {
      const [head, ...more] = heads.map((row) => chosen(row, columns));
      const body = [...more, ...rows.map((row) => chosen(row, columns))];
      return [...tableLines(head!, body, ["left", ...columns.map(() => "right" as const)]), ""];
    }),
    ...latencyLines(outcomes),
    "",
  ];
}

/** Columns for the name of a bench beside others. */
const NAME_COLUMNS = 24;

/** The benches, where there are several, and the settings that make their machines differ: a row a key. */
function headRows(outcomes: readonly BenchOutcome[]): Row[] {
  const keys = new Set(outcomes.flatMap(({ settings }) => settings.map(({ key }) => key)));
  const row = (name: string, of: (outcome: BenchOutcome) => string): Row => [
    name,
    ...outcomes.map(of),
  ];
  const isOne = outcomes.every(({ place }) => place === outcomes[0]!.place);
  return [
    ...isOne && keys.size > 0 ? [] : [row("per iteration", ({ name }) => clip(name, NAME_COLUMNS))],
    ...[...keys].map((key) =>
      row(key, ({ settings }) => settings.find((each) => each.key === key)?.value ?? "")
    ),
  ];
}

function resultRows(outcomes: readonly BenchOutcome[]): Row[] {
  const names = EVENT_NAMES.filter((name) => outcomes.some(({ counts }) => name in counts));
  return [
    [
      "virtual time",
      ...outcomes.map(({ iterations, virtualNs }) => formatTimeRounded(virtualNs / iterations)),
    ],
    ["events", ...outcomes.map((each) => perIteration(each, totalOf(each)))],
    ...names.map((name): Row => [
      name,
      ...outcomes.map((each) => perIteration(each, each.counts[name] ?? 0)),
    ]),
  ];
}

function totalOf({ counts }: BenchOutcome): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function perIteration({ iterations }: BenchOutcome, count: number): string {
  return String(Number((count / iterations).toPrecision(3)));
}

/** Iterations in one second of the host's clock. */
function iterationsPerSecond({ timed }: BenchOutcome): number | null {
  return timed === null || timed.wallMs === 0 ? null : timed.iterations / timed.wallMs * 1000;
}

function hostRows(outcomes: readonly BenchOutcome[]): Row[] {
  const rates = outcomes.map(iterationsPerSecond);
  if (rates.every((rate) => rate === null)) return [];
  const texts = rates.map((rate) => rate === null ? "" : Math.round(rate).toLocaleString("en-US"));
  return [["iterations/s on this host", ...texts]];
}

/** The latencies that the virtual time is the sum of: without them it means nothing. */
function latencyLines(outcomes: readonly BenchOutcome[]): string[] {
  const texts = outcomes.map(latenciesText);
  if (new Set(texts).size === 1) return [texts[0]!];
  return outcomes.map((outcome, index) => `${displayName(outcome)}: ${texts[index]}`);
}

function latenciesText({ latenciesNs }: BenchOutcome): string {
  const latencies = Object.entries(latenciesNs).map(([key, ns]) => `${key} ${formatDuration(ns)}`);
  return latencies.length === 0
    ? "all latencies are 0: only `advance` moves virtual time"
    : `at ${latencies.join(", ")}`;
}

function chosen([name, ...cells]: Row, columns: readonly number[]): string[] {
  return [name, ...columns.map((column) => cells[column]!)];
}

/** The columns of each part of the table: as many as there is room for. */
function parts(heads: readonly Row[], rows: readonly Row[]): number[][] {
  const all = [...heads, ...rows];
  const width = (column: number) => Math.max(...all.map((row) => row[column]!.length));
  const found: number[][] = [];
  let room = 0;
  for (let column = 1; column < heads[0]!.length; column++) {
    const needed = width(column) + 2;
    if (room < needed) {
      found.push([]);
      room = PICTURE_COLUMNS - width(0);
    }
    found.at(-1)!.push(column - 1);
    room -= needed;
  }
  return found;
}

export interface BenchScenarioOptions extends Omit<BenchSettings, "colour" | "columns"> {
  readonly json: boolean;
  /** How many workers run them; the times that they measure are then those of busy cores. */
  readonly jobs: number;
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
  watch: SignalWatch,
): Promise<ExitCode> {
  const paint = painter(screen.colour);
  const say = (lines: readonly string[]) => screen.out(lines.map((line) => `${line}\n`).join(""));
  // With --json the standard output has nothing else: what a bench prints goes to the other one.
  const print = (text: string) => options.json ? screen.err(text) : screen.out(text);
  const settings = {
    matches: options.matches,
    seed: options.seed,
    lenient: options.lenient,
    limits: options.limits,
    colour: screen.colour,
    columns: screen.columns,
  };
  let exitCode: ExitCode = HELD;
  let found = 0;
  let tolerant = 0;
  for (const path of paths) {
    const { exitCode: loaded, program } = await loadScenario(
      path,
      screen,
      null,
      options.limits.timeMs,
    );
    if (program === null) {
      exitCode = worseExitCode(exitCode, loaded);
      continue;
    }
    const ran: BenchOutcome[] = [];
    const onBench = ({ outcome, text }: BenchMessage) => {
      found++;
      print(text);
      if (outcome.outcome === "passed") ran.push(outcome);
      if (outcome.failure === null && outcome.incidents.length > 0) tolerant++;
      say(options.json ? jsonLines(outcome) : textLines(outcome, paint));
      exitCode = worseExitCode(exitCode, codeOfFailure(outcome.failure));
    };
    const wanted = benchesOf(program, settings);
    const mayGoOn = () => !watch.interrupted();
    if (options.jobs > 1 && wanted.length > 1) {
      const plan = new BenchPlan({ path, settings }, wanted.length, onBench, mayGoOn);
      await runPlan(plan, options.jobs, watch);
    } else {
      for (const bench of wanted) {
        if (mayGoOn()) onBench(benchOnce(program, bench, settings, watch));
      }
    }
    if (!options.json) say(benchTable(ran));
  }
  if (tolerant > 0 && !options.json) {
    const passed = `${counted(tolerant, "bench run")} passed with unexpected reports or faults`;
    say([`${paint("warning", "warning:")} ${passed}; ${whyNoFailure(options.lenient)}`]);
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
    ...incident.isFailure ? [] : incident.lines.map((line) => `  ${line}`),
    ...times > 1 ? [paint("dim", `    … ${counted(times - 1, "time")} more`)] : [],
  ]);
  if (outcome.failure !== null) {
    return [`${name} ... ${paint("bad", "FAILED")}`, ...outcome.failure.lines, ...incidents];
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
