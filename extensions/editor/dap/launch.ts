/** What a client wants to be launched, made ready. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { nearestNames, renderDiagnostics } from "@dmalab/lang/diagnostics";
import { loadForDebugging } from "@dmalab/lang";
import {
  displayName,
  type OpenRun,
  openRun,
  type RecordOptions,
  type RunChoice,
  runsOf,
} from "@dmalab/recording";
import { HostLoader, HostMemoryWatch, withCompiled } from "@dmalab/cli";
import { allLimits, LIMIT_OPTIONS, type LimitOption, limitsOf } from "@dmalab/cli/scenario";
import { type ArgumentTypes, checkType } from "./arguments.ts";
import { RunClock } from "./debuggee.ts";
import type { LAUNCH_KEYS } from "./launch_keys.ts";
import { RequestError } from "./request_error.ts";

/** What a launch may say: of any kind, until it is looked at. */
type OwnArguments = { readonly [K in keyof typeof LAUNCH_KEYS]?: unknown };

export type LaunchArguments = DebugProtocol.LaunchRequestArguments & OwnArguments;

/** A run that is ready to go. */
export interface Launched {
  readonly run: OpenRun;
  readonly clock: RunClock;
  /** The names of all runs of the file, this one's first. */
  readonly names: readonly string[];
  /** Warnings, and what else is to be said of the choice; empty for none. */
  readonly warnings: string;
}

/** An argument of its kind; undefined when it was left out. @throws {RequestError} */
function argument<K extends keyof ArgumentTypes>(
  name: keyof LaunchArguments,
  value: unknown,
  kind: K,
): ArgumentTypes[K] | undefined {
  if (value === undefined) return undefined;
  checkType(name, value, kind);
  return value as ArgumentTypes[K];
}

/**
 * Loads a scenario and opens one of its runs.
 *
 * @param isEnding Whether the client wants the session to end.
 * @throws {RequestError} With what is wrong.
 */
export async function launch(args: LaunchArguments, isEnding: () => boolean): Promise<Launched> {
  for (const name of ["stopOnEntry", "stopAtEnd", "noDebug"] as const) {
    argument(name, args[name], "boolean");
  }
  const path = argument("program", args.program, "string");
  if (path === undefined) throw new RequestError('"program" is missing: the path of a scenario');
  const opened = HostLoader.open(path, null, limitsOf(limitNamed(args)).timeMs);
  if (typeof opened === "string") {
    const line = /:(\d+)$/.exec(path)?.[1];
    throw new RequestError(
      opened,
      line === undefined ? null : `the key of a line is "line": ${line}`,
    );
  }
  const { entry, loader } = opened;
  const { diagnostics, program } = await withCompiled(
    loader,
    () => loadForDebugging(entry, loader),
  );
  const warnings = diagnostics.length === 0 ? "" : `${renderDiagnostics(diagnostics)}\n`;
  if (program === null) throw new RequestError(warnings.trimEnd());
  const choices = runsOf(program);
  const choice = chosen(choices, args);
  const clock = new RunClock();
  const run = openRun(program, choice, recordOptions(args, clock, isEnding));
  const others = choices.filter((each) => each !== choice);
  const line = lineNumber(args.line);
  const isAbove = typeof line === "number" && args.run === undefined &&
    (choice.test === null || lineOf(choice) > line);
  const notice = isAbove
    ? `No test begins on line ${line} or above it: this runs ${nameOf(choice)}\n`
    : "";
  return { run, clock, names: [choice, ...others].map(nameOf), warnings: warnings + notice };
}

/** What a run is called. */
export function nameOf({ name }: Pick<RunChoice, "name">): string {
  return name.kind === "main" ? "top-level statements" : displayName(name);
}

function recordOptions(
  args: LaunchArguments,
  clock: RunClock,
  isEnding: () => boolean,
): RecordOptions {
  const seed = argument("seed", args.seed, "number");
  if (seed !== undefined && (!Number.isSafeInteger(seed) || seed < 0)) {
    throw new RequestError(`"seed" takes a whole number from 0 on, not ${seed}`);
  }
  const lenient = argument("lenient", args.lenient, "boolean");
  return {
    sides: true,
    limits: allLimits(limitsOf(limitNamed(args))),
    ...seed === undefined ? {} : { seed },
    ...lenient === undefined ? {} : { lenient },
    watch: {
      nowMs: () => clock.nowMs(),
      processorMs: () => clock.processorMs(),
      interrupted: isEnding,
      memory: new HostMemoryWatch(),
    },
  };
}

function limitNamed({ limits = {} }: LaunchArguments): (option: LimitOption) => number | null {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    throw new RequestError('"limits" takes an object, such as { "max-steps": 1000000 }');
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in LIMIT_OPTIONS)) {
      const names = Object.keys(LIMIT_OPTIONS);
      const [near = names.join(", ")] = nearestNames(name, names, 1);
      throw new RequestError(`There is no limit "${name}"`, `did you mean ${near}?`);
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RequestError(`"${name}" takes a whole number from 1 on`);
    }
  }
  const named = new Map<string, number>(Object.entries(limits));
  return (option) => named.get(option) ?? null;
}

/** Hints name limits as options of the command line: a launch has keys for them. */
export function withLaunchKeys(text: string): string {
  return text.replaceAll(
    /--([a-z-]+) ([\d_]+)/g,
    (option, name: string, value: string) =>
      name in LIMIT_OPTIONS ? `"limits": { "${name}": ${value.replaceAll("_", "")} }` : option,
  );
}

/** Some clients put what they fill in into quotes. */
function lineNumber(line: unknown): unknown {
  return typeof line === "string" && /^\d{1,9}$/.test(line) ? Number(line) : line;
}

/** The selected run: by its name, by a line, or else the first. */
function chosen(choices: readonly RunChoice[], args: LaunchArguments): RunChoice {
  const wanted = argument("run", args.run, "string");
  const combination = argument("combination", args.combination, "string");
  const line = argument("line", lineNumber(args.line), "number");
  const [first] = choices;
  if (first === undefined) throw new RequestError("The file has no statements and no tests");
  const named = choices.filter((each) =>
    (wanted === undefined || each.name.name === wanted || nameOf(each) === wanted) &&
    (combination === undefined || each.name.combination === combination)
  );
  const [found] = line === undefined || wanted !== undefined ? named : aroundLine(named, line);
  if (found !== undefined) return found;
  const names = choices.map(nameOf);
  const [near] = nearestNames(wanted ?? combination ?? "", names, 1);
  const hint = near === undefined ? `there are: ${names.join("; ")}` : `did you mean "${near}"?`;
  throw new RequestError(`There is no run ${JSON.stringify(wanted ?? combination)}`, hint);
}

function lineOf({ name: { place } }: RunChoice): number {
  return Number(place.split(":").at(-2));
}

/** The tests that begin nearest above a line, or all the rest. */
function aroundLine(choices: readonly RunChoice[], line: number): readonly RunChoice[] {
  const above = choices.filter((each) => each.test !== null && lineOf(each) <= line);
  const nearest = Math.max(...above.map(lineOf));
  return [...above.filter((each) => lineOf(each) === nearest), ...choices];
}
