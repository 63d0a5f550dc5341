/** Counts a trace line by line: after a file's first difference all its later lines are different. */
import type { Difference } from "./difference.ts";
import { GroupCount, type GroupResult } from "./group_result.ts";
import type { TraceLine } from "./replay.ts";

/** Runs one operation; null when its answer is the recorded one. */
export interface TraceModel {
  run(line: TraceLine): Difference | null;
}

/** Counts the lines for which `isCase` holds. */
export function replayTrace(
  group: string,
  lines: readonly TraceLine[],
  model: TraceModel,
  isCase: (line: TraceLine) => boolean,
  rule: (line: TraceLine) => string,
): GroupResult {
  const count = new GroupCount(group);
  let broken: Difference | null = null;
  for (const [index, line] of lines.entries()) {
    broken ??= model.run(line);
    if (isCase(line)) count.add(`line ${index + 1} (${line.op})`, broken, rule(line));
  }
  return count.result();
}
