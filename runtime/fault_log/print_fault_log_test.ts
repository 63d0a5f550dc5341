import { assertEquals } from "@std/assert";
import type { IommuModel } from "../iommu/iommu_models.ts";
import type { DeviceAccess, FaultReason } from "../iommu/iommu.ts";
import { decodeFaultLog } from "./decode_fault_log.ts";
import { type PrintedFault, printFaultLog } from "./print_fault_log.ts";
import { numberOf } from "./word64.ts";

const FAULT: PrintedFault = {
  dma: 0xffff_d123,
  access: "write",
  reason: "not_present",
  pciDomain: 0,
  requesterId: 0x0100,
  domainId: 3,
  namesSegment: false,
};

const MODELS: readonly IommuModel[] = ["vtd", "vtd_scalable", "vtd_first_stage", "amd", "smmu"];

Deno.test("virtio-iommu names the right that is missing, and none without a mapping (dma.md 5.5)", () => {
  const line = (more: Partial<PrintedFault>) =>
    printFaultLog("virtio", { ...FAULT, requesterId: 64, dma: 0x8500000, ...more });
  const page = "virtio_iommu virtio0: page fault from EP 64 at 0x8500000";
  assertEquals(line({}), `${page} []`);
  assertEquals(line({ access: "read", reason: "not_readable" }), `${page} [R]`);
  assertEquals(line({ reason: "not_writable" }), `${page} [W]`);
  const back = (more: Partial<PrintedFault>) => {
    const read = decodeFaultLog(line(more)!);
    if (!read.ok) throw new Error(read.problem.message);
    const { access, address, reason, source } = read.fault;
    return [reason, access, numberOf(address!), source];
  };
  const place = [0x8500000, { domain: null, requesterId: 64 }];
  assertEquals(back({}), ["not_present", null, ...place]);
  assertEquals(back({ access: "read", reason: "not_readable" }), [
    "not_readable",
    "read",
    ...place,
  ]);
  assertEquals(back({ reason: "not_writable" }), ["not_writable", "write", ...place]);
  assertEquals([line({ pciDomain: 1 }), line({ reason: "context_absent" })], [null, null]);
});

Deno.test("printFaultLog() writes the line of each model; VT-d's has the page alone", () => {
  assertEquals(
    printFaultLog("vtd", FAULT),
    "DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0xffffd000 " +
      "[fault reason 0x05] PTE Write access is not set",
  );
  assertEquals(
    printFaultLog("amd", FAULT),
    "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:00.0 domain=0x0003 address=0xffffd123 " +
      "flags=0x0020]",
  );
  assertEquals(
    printFaultLog("smmu", { ...FAULT, access: "read", reason: "not_readable" })!.split("\n"),
    [
      "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x13 received:",
      "arm-smmu-v3 arm-smmu-v3.0.auto: 0x0000010000000013",
      "arm-smmu-v3 arm-smmu-v3.0.auto: 0x0000020800000000",
      "arm-smmu-v3 arm-smmu-v3.0.auto: 0x00000000ffffd123",
      "arm-smmu-v3 arm-smmu-v3.0.auto: 0x0000000000000000",
      "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_PERMISSION client: 0000:01:00.0 sid: 0x100 " +
      "ssid: 0x0 iova: 0xffffd123 ipa: 0x0",
      'arm-smmu-v3 arm-smmu-v3.0.auto: unpriv data read s1 "Input address caused fault" stag: 0x0',
    ],
  );
});

Deno.test("printFaultLog() writes the words of each reason of VT-d", () => {
  const tail = (access: DeviceAccess, reason: FaultReason) =>
    printFaultLog("vtd", { ...FAULT, access, reason })!.split("[fault reason ")[1];
  assertEquals(tail("read", "not_present"), "0x06] PTE Read access is not set");
  assertEquals(tail("write", "not_writable"), "0x05] PTE Write access is not set");
  assertEquals(tail("read", "address_width"), "0x04] Access beyond MGAW");
  assertEquals(tail("write", "address_width"), "0x04] Access beyond MGAW");
});

Deno.test("scalable mode names PASID 0, and first-stage tables have reasons of their own (dma.md 1.6)", () => {
  const line = (model: IommuModel, dma: number, access: DeviceAccess, reason: FaultReason) =>
    printFaultLog(model, { ...FAULT, dma, access, reason, namesSegment: true })!;
  assertEquals(
    line("vtd_first_stage", 0xffff_d000, "write", "not_writable"),
    "DMAR: [DMA Write PASID 0x0] Request device [0000:01:00.0] fault addr 0xffffd000 " +
      "[fault reason 0x85] SM: No write permission for Write/AtomicOp request",
  );
  assertEquals(
    line("vtd_first_stage", -1, "read", "not_present"),
    "DMAR: [DMA Read PASID 0x0] Request device [0000:01:00.0] fault addr 0xfffffffffffff000 " +
      "[fault reason 0x71] SM: Present bit in first-level paging entry is clear",
  );
  assertEquals(
    line("vtd_first_stage", 2 ** 47, "read", "address_width"),
    "DMAR: [DMA Read PASID 0x0] Request device [0000:01:00.0] fault addr 0x800000000000 " +
      "[fault reason 0x80] SM: Address in first-level translation is not canonical",
  );
  assertEquals(
    line("vtd_scalable", 0xffff_d000, "read", "not_present"),
    "DMAR: [DMA Read PASID 0x0] Request device [0000:01:00.0] fault addr 0xffffd000 " +
      "[fault reason 0x06] PTE Read access is not set",
  );
});

Deno.test("printFaultLog() has no line where no hardware is known to write one", () => {
  for (const model of MODELS) {
    assertEquals(printFaultLog(model, { ...FAULT, reason: "unreachable" }), null);
    assertEquals(printFaultLog(model, { ...FAULT, reason: "reserved" }), null);
  }
  assertEquals(printFaultLog("amd", { ...FAULT, reason: "address_width" }), null);
  const isPrinted = (pciDomain: number) => printFaultLog("smmu", { ...FAULT, pciDomain }) !== null;
  assertEquals([0xffff, 0x1_0000].map(isPrinted), [true, false], "a stream has 32 bits");
});

Deno.test("the error value, all ones, is printed as 64 bits and stays a number nowhere", () => {
  for (const model of ["vtd", "smmu"] as const) {
    const text = printFaultLog(model, { ...FAULT, dma: -1, reason: "address_width" })!;
    const read = decodeFaultLog(text);
    if (!read.ok) throw new Error(read.problem.message);
    assertEquals(numberOf(read.fault.address!), null);
    assertEquals(read.fault.address!.high, 0xffff_ffff);
    assertEquals(read.fault.address!.low, model === "vtd" ? 0xffff_f000 : 0xffff_ffff);
  }
});
