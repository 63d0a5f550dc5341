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

const MAPS = [
  "  x-1 [000] ..... 12.004100: dma_map_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=ffffe000 size=2048 phys_addr=10a4e000 attrs=",
  "  x-1 [000] ..... 12.005100: dma_unmap_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=ffffe000 size=2048 attrs=",
].join("\n");
const faultAt = (seconds: string, device = "01:00.0", address = "0xffffe000") =>
  `[   ${seconds}] DMAR: [DMA Write NO_PASID] Request device [${device}] fault addr ${address} [fault reason 0x05] PTE Write access is not set`;
const STRICT_BOOT = "[    0.300000] iommu: DMA domain TLB invalidation policy: strict mode";

Deno.test("no step asks for what the input has: a trace, a log, a strict boot, the kernel's checker", () => {
  const all = checked(MAPS, faultAt("12.005300"));
  assertStringIncludes(all.text(), "use_after_unmap");
  assertStringIncludes(all.text(), "iommu.strict=1");
  assert(!all.text().includes("record the mappings"), all.text());
  const strict = checked(MAPS, `${STRICT_BOOT}\n${faultAt("12.005300")}`);
  assertStringIncludes(strict.text(), "use_after_unmap");
  assert(!strict.text().includes("iommu.strict=1"), strict.text());
  assert(!JSON.stringify(strict.json().next_steps).includes("iommu.strict=1"));
  const clean = checked(
    MAPS,
    "[    0.100000] Linux version 7.2.13 (x)\n[   12.1] nvme nvme0: pci function 0000:01:00.0",
  );
  assert(!clean.text().includes("with the kernel's log beside"), clean.text());
  assertStringIncludes(checked(MAPS, null).text(), "with the kernel's log beside");
  const wrong = MAPS.replace("size=2048 attrs=", "size=1024 attrs=");
  assertStringIncludes(checked(wrong, null).text(), "CONFIG_DMA_API_DEBUG");
  const withChecker = checked(
    wrong,
    "[    0.200000] DMA-API: preallocated 65536 debug entries\n[    0.2] DMA-API: debugging enabled by kernel config",
  );
  assert(!withChecker.text().includes("CONFIG_DMA_API_DEBUG"), withChecker.text());
  assertStringIncludes(checked(MAPS, null).text(), "or add the kernel's log");
  assert(!clean.text().includes("add the kernel's log"), clean.text());
});

Deno.test("a log that may be of another time or machine than the trace is told so, with the reason", () => {
  const own = checked(MAPS, faultAt("12.005300"));
  assertEquals(own.check.apart, []);
  assert(!own.text().includes("may not be of this trace"));
  for (
    const [log, reason] of [
      [
        faultAt("4711.128456"),
        "the trace is of 12.004 to 12.005 s, the log's faults of 4711.128 s",
      ],
      [
        faultAt("12.005300", "03:00.0"),
        "the trace has no mapping of 0000:03:00.0, of which the log has faults",
      ],
    ] as const
  ) {
    const other = checked(MAPS, log);
    assertEquals(other.json().summary, { ...other.json().summary, apart: [reason] });
    assertStringIncludes(
      other.text().replaceAll(/\s+/g, " "),
      `the log may not be of this trace: ${reason}`,
    );
    // Such a trace does not answer the log: a new one does.
    assertStringIncludes(other.text(), "record the mappings");
  }
  // Lines of the boot before the trace say nothing.
  assertEquals(checked(MAPS, STRICT_BOOT).check.apart, []);
});
