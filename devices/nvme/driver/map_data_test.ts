import { type BioVec, BLK_STS, type DmaAddr, GIB } from "@dmalab/runtime";
import { assertEquals } from "@std/assert";
import type { QuirkName } from "@dmalab/runtime/kernels";
import {
  DriverRig,
  type DriverRigOptions,
  pages,
  scattered,
  usePeers,
  vec,
} from "../_driver_rig.ts";
import { IOD_FLAG } from "./request.ts";

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

Deno.test("a single data block from the iterator is unmapped from the command (nvme.md 2.6)", () => {
  // A request that counts one segment. It must still be mapped by the iterator, because the segment
  // is peer memory across the host bridge.
  const rig = new DriverRig({ sgl: true, device: { coherent: false } });
  usePeers(rig, "thru_host_bridge");
  const { request, iod } = rig.request([vec(0x8000_0000, 16384)], { gapBit: 10 });
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
  assertEquals(iod.flags, IOD_FLAG.DATA_MMIO);
  const attrs = rig.record(() => rig.driver.complete(iod, request), ["call.dma_unmap_phys"]);
  assertEquals(request.unmappedBy, "from_sgl");
  assertEquals(attrs.map(({ fields }) => (fields as { attrs: unknown }).attrs), [["mmio"]]);
});

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
  // The captured anomaly with status 0x400f: the command describes the first segment only.
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

Deno.test("an unmap says all that decided it (nvme.md 2.6)", () => {
  const why = (memory: readonly BioVec[], options: DriverRigOptions = {}) => {
    const rig = new DriverRig(options);
    const [event] = rig.record(() => rig.read(memory), ["nvme.unmap"]);
    const { rule, inputs: { format, iova_bytes, ...inputs } } = event!.why!;
    return [rule, format, iova_bytes, Object.keys(inputs).filter((key) => inputs[key] === true)];
  };
  const high = [0, 1, 2].map((page) => vec(5 * GIB + page * 0x2000, 4096));
  const bounced = { machine: { ramSizeBytes: 8 * GIB }, device: { maskBits: 32 } };
  const lists = { sgl: true, driver: { sglThresholdBytes: 512 } };
  assertEquals(why(pages(1)), ["nvme.2.6.1", "prp", 0, ["coherent"]]);
  assertEquals(why(pages(3)), ["nvme.2.6.4", "prp", 0, ["coherent"]]);
  assertEquals(why(pages(3), lists), ["nvme.2.6.4", "sgl", 0, ["coherent"]]);
  const needs = (...more: string[]) => ["nvme.2.6.6", "prp", 0, ["needs_unmap", ...more]];
  assertEquals(why(high, bounced), needs("coherent", "bounced"));
  assertEquals(why(pages(3), { device: { ownOps: true } }), needs("coherent", "own_ops"));
  const strict = ["nvme.2.6.3", "prp", 12288, ["needs_unmap", "coherent", "translated"]];
  assertEquals(why(pages(3), { iommu: { mode: "strict" } }), strict);
});
