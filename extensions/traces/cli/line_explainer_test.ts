import { assert } from "@std/assert";
import { isFaultLine } from "./line_explainer.ts";

const LINE = "[    1.1] DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7cd80000 " +
  "[fault reason 0x06] PTE Read access is not set";

Deno.test("explain tells a fault line from the name of a rule", () => {
  assert(
    isFaultLine(LINE) && isFaultLine("AMD-Vi: Event logged [") && isFaultLine("arm-smmu-v3 x"),
  );
  assert(isFaultLine("nvme 0000:01:00.0: swiotlb buffer is full (sz: 524288 bytes)"));
  for (const name of ["dma.3.3", "iommu.fault", "fault_log", "E0101", "vtd", "arm"]) {
    assert(!isFaultLine(name), name);
  }
});
