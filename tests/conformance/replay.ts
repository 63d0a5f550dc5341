/** Sends each group of golden data to the replay of its kind. */
import { type GoldenFile, listGoldenFiles, parseLines, readGoldenText } from "./golden_files.ts";
import { type GroupResult, groupUnreadable } from "./group_result.ts";
import type { DefectCase } from "./defects/defect_data.ts";
import { replayDefects } from "./defects/defect_replay.ts";
import { replayHmmFile } from "./hmm/hmm_groups.ts";
import type { IovaTraceLine } from "./traces/iova_trace.ts";
import { KernelGroups } from "./kernel/kernel_groups.ts";
import { replayTrace } from "./traces/traces.ts";

/**
 * Replays every group below `directory` whose name contains `filter`.
 *
 * @throws {Deno.errors.NotFound} When the folder does not exist.
 */
export function replayAll(directory: string, filter: string): AsyncGenerator<GroupResult> {
  return replayGroups(directory, (group) => group.includes(filter));
}

/**
 * Replays the groups below `directory` that are wanted, by their names.
 *
 * @throws {Deno.errors.NotFound} When the folder does not exist.
 */
export async function* replayGroups(
  directory: string,
  isWanted: (group: string) => boolean,
): AsyncGenerator<GroupResult> {
  const kernel = new KernelGroups(directory);
  for (const file of listGoldenFiles(directory)) {
    if (!isWanted(file.group)) continue;
    try {
      yield await replayFile(file, kernel);
    } catch (error) {
      // A damaged file must be counted against us, and must not stop the others; so must one of a
      // shape that was not foreseen.
      yield groupUnreadable(file.group, error);
    }
  }
}

async function replayFile(file: GoldenFile, kernel: KernelGroups): Promise<GroupResult> {
  const kind = file.group.split("/")[0]!;
  if (kind === "kernel") return await kernel.replay(file);
  if (kind === "hmm") return await replayHmmFile(file);
  const text = await readGoldenText(file.path);
  return kind === "defects"
    ? replayDefects(file.group, parseLines<DefectCase>(text))
    : replayTrace(file.group, parseLines<IovaTraceLine>(text));
}
