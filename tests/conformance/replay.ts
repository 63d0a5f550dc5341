/** Replays each group of golden data with the replay of its kind. */
import {
  type GoldenFile,
  GoldenReadError,
  listGoldenFiles,
  parseLines,
  readGoldenText,
  readJson,
  readLines,
} from "./golden_files.ts";
import { groupFailed, type GroupResult } from "./group_result.ts";
import type { DefectCase } from "./defects/defect_data.ts";
import { replayDefects } from "./defects/defect_replay.ts";
import { KernelGroups } from "./kernel/kernel_groups.ts";
import { type OperationLine, replayTrace } from "./traces.ts";
import { dirname, join } from "node:path";
import type { HmmCase, HmmFacts } from "./hmm/hmm_given.ts";
import { replayDeviceFacts } from "./hmm/device_facts.ts";
import { replayHmm } from "./hmm/hmm_replay.ts";
import { replayOdp } from "./hmm/odp_replay.ts";
import { replayType1 } from "./vfio/type1_replay.ts";

/**
 * Replays every group below `directory` with a name that contains `filter`.
 *
 * @throws {Deno.errors.NotFound} When the folder does not exist.
 */
export function replayAll(directory: string, filter: string): AsyncGenerator<GroupResult> {
  return replayGroups(directory, (group) => group.includes(filter));
}

/**
 * Replays the groups below `directory` that `isWanted` selects by name.
 *
 * @throws {Deno.errors.NotFound} When the folder does not exist.
 */
export async function* replayGroups(
  directory: string,
  isWanted: (group: string) => boolean,
): AsyncGenerator<GroupResult> {
  const runs = Object.fromEntries(
    CAPTURED_RUNS.map((folder) => [folder, new KernelGroups(directory, folder)]),
  );
  for (const file of listGoldenFiles(directory)) {
    if (!isWanted(file.group)) continue;
    try {
      yield await replayFile(file, runs);
    } catch (error) {
      // A damaged file counts as a failure, and must not stop the other groups. The same applies to
      // a file with an unexpected structure.
      yield groupFailed(file.group, error);
    }
  }
}

/**
 * Folders of captured runs, in this order: the project's first releases, other releases, and captures by `dmalab
 * kernel capture`.
 */
const CAPTURED_RUNS = ["kernel", "releases", "guests"] as const;

async function replayFile(
  file: GoldenFile,
  runs: Readonly<Record<string, KernelGroups>>,
): Promise<GroupResult> {
  const kind = file.group.split("/")[0]!;
  const captured = runs[kind];
  if (captured !== undefined) return await captured.replay(file);
  if (kind === "hmm") return await replayHmmFile(file);
  if (kind === "vfio") return replayType1(file.group, await readLines(file.path));
  return kind === "defects"
    ? replayDefects(file.group, await readLines<DefectCase>(file.path))
    : replayTrace(file.group, await readLines<OperationLine>(file.path));
}

/** Numbers that a double cannot represent; they are read as text, which is exact. */
const WIDE_NUMBER = /:(\d{17,})(?=[,}])/g;

/** Replays the group of one file. @throws {GoldenReadError} If facts.json does not describe it. */
export async function replayHmmFile({ group, path }: GoldenFile): Promise<GroupResult> {
  if (group.includes("/device-facts/")) {
    return replayDeviceFacts(group, await readLines(path));
  }
  const facts = (await readHmmFacts(dirname(path)))[group.slice(group.lastIndexOf("/") + 1)];
  if (facts === undefined) throw new GoldenReadError(`facts.json has nothing on ${group}`);
  const cases = await readHmmCases(path);
  try {
    // A software device has no `mapping`.
    return facts.mapping === undefined
      ? replayOdp(group, facts, cases)
      : replayHmm(group, facts, cases);
  } catch (error) {
    return groupFailed(group, error, cases.length);
  }
}

/** The descriptions of a folder's files in facts.json. */
export function readHmmFacts(folder: string): Promise<Readonly<Record<string, HmmFacts>>> {
  return readJson(join(folder, "facts.json"));
}

export async function readHmmCases(path: string): Promise<HmmCase[]> {
  return parseLines<HmmCase>((await readGoldenText(path)).replaceAll(WIDE_NUMBER, ':"$1"'));
}
