/**
 * Compares the output of some scenarios, event by event, with the texts in tests/snapshots/.
 *
 * The test finds unintended changes. It does not check whether the output is correct: after an intended
 * change, `deno task snapshots --update` writes the texts, and git shows the differences. Correctness of
 * all other scenarios and machines is checked elsewhere: by their own assertions, the audit and the
 * recording's tables in tests/examples_test.ts and tests/suites_test.ts, by golden data in
 * tests/conformance_test.ts, by rules on random machines in tests/checks_test.ts, tests/fuzz_test.ts
 * and the hunt.
 */
import "@dmalab/bin/provide";
import { changedLines } from "@dmalab/cli/testing";
import { DEVICE_KINDS } from "@dmalab/devices";
import { IOMMU_MODEL_NAMES } from "@dmalab/runtime";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { KEPT_SCENARIOS, MACHINE_WORD, printedBy, snapshotFile } from "./snapshots.ts";
import { filesBelow, ROOT } from "./source_text.ts";

for (const path of KEPT_SCENARIOS) {
  Deno.test(`${path} prints what it printed before`, async () => {
    const changed = changedLines(readSnapshot(path), await printedBy(path)).join("\n");
    if (changed === "") return;
    throw new Error(`\n${changed}\nif that was meant: deno task snapshots --update ${path}`);
  });
}

Deno.test("the kept machines have every release, kind of device, mode and model of an IOMMU", () => {
  const lines = KEPT_SCENARIOS.flatMap((path) => readSnapshot(path))
    .filter((line) => line.startsWith(`${MACHINE_WORD} `));
  const found = new Set(lines.flatMap((line) => line.split(" ")));
  const wanted: readonly string[] = [
    ...KERNEL_NAMES,
    ...DEVICE_KINDS.map(({ kind }) => kind),
    ...["off", "passthrough", "strict", "lazy"],
    ...IOMMU_MODEL_NAMES,
  ];
  assertEquals(wanted.filter((each) => !found.has(each)), []);
});

Deno.test("tests/snapshots/ keeps no text of a scenario that is gone", () => {
  const kept = filesBelow(join(ROOT, "tests/snapshots")).sort();
  assertEquals(kept, KEPT_SCENARIOS.map(snapshotFile).sort());
});

function readSnapshot(path: string): string[] {
  return Deno.readTextFileSync(snapshotFile(path)).split("\n");
}
