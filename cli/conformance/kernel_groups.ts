/**
 * The groups of captured kernel data: requests, allocation histories, limits, submissions.
 *
 * A configuration's requests and its allocation history are two views of one run, so it is replayed
 * once and counted twice.
 */
import { join } from "@std/path";
import type { KernelProfile } from "../../runtime/machine_config.ts";
import { firstDifference, type Json } from "./difference.ts";
import {
  type GoldenFile,
  GoldenReadError,
  parseJson,
  parseLines,
  readGoldenText,
} from "./golden_files.ts";
import { GroupCount, groupNotBuilt, type GroupResult } from "./group_result.ts";
import { replayInCapturedOrder, replayWithHistory } from "./kernel_order.ts";
import {
  type CaptureCase,
  type CaptureEnvironment,
  type CaptureHistory,
  type CaptureLimits,
  isAllocation,
} from "./kernel_data.ts";
import type { CapturedCall, TracedCase } from "./submission_data.ts";
import { replaySubmissions } from "./submission_replay.ts";
import { capturedMachine, profileOf } from "./kernel_machine.ts";

type Environments = Readonly<Record<string, CaptureEnvironment>>;

/** Both counts of one configuration's run. */
interface RunResults {
  readonly cases: GroupResult;
  readonly history: GroupResult | null;
}

export class KernelGroups {
  readonly #directory: string;
  #environments: Promise<Environments> | null = null;
  readonly #runs = new Map<string, Promise<RunResults>>();

  /** @param directory The data folder, which has `kernel/` in it. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Replays the group of one file. */
  async replay(file: GoldenFile): Promise<GroupResult> {
    const [, first, second] = file.group.split("/");
    if (second === undefined && first === "limits") return this.#limits(file);
    if (second === undefined && first === "anomalies") {
      return groupNotBuilt(
        file.group,
        await countLines(file),
        "not built yet: peer memory in the NVMe driver",
      );
    }
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
    const cases = await this.#lines<CaptureCase>(`${name}.jsonl.gz`);
    const history = await this.#history(name);
    const environment = await this.#environment(name, group);
    const profile = profileOf(environment.kernel);
    const missing = notBuilt(environment, profile);
    const caseGroup = `kernel/${name}`;
    const historyGroup = `kernel/history/${name}`;
    if (missing !== null) {
      const allocations = history?.events.filter(isAllocation).length ?? 0;
      return {
        cases: groupNotBuilt(caseGroup, cases.length, missing),
        history: history === null ? null : groupNotBuilt(historyGroup, allocations, missing),
      };
    }
    const host = capturedMachine(environment, profile!);
    const count = new GroupCount(caseGroup);
    if (history === null) {
      replayInCapturedOrder(host, cases, count);
      return { cases: count.result(), history: null };
    }
    const allocations = new GroupCount(historyGroup);
    replayWithHistory(host, cases, history, count, allocations);
    return { cases: count.result(), history: allocations.result() };
  }

  async #submissions(file: GoldenFile, name: string): Promise<GroupResult> {
    const environment = await this.#environment(name, file.group);
    const profile = profileOf(environment.kernel);
    const calls = parseLines<CapturedCall>(await readGoldenText(file.path));
    if (profile === null) {
      return groupNotBuilt(file.group, calls.length, "not built yet: this kernel's profile");
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
      const got = profile === null ? null : modelLimits(environment, profile);
      count.add(
        name,
        firstDifference(comparableLimits(environment.limits), got ?? undefined),
        "nvme.1.1",
      );
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
    const path = join(this.#directory, "kernel", "anomalies.jsonl");
    if (!exists(path)) return [];
    return parseLines<TracedCase>(await readGoldenText(path));
  }

  #readEnvironments(): Promise<Environments> {
    return this.#environments ??= readGoldenText(join(this.#directory, "kernel", "limits.json"))
      .then((text) => parseJson<Environments>(text, "limits.json"));
  }

  async #lines<T>(name: string): Promise<T[]> {
    return parseLines<T>(await readGoldenText(join(this.#directory, "kernel", name)));
  }

  async #history(name: string): Promise<CaptureHistory | null> {
    const path = join(this.#directory, "kernel", "history", `${name}.json.gz`);
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

async function countLines(file: GoldenFile): Promise<number> {
  return parseLines<unknown>(await readGoldenText(file.path)).length;
}

/** What a configuration needs that dmalab does not have yet, or null. */
function notBuilt({ config }: CaptureEnvironment, profile: KernelProfile | null): string | null {
  if (profile === null) return "not built yet: this kernel's profile";
  if (config.p2p_topology !== undefined) return "not built yet: peer memory in the NVMe driver";
  return null;
}

/** Limits that follow from the machine; the scheduler and the like are settings. */
function comparableLimits(limits: CaptureLimits): Json {
  return {
    dma_alignment: limits.dma_alignment,
    logical_block_size: limits.logical_block_size,
    max_hw_sectors_kb: limits.max_hw_sectors_kb,
    max_integrity_segments: limits.max_integrity_segments,
    max_sectors_kb: limits.max_sectors_kb,
    max_segment_size: limits.max_segment_size,
    max_segments: limits.max_segments,
    virt_boundary_mask: limits.virt_boundary_mask,
  };
}

function modelLimits(environment: CaptureEnvironment, profile: KernelProfile): Json {
  const { limits } = capturedMachine(environment, profile).driver;
  return {
    dma_alignment: limits.dmaAlignmentMask,
    logical_block_size: limits.logicalBlockSizeBytes,
    max_hw_sectors_kb: limits.maxHwSectors / 2,
    max_integrity_segments: limits.maxIntegritySegments,
    max_sectors_kb: limits.maxSectors / 2,
    max_segment_size: limits.maxSegmentSizeBytes,
    max_segments: limits.maxSegments,
    virt_boundary_mask: limits.virtBoundaryMask,
  };
}
