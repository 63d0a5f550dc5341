/** Sends each group of golden data to whoever can replay its kind. */
import {
  type GoldenFile,
  GoldenReadError,
  listGoldenFiles,
  parseLines,
  readGoldenText,
} from "./golden_files.ts";
import { groupNotBuilt, type GroupResult, groupUnreadable } from "./group_result.ts";
import { replayIova } from "./iova_replay.ts";
import { KernelGroups } from "./kernel_groups.ts";
import { replayPageTable } from "./pagetable_replay.ts";
import { replaySwiotlb } from "./swiotlb_replay.ts";

/** One operation of a trace: a JSON object with an `op`. */
export interface TraceLine {
  readonly op: string;
  readonly [field: string]: unknown;
}

/** Replays one file's lines and counts them. */
export type TraceReplay = (group: string, lines: readonly TraceLine[]) => GroupResult;

/**
 * Replays every group below `directory` whose name contains `filter`.
 *
 * @throws {Deno.errors.NotFound} When the folder does not exist.
 */
export async function* replayAll(directory: string, filter: string): AsyncGenerator<GroupResult> {
  const kernel = new KernelGroups(directory);
  for (const file of listGoldenFiles(directory)) {
    if (!file.group.includes(filter)) continue;
    try {
      yield await replayFile(file, kernel);
    } catch (error) {
      // A damaged file must be counted against us, and must not stop the others.
      if (!(error instanceof GoldenReadError)) throw error;
      yield groupUnreadable(file.group, error.message);
    }
  }
}

async function replayFile(file: GoldenFile, kernel: KernelGroups): Promise<GroupResult> {
  const kind = file.group.split("/")[0]!;
  if (kind === "kernel") return await kernel.replay(file);
  const lines = parseLines<TraceLine>(await readGoldenText(file.path));
  if (kind === "iova") return replayIova(file.group, lines);
  if (kind === "pagetable") return replayPageTable(file.group, lines);
  if (kind === "swiotlb") return replaySwiotlb(file.group, lines);
  return groupNotBuilt(file.group, lines.length, "not built yet: defects of real releases");
}
