import { assert, assertEquals } from "@std/assert";
import { findFaultLogs } from "./find_fault_logs.ts";
import { formatSource } from "./pci_source.ts";

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

Deno.test("findFaultLogs() finds each fault of a log with its line, and the damaged one among them", () => {
  const found = findFaultLogs(LOG).map(({ line, read }) =>
    read.ok
      ? `${line} ${read.fault.event} ${formatSource(read.fault.source!)}`
      : `${line} ${read.problem.message}`
  );
  assertEquals(found, [
    "3 DMA 00:02.0",
    '4 expected "fault addr", found "fault adr 0x7cd80000 [fa…"',
    "6 IO_PAGE_FAULT 05:00.0",
    "8 F_TRANSLATION 0002:21:00.0",
    "15 C_BAD_STREAMID 09:00.0",
  ]);
});

Deno.test("findFaultLogs() keeps what an SMMU says of another event apart from the record before it", () => {
  const other = LOG.replace("sid: 0x2100", "sid: 0x2200");
  assertEquals(findFaultLogs(other).map(({ line }) => line), [3, 4, 6, 8, 13, 15]);
  assert(findFaultLogs("").length === 0 && findFaultLogs("DMAR: IOMMU enabled").length === 0);
});
