/** Replays a captured run: its requests, and the history of its allocations if it has one. */
import { join } from "node:path";
import { attempt, type Difference, firstDifference, isDifference } from "../difference.ts";
import { exists, readJson, readLines } from "../golden_files.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import { unknownSetting } from "./capture_config.ts";
import {
  type CapturedMachine,
  capturedMachine,
  describe,
  descriptionForm,
  doorbellOf,
} from "./kernel_machine.ts";
import { peerSpanOf } from "./captured_peers.ts";
import { FREES, HistoryReplay } from "./history_replay.ts";
import {
  type CaptureCase,
  type CaptureEnvironment,
  type CaptureHistory,
  caseNumber,
  type DataExtent,
} from "./kernel_data.ts";
import { replayInCapturedOrder } from "./kernel_order.ts";
import { KernelReplay, type Outcome } from "./kernel_replay.ts";

/** All records of one configuration except its system calls. */
export interface CapturedRun {
  readonly name: string;
  readonly environment: CaptureEnvironment;
  readonly regular: readonly CaptureCase[];
  /** Requests for which the kernel built a wrong command; the captures store them separately. */
  readonly anomalies: readonly CaptureCase[];
  readonly history: CaptureHistory | null;
}

/**
 * The results of a run: its cases, the cases that are stored separately, its history, and the
 * outcome of each request.
 */
export interface RunResults {
  readonly cases: GroupResult;
  readonly apart: ReadonlyMap<string, Difference | null>;
  readonly history: GroupResult | null;
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/**
 * Reads a run's requests, and its history if it has one.
 * @param folder The folder of the captures.
 */
export async function readCaptures(
  folder: string,
  name: string,
): Promise<Pick<CapturedRun, "regular" | "history">> {
  const path = join(folder, "history", `${name}.json.gz`);
  return {
    regular: await readLines(join(folder, `${name}.jsonl.gz`)),
    history: exists(path) ? await readJson(path) : null,
  };
}

/**
 * Replays a run once, and counts its cases and the lines of its history.
 * @param kind The folder of the golden data that contains the run.
 */
export function replayRun(run: CapturedRun, kind = "kernel"): RunResults {
  const { anomalies, environment, history, name, regular } = run;
  const count = new GroupCount(`${kind}/${name}`);
  const lines = new GroupCount(`${kind}/history/${name}`);
  const keptApart = new Set(anomalies.map(({ id }) => id));
  const apart = new Map<string, Difference | null>();
  const add: GroupCount["add"] = (id, difference, rule) => {
    if (keptApart.has(id)) apart.set(id, difference);
    else count.add(id, difference, rule);
  };
  // In the order in which the requests were mapped.
  const cases = [...regular, ...anomalies].sort((a, b) => caseNumber(a.id) - caseNumber(b.id));
  const host = hostOf(environment, memoryOf(cases));
  let outcomes: ReadonlyMap<string, Outcome> = new Map();
  if (isDifference(host)) {
    for (const { id } of cases) add(id, host, null);
    for (const index of history?.events.keys() ?? []) lines.add(`event ${index + 1}`, host, null);
  } else {
    const replay = new KernelReplay(host, cases);
    outcomes = replay.outcomes;
    if (history === null) replayInCapturedOrder(host, replay, cases, add);
    else new HistoryReplay(host, replay, cases, history.events, add, lines).run();
  }
  return { cases: count.result(), apart, history: history && lines.result(), outcomes };
}

/** The memory of all requests; records that are no requests are skipped. */
function memoryOf(cases: readonly CaptureCase[]): readonly DataExtent[] {
  return cases.flatMap(({ request: { bios } }) => Array.isArray(bios) ? bios.flat() : []);
}

/**
 * The first difference between a run's description and the description that the model derives; null
 * if they are equal.
 */
export function compareDescription(environment: CaptureEnvironment): Difference | null {
  const host = hostOf(environment, []);
  if (isDifference(host)) return host;
  const described = { ...describe(host), ...doorbellOf(host) };
  return firstDifference(descriptionForm(environment), descriptionForm(described));
}

/** A run's machine, or why it cannot be built from the description. */
export function hostOf(
  environment: CaptureEnvironment,
  memory: readonly DataExtent[],
): CapturedMachine | Difference {
  const unknown = unknownSetting(environment.config);
  if (unknown !== null) return unknown;
  const build = () => capturedMachine(environment, peerSpanOf(memory));
  return attempt(build, "config", "a machine");
}

/** The folder of the captures of kernels. */
export const KERNEL = "tests/golden/kernel";

/** The descriptions of all runs, by name. */
export function readEnvironments(): Promise<Readonly<Record<string, CaptureEnvironment>>> {
  return readJson(`${KERNEL}/limits.json`);
}

/**
 * Reads a run, with its history if it has one. The requests of the run are in the order of their
 * numbers.
 */
export async function readRun(name: string): Promise<CapturedRun> {
  const { history, regular } = await readCaptures(KERNEL, name);
  return {
    name,
    environment: (await readEnvironments())[name]!,
    regular: regular.toSorted((a, b) => caseNumber(a.id) - caseNumber(b.id)),
    anomalies: [],
    history,
  };
}

/** The first part of a run, up to the end of the request with this index. */
export function beginningOf(run: CapturedRun, last: number): CapturedRun {
  const { history, regular } = run;
  const index = Math.min(last, regular.length - 1);
  if (history === null) return { ...run, regular: regular.slice(0, index + 1) };
  const number = caseNumber(regular[index]!.id);
  let end = 1 + history.events.findLastIndex(([kind, id]) => kind === "complete" && id === number);
  while (FREES.has(history.events[end]?.[0] ?? "")) end++;
  const events = history.events.slice(0, end);
  const begun = new Set(events.filter(([kind]) => kind === "request").map(([, id]) => id));
  return {
    ...run,
    regular: regular.filter(({ id }) => begun.has(caseNumber(id))),
    history: { ...history, events },
  };
}

/** Whether anything of a run differs: a request, or a line of its history. */
export function runDiffers(run: CapturedRun): boolean {
  const { cases, history } = replayRun(run);
  return [cases, history].some((result) => result !== null && result.agree < result.total);
}
