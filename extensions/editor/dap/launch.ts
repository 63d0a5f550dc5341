/** Loads the program that a client launches. */
import { nearestNames, printable, renderDiagnostics } from "@dmalab/lang/diagnostics";
import { displayName, type OpenRun, openRun, type RunChoice, runsOf } from "@dmalab/recording";
import { host, HostLoader, HostMemoryWatch, loadCompiled } from "@dmalab/cli";
import { dirname, isInside } from "@dmalab/cli/extend";
import { type LimitName, LIMITS, limitsOf, type LimitSpec } from "@dmalab/lang/values";
import {
  boolean,
  number,
  optional,
  type Read,
  record,
  string,
  type ValuesOf,
} from "./arguments.ts";
import { RunClock } from "./debuggee.ts";
import { RequestError } from "./request_error.ts";

interface LaunchKey {
  readonly type: "string" | "number" | "integer" | "boolean" | "object";
  readonly description: string;
  readonly default?: string | boolean;
  readonly properties?: Readonly<Record<string, { readonly type: "integer" }>>;
}

/** Settings of a launch in addition to the protocol's, for completion in editors. */
export const LAUNCH_KEYS = {
  program: { type: "string", description: "The scenario's path.", default: "${file}" },
  run: {
    type: "string",
    description:
      "The name of a test as in the file, or with its machine settings: copies [iommu.mode = " +
      "lazy].",
  },
  combination: { type: "string", description: "Only the machine part of the name." },
  line: { type: "integer", description: "Instead of run: a line inside the test." },
  stopOnEntry: { type: "boolean", description: "Stop at the first statement." },
  stopAtEnd: {
    type: "boolean",
    description: "Stop again at the end of the run, to step back from there.",
    default: true,
  },
  seed: { type: "integer", description: "Random seed, instead of the file's." },
  lenient: {
    type: "boolean",
    description: "Unexpected checker reports, IOMMU faults and leaks do not fail the run.",
  },
  limits: {
    type: "object",
    description: "Limits, by the names of the command line.",
    properties: Object.fromEntries(
      Object.values<LimitSpec>(LIMITS)
        .map(({ brief, name }) => [name, { type: "integer", description: brief }]),
    ),
  },
} as const satisfies Readonly<Record<string, LaunchKey>>;

const LAUNCH = {
  program: (value, name) => {
    if (value === undefined) throw new RequestError(`"${name}" is missing: the path of a scenario`);
    return string(value, name);
  },
  run: optional(string),
  combination: optional(string),
  // Some clients send the substituted line number as a string.
  line: optional((value, name) =>
    number(typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value, name)
  ),
  stopOnEntry: optional(boolean),
  stopAtEnd: optional(boolean),
  noDebug: optional(boolean),
  seed: optional((value, name) => {
    const seed = number(value, name);
    if (Number.isSafeInteger(seed) && seed >= 0) return seed;
    throw new RequestError(`"${name}" takes a whole number from 0 on, not ${seed}`);
  }),
  lenient: optional(boolean),
  limits: optional(readLimits),
} satisfies Readonly<Record<keyof typeof LAUNCH_KEYS | "noDebug", Read<unknown>>>;

export type LaunchArguments = ValuesOf<typeof LAUNCH>;

/** @throws {RequestError} If an argument is missing or wrong. */
export function readLaunch(args: object): LaunchArguments {
  return record(LAUNCH)(args, "arguments");
}

/** A loaded run, ready to start. */
export interface Launched {
  readonly run: OpenRun;
  readonly clock: RunClock;
  /** The names of all runs of the file, beginning with this one. */
  readonly names: readonly string[];
  /** Warnings, and remarks about the choice of the run; may be empty. */
  readonly warnings: string;
}

/**
 * Loads a scenario and opens one of its runs.
 *
 * @param isEnding Whether the client wants the session to end.
 * @throws {RequestError} If the scenario cannot be launched.
 */
export async function launch(args: LaunchArguments, isEnding: () => boolean): Promise<Launched> {
  const { line, program: path } = args;
  const limits = limitsOf(args.limits ?? {});
  if (leadsOut(path)) {
    throw new RequestError(
      `Cannot read "${printable(path)}": it is a link that leads out of its folder`,
      "name the file that it leads to",
    );
  }
  const opened = HostLoader.open(path, null, limits.timeMs);
  if (typeof opened === "string") {
    const named = /:(\d+)$/.exec(path)?.[1];
    throw new RequestError(
      opened,
      named === undefined ? null : `the key of a line is "line": ${named}`,
    );
  }
  const { entry, loader } = opened;
  const { diagnostics, program } = await loadCompiled(entry, loader);
  const warnings = diagnostics.length === 0 ? "" : `${renderDiagnostics(diagnostics)}\n`;
  if (program === null) throw new RequestError(warnings.trimEnd());
  const choices = runsOf(program);
  const choice = chosen(choices, args);
  const clock = new RunClock();
  const run = openRun(program, choice, {
    sides: true,
    limits,
    ...args.seed === undefined ? {} : { seed: args.seed },
    ...args.lenient === undefined ? {} : { lenient: args.lenient },
    watch: {
      nowMs: () => clock.elapsed.ms,
      processorMs: () => clock.processor.ms,
      interrupted: isEnding,
      memory: new HostMemoryWatch(),
    },
  });
  const others = choices.filter((each) => each !== choice);
  const isAbove = line !== undefined && args.run === undefined &&
    (choice.test === null || lineOf(choice) > line);
  const notice = isAbove
    ? `No test begins on line ${line} or above it: this runs ${nameOf(choice)}\n`
    : "";
  return { run, clock, names: [choice, ...others].map(nameOf), warnings: warnings + notice };
}

/**
 * Whether a program is a link to a file outside of its folder. The adapter may read every file, because its client
 * names files at run time; a repository may contain a link to a file that nobody means to debug.
 */
function leadsOut(path: string): boolean {
  try {
    return !isInside(host.realPathSync(path), host.realPathSync(dirname(path)));
  } catch {
    // There is no such file: reading it says so.
    return false;
  }
}

export function nameOf({ name }: Pick<RunChoice, "name">): string {
  return name.kind === "main" ? "top-level statements" : displayName(name);
}

const LIMIT_NAMES: readonly string[] = Object.values(LIMITS).map(({ name }) => name);

function readLimits(limits: unknown): Readonly<Partial<Record<LimitName, number>>> {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    throw new RequestError('"limits" takes an object, such as { "steps": 1000000 }');
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!LIMIT_NAMES.includes(name)) {
      const [near = LIMIT_NAMES.join(", ")] = nearestNames(name, LIMIT_NAMES, 1);
      throw new RequestError(`There is no limit "${name}"`, `did you mean ${near}?`);
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RequestError(`"${name}" takes a whole number from 1 on`);
    }
  }
  return limits;
}

/**
 * Replaces the command-line options for limits in a hint by the keys that a launch has for these
 * limits.
 */
export function withLaunchKeys(text: string): string {
  return text.replaceAll(
    /--limit ([a-z-]+)=([\d_]+)/g,
    (_, name: string, value: string) => `"limits": { "${name}": ${value.replaceAll("_", "")} }`,
  );
}

/** Chooses the run: by its name, by a line, or else the first. */
function chosen(choices: readonly RunChoice[], args: LaunchArguments): RunChoice {
  const { combination, line, run: wanted } = args;
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

/**
 * The runs in order of preference: first the tests that begin above a line, the nearest first, then
 * all runs.
 */
function aroundLine(choices: readonly RunChoice[], line: number): readonly RunChoice[] {
  const above = choices.filter((each) => each.test !== null && lineOf(each) <= line);
  const nearest = above.map(lineOf).reduce((one, other) => Math.max(one, other), 0);
  return [...above.filter((each) => lineOf(each) === nearest), ...choices];
}
