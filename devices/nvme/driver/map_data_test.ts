import { BLK_STS, type DmaAddr, swiotlbConfig } from "@dmalab/runtime";
import { assert, assertEquals } from "@std/assert";
import type { QuirkName } from "@dmalab/runtime/kernels";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import { DriverRig, type DriverRigOptions, pages, scattered, vec } from "../_driver_rig.ts";
import { IOD_FLAG, type UnmapRule } from "./request.ts";

Deno.test("the simple path maps and unmaps once, coherent or not (nvme.md ch. 1-5, assertion 3)", () => {
  const rig = new DriverRig();
  const calls = rig.watchCalls();
  const rq = rig.read([vec(0x200_0200, 7680)]);
  assertEquals(rq.command!.prp2, 0x200_1000 as DmaAddr);
  assertEquals(calls, ["map_phys", "unmap_phys"]);
  assertEquals(rq.unmappedBy, "single");
});

Deno.test("on an SGL controller that is one data block (nvme.md ch. 1-5, assertion 2)", () => {
  const rig = new DriverRig({ sgl: true });
  const rq = rig.read([vec(0x1_0200, 8704)]);
  assertEquals(rq.command!.sgl, [{ type: 0, address: 0x1_0200 as DmaAddr, sizeBytes: 8704 }]);
  assertEquals(rq.command!.bytes[1], 0x40);
  assertEquals(rig.calls("dma_pool_alloc"), 0);
  assertEquals(rq.unmappedBy, "single");
});

/** The rows of 2.6, in their order. */
const ROWS: readonly UnmapRule[] = ["single", "bus", "iova", "nothing", "from_sgl", "saved"];

Deno.test("how a mapping ends follows the rows of nvme.md 2.6", () => {
  const gaps = scattered([0, 512], [0, 512], [0, 512]);
  const whole = pages(3);
  const force = { machine: { swiotlb: swiotlbConfig({ force: true }) } };
  const cases: [options: DriverRigOptions, vecs: typeof whole, rule: UnmapRule, unmaps: number][] =
    [
      [{}, pages(1), "single", 1],
      [{}, whole, "nothing", 0],
      [{ sgl: true }, gaps, "nothing", 0],
      [{ iommu: { mode: "strict" } }, whole, "iova", 0],
      [{ sgl: true, iommu: { mode: "strict" } }, gaps, "from_sgl", 3],
      [{ iommu: { mode: "passthrough" } }, whole, "nothing", 0],
      [{ device: { coherent: false } }, whole, "saved", 3],
      [{ sgl: true, device: { coherent: false } }, gaps, "from_sgl", 3],
      [force, whole, "saved", 3],
      [{ ...force, sgl: true }, gaps, "from_sgl", 3],
    ];
  for (const [options, vecs, rule, unmaps] of cases) {
    const rig = new DriverRig(options);
    const ended = rig.record(() => {
      const rq = rig.read(vecs);
      assertEquals([rq.status, rq.unmappedBy], ["OK", rule]);
    }, ["nvme.unmap"]);
    assertEquals(ended.map(({ fields }) => fields), [{ rule }]);
    assertEquals(ended[0]!.why!.rule, `nvme.2.6.${ROWS.indexOf(rule) + 1}`);
    const { domain, coherent } = rig.driver.dev;
    const { translated, coherent: coherentInput } = ended[0]!.why!.inputs;
    assertEquals([translated, coherentInput], [domain !== null, coherent]);
    assertEquals(rig.calls("dma_unmap_phys"), unmaps, rule);
    assertEquals(rig.calls("dma_iova_destroy"), rule === "iova" ? 1 : 0);
    assertEquals(rig.calls("dma_pool_alloc"), rig.calls("dma_pool_free"));
    assert(rig.holdsFreshData(vecs));
  }
});

Deno.test("a single data block from the iterator is unmapped from the command (nvme.md 2.6)", () => {
  // One counted segment that only the iterator may map: peer memory across the host bridge.
  const rig = new DriverRig({ sgl: true, device: { coherent: false } });
  usePeers(rig, "thru_host_bridge");
  const { request, iod } = rig.request([vec(0x8000_0000, 16384)], { gapBit: 10 });
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
  assertEquals(iod.flags, IOD_FLAG.DATA_MMIO);
  const attrs = rig.record(() => rig.driver.complete(iod, request), ["call.dma_unmap_phys"]);
  assertEquals(request.unmappedBy, "from_sgl");
  assertEquals(attrs.map(({ fields }) => (fields as { attrs: unknown }).attrs), [["mmio"]]);
});

function usePeers(rig: DriverRig, kind: PeerMapType): void {
  rig.machine.peers = {
    unmappedEnd: () => -1,
    isPeerMemory: (phys) => phys >= 0x8000_0000,
    providerAt: () => "peer",
    passesRoot: () => true,
    mapType: (phys) => phys >= 0x8000_0000 ? kind : "none",
    busAddress: (phys) => (phys - 0x1000_0000) as DmaAddr,
    resolveBusAddress: () => -1,
  };
}

Deno.test("peer memory never takes the simple path; by bus address it needs no call (nvme.md 2.2, 2.6)", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  usePeers(rig, "bus_addr");
  const calls = rig.watchCalls();
  const { request, iod } = rig.request([vec(0x9000_0000, 4096)]);
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
  assertEquals(iod.prp1, 0x8000_0000 as DmaAddr);
  assertEquals(iod.flags, IOD_FLAG.DATA_P2P);
  rig.driver.complete(iod, request);
  assertEquals(request.unmappedBy, "bus");
  assertEquals(calls, []);
});

Deno.test("stale_iova_state_p2p: the tag's last range makes several bus addresses one data block (nvme.md 7, case 5)", () => {
  const descriptors = (quirks: QuirkName[]): number[] => {
    const rig = new DriverRig({
      sgl: true,
      iommu: { mode: "strict" },
      machine: { quirks: new Set(quirks) },
    });
    const { request, iod } = rig.request(pages(16));
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
    rig.driver.complete(iod, request);
    usePeers(rig, "bus_addr");
    const peer = rig.request(
      Array.from({ length: 8 }, (_, index) => vec(0x9000_0000 + index * 8192, 4096)),
    );
    assertEquals(rig.driver.prepare(iod, peer.request), BLK_STS.OK);
    return rig.driver.viewCommand(iod).sgl.map(({ sizeBytes }) => sizeBytes);
  };
  // 0x400f in the captured anomalies: the command describes the first segment only.
  assertEquals(descriptors(["stale_iova_state_p2p"]), [4096]);
  assertEquals(descriptors([]), []);
});

Deno.test("a request mapped as one range, or by one call under an IOMMU, says where", () => {
  const strict = new DriverRig({ iommu: { mode: "strict" } });
  const one = strict.read([vec(0x200_0200, 4096)]);
  assertEquals(one.iova!.start % 4096, 0x200);
  assertEquals(one.iova!.sizeBytes, 4096);
  assertEquals(strict.read(pages(4)).iova!.sizeBytes, 16384);
  assertEquals(strict.read(scattered([0, 4096], [0, 4096])).iova!.sizeBytes, 8192);
  assertEquals(new DriverRig().read(pages(4)).iova, null);
  const gaps = new DriverRig({ sgl: true, iommu: { mode: "strict" } });
  assertEquals(gaps.read(scattered([0, 512], [0, 512])).iova, null);
});
