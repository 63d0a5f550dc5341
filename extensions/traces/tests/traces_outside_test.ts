/**
 * Faults before or after the trace. Also a fault that alone gives the offset between the log's
 * clock and the trace's clock.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkedTrace } from "./checked_trace.ts";

/** A page of the device is mapped from 10.00001 to 10.5 s. */
const TRACE = [
  "  fio-7  [000] .....  10.000000: map: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x0000000003793000 size=4096",
  "  fio-7  [000] .....  10.000010: dma_map_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=fffff000 size=4096 phys_addr=3793000 attrs=",
  "  fio-7  [000] .....  10.500000: dma_unmap_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=fffff000 size=4096 attrs=",
  "  fio-7  [000] .....  10.500010: unmap: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 size=4096 unmapped_size=4096",
  "  fio-7  [000] .....  12.000000: dma_map_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=ffffe000 size=4096 phys_addr=3794000 attrs=",
];

/** The verdict about a fault at a time, and its text. */
function verdictAt(seconds: number, address = "0xfffff000", trace = TRACE) {
  const stamp = seconds.toFixed(6).padStart(12);
  const { findings, text } = checkedTrace(trace, [
    `[${stamp}] DMAR: [DMA Read NO_PASID] Request device [00:04.0] fault addr ${address} [fault reason 0x06] PTE Read access is not set`,
  ]);
  const fault = findings.find(({ rule }) => rule === "trace.T.62");
  return { kind: fault?.kind, certainty: fault?.certainty, text: text() };
}

Deno.test("a fault within the trace after its page went is a use after unmap", () => {
  const { certainty, kind } = verdictAt(11);
  assertEquals([kind, certainty], ["use_after_unmap", "likely"]);
});

Deno.test("a fault long after the trace, or before it, has no verdict, and says how far it lies outside", () => {
  for (
    const [seconds, address, distance] of [
      [9999, "0xfffff000", "printed 9987 s after the end of the trace"],
      [9999, "0xabcde000", "printed 9987 s after the end of the trace"],
      [3, "0xabcde000", "printed 7.0 s before the trace begins"],
    ] as const
  ) {
    const { certainty, kind, text } = verdictAt(seconds, address);
    assertEquals([kind, certainty], ["iommu_fault", "unknown"], text);
    assertStringIncludes(text, `no verdict: ${distance}`);
  }
});

Deno.test("a fault that has to choose clocks further apart than any run's is possible at most", () => {
  const { certainty, kind, text } = verdictAt(3);
  assertEquals([kind, certainty], ["use_after_unmap", "possible"], text);
});

Deno.test("events of page tables alone give no cause of a fault long after them either", () => {
  const tables = TRACE.filter((line) => / (?:map|unmap): IOMMU/.test(line));
  assertEquals(verdictAt(10.6, "0xfffff000", tables).certainty, "possible");
  const { certainty, text } = verdictAt(9999, "0xfffff000", tables);
  assertEquals(certainty, "unknown", text);
  assertStringIncludes(text, "after the end of the trace");
});
