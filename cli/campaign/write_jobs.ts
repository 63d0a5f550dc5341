/** `dmalab campaign PLAN`: the tries of a plan, and the jobs' files. */
import { basename, dirname } from "@std/path";
import { formatCount, groupThousands } from "../../lang/text/numbers.ts";
import { pairLines } from "../../lang/text/columns.ts";
import { type ExitCode, HELD, WRONG } from "../exit_code.ts";
import { makeResultFolder, writeFile } from "../files/write_file.ts";
import { readHostFile } from "../host_file.ts";
import { painter } from "../../lang/render/paint.ts";
import { diagnosticStyle } from "../scenario/diagnostic_style.ts";
import { loadScenario } from "../scenario/load_scenario.ts";
import { refuse, type Screen } from "../screen.ts";
import { engineFiles } from "./engines.ts";
import { type CampaignPlan, readPlan, triesOf } from "./plan.ts";

/** A file name that scripts and containers need not quote. */
const SHELL_NAME = /^\w[\w.-]*$/;

/** Reads a plan; null, after saying what is wrong. */
export function openPlan(path: string, screen: Screen): CampaignPlan | null {
  const file = readHostFile(path);
  if (!file.found) {
    refuse(file.problem, screen);
    return null;
  }
  const plan = readPlan(path, file.text, diagnosticStyle(painter(screen.colour)));
  if (typeof plan !== "string") return plan;
  screen.err(plan);
  return null;
}

/** Checks the files that a plan names, and writes the jobs of each engine. */
export async function writeJobs(
  path: string,
  plan: CampaignPlan,
  out: string | null,
  screen: Screen,
): Promise<ExitCode> {
  const folder = dirname(path);
  const name = basename(path);
  if (!SHELL_NAME.test(name)) {
    return refuse(
      `Jobs cannot name "${name}": use letters, digits, \`_\`, \`.\` and \`-\``,
      screen,
    );
  }
  for (const file of new Set(plan.tries.flatMap(({ files }) => files))) {
    const { program } = await loadScenario(`${folder}/${file}`, screen);
    if (program === null) return WRONG;
  }
  const written = makeResultFolder(out, { folder, name: plan.name });
  const files = engineFiles(plan, name, out ?? plan.name);
  for (const { name, text } of files) writeFile({ folder: written, name }, text);
  const groups = new Map<string, number>();
  for (const { group } of triesOf(plan)) groups.set(group, (groups.get(group) ?? 0) + 1);
  const tries = [...groups.values()].reduce((sum, count) => sum + count, 0);
  const lines = [
    `${plan.name}: ${formatCount(tries, "try", "tries")} in ${formatCount(plan.shards, "shard")}`,
    ...[...groups].map(([group, count]) => `  ${groupThousands(count)} × ${group}`),
    "",
    `written to ${written}; start one of them in the folder of the plan:`,
    ...pairLines(files.map(({ name, start }) => [name, start])).map((line) => `  ${line}`),
  ];
  screen.out(`${lines.join("\n")}\n`);
  return HELD;
}
