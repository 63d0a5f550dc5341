/**
 * Log lines in the forms of public mail and forum threads, with invented numbers. For each log, the
 * answer must say briefly what is wrong.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { explainLog } from "../cli/line_explainer.ts";
import { readKernelLog } from "../kernel_log/kernel_log_reader.ts";
import { checkedTrace } from "./checked_trace.ts";

const explained = (...lines: readonly string[]) => explainLog(lines.join("\n")).lines.join("\n");
const checked = (...lines: readonly string[]) => checkedTrace([], lines).text();

const FAULT = "[DMA Read] Request device [06:00.0] fault addr";
const REASON = "[fault reason 06] PTE Read access is not set";

Deno.test("a fault with a masked address is about a mapping all the same, and has its access", () => {
  for (const address of ["ffxxxxxx", "XXXXXXXX", "0x7cd8xxxx", "<redacted>", "dead****"]) {
    const line = `DMAR: ${FAULT} ${address} ${REASON}`;
    assertStringIncludes(explained(line), "  access    read\n");
    assertStringIncludes(checked(line), "no verdict: the line has no address that can be read");
  }
  assertStringIncludes(
    checked(`DMAR: ${FAULT} 1000 [fault reason 02] Present bit in context entry is clear`),
    "not about a mapping",
  );
});

Deno.test("a time is printed as the log has it, and never as one that the line does not have", () => {
  const stamps = [
    ["Mar  9 08:12:44 box kernel: ", "at Mar  9 08:12:44\n"],
    ["[Tue Mar  9 08:12:44 2027] ", "at Mar  9 08:12:44 2027\n"],
    ["2027-03-09T08:12:44.123456+01:00 box kernel: ", "at 2027-03-09T08:12:44.123456\n"],
    ["[2027-03-09 08:12:44.500] [    4.250000] ", "at 4.250000 s\n"],
    ["[   31.500000] ", "at 31.500000 s\n"],
    ["1804579964.250000 box kernel: ", "at 1804579964.250000\n"],
  ] as const;
  for (const [stamp, shown] of stamps) {
    assertStringIncludes(checked(`${stamp}AMD-Vi: Completion-Wait loop timed out`), shown);
  }
  // A time difference to the previous line is not a time.
  for (const stamp of ["[  +0.001779] ", "[<    0.001779>] "]) {
    const text = checked(`${stamp}AMD-Vi: Completion-Wait loop timed out`);
    assertEquals(/^ {2}when/m.test(text), false, text);
  }
});

Deno.test("the line of a warning is no unread line where its message is read, before or behind it", () => {
  const cut = "[    1.000001] ------------[ cut here ]------------";
  const warning =
    "[    1.000002] WARNING: CPU: 2 PID: 41 at drivers/iommu/dmar.c:844 warn_invalid_dmar+0x70/0x7d";
  const message =
    "[    1.000003] Your BIOS is broken; DMAR reported at address fedc1000 returns all ones!";
  const other = "[    1.000004] Modules linked in: nvme";
  const unread = (...lines: readonly string[]) => readKernelLog(lines.join("\n")).unread.length;
  assertEquals(unread(cut, warning, message, other), 0);
  assertEquals(unread(cut, message, warning, other), 0);
  assertEquals(unread(warning, message), 0);
  assertEquals(unread(cut, warning, other), 1);
  assertEquals(unread(warning), 1);
  // The message stands before the cut line. Therefore it belongs to an earlier report.
  assertEquals(unread(message, cut, warning, other), 1);
  // Two warnings, of which only the second has a message.
  assertEquals(unread(cut, warning, other, cut, warning, message), 1);
});

Deno.test("faults of one device at many addresses are one story, with their number and their addresses", () => {
  const at = (device: string, index: number) =>
    `[${(10 + index / 100).toFixed(6).padStart(12)}] nvme ${device}: AMD-Vi: Event logged ` +
    `[IO_PAGE_FAULT domain=0x0014 address=0x${
      (0xfc000000 + index * 4096).toString(16)
    } flags=0x0000]`;
  const lines = Array.from({ length: 300 }, (_, index) => at("0000:41:00.0", index));
  const story = explained(...lines);
  assertStringIncludes(story, "300 times, first in line 1");
  assertStringIncludes(story, "address 0xfc000000 to 0xfc12b000 (300 of them)");
  assertEquals(story.split("\n").length < 15, true, story);
  const report = checked(...lines);
  assertStringIncludes(
    report,
    "what  0000:41:00.0 300 addresses from 0xfc000000 to 0xfc12b000; no verdict",
  );
  assertStringIncludes(report, "when  300 times, from 10.000000 s to 12.990000 s");
  const two = explained(at("0000:41:00.0", 0), at("0000:42:00.0", 1));
  assertEquals(two.match(/^line \d+$/gm)?.length, 2);
});

Deno.test("messages that differ in their numbers only are one finding", () => {
  const pool = (id: number, seconds: number) =>
    `page_pool_release_retry() stalled pool shutdown: id ${id}, 3 inflight ${seconds} sec`;
  const pools = [pool(7, 60), pool(7, 121), pool(8, 60)];
  assertStringIncludes(
    explained(...pools),
    "also          pool id 7 to 8 (2 of them); seconds stalled 60 to 121 (2 of",
  );
  assertStringIncludes(checked(...pools), "when  3 times; also lines 2, 3, with other numbers");
  const full = (used: number) =>
    `mt7915e 0000:03:00.0: swiotlb buffer is full (sz: 4096 bytes), total 32768 (slots), used ${used} (slots)`;
  assertStringIncludes(
    explained(full(31000), full(31222)),
    "used slots 31000 to 31222 (2 of them)",
  );
  const status = [2, 102, 202].map((each) => `DMAR: DRHD: handling fault status reg ${each}`);
  assertStringIncludes(explained(...status), "record index 0 to 2 (3 of them)");
  // A different cause makes a separate story.
  assertEquals(explained(full(31000), full(32768)).match(/^line \d+$/gm)?.length, 2);
});

Deno.test("a report of the checker does not advise to switch the checker on", () => {
  const line =
    "DMA-API: ftgmac100 1e660000.ftgmac: device driver frees DMA memory with different " +
    "size [device address=0x0000000083f7f8c2] [map size=1536 bytes] [unmap size=60 bytes]";
  for (const text of [explained(line), checked(line)]) {
    assertStringIncludes(text.replace(/\s+/g, " "), "read the stacks below the report");
    assertEquals(text.includes("CONFIG_DMA_API_DEBUG"), false);
  }
});

Deno.test("messages of drivers that set up an IOMMU or a device are no errors, and read", () => {
  const lines = [
    "apple-dart 702f80000.iommu: DART [pagesize 4000, 16 streams, bypass support: 1, locked: 0] initialized",
    "arm-smmu 12000000.iommu: SMMUv2 with:",
    "arm-smmu 12000000.iommu: \t64 context banks (0 stage-2 only)",
    "DMAR: Intel-IOMMU force enabled due to platform opt in",
    "software IO TLB [mem 0xc6ad6000-0xcaad6000] (64MB) mapped at [ffff8800c6ad6000-ffff8800caad5fff]",
    "nvme 0000:01:00.0: enabling device (0000 -> 0002)",
    "vfio-pci 0000:00:02.0: Invalid PCI ROM header signature: expecting 0xaa55, got 0xffff",
    "pcieport 0000:00:1c.0: PME: Signaling with IRQ 122",
    "rk_iommu 27920f00.iommu: mmu_dte_addr: 0x00000000434c3000 dte@0x00000000434c3020: 0x000000 valid: 0>",
  ];
  const bounces = "PCI-DMA: Using software bounce buffering for IO (SWIOTLB)";
  assertStringIncludes(explained(bounces), "Memory that a device cannot address is bounced");
  for (const line of lines) {
    const { entries, states, unread } = readKernelLog(`[    1.000000] ${line}`);
    assertEquals([entries.length, states.length, unread.length], [0, 1, 0], line);
  }
});

Deno.test("a message in the words of its reporter is read without its driver and device", () => {
  const classOf = (line: string) => readKernelLog(line).entries.map(({ facts }) => facts.class);
  assertEquals(
    classOf(
      "- vmalloc: ehci-pci: rejecting DMA map of vmalloc memory - error -11 in usb_bulk_read",
    ),
    ["map_vmalloc"],
  );
  assertStringIncludes(
    explained("coherent DMA mask is unset").replace(/\s+/g, " "),
    "A coherent allocation for a device failed",
  );
});

Deno.test("lines of a PCI Express error are read without their first one, and a mask of errors is hex", () => {
  const lines = [
    "[   58.278505] pcieport 0000:00:1c.0: device [14e4:2712] error status/mask=00044000/00400000",
    "[   58.286892] pcieport 0000:00:1c.0:    [14] CmpltTO",
    "[   58.293008] pcieport 0000:00:1c.0: AER:    [18] MalfTLP                (First)",
    "[   58.299822] pcieport 0000:00:1c.0: AER:   TLP Header: 60000001 0100000f 000000ff ffffe000",
    "[   58.299823] nvme 0000:03:00.0: AER: Error of this Agent is reported first",
  ];
  const { entries, states, unread } = readKernelLog(lines.join("\n"));
  assertEquals([entries.length, states.length, unread.length], [0, 5, 0]);
  const error =
    "[   58.1] pcieport 0000:00:1c.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer, (Receiver ID)";
  const whole = readKernelLog([error, ...lines.slice(0, 4)].join("\n"));
  assertEquals([whole.entries.length, whole.states.length], [1, 0]);
  assertEquals(whole.entries[0]!.facts.errors, ["CmpltTO", "MalfTLP"]);
  assertStringIncludes(explained(error, ...lines.slice(0, 4)), "  mask          0x400000\n");
});
