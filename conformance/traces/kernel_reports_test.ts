/**
 * What the checker says of the captured kernels: nearly nothing, since they worked.
 *
 * 6.12 draws overlaps of cache lines, as it would have with its own debugging: it maps the same
 * buffer for several commands at a time, and looks at lines on every machine (behaviour/dma.md 8.2).
 * Metadata behind SGLs draws the defect that made those requests fail (behaviour/defects.md,
 * `metadata_uses_data_gap`).
 */
import { assert, assertEquals } from "@std/assert";
import { replayAll } from "../replay.ts";
import { Ledger } from "../../runtime/dma/checker/ledger.ts";

/** The classes that a group of captures may draw. */
function deserved(group: string): readonly string[] {
  if (group.includes("v6.12")) return ["cacheline_overlap"];
  return group.endsWith("-msgl") ? ["link_unaligned"] : [];
}

Deno.test("captured requests draw no report that they do not deserve", async () => {
  const { report } = Ledger.prototype;
  const seen = new Set<string>();
  Ledger.prototype.report = function (...args) {
    seen.add(args[0]);
    report.apply(this, args);
  };
  const drawn: Record<string, readonly string[]> = {};
  const undeserved: string[] = [];
  let cases = 0;
  try {
    for await (const { name, total } of replayAll("tests/golden", "kernel/")) {
      cases += total;
      if (seen.size > 0) drawn[name] = [...seen];
      for (const each of seen) {
        if (!deserved(name).includes(each)) undeserved.push(`${name}: ${each}`);
      }
      seen.clear();
    }
  } finally {
    Ledger.prototype.report = report;
  }
  assert(cases > 100_000, `${cases} cases`);
  assertEquals(undeserved, []);
  assertEquals(drawn["kernel/v6.12-none"], ["cacheline_overlap"]);
  assertEquals(drawn["kernel/history/v7.2-strict-ms8-msgl"], ["link_unaligned"]);
});
