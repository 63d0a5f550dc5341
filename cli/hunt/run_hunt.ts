/** The hunt as a command: prints each finding when it is found, and a summary. */
import { formatCount } from "../../lang/text/numbers.ts";
import { type ExitCode, FAILED, HELD } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import type { Interrupts } from "../interrupts.ts";
import { type Finding, hunt } from "../../instruments/hunt/hunt.ts";
import type { OpenedHunt } from "./open_hunt.ts";

/** Hunts, and prints. */
export function runHunt(
  { settings, where }: OpenedHunt,
  screen: Screen,
  interrupts: Pick<Interrupts, "interrupted">,
): ExitCode {
  const { cases, release, seconds, seed, shard } = settings;
  const until = performance.now() + 1000 * seconds;
  let found = 0;
  const result = hunt({
    release,
    seed,
    cases,
    shard,
    ...where === undefined ? {} : { where },
    mayGoOn: () => performance.now() < until && !interrupts.interrupted(),
    onFinding(finding) {
      screen.out(findingText(++found, finding));
    },
  });
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
