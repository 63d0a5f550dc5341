import { assert, assertEquals } from "@std/assert";
import { violationsOf, without } from "./diagnose.ts";
import { hunt, type HuntFinding, type HuntResult } from "./hunt.ts";
import type { HuntRelease } from "./hunt_case.ts";
import { runScenarioText } from "./scenario_check.ts";
import { type KernelProfile, KERNELS, type QuirkName } from "@dmalab/runtime/kernels";

function release(kernel: KernelProfile, ...quirks: readonly QuirkName[]): HuntRelease {
  return { kernel, quirks: quirks.length === 0 ? KERNELS[kernel].quirks : new Set(quirks) };
}

function huntIn(where: HuntRelease, cases: number, seed: number): HuntResult {
  return hunt({ release: where, seed, cases, mayGoOn: () => true });
}

/** Findings by the switch that causes each. */
function bySwitch({ findings }: HuntResult): Map<string, HuntFinding> {
  return new Map(findings.map((finding) => [finding.switches.join(" and "), finding]));
}

function checkFindings({ findings }: HuntResult): void {
  for (const finding of findings) {
    const { case: each, proof, release: where, scenario, switches } = finding;
    const name = switches.join(" and ");
    assert(switches.length > 0, `no known defect:\n${scenario}`);
    assert(proof !== null, `${name} is not proved:\n${scenario}`);
    // The named switches are the cause: with them the last step fails, and without them the last
    // step passes.
    assert(violationsOf(each, where).at(-1) !== null, name);
    assertEquals(violationsOf(each, without(where, switches)).at(-1), null, name);
    // The printed scenario is the one that was run.
    const run = runScenarioText(scenario);
    assert(run.end === "failed", name);
    // Its comment tells the addresses of that run.
    const comment = scenario.split("\n\n")[0]!.replaceAll(/\n# /g, " ");
    const said = [run.text, ...run.incidents].join("\n");
    for (const [address] of comment.matchAll(/0x[\da-f_]+/g)) {
      assert(
        said.includes(address) || comment.includes("an address of the hunt's own run"),
        `${name}: ${address} is not in ${said}`,
      );
    }
    // Small enough for a person to read.
    const ios = each.steps.flatMap((step) => step.ios);
    assert(ios.length <= 3, `${name}: ${ios.length} requests`);
    assert(scenario.split("\n").length <= 50, scenario);
  }
}

/** Hunts until all of these switches are found, or `cases` steps were tried. */
function huntFor(
  names: readonly string[],
  where: HuntRelease,
  cases: number,
  seed: number,
): HuntResult {
  const missing = new Set(names);
  return hunt({
    release: where,
    seed,
    cases,
    mayGoOn: () => missing.size > 0,
    onFinding: ({ switches }) => switches.forEach((name) => missing.delete(name)),
  });
}

Deno.test("on 7.2 the hunt finds eight defects, each as a small test that fails (defects.md)", () => {
  const names = [
    "host_bridge_p2p_with_forced_bounce",
    "metadata_iova_from_format",
    "metadata_length_from_format",
    "metadata_uses_data_gap",
    "mptr_first_vector_only",
    "partial_destroy_on_link_failure",
    "partial_destroy_on_list_failure",
    "stale_iova_state_p2p",
  ];
  const result = huntFor(names, release("7.2.12"), 8000, 16);
  checkFindings(result);
  const found = bySwitch(result);
  assertEquals(names.filter((name) => !found.has(name)), [], `in ${result.cases} requests`);
});

Deno.test("on 7.3 the hunt, without hints, finds that one failed list spoils the reads after it; on 7.2 that pages are lost (v7.3.md 6.1)", () => {
  const name = "partial_destroy_on_list_failure";
  const found = (kernel: KernelProfile) => {
    const result = huntFor([name], release(kernel), 4000, 1);
    checkFindings(result);
    return bySwitch(result).get(name)!;
  };
  const { after, case: { steps }, scenario, violation } = found("7.3-rc7");
  assertEquals(after?.kind, "left");
  assertEquals([violation.kind, violation.text], ["status", "it completes with IOERR, not OK"]);
  // The failed step, and the same step again without a failure.
  assertEquals(steps.map(({ fault }) => fault?.point ?? null), ["dma_pool_alloc", null]);
  assert(scenario.includes("assert io2.status == OK"), scenario);

  const before = found("7.2.12");
  assertEquals([before.after, before.violation.kind], [null, "left"]);
});

Deno.test("on 7.2.6 the hunt finds that a cut forgets gaps, as one read of small pieces (nvme.md 7, case 1)", () => {
  const result = huntFor(["gap_bit_lost_on_split"], release("7.2.6"), 2000, 1);
  checkFindings(result);
  const { case: each, scenario } = bySwitch(result).get("gap_bit_lost_on_split")!;
  assertEquals(each.steps.length, 1);
  assertEquals(each.steps[0]!.ios.length, 1);
  assert(scenario.startsWith("# Found by: dmalab hunt --kernel 7.2.6 --seed 1\n"), scenario);
});

Deno.test("on 7.2.6 the hunt finds a list that goes back under a wrong address, which takes another defect (nvme.md 7, case 9)", () => {
  const names = ["gap_bit_lost_on_split", "list_returned_with_stale_address"] as const;
  const where = release("7.2.6", ...names);
  const result = huntFor(names, where, 4000, 1);
  checkFindings(result);
  const { case: each, needs } = bySwitch(result).get("list_returned_with_stale_address")!;
  assertEquals(needs, ["gap_bit_lost_on_split"]);
  // The first request corrupts the pool, and a correct request after it is affected.
  assert(each.steps.length >= 2);
});

Deno.test("the same seed is the same hunt, and another seed is another", () => {
  const where = release("7.2.12");
  const texts = (result: HuntResult) => result.findings.map(({ scenario }) => scenario);
  assertEquals(texts(huntIn(where, 60, 5)), texts(huntIn(where, 60, 5)));
  const first = huntIn(where, 60, 5);
  const second = huntIn(where, 60, 6);
  assert(texts(first).join() !== texts(second).join());
});

Deno.test("a hunt whose time is up ends", () => {
  let asked = 0;
  const { cases } = hunt({
    release: release("7.2.12"),
    seed: 1,
    cases: Infinity,
    mayGoOn: () => ++asked < 4,
  });
  assert(cases < 200, `${cases} cases`);
});
