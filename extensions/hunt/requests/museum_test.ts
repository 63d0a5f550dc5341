/**
 * Hunts the past defects of defects.md. Each of them is enabled alone. The hunt, which does not know
 * the defect, must find it by the hunt's one property and name the defect's switch.
 */
import { assert, assertEquals } from "@std/assert";
import { runCase } from "./case_run.ts";
import { without } from "./diagnose.ts";
import { hunt, type HuntFinding } from "./hunt.ts";
import type { HuntRelease } from "./hunt_case.ts";
import { runScenarioText } from "./scenario_check.ts";
import type { ViolationKind } from "./violation.ts";
import type { QuirkName } from "@dmalab/runtime/kernels";

/**
 * For each defect: the violation that the hunt sees first, the number of requests within which it
 * is found, and a seed with which it is found soon.
 */
const MUSEUM: readonly [
  row: string,
  quirk: QuirkName,
  seen: ViolationKind,
  within: number,
  seed: number,
][] = [
  ["M1", "unmap_rebuilt_from_prps", "bytes", 1000, 1],
  ["M2", "vectors_allocated_for_iova", "left", 100, 1],
  ["M7", "half_linked_on_error", "report", 500, 1],
  ["M8", "stale_iova_state_uncoalesced", "status", 500, 1],
  ["M9", "sgl_unmap_args_swapped", "left", 500, 1],
  ["M10", "need_unmap_flip_null_list", "crash", 500, 2],
  ["M11", "vectors_leaked_p2p", "left", 500, 1],
  ["M12", "first_mapping_leaked", "left", 1000, 1],
  ["M15", "bounce_link_no_middle", "status", 100, 1],
];

/** The first finding of a hunt with a limited number of requests. */
function firstFinding(release: HuntRelease, seed: number, cases: number): HuntFinding | null {
  let found: HuntFinding | null = null;
  hunt({
    release,
    seed,
    cases,
    mayGoOn: () => found === null,
    onFinding: (finding) => found = finding,
  });
  return found;
}

/** Defects that the hunt finds only after many requests. */
const LONG = ["M1", "M7", "M8", "M9", "M10", "M12"];

for (const [row, quirk, seen, within, seed] of MUSEUM) {
  const name = `the hunt finds ${quirk} in ${within} requests, and names it (defects.md ${row})`;
  Deno.test(LONG.includes(row) ? `${name} (long)` : name, () => {
    const release: HuntRelease = { kernel: "7.2.12", quirks: new Set([quirk]) };
    const finding = firstFinding(release, seed, within);
    assert(finding !== null, "nothing was found");
    assertEquals([finding.violation.kind, finding.switches], [seen, [quirk]]);
    assertEquals(runCase(finding.case, without(release, [quirk])), null);
    assertEquals(runScenarioText(finding.scenario).end, "failed", finding.scenario);
    assert(finding.case.steps.length <= 2, finding.scenario);
  });
}
