/** The next steps that a check advises, and its list of devices. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { nextSteps } from "../ledger/judgement.ts";
import { FINDING_KINDS } from "../ledger/finding_kinds.ts";
import { isSure } from "../ledger/traced_mapping.ts";
import { checkedTrace } from "./checked_trace.ts";
import { readGolden, runsOf } from "./golden_traces.ts";

const checked = (trace: string, log: string | null) =>
  checkedTrace(trace.split("\n"), log?.split("\n"));

Deno.test("the page names every kind of finding that can be sure", () => {
  const page = Deno.readTextFileSync(new URL("../../../docs/traces.md", import.meta.url));
  for (const [kind, about] of Object.entries(FINDING_KINDS)) {
    if ("next" in about || "fromLog" in about) assertStringIncludes(page, `\`${kind}\``);
  }
});

Deno.test("each kind of finding in the planted captures has a next step", async () => {
  const kinds = new Set<string>();
  for (const run of runsOf("planted")) {
    const trace = await readGolden(`planted/${run}.trace.txt.gz`);
    const log = await readGolden(`planted/${run}.dmesg.txt`);
    if (trace === null) continue;
    for (const finding of checked(trace, log).findings.filter(isSure)) {
      kinds.add(finding.kind);
      assert(nextSteps([finding]).length > 0, `${run}: ${finding.kind}`);
    }
  }
  assert(kinds.size > 8, [...kinds].join());
});

Deno.test("of many devices those with the most maps are listed, and the number of the others", () => {
  const trace = Array.from(
    { length: 300 },
    (_, index) =>
      `  x-1 [000] ..... ${(1 + index / 1e5).toFixed(6)}: dma_map_phys: 0000:${
        index.toString(16).padStart(2, "0")
      }:00.0 dir=TO_DEVICE dma_addr=fffff000 size=64 phys_addr=9000 attrs=`,
  ).join("\n");
  const { json, text } = checked(trace, null);
  const lines = text().split("\n");
  assertEquals(lines.filter((line) => /^0000:/.test(line)).length, 100);
  assert(lines.some((line) => line.startsWith("… and 200 devices with fewer maps")));
  assertEquals(Object.keys(json().balance.devices).length, 300);
});
