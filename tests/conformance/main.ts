/**
 * `deno task conformance [--data DIR] [--json] [FILTER]`: replays golden data and counts agreement.
 *
 * Every case of every group is counted. Data of a kind that dmalab cannot replay yet counts as not
 * agreeing, never as skipped. Exits with 1 if any case differs or a file cannot be read.
 */
import { command, flag, text } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD, WRONG } from "@dmalab/cli/exit_code";
import { hostReason, isHostError } from "@dmalab/cli";
import { printable } from "@dmalab/lang/diagnostics";
import { runTask } from "@dmalab/tools";
import { givenOfMapsTable, givenTable } from "./given.ts";
import { replayAll } from "./replay.ts";
import { formatGroup, type GroupResult } from "./group_result.ts";

function printJson(groups: readonly GroupResult[], agree: number, total: number): void {
  const told = groups.map(({ agree, firstDifference: first, name, note, total }) => ({
    name,
    agree,
    total,
    first_difference: first === null ? note : {
      case: first.caseName,
      path: first.difference.path,
      expected: first.difference.expected ?? null,
      got: first.difference.got ?? null,
      rule: first.rule,
    },
  }));
  console.log(JSON.stringify({ groups: told, agree, total }));
}

async function replay(data: string, filter: string, json: boolean): Promise<ExitCode> {
  const results: GroupResult[] = [];
  try {
    for await (const result of replayAll(data, filter)) {
      results.push(result);
      if (!json) { for (const line of formatGroup(result)) console.log(printable(line)); }
    }
  } catch (error) {
    if (!isHostError(error)) throw error;
    console.error(`error: cannot read the data folder "${printable(data)}": ${hostReason(error)}`);
    return WRONG;
  }
  if (results.length === 0) {
    console.error(`error: no group in "${printable(data)}" matches "${printable(filter)}"`);
    return WRONG;
  }
  const agree = results.reduce((sum, each) => sum + each.agree, 0);
  const total = results.reduce((sum, each) => sum + each.total, 0);
  if (json) printJson(results, agree, total);
  else console.log(`\nagree ${agree} of ${total}`);
  return agree === total && results.every((result) => !result.unreadable) ? HELD : FAILED;
}

await runTask(command({
  name: "conformance",
  brief: "Replay captured and generated data and count what agrees",
  description: "Replays golden data on the model; fails when any case differs.",
  argument: {
    placeholder: "FILTER",
    doc: "Only groups whose name contains this text.",
    completes: "nothing",
    count: "maybe",
  },
  options: {
    data: text("DIR", "A folder with the layout of tests/golden (tests/golden)."),
    json: flag('One JSON object: {"groups":[…],"agree":N,"total":M}.'),
    given: flag("Print what of a record the replay is given, and what it leaves out."),
  },
  examples: [{ line: "conformance kernel/history", doc: "Every allocation history." }],
  may: {},
  run: ({ options: { data, given, json }, words: [filter = ""] }) => {
    if (!given) return replay((data ?? "tests/golden") || ".", filter, json);
    for (const line of [...givenTable(), "", ...givenOfMapsTable()]) console.log(line);
    return Promise.resolve(HELD);
  },
}));
