import { assert, assertEquals } from "@std/assert";
import { decodeFaultLog } from "./decode_fault_log.ts";
import { FaultLogReader, type FoundFaultLog } from "./find_fault_logs.ts";
import { formatSource } from "./pci_source.ts";

/** The faults of a log, in its order, including the unreadable ones. */
function findFaultLogs(log: string): FoundFaultLog[] {
  const found: FoundFaultLog[] = [];
  const reader = new FaultLogReader((fault) => found.push(fault));
  log.split("\n").forEach((text, index) => reader.push(text, index + 1));
  reader.end();
  return found.sort((a, b) => a.line - b.line);
}

const LOG = `[    0.000000] Linux version 7.2
[    1.110000] DMAR: DRHD: handling fault status reg 3
[    1.110001] DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7cd80000 [fault reason 0x06] PTE
[    1.110002] DMAR: [DMA Write NO_PASID] Request device [00:02.0] fault adr 0x7cd80000 [fault reason 0x05] PTE
[    2.000000] usb 1-1: new device
[   13.134460] AMD-Vi: Event logged [
[   13.137925] IO_PAGE_FAULT device=05:00.0 domain=0x0012 address=0xff6101b0 flags=0x0070]
[   14.000000] arm-smmu-v3 fc900000.iommu: event 0x10 received:
[   14.000001] arm-smmu-v3 fc900000.iommu: \t0x0000210000000010
[   14.000002] arm-smmu-v3 fc900000.iommu: \t0x0000020000000000
[   14.000003] arm-smmu-v3 fc900000.iommu: \t0x0000000000000000
[   14.000004] arm-smmu-v3 fc900000.iommu: \t0x0000000000000000
[   14.000005] arm-smmu-v3 fc900000.iommu: event: F_TRANSLATION client: 0002:21:00.0 sid: 0x2100 ssid: 0x0 iova: 0x0 ipa: 0x0
[   14.000006] arm-smmu-v3 fc900000.iommu: unpriv data write s1 "Input address caused fault" stag: 0x0
[   15.000000] arm-smmu-v3 fc900000.iommu: event: C_BAD_STREAMID client: (unassigned sid) sid: 0x900 ssid: 0x0
`;

Deno.test("a reader finds each fault of a log with its line, and the damaged one among them", () => {
  const found = findFaultLogs(LOG).map(({ line, read }) =>
    read.ok
      ? `${line} ${read.fault.event} ${
        read.fault.source === null ? "no source" : formatSource(read.fault.source)
      }`
      : `${line} ${read.problem.message}`
  );
  assertEquals(found, [
    "3 DMA 00:02.0",
    '4 expected "fault addr", found "fault adr 0x7cd80000 [fa…"',
    "6 IO_PAGE_FAULT 05:00.0",
    "8 F_TRANSLATION 0002:21:00.0",
    "15 C_BAD_STREAMID no source",
  ]);
});

Deno.test("a reader keeps what an SMMU says of another event apart from the record before it", () => {
  const other = LOG.replace("sid: 0x2100", "sid: 0x2200");
  assertEquals(findFaultLogs(other).map(({ line }) => line), [3, 4, 6, 8, 13, 15]);
  assert(findFaultLogs("").length === 0 && findFaultLogs("DMAR: IOMMU enabled").length === 0);
});

const VTD = "DMAR: [DMA Write NO_PASID] Request device [0000:01:00.0] fault addr 0xff000000 " +
  "[fault reason 0x05] PTE Write access is not set";
const OLD_SMMU = "arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0x1000, " +
  "fsynr=0x220000, cbfrsynra=0x100, cb=1";
const smmu = (name: string, address: string) => [
  `arm-smmu-v3 ${name}: event 0x10 received:`,
  ...["0x0000010000000010", "0x0000020000000000", address, "0x0000000000000000"].map((word) =>
    `arm-smmu-v3 ${name}: \t${word}`
  ),
];

Deno.test("two SMMUs whose words are mixed are read each from its own", () => {
  const [one, two] = [smmu("one", "0x0000000000001000"), smmu("two", "0x0000000000002000")];
  const [head, ...words] = one;
  const mixed = [...two, head!, ...words.flatMap((word) => ["arm-smmu-v3 two: \t0x1", word])];
  const addresses = findFaultLogs(mixed.join("\n")).map(({ read }) =>
    read.ok ? read.fault.address?.low : null
  );
  assertEquals(addresses, [0x2000, 0x1000]);
});

Deno.test("a log of blanks, or of one line of beginnings, is read in time that grows with its length", () => {
  const blanks = " ".repeat(500_000);
  for (
    const text of [`DMAR: [${blanks}`, `DMAR: ${blanks}[DMA Read${blanks}`, `AMD-Vi${blanks}[`]
  ) {
    assertEquals(decodeFaultLog(text).ok, false);
    assertEquals(findFaultLogs(text).every(({ read }) => !read.ok), true);
  }
  const words = `arm-smmu-v3 one: event 0x10 received:\n${blanks}`;
  assertEquals(findFaultLogs(words).map(({ read }) => read.ok), [false]);
  assertEquals(findFaultLogs("event: C_ ".repeat(50_000)).length, 1);
  assertEquals(findFaultLogs(`event 0x1 received ${"client:".repeat(70_000)}`).length, 1);
});

Deno.test("lines of SMMUv1 and SMMUv2 and VT-d's oldest form are read in a whole log", () => {
  const blocked = "arm-smmu 5000000.iommu: Blocked unknown Stream ID 0x401; boot with it";
  const old = "INTR-REMAP: Request device [[73:1a.4] fault index 17\n" +
    "INTR-REMAP:[fault reason 33] Interrupt index exceeded the interrupt-remapping table size";
  const found = findFaultLogs([OLD_SMMU, old, blocked, VTD].join("\n"));
  assertEquals(
    found.map(({ line, read }) => `${line} ${read.ok ? read.fault.event : read.problem.message}`),
    ["1 context_fault", "2 INTR-REMAP", "4 global_fault", "5 DMA"],
  );
  assertEquals(found.map(({ read }) => read.ok && read.fault.streamId)[2], 0x401);
});

Deno.test("a fault ends 64 lines behind its first one, whatever those lines are", () => {
  const found: number[] = [];
  const reader = new FaultLogReader(({ line }) => found.push(line));
  reader.push(VTD, 7);
  reader.passTo(71);
  assertEquals([found, reader.openLine], [[], 7]);
  reader.passTo(72);
  assertEquals([found, reader.openLine], [[7], Infinity]);
});
