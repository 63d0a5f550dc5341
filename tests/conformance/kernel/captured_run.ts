/** Replays one captured run: its requests, and the history of its allocations if it has one. */
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { attempt, type Difference, firstDifference } from "../difference.ts";
import { GroupCount, groupNotBuilt, type GroupResult } from "../group_result.ts";
import { unknownSetting } from "./capture_config.ts";
import { describe, descriptionForm } from "./captured_description.ts";
import { peerSpanOf } from "./captured_peers.ts";
import { HistoryReplay } from "./history_replay.ts";
import {
  type CaptureCase,
  type CaptureEnvironment,
  type CaptureHistory,
  caseNumber,
  type DataExtent,
} from "./kernel_data.ts";
import { type CapturedMachine, capturedMachine, profileOf } from "./kernel_machine.ts";
import { replayInCapturedOrder } from "./kernel_order.ts";
import { KernelReplay, type Outcome } from "./kernel_replay.ts";

/** What replaying needs that dmalab does not have. */
export const UNKNOWN_KERNEL = "not built yet: this kernel's profile";

/** Everything that was recorded of one configuration but its system calls. */
export interface CapturedRun {
  readonly name: string;
  readonly environment: CaptureEnvironment;
  readonly regular: readonly CaptureCase[];
  /** Requests whose command the kernel built wrong, which the captures keep apart. */
  readonly anomalies: readonly CaptureCase[];
  readonly history: CaptureHistory | null;
}

/** Both counts of a run, what became of the cases kept apart, and what each request ended with. */
export interface RunResults {
  readonly cases: GroupResult;
  readonly apart: ReadonlyMap<string, Difference | null>;
  readonly history: GroupResult | null;
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/** Counts a run's cases; those that the captures keep apart have a group of their own. */
class RunCount extends GroupCount {
  readonly apart = new Map<string, Difference | null>();

  constructor(name: string, private readonly keptApart: ReadonlySet<string>) {
    super(name);
  }

  override add(caseName: string, difference: Difference | null, rule: string | null): void {
    if (this.keptApart.has(caseName)) this.apart.set(caseName, difference);
    else super.add(caseName, difference, rule);
  }
}

/** Replays a run once, and counts its cases and the lines of its history. */
export function replayRun(run: CapturedRun): RunResults {
  const { anomalies, environment, history, name, regular } = run;
  const caseGroup = `kernel/${name}`;
  const historyGroup = `kernel/history/${name}`;
  const profile = profileOf(environment.kernel);
  if (profile === null) {
    return {
      cases: groupNotBuilt(caseGroup, regular.length, UNKNOWN_KERNEL),
      apart: new Map(),
      history: history && groupNotBuilt(historyGroup, history.events.length, UNKNOWN_KERNEL),
      outcomes: new Map(),
    };
  }
  // In the order in which they were mapped.
  const cases = [...regular, ...anomalies].sort((a, b) => caseNumber(a.id) - caseNumber(b.id));
  const count = new RunCount(caseGroup, new Set(anomalies.map(({ id }) => id)));
  const lines = new GroupCount(historyGroup);
  const host = hostOf(environment, profile, memoryOf(cases));
  const outcomes = isDifference(host)
    ? allDiffer(run, host, count, lines)
    : follow(host, cases, history, count, lines);
  return {
    cases: count.result(),
    apart: count.apart,
    history: history && lines.result(),
    outcomes,
  };
}

/** All memory of the requests, those left out that are no requests. */
function memoryOf(cases: readonly CaptureCase[]): readonly DataExtent[] {
  return cases.flatMap(({ request: { bios } }) => Array.isArray(bios) ? bios.flat() : []);
}

function follow(
  host: CapturedMachine,
  cases: readonly CaptureCase[],
  history: CaptureHistory | null,
  count: GroupCount,
  lines: GroupCount,
): ReadonlyMap<string, Outcome> {
  const replay = new KernelReplay(host, cases);
  if (history === null) replayInCapturedOrder(host, replay, cases, count);
  else new HistoryReplay(host, replay, { cases, history }, { cases: count, lines }).run();
  return replay.outcomes;
}

/** A run whose machine cannot be built: all of it differs, for that reason. */
function allDiffer(
  { anomalies, history, regular }: CapturedRun,
  difference: Difference,
  count: GroupCount,
  lines: GroupCount,
): ReadonlyMap<string, Outcome> {
  for (const { id } of [...regular, ...anomalies]) count.add(id, difference, null);
  for (const index of history?.events.keys() ?? []) {
    lines.add(`event ${index + 1}`, difference, null);
  }
  return new Map();
}

/** Where a run's description differs from what follows from it; null when nothing does. */
export function compareDescription(environment: CaptureEnvironment): Difference | null {
  const profile = profileOf(environment.kernel);
  if (profile === null) return { path: "kernel", expected: environment.kernel, got: undefined };
  const host = hostOf(environment, profile, []);
  if (isDifference(host)) return host;
  return firstDifference(descriptionForm(environment), descriptionForm(describe(host)));
}

/** A run's machine, or why none can be built from its description. */
export function hostOf(
  environment: CaptureEnvironment,
  profile: KernelProfile,
  memory: readonly DataExtent[],
): CapturedMachine | Difference {
  const unknown = unknownSetting(environment.config);
  if (unknown !== null) return unknown;
  const build = () => capturedMachine(environment, profile, peerSpanOf(memory));
  return attempt(build, "config", "a machine");
}

/** True where there is no machine, but a reason. */
export function isDifference(host: CapturedMachine | Difference): host is Difference {
  return "path" in host;
}
