/** The groups of captured page-wise maps: a file each, with what facts.json says of its machine. */
import { dirname, join } from "node:path";
import {
  type GoldenFile,
  GoldenReadError,
  parseJson,
  parseLines,
  readGoldenText,
} from "../golden_files.ts";
import { groupNotBuilt, type GroupResult } from "../group_result.ts";
import type { HmmCase, HmmFacts } from "./hmm_data.ts";
import { replayDeviceFacts } from "./device_facts.ts";
import { replayHmm } from "./hmm_replay.ts";
import { replayOdp } from "./odp_replay.ts";

/** A number that fits no double is read as text, which loses nothing. */
const WIDE_NUMBER = /:(\d{17,})(?=[,}])/g;

/** Replays the group of one file. @throws {GoldenReadError} When facts.json has nothing on it. */
export async function replayHmmFile({ group, path }: GoldenFile): Promise<GroupResult> {
  if (group.includes("/device-facts/")) {
    return replayDeviceFacts(group, parseLines(await readGoldenText(path)));
  }
  const facts = (await readHmmFacts(dirname(path)))[group.slice(group.lastIndexOf("/") + 1)];
  if (facts === undefined) throw new GoldenReadError(`facts.json has nothing on ${group}`);
  const cases = await readHmmCases(path);
  try {
    // A software device has no mapping of any kind.
    return facts.mapping === undefined
      ? replayOdp(group, facts, cases)
      : replayHmm(group, facts, cases);
  } catch (error) {
    if (!(error instanceof GoldenReadError)) throw error;
    return groupNotBuilt(group, cases.length, error.message);
  }
}

/** What facts.json of a folder says of each file. */
export async function readHmmFacts(folder: string): Promise<Readonly<Record<string, HmmFacts>>> {
  const place = join(folder, "facts.json");
  return parseJson(await readGoldenText(place), place);
}

/** The cases of a file. */
export async function readHmmCases(path: string): Promise<HmmCase[]> {
  return parseLines<HmmCase>((await readGoldenText(path)).replaceAll(WIDE_NUMBER, ':"$1"'));
}
