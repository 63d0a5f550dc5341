/** The hunt as a command: prints each finding when it is found, and a summary. */
import { formatCount } from "../../lang/text/numbers.ts";
import { type ExitCode, FAILED, HELD } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import { type Finding, hunt, type HuntResult } from "../../instruments/hunt/hunt.ts";
import type { Interrupts } from "../interrupts.ts";
import { runPlan } from "../jobs/run_plan.ts";
import type { OpenedHunt } from "./open_hunt.ts";
import type { TurnJob } from "./turn_job.ts";
import { TurnPlan } from "./turn_plan.ts";

/** How many workers hunt, and from what they open the hunt that this thread has opened. */
export interface HuntJobs extends Pick<TurnJob, "path" | "words"> {
  readonly jobs: number;
}

/** Hunts, and prints. */
export async function runHunt(
  { settings, where }: OpenedHunt,
  { jobs, path, words }: HuntJobs,
  screen: Screen,
  interrupts: Interrupts,
): Promise<ExitCode> {
  const { cases, mode, release, seconds, seed, shard } = settings;
  const until = performance.now() + 1000 * seconds;
  let found = 0;
  const mayGoOn = () => performance.now() < until && !interrupts.interrupted();
  const onFinding = (finding: Finding) => screen.out(findingText(++found, finding));
  let result: HuntResult;
  if (jobs > 1) {
    const plan = new TurnPlan({ path, words, cases, until, mayGoOn, onFinding });
    await runPlan(plan, jobs, interrupts);
    result = plan.result;
  } else {
    const given = where === undefined ? {} : { where };
    result = hunt({ release, mode, seed, cases, shard, ...given, mayGoOn, onFinding });
  }
  const what = found === 0 ? "nothing found" : formatCount(found, "finding");
  screen.out(
    `${found === 0 ? "ok" : "found"} | kernel ${release.kernel}, seed ${seed} | ` +
      `${formatCount(result.cases, "case")} on ${formatCount(result.machines, "machine")} | ` +
      `${what}\n`,
  );
  return found === 0 ? HELD : FAILED;
}

function findingText(number: number, finding: Finding): string {
  const { cases, needs, others, proof, scenario, switches, tries } = finding;
  const label = switches.length === 0 ? "no known defect" : switches.join(" and ");
  const also = others.length === 0
    ? ""
    : ` (passes without ${others.map((names) => names.join(" and ")).join(", or ")}, too)`;
  const together = needs.length === 0 ? "" : ` (together with ${needs.join(" and ")})`;
  const unproven = proof === null
    ? "# This test passes when run: only the checks of the hunt itself detect the violation.\n"
    : "";
  return `${number}. ${label}${together}${also}: found in case ${cases}, minimised in ${
    formatCount(tries, "run")
  }` +
    `\n\n${unproven}${scenario}\n`;
}
