/**
 * The groups of captured kernel data: requests, allocation histories, limits, submissions.
 *
 * A configuration's requests, its allocation history and its submissions are three views of one run,
 * so it is read and replayed once and counted three times.
 */
import { join } from "node:path";
import { compareDescription, replayRun, type RunResults, UNKNOWN_KERNEL } from "./captured_run.ts";
import type { Difference } from "../difference.ts";
import {
  type GoldenFile,
  GoldenReadError,
  parseJson,
  parseLines,
  readGoldenText,
} from "../golden_files.ts";
import { GroupCount, groupNotBuilt, type GroupResult, groupUnreadable } from "../group_result.ts";
import {
  type CaptureCase,
  type CaptureEnvironment,
  type CaptureHistory,
  ruleOf,
} from "./kernel_data.ts";
import type { CapturedCall, TracedCase } from "../submission/submission_data.ts";
import { type CapturedSubmissions, replaySubmissions } from "../submission/submission_replay.ts";
import { profileOf } from "./kernel_machine.ts";

type Environments = Readonly<Record<string, CaptureEnvironment>>;

/** A run, and the system calls that it came of. */
type Replayed = Omit<RunResults, "outcomes"> & { readonly submissions: GroupResult };

const NOT_REPLAYED: Difference = { path: "", expected: "a result", got: undefined };

export class KernelGroups {
  #environments: Promise<Environments> | null = null;
  readonly #runs = new Map<string, Promise<Replayed>>();

  /** @param directory The data folder, which has `kernel/` in it. */
  constructor(private readonly directory: string) {}

  async replay(file: GoldenFile): Promise<GroupResult> {
    const [, first, second] = file.group.split("/");
    if (second === undefined && first === "limits") return this.#limits(file);
    if (second === undefined && first === "anomalies") return await this.#anomalyGroup(file);
    if (first === "submissions") return (await this.#run(second!, file.group)).submissions;
    if (first === "history") {
      const { history } = await this.#run(second!, file.group);
      return history ?? groupNotBuilt(file.group, 0, "no history");
    }
    return (await this.#run(first!, file.group)).cases;
  }

  #run(name: string, group: string): Promise<Replayed> {
    return this.#runs.getOrInsertComputed(name, () => this.#replayRun(name, group));
  }

  async #replayRun(name: string, group: string): Promise<Replayed> {
    const environment = await this.#environment(name, group);
    const regular = await this.#lines<TracedCase>(`${name}.jsonl.gz`);
    const anomalies = (await this.#anomalies()).filter(({ config }) => config.name === name);
    const history = await this.#history(name);
    const { outcomes, ...run } = replayRun({ name, environment, regular, anomalies, history });
    // Requests whose command came out wrong in the kernel are kept apart, but are made of calls too.
    const cases = [...regular, ...anomalies];
    return { ...run, submissions: await this.#submissions(name, { environment, cases, outcomes }) };
  }

  /** Requests whose command the kernel built wrong: cases of the runs they were made in. */
  async #anomalyGroup(file: GoldenFile): Promise<GroupResult> {
    const count = new GroupCount(file.group);
    for (const { id, config } of parseLines<CaptureCase>(await readGoldenText(file.path))) {
      const difference = await this.#anomaly(id, config.name, file.group);
      count.add(id, difference, ruleOf(difference));
    }
    return count.result();
  }

  /** A case that is kept apart differs, too, where the run that it was made in cannot be read. */
  async #anomaly(id: string, name: string, group: string): Promise<Difference | null> {
    try {
      const difference = (await this.#run(name, group)).apart.get(id);
      return difference === undefined ? NOT_REPLAYED : difference;
    } catch (error) {
      return { ...NOT_REPLAYED, got: (error as Error).message };
    }
  }

  async #submissions(
    name: string,
    run: Pick<CapturedSubmissions, "environment" | "cases" | "outcomes">,
  ): Promise<GroupResult> {
    const group = `kernel/submissions/${name}`;
    try {
      const calls = await this.#lines<CapturedCall>(`submissions/${name}.jsonl.gz`);
      const profile = profileOf(run.environment.kernel);
      if (profile === null) return groupNotBuilt(group, calls.length, UNKNOWN_KERNEL);
      const count = new GroupCount(group);
      replaySubmissions({ ...run, profile, calls }, count);
      return count.result();
    } catch (error) {
      // What is damaged here damages no other view of the run.
      return groupUnreadable(group, error);
    }
  }

  async #limits(file: GoldenFile): Promise<GroupResult> {
    const count = new GroupCount(file.group);
    for (const [name, environment] of Object.entries(await this.#readEnvironments())) {
      count.add(name, compareDescription(environment), "nvme.1.1");
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
