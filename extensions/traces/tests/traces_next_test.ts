/**
 * The next steps that a check advises. Other tests check which log lines are reported together,
 * because one line follows from another.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { nextSteps } from "../ledger/check_report.ts";
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

const TRACE = [
  "  fio-7  [000] .....  10.000000: nvme_setup_cmd: nvme0: disk=nvme0n1, qid=1, cmdid=5, nsid=1, flags=0x0, meta=0x0, cmd=(nvme_cmd_read slba=0, len=7, ctrl=0x0, dsmgmt=0, reftag=0)",
  "  fio-7  [000] .....  10.000010: map: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x0000000003793000 size=4096",
  "  fio-7  [000] .....  10.000020: dma_map_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=fffff000 size=4096 phys_addr=3793000 attrs=",
  "  fio-7  [000] .....  10.000030: block_rq_issue: 259,0 R 4096 () 0 + 8 be,0,4 [fio]",
  "  <idle>-0  [001] d.h1.  50.000000: dma_map_phys: 0000:00:06.0 dir=TO_DEVICE dma_addr=1000 size=64 phys_addr=1000 attrs=",
].join("\n");

function logOf(device: string, controller: string, timeout: number): string {
  return [
    `[   10.100000] DMAR: [DMA Write NO_PASID] Request device [${device}] fault addr 0xfffff000 [fault reason 0x05] PTE Write access is not set`,
    `[   ${timeout}.000000] nvme ${controller}: I/O tag 5 (0005) opcode 0x2 (I/O Cmd) QID 1 timeout, aborting req_op:READ(0) size:4096`,
  ].join("\n");
}

Deno.test("a timeout that follows a fault of the same device is reported with it", () => {
  const { json, text } = checked(TRACE, logOf("00:04.0", "nvme0", 41));
  assertEquals(json().stories, [{
    controller: "nvme0",
    device: "0000:00:04.0",
    fault_line: 1,
    timeout_line: 2,
    seconds: 30.9,
  }]);
  assertStringIncludes(
    text(),
    "nvme0 (0000:00:04.0) timed out at l:2, 30.9 s after its fault at l:1",
  );
  assertStringIncludes(text(), "  next  ");
});

Deno.test("a timeout of another device, of an unknown one, or long after is no story", () => {
  const logs = [
    logOf("00:06.0", "nvme0", 41),
    logOf("00:04.0", "nvme1", 41),
    logOf("00:04.0", "nvme0", 99),
  ];
  for (const log of logs) {
    assertEquals(checked(TRACE, log).json().stories, [], log);
  }
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
