/** The groups of captured page-wise maps: a file each, with what facts.json says of its machine. */
import { dirname, join } from "@std/path";
import {
  type GoldenFile,
  GoldenReadError,
  parseJson,
  parseLines,
  readGoldenText,
} from "../golden_files.ts";
import { groupNotBuilt, type GroupResult } from "../group_result.ts";
import type { HmmCase, HmmFacts } from "./hmm_data.ts";
import { replayHmm } from "./hmm_replay.ts";

/** Replays the group of one file. @throws {GoldenReadError} When facts.json has nothing on it. */
export async function replayHmmFile({ group, path }: GoldenFile): Promise<GroupResult> {
  const place = join(dirname(path), "facts.json");
  const all = parseJson<Readonly<Record<string, HmmFacts>>>(await readGoldenText(place), place);
  const facts = all[group.slice(group.lastIndexOf("/") + 1)];
  if (facts === undefined) throw new GoldenReadError(`facts.json has nothing on ${group}`);
  const cases = parseLines<HmmCase>(await readGoldenText(path));
  if (facts.mapping === undefined) {
    return groupNotBuilt(group, cases.length, "not built yet: on-demand paging of software");
  }
  return replayHmm(group, facts, cases);
}
