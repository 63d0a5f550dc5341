/** What a case that was found is about: the switch that it is gone without, and the rule that applied. */
import type { MachineEvent } from "../../runtime/events.ts";
import { CaseRun, runCase } from "./case_run.ts";
import type { HuntCase, HuntRelease } from "./hunt_case.ts";
import type { Violation } from "./violation.ts";

/**
 * The switches that a case is about: those that it holds without.
 *
 * @returns Lists of one switch each where one is enough, of two where it takes both; none when no two
 *   are enough.
 */
export function remediesOf(each: HuntCase, release: HuntRelease): readonly (readonly string[])[] {
  const holds = (off: readonly string[]) => runCase(each, without(release, off)) === null;
  const quirks = [...release.quirks];
  const single = quirks.filter((quirk) => holds([quirk])).map((quirk) => [quirk]);
  if (single.length > 0) return single;
  const pairs = quirks.flatMap((one, index) =>
    quirks.slice(index + 1).map((other): readonly string[] => [one, other])
  );
  return pairs.filter(holds);
}

/** A release without some of its defects. */
export function without(release: HuntRelease, quirks: readonly string[]): HuntRelease {
  return {
    ...release,
    quirks: new Set([...release.quirks].filter((own) => !quirks.includes(own))),
  };
}

/** The last rule that decided anything before the case went wrong, such as `nvme.2.1.C`; or null. */
export function lastRule(each: HuntCase, release: HuntRelease): string | null {
  const run = new CaseRun(each.machine, release);
  let rule: string | null = null;
  run.machine.events.listen(({ why }: MachineEvent) => {
    if (why !== null) rule = why.rule;
  });
  for (const step of each.steps) if (run.step(step) !== null) break;
  return rule;
}

/** How the requests of a case's last step end. */
export function endsOf(each: HuntCase, release: HuntRelease): readonly string[] {
  const run = new CaseRun(each.machine, release);
  for (const step of each.steps) run.step(step);
  return run.ends;
}

/** What two violations have in common when they are the same mistake: all but the numbers. */
export function signatureOf({ kind, text }: Violation): string {
  return `${kind}: ${text.replace(/0x[0-9a-f_]+/g, "0x…").replace(/\d+/g, "…")}`;
}
