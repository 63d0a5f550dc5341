/**
 * The groups of captured kernel data: requests, allocation histories, limits, submissions.
 *
 * A configuration's requests and its allocation history are two views of one run, so it is replayed
 * once and counted twice.
 */
import { join } from "@std/path";
import { peerSpanOf } from "./captured_peers.ts";
import { ruleOf } from "./case_rule.ts";
import { type Difference, firstDifference } from "../difference.ts";
import {
  type GoldenFile,
  GoldenReadError,
  parseJson,
  parseLines,
  readGoldenText,
} from "../golden_files.ts";
import { GroupCount, groupNotBuilt, type GroupResult } from "../group_result.ts";
import { HistoryReplay } from "./history_replay.ts";
import { replayInCapturedOrder } from "./kernel_order.ts";
import {
  type CaptureCase,
  type CaptureEnvironment,
  type CaptureHistory,
  type CaptureLimits,
  caseNumber,
  isAllocation,
} from "./kernel_data.ts";
import type { CapturedCall, TracedCase } from "../submission/submission_data.ts";
import { replaySubmissions } from "../submission/submission_replay.ts";
import { capturedMachine, limitsAsCaptured, profileOf } from "./kernel_machine.ts";

type Environments = Readonly<Record<string, CaptureEnvironment>>;

const UNKNOWN_KERNEL = "not built yet: this kernel's profile";
const NOT_REPLAYED: Difference = { path: "", expected: "a result", got: undefined };

/** Both counts of one configuration's run, and what became of the cases kept apart. */
interface RunResults {
  readonly cases: GroupResult;
  readonly apart: ReadonlyMap<string, Difference | null>;
  readonly history: GroupResult | null;
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

export class KernelGroups {
  #environments: Promise<Environments> | null = null;
  readonly #runs = new Map<string, Promise<RunResults>>();

  /** @param directory The data folder, which has `kernel/` in it. */
  constructor(private readonly directory: string) {}

  /** Replays the group of one file. */
  async replay(file: GoldenFile): Promise<GroupResult> {
    const [, first, second] = file.group.split("/");
    if (second === undefined && first === "limits") return this.#limits(file);
    if (second === undefined && first === "anomalies") return await this.#anomalyGroup(file);
    if (first === "submissions") {
      return await this.#submissions(file, second!);
    }
    if (first === "history") {
      const { history } = await this.#run(second!, file.group);
      return history ?? groupNotBuilt(file.group, 0, "no history");
    }
    return (await this.#run(first!, file.group)).cases;
  }

  #run(name: string, group: string): Promise<RunResults> {
    let run = this.#runs.get(name);
    if (run === undefined) this.#runs.set(name, run = this.#replayRun(name, group));
    return run;
  }

  async #replayRun(name: string, group: string): Promise<RunResults> {
    const regular = await this.#lines<CaptureCase>(`${name}.jsonl.gz`);
    const history = await this.#history(name);
    const environment = await this.#environment(name, group);
    const profile = profileOf(environment.kernel);
    const caseGroup = `kernel/${name}`;
    const historyGroup = `kernel/history/${name}`;
    if (profile === null) {
      const allocations = history?.events.filter(isAllocation).length ?? 0;
      return {
        cases: groupNotBuilt(caseGroup, regular.length, UNKNOWN_KERNEL),
        apart: new Map(),
        history: history === null ? null : groupNotBuilt(historyGroup, allocations, UNKNOWN_KERNEL),
      };
    }
    const anomalies = (await this.#anomalies()).filter(({ config }) => config.name === name);
    // In the order in which they were mapped.
    const cases = [...regular, ...anomalies].sort((a, b) => caseNumber(a.id) - caseNumber(b.id));
    const memory = cases.flatMap(({ request }) => request.bios.flat());
    const host = capturedMachine(environment, profile, peerSpanOf(memory));
    const count = new RunCount(caseGroup, new Set(anomalies.map(({ id }) => id)));
    if (history === null) {
      replayInCapturedOrder(host, cases, count);
      return { cases: count.result(), apart: count.apart, history: null };
    }
    const allocations = new GroupCount(historyGroup);
    new HistoryReplay(host, cases, history, count, allocations).run();
    return { cases: count.result(), apart: count.apart, history: allocations.result() };
  }

  /** Requests whose command the kernel built wrong: cases of the runs they were made in. */
  async #anomalyGroup(file: GoldenFile): Promise<GroupResult> {
    const count = new GroupCount(file.group);
    for (const { id, config } of parseLines<CaptureCase>(await readGoldenText(file.path))) {
      const { apart } = await this.#run(config.name, file.group);
      const difference = apart.get(id) ?? null;
      count.add(id, apart.has(id) ? difference : NOT_REPLAYED, ruleOf(difference));
    }
    return count.result();
  }

  async #submissions(file: GoldenFile, name: string): Promise<GroupResult> {
    const environment = await this.#environment(name, file.group);
    const profile = profileOf(environment.kernel);
    const calls = parseLines<CapturedCall>(await readGoldenText(file.path));
    if (profile === null) {
      return groupNotBuilt(file.group, calls.length, UNKNOWN_KERNEL);
    }
    // Requests whose command came out wrong in the kernel are kept apart, but are made of calls too.
    const anomalies = (await this.#anomalies()).filter(({ config }) => config.name === name);
    const cases = [...await this.#lines<TracedCase>(`${name}.jsonl.gz`), ...anomalies];
    const count = new GroupCount(file.group);
    replaySubmissions({ environment, profile, calls, cases }, count);
    return count.result();
  }

  async #limits(file: GoldenFile): Promise<GroupResult> {
    const count = new GroupCount(file.group);
    for (const [name, environment] of Object.entries(await this.#readEnvironments())) {
      const profile = profileOf(environment.kernel);
      if (profile === null) {
        count.add(name, NOT_REPLAYED, "nvme.1.1");
        continue;
      }
      const got = limitsAsCaptured(capturedMachine(environment, profile).driver.limits);
      // The scheduler and the like are settings; what follows from the machine is compared.
      const names = Object.keys(got) as (keyof CaptureLimits)[];
      const expected = Object.fromEntries(names.map((limit) => [limit, environment.limits[limit]]));
      count.add(name, firstDifference(expected, { ...got }), "nvme.1.1");
    }
    return count.result();
  }

  async #environment(name: string, group: string): Promise<CaptureEnvironment> {
    const environment = (await this.#readEnvironments())[name];
    if (environment === undefined) {
      throw new GoldenReadError(`limits.json has no "${name}" for ${group}`);
    }
    return environment;
  }

  async #anomalies(): Promise<readonly TracedCase[]> {
    const path = join(this.directory, "kernel", "anomalies.jsonl");
    if (!exists(path)) return [];
    return parseLines<TracedCase>(await readGoldenText(path));
  }

  #readEnvironments(): Promise<Environments> {
    return this.#environments ??= readGoldenText(join(this.directory, "kernel", "limits.json"))
      .then((text) => parseJson<Environments>(text, "limits.json"));
  }

  async #lines<T>(name: string): Promise<T[]> {
    return parseLines<T>(await readGoldenText(join(this.directory, "kernel", name)));
  }

  async #history(name: string): Promise<CaptureHistory | null> {
    const path = join(this.directory, "kernel", "history", `${name}.json.gz`);
    if (!exists(path)) return null;
    return parseJson<CaptureHistory>(await readGoldenText(path), path);
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
