/** The hunt as a command: prints each finding when it is found, and a summary. */
import { formatCount } from "@dmalab/lang/text";
import { type JobCount, refuse, runPlan, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import type { HuntFinding, HuntOptions, HuntResult } from "../requests/hunt.ts";
import type { SignalWatch } from "@dmalab/cli";
import type { OpenedHunt } from "./open_hunt.ts";
import { FindingPrinter, remark, usedFromHere } from "./remark.ts";
import { type TurnJob, turnRunner } from "./batch_job.ts";
import { huntProgress } from "./progress.ts";
import { BatchPlan } from "./batch_plan.ts";

/** How many jobs run at a time, and the arguments with which workers open the same hunt as this thread. */
export interface HuntJobs extends Pick<TurnJob, "path" | "words"> {
  readonly jobs: JobCount;
}

/** The message for a hunt that was stopped before any case: it proves nothing. */
export const NO_CASE = "the hunt was stopped before its first case: nothing was tried";

export async function runHunt(
  opened: OpenedHunt,
  jobs: HuntJobs,
  screen: Screen,
  interrupts: SignalWatch,
): Promise<ExitCode> {
  const { release, seed } = opened.settings;
  let found = 0;
  const printer = new FindingPrinter(screen);
  const onFinding = (finding: HuntFinding) => {
    printer.print(usedFromHere(findingText(++found, finding), jobs.path));
  };
  const progress = huntProgress(`kernel ${release.kernel}`, screen);
  const onProgress = (cases: number, machines: number) =>
    progress(cases, () => formatCount(machines, "machine"));
  const result = await huntRequests(opened, jobs, interrupts, { onFinding, onProgress });
  if (result.cases === 0) return refuse(NO_CASE, screen);
  const what = found === 0 ? "nothing found" : formatCount(found, "finding");
  screen.out(
    remark(
      `${found === 0 ? "ok" : "found"} | kernel ${release.kernel}, seed ${seed} | ` +
        `${formatCount(result.cases, "case")} on ${formatCount(result.machines, "machine")} | ` +
        what,
    ),
  );
  return found === 0 ? HELD : FAILED;
}

/** Turns that were begun before a finding run again: workers get none until there has been no finding for so long. */
const QUIET_MS = 2_000;

/** Hunts with one seed. */
export async function huntRequests(
  opened: Omit<OpenedHunt, "files">,
  { jobs, path, words }: HuntJobs,
  interrupts: SignalWatch,
  { onFinding = () => {}, onProgress, points }: Pick<
    HuntOptions,
    "points" | "onFinding" | "onProgress"
  >,
): Promise<HuntResult> {
  const { cases, seconds } = opened.settings;
  const until = performance.now() + 1000 * seconds;
  const mayGoOn = () => performance.now() < until && !interrupts.interrupted();
  let foundMs = -Infinity;
  const plan = new BatchPlan({
    ...{ path, words, cases, until, mayGoOn, onProgress },
    onFinding(finding) {
      foundMs = performance.now();
      onFinding(finding);
    },
  });
  const turns = turnRunner(opened, points);
  await runPlan(plan, {
    jobs,
    isAlone: () => performance.now() - foundMs < QUIET_MS,
    interrupts,
    run: (job, send) => turns.run(job, send, interrupts),
  });
  return plan.result;
}

/** The scenario, with a comment if it does not fail. */
export function provenText({ proof, scenario }: HuntFinding): string {
  const unproven = proof === null
    ? "# This test passes when run: only the checks of the hunt itself detect the violation.\n"
    : "";
  return `${unproven}${scenario}`;
}

function findingText(number: number, finding: HuntFinding): string {
  const { cases, needs, others, switches, tries } = finding;
  const label = switches.length === 0 ? "no known defect" : switches.join(" and ");
  const also = others.length === 0
    ? ""
    : ` (passes without ${others.map((names) => names.join(" and ")).join(", or ")}, too)`;
  const together = needs.length === 0 ? "" : ` (together with ${needs.join(" and ")})`;
  const line = `${number}. ${label}${together}${also}: found in case ${cases}, minimised in ${
    formatCount(tries, "run")
  }`;
  return `${remark(line)}\n${provenText(finding)}\n`;
}
