import { assertEquals } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { withPlace } from "../plan/key_places.ts";

const SCENARIO = `machine {
  cpus = 12
  iommu { mode = strict, model = smmu }
  pci {
    root_port rp0 {
      external = true
      nvme ssd { queues = 1, shadow_doorbells = true }
    }
  }
}

test "one" { let pages = alloc_pages(1) }
test "two" with { swiotlb.dynamic = true } { let pages = alloc_pages(1) }
test "three" matrix { cpus = [9, 10] } { let pages = alloc_pages(1) }
`;

const ROWS: readonly (readonly [test: number, reason: string, place: string])[] = [
  [0, "cpus: the guest has 8 at most", "a.dma:2:3"],
  [0, "iommu.model = smmu: the guest has vtd, vtd_scalable, amd", "a.dma:3:26"],
  [0, "rp0.external: QEMU's AMD IOMMU is for the root bus alone", "a.dma:6:7"],
  [0, "ssd.shadow_doorbells: QEMU's controller has no such setting", "a.dma:7:30"],
  [1, "swiotlb.dynamic: kernels of distributions do not have it", "a.dma:13:6"],
  [2, "cpus: the guest has 8 at most", "a.dma:14:6"],
];

Deno.test("a key that QEMU cannot express is named with its place", () => {
  const { program } = loadProgram(new SourceFile("a.dma", SCENARIO), {
    load: () => new LoadError("not_found", "no files"),
  });
  for (const [test, reason, place] of ROWS) {
    assertEquals(withPlace(reason, program!, program!.tests[test]!), `${reason} (${place})`);
  }
  assertEquals(withPlace("a raw command", program!, program!.tests[0]!), "a raw command");
});
