/** Requests with memory that the kernel allocates for itself, such as metadata of the block layer. */
import { assertEquals } from "@std/assert";
import { firstRequestDifference } from "../compare/compare_requests.ts";
import type { RequestRecord } from "../compare/request_record.ts";

/** A request that maps one page of memory that the kernel allocated for itself, behind an IOMMU. */
function request(phys: number, dma: number, unmapped = dma): RequestRecord {
  const [page, mapped] = [phys - phys % 4096, dma - dma % 4096];
  return {
    blocks: null,
    physSegments: null,
    gapBit: null,
    disk: "ssd",
    op: "read",
    lba: 0,
    map: [
      { kind: "dma_map", values: { phys, size: 64, dir: 2, dma } },
      { kind: "iommu_map", values: { phys: page, dma: mapped, size: 4096 } },
    ],
    unmap: [{ kind: "dma_unmap", values: { dma: unmapped, size: 64, dir: 2 } }],
    device: null,
    status: 0,
  };
}

/** A guest without any of the scenario's memory. */
const GUEST = { isObserved: () => true, physOf: () => null, scenarioPhys: () => null };

const difference = (model: RequestRecord, kernel: RequestRecord) =>
  firstRequestDifference(model, kernel, GUEST)?.text ?? null;

Deno.test("the place of the kernel's own memory in its page is its own", () => {
  assertEquals(difference(request(0x10000, 0xf000), request(0x73a80, 0x2a80)), null);
  assertEquals(difference(request(0x10080, 0xf080), request(0x73a80, 0x2a80)), null);
});

Deno.test("an unmap of another address than the mapped one differs", () => {
  const other = "dma_unmap_phys or dma_unmap_page: dma differs";
  assertEquals(difference(request(0x10000, 0xf000), request(0x73a80, 0x2a80, 0x2a00)), other);
  assertEquals(difference(request(0x10000, 0xf000), request(0x73a80, 0x2a80, 0x3a80)), other);
});
