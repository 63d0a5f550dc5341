import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { explainFaultLine, explainLog, isFaultLine, logAsJson } from "./line_explainer.ts";

const LINE = "[    1.1] DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7cd80000 " +
  "[fault reason 0x06] PTE Read access is not set";

Deno.test("explain tells a fault line from the name of a rule", () => {
  assert(
    isFaultLine(LINE) && isFaultLine("AMD-Vi: Event logged [") && isFaultLine("arm-smmu-v3 x"),
  );
  for (const name of ["dma.3.3", "iommu.fault", "fault_log", "E0101", "vtd", "arm"]) {
    assert(!isFaultLine(name), name);
  }
});

Deno.test("explain decodes a line, and shows a damaged one with a caret", () => {
  const { lines, problems } = explainFaultLine(LINE);
  assertEquals(problems, []);
  assertStringIncludes(
    lines.join("\n"),
    "source    00:02.0\n  access    read of the page at 0x7cd8_0000",
  );
  const damaged = explainFaultLine(LINE.replace("addr 0x", "addr zz"));
  assertEquals(damaged.lines, []);
  const [message, line, caret] = damaged.problems;
  assertEquals(message, 'expected an address in hex digits, found "zz7cd80000 [fault reason…"');
  assertEquals(line!.indexOf("zz7cd"), caret!.indexOf("^"));
});

Deno.test("explain of a whole log counts faults that are alike, and names lines it cannot read", () => {
  const log = `boot\n${LINE}\n${LINE.replace("1.1", "1.2")}\n${LINE.replace("0x06", "0x6zz")}\n`;
  const { lines, problems } = explainLog(log);
  assertEquals(lines[0], "2 times, first in line 2");
  assertEquals(lines.filter((line) => line.startsWith("Intel VT-d")).length, 1);
  assertStringIncludes(problems[0]!, "line 4: expected the number of a reason");
  assertEquals(problems.length, 3);
  assertEquals(explainLog("nothing\n").problems, [
    "The log has no line about DMA: no fault of an IOMMU, nothing of swiotlb, CMA, DMA-API, " +
    "P2PDMA, VFIO, PCI Express errors or NVMe timeouts",
  ]);
});

Deno.test("explain reads the other lines about DMA too, and prints all as JSON when asked", () => {
  const full =
    "nvme 0000:01:00.0: swiotlb buffer is full (sz: 524288 bytes), total 32768 (slots), " +
    "used 264 (slots)";
  assert(isFaultLine(full) && !isFaultLine("dma.3.3"));
  const { lines, problems } = explainFaultLine(full);
  assertEquals(problems, []);
  assert(lines[0]!.endsWith("trace.T.52") && lines.join(" ").includes("larger than 256 KiB"));
  const json = logAsJson(`[ 2.5] ${full}\nnvme nvme0: Abort status: 0x6`).lines.map((line) =>
    JSON.parse(line)
  );
  assertEquals(json.map(({ kind, line, seconds }) => [kind, line, seconds]), [
    ["swiotlb_full", 1, 2.5],
    ["nvme_abort_status", 2, null],
  ]);
  assertEquals([json[0].cause, json[1].status], ["over_segment", 6]);
});

Deno.test('a page that is mapped later in the trace was not "never mapped" for a line without a time', async () => {
  const { output } = await dmalab(
    "explain",
    "DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0xffffd000 " +
      "[fault reason 0x05] PTE Write access is not set",
    "--trace",
    "examples/traces/data/leaky-driver.trace.txt",
  );
  assertStringIncludes(output, "possible: access_allowed");
  assertEquals(output.includes("never_mapped"), false, output);
});
