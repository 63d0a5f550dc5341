/**
 * The groups of captured kernel data: requests, allocation histories, limits, submissions.
 *
 * The requests, the allocation history and the submissions of a configuration come from one run.
 * Therefore the run is read and replayed once, and counted in three groups.
 */
import { join } from "node:path";
import { compareDescription, readCaptures, replayRun, type RunResults } from "./captured_run.ts";
import type { Difference } from "../difference.ts";
import { exists, type GoldenFile, GoldenReadError, readJson, readLines } from "../golden_files.ts";
import { GroupCount, groupFailed, type GroupResult } from "../group_result.ts";
import { type CaptureCase, type CaptureEnvironment, ruleOf } from "./kernel_data.ts";
import type { CapturedCall } from "../submission/submission_data.ts";
import {
  type CapturedSubmissions,
  replaySubmissions,
  withOwnErrors,
} from "../submission/submission_replay.ts";

type Environments = Readonly<Record<string, CaptureEnvironment>>;

/** The results of a run, and those of the system calls that caused its requests. */
type Replayed = Omit<RunResults, "outcomes"> & { readonly submissions: GroupResult };

const NOT_REPLAYED: Difference = { path: "", expected: "a result", got: undefined };

export class KernelGroups {
  readonly #folder: string;
  readonly #kind: string;
  #environments: Promise<Environments> | null = null;
  readonly #runs = new Map<string, Promise<Replayed>>();

  /**
   * @param directory The data folder.
   * @param kind The subfolder with captured runs, such as `kernel`.
   */
  constructor(directory: string, kind: string) {
    this.#folder = join(directory, kind);
    this.#kind = kind;
  }

  async replay({ group }: GoldenFile): Promise<GroupResult> {
    if (group === `${this.#kind}/limits`) return await this.#limits(group);
    if (group === `${this.#kind}/anomalies`) return await this.#anomalyGroup(group);
    const [, view, name] = group.split("/");
    const { cases, history, submissions } = await this.#run(name ?? view!, group);
    return view === "submissions" ? submissions : view === "history" ? history! : cases;
  }

  #run(name: string, group: string): Promise<Replayed> {
    return this.#runs.getOrInsertComputed(name, () => this.#replayRun(name, group));
  }

  async #replayRun(name: string, group: string): Promise<Replayed> {
    const environment = (await this.#readEnvironments())[name];
    if (environment === undefined) {
      throw new GoldenReadError(`limits.json has no "${name}" for ${group}`);
    }
    const { history, regular } = await readCaptures(this.#folder, name);
    const captures = { history, regular: withOwnErrors(regular, await this.#callsIfAny(name)) };
    const anomalies = (await this.#anomalies()).filter(({ config }) => config.name === name);
    const { outcomes, ...run } = replayRun(
      { name, environment, anomalies, ...captures },
      this.#kind,
    );
    // Requests for which the kernel built a wrong command are stored separately. They are included
    // here, because system calls caused them, too.
    const cases = [...captures.regular, ...anomalies];
    return { ...run, submissions: await this.#submissions(name, { environment, cases, outcomes }) };
  }

  /**
   * The group of requests for which the kernel built a wrong command. Each of these requests is
   * replayed as a case of its run.
   */
  async #anomalyGroup(group: string): Promise<GroupResult> {
    const count = new GroupCount(group);
    for (const { id, config } of await this.#anomalies()) {
      const difference = await this.#anomaly(id, config.name, group);
      count.add(id, difference, ruleOf(difference));
    }
    return count.result();
  }

  /** The difference of a separately stored case. A case also differs if its run cannot be read. */
  async #anomaly(id: string, name: string, group: string): Promise<Difference | null> {
    try {
      const difference = (await this.#run(name, group)).apart.get(id);
      return difference === undefined ? NOT_REPLAYED : difference;
    } catch (error) {
      return { ...NOT_REPLAYED, got: (error as Error).message };
    }
  }

  /**
   * The system calls of a run. Empty if they cannot be read: the group of submissions reports that
   * error.
   */
  async #callsIfAny(name: string): Promise<readonly CapturedCall[]> {
    try {
      return await this.#calls(name);
    } catch {
      return [];
    }
  }

  #calls(name: string): Promise<readonly CapturedCall[]> {
    return readLines<CapturedCall>(join(this.#folder, "submissions", `${name}.jsonl.gz`));
  }

  async #submissions(
    name: string,
    run: Omit<CapturedSubmissions, "calls">,
  ): Promise<GroupResult> {
    const count = new GroupCount(`${this.#kind}/submissions/${name}`);
    try {
      replaySubmissions({ ...run, calls: await this.#calls(name) }, count);
      return count.result();
    } catch (error) {
      // An error here must not affect the other groups of the run.
      return groupFailed(count.name, error);
    }
  }

  async #limits(group: string): Promise<GroupResult> {
    const count = new GroupCount(group);
    for (const [name, environment] of Object.entries(await this.#readEnvironments())) {
      count.add(name, compareDescription(environment), "nvme.1.1");
    }
    return count.result();
  }

  async #anomalies(): Promise<readonly CaptureCase[]> {
    const path = join(this.#folder, "anomalies.jsonl");
    return exists(path) ? await readLines<CaptureCase>(path) : [];
  }

  #readEnvironments(): Promise<Environments> {
    return this.#environments ??= readJson(join(this.#folder, "limits.json"));
  }
}
