/**
 * `deno task conformance [--data DIR] [--json] [FILTER]`: replays golden data and counts agreement.
 *
 * Every case of every group is counted. A kind of data that dmalab cannot replay yet counts as not
 * agreeing, never as skipped. Exit 1 when any case differs or a file cannot be read.
 */
import { ProcessScreen } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD, WRONG } from "@dmalab/cli/exit_code";
import { hostReason, isHostError, toItsEnd } from "@dmalab/cli";
import { printable } from "@dmalab/lang/diagnostics";
import { givenOfMapsTable, givenTable } from "./given.ts";
import { replayAll } from "./replay.ts";
import { formatGroup, type GroupResult } from "./group_result.ts";

const USAGE = `usage: deno task conformance [--data DIR] [--json] [FILTER]
       deno task conformance --given

  --data DIR   a folder with the layout of tests/golden (default: tests/golden)
  --json       one JSON object: {"groups":[…],"agree":N,"total":M}
  --given      print what of a record the replay is given, and what it leaves out
  FILTER       only groups whose name contains this text`;

interface Options {
  readonly data: string;
  readonly json: boolean;
  readonly filter: string;
}

function parseOptions(args: readonly string[]): Options | string {
  let data = "tests/golden";
  let json = false;
  let filter = "";
  for (let index = 0; index < args.length; index++) {
    const word = args[index]!;
    if (word === "--json") json = true;
    else if (word === "--data") {
      const next = args[++index];
      if (next === undefined || next === "") return "--data needs a folder";
      data = next;
    } else if (word.startsWith("--data=")) data = word.slice("--data=".length) || ".";
    else if (word.startsWith("-")) return `Unknown option: ${word}`;
    else filter = word;
  }
  return { data, json, filter };
}

function printJson(results: readonly GroupResult[]): void {
  const groups = results.map((result) => ({
    name: result.name,
    agree: result.agree,
    total: result.total,
    first_difference: result.firstDifference === null ? result.note : {
      case: result.firstDifference.caseName,
      path: result.firstDifference.difference.path,
      expected: result.firstDifference.difference.expected ?? null,
      got: result.firstDifference.difference.got ?? null,
      rule: result.firstDifference.rule,
    },
  }));
  console.log(
    JSON.stringify({ groups, agree: sum(results, "agree"), total: sum(results, "total") }),
  );
}

function sum(results: readonly GroupResult[], key: "agree" | "total"): number {
  return results.reduce((total, result) => total + result[key], 0);
}

async function main(args: readonly string[]): Promise<ExitCode> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return HELD;
  }
  if (args.includes("--given")) {
    for (const line of [...givenTable(), "", ...givenOfMapsTable()]) console.log(line);
    return HELD;
  }
  const options = parseOptions(args);
  if (typeof options === "string") {
    console.error(`error: ${options}\n\n${USAGE}`);
    return WRONG;
  }
  const results: GroupResult[] = [];
  try {
    for await (const result of replayAll(options.data, options.filter)) {
      results.push(result);
      if (!options.json) { for (const line of formatGroup(result)) console.log(printable(line)); }
    }
  } catch (error) {
    if (!isHostError(error)) throw error;
    console.error(
      `error: cannot read the data folder "${printable(options.data)}": ${hostReason(error)}`,
    );
    return WRONG;
  }
  if (results.length === 0) {
    console.error(
      `error: no group in "${printable(options.data)}" matches "${printable(options.filter)}"`,
    );
    return WRONG;
  }
  const agree = sum(results, "agree");
  const total = sum(results, "total");
  if (options.json) printJson(results);
  else console.log(`\nagree ${agree} of ${total}`);
  return agree === total && results.every((result) => !result.unreadable) ? HELD : FAILED;
}

const screen = new ProcessScreen();
Deno.exit(await toItsEnd(() => main(Deno.args), screen));
