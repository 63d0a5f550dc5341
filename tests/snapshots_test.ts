/**
 * What some scenarios print, event by event, against the texts in tests/snapshots/.
 *
 * It finds a change that was not meant, and says nothing about right or wrong: after one that was meant,
 * `deno task snapshots --update` writes the texts, and git shows what moved. All other scenarios and
 * machines are held to what is right: by their own assertions, the audit and the recording's tables in
 * tests/examples_test.ts and tests/suites_test.ts, by golden data in tests/conformance_test.ts, by rules
 * on random machines in tests/property/, tests/fuzz_test.ts, tests/soak_test.ts and the hunt.
 */
import { changedLines } from "@dmalab/cli/testing";
import { DEVICE_KINDS, type PciNodeConfig } from "@dmalab/devices";
import { IOMMU_MODEL_NAMES } from "@dmalab/runtime/iommu";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { assertEquals } from "@std/assert";
import { KEPT_SCENARIOS, machinesOf, printedBy, snapshotFile } from "./snapshots.ts";

for (const path of KEPT_SCENARIOS) {
  Deno.test(`${path} prints what it printed before`, async () => {
    const before = Deno.readTextFileSync(snapshotFile(path)).split("\n");
    const changed = changedLines(before, await printedBy(path)).join("\n");
    if (changed === "") return;
    throw new Error(`\n${changed}\nif that was meant: deno task snapshots --update ${path}`);
  });
}

Deno.test("the kept scenarios have every release, kind of device, mode and model of an IOMMU", async () => {
  const machines = (await Promise.all(KEPT_SCENARIOS.map(machinesOf))).flat();
  const iommus = machines.map(({ iommu }) => iommu);
  const found = new Set<string>([
    ...machines.map(({ kernel }) => kernel),
    ...machines.flatMap(({ pci }) => kindsOf(pci)),
    ...iommus.flatMap(({ mode, model }) => mode === "off" ? [mode] : [mode, model]),
  ]);
  const wanted: readonly string[] = [
    ...["off", "passthrough", "strict", "lazy"],
    ...KERNEL_NAMES,
    ...DEVICE_KINDS.map(({ kind }) => kind),
    ...IOMMU_MODEL_NAMES,
  ];
  assertEquals(wanted.filter((each) => !found.has(each)), []);
});

function kindsOf(nodes: readonly PciNodeConfig[]): string[] {
  return nodes.flatMap(({ kind, children }) => [kind, ...kindsOf(children)]);
}
