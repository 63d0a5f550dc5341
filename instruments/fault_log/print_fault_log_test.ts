import { assertEquals } from "@std/assert";
import type { IommuModel } from "../../runtime/iommu/iommu_models.ts";
import type { DeviceAccess, FaultReason } from "../../runtime/iommu/iommu.ts";
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
};

const MODELS: readonly IommuModel[] = ["vtd", "amd", "arm"];
const ACCESSES: readonly DeviceAccess[] = ["read", "write"];

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
    printFaultLog("arm", { ...FAULT, access: "read", reason: "not_readable" })!.split("\n"),
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

Deno.test("printFaultLog() has no line where no hardware is known to write one", () => {
  for (const model of MODELS) {
    assertEquals(printFaultLog(model, { ...FAULT, reason: "unreachable" }), null);
    assertEquals(printFaultLog(model, { ...FAULT, reason: "reserved" }), null);
  }
  assertEquals(printFaultLog("amd", { ...FAULT, reason: "address_width" }), null);
  assertEquals(printFaultLog("x86", FAULT), null);
});

Deno.test("decodeFaultLog() reads back what printFaultLog() wrote, for every model and reason", () => {
  let state = 7;
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
  let lines = 0;
  for (let round = 0; round < 500; round++) {
    const requesterId = below(65536);
    const dma = below(2 ** 21) * 2 ** 32 + below(2 ** 32);
    for (const model of MODELS) {
      for (const access of ACCESSES) {
        const denied: FaultReason = access === "read" ? "not_readable" : "not_writable";
        for (const reason of ["not_present", denied, "address_width"] as const) {
          const fault = { ...FAULT, access, dma, reason, requesterId, pciDomain: below(3) };
          const text = printFaultLog(model, fault);
          if (text === null) continue;
          const read = decodeFaultLog(`[   12.345678] kernel: ${text}`);
          if (!read.ok) throw new Error(`${read.problem.message}: ${text}`);
          lines++;
          assertEquals(read.fault.format, model);
          assertEquals(read.fault.source!.requesterId, requesterId);
          assertEquals(read.fault.source!.domain, model === "vtd" ? null : fault.pciDomain);
          assertEquals(read.fault.access, access);
          assertEquals(numberOf(read.fault.address!), model === "vtd" ? dma - dma % 4096 : dma);
          // The second stage of VT-d cannot tell what is not there from what is not allowed, and an
          // address too wide for an SMMU has no translation.
          const expected = model === "vtd" && reason === "not_present"
            ? denied
            : model === "arm" && reason === "address_width"
            ? "not_present"
            : reason;
          assertEquals(read.fault.reason, expected, text);
        }
      }
    }
  }
  assertEquals(lines, 500 * 2 * (3 + 2 + 3));
});

Deno.test("the error value, all ones, is printed as 64 bits and stays a number nowhere", () => {
  for (const model of ["vtd", "arm"] as const) {
    const text = printFaultLog(model, { ...FAULT, dma: -1, reason: "address_width" })!;
    const read = decodeFaultLog(text);
    if (!read.ok) throw new Error(read.problem.message);
    assertEquals(numberOf(read.fault.address!), null);
    assertEquals(read.fault.address!.high, 0xffff_ffff);
    assertEquals(read.fault.address!.low, model === "vtd" ? 0xffff_f000 : 0xffff_ffff);
  }
});
