import { assert, assertEquals } from "@std/assert";
import { ArmedInjection, BLK_STS, type DmaAddr, INJECTION } from "@dmalab/runtime";
import { DriverRig, type DriverRigOptions, pages, scattered, vec } from "../_driver_rig.ts";
import { Iod } from "./request.ts";
import { PSDT, SGL_TYPE } from "./protocol.ts";

const SGL: DriverRigOptions = { sgl: true };

function gaps(count: number): ReturnType<typeof scattered> {
  return scattered(...Array.from({ length: count }, (): [number, number] => [0, 512]));
}

Deno.test("20 pieces with gaps make a list in a large descriptor (nvme.md ch. 1-5, assertion 5)", () => {
  const rig = new DriverRig(SGL);
  const vecs = gaps(20);
  const rq = rig.read(vecs);
  const command = rq.command!;
  assertEquals(command.bytes[1], PSDT.SGL);
  assertEquals(command.sglOfCommand.sizeBytes, 320);
  assertEquals(command.sglOfCommand.type, SGL_TYPE.LAST_SEGMENT);
  assertEquals(command.sgl.length, 20);
  command.sgl.forEach((descriptor, index) => {
    assertEquals(descriptor, {
      type: SGL_TYPE.DATA_BLOCK,
      address: vecs[index]!.phys as number as DmaAddr,
      sizeBytes: 512,
    });
  });
  assertEquals(rig.calls("dma_pool_alloc"), 1);
  assertEquals(rq.unmappedBy, "nothing");
  assert(rig.holdsFreshData(vecs));
  const told = rig.record(() => rig.read(vecs), ["nvme.sgl"]).map(({ fields }) =>
    Reflect.get(fields, "type")
  );
  assertEquals(told, [...new Array(20).fill("data_block"), "last_segment"]);
});

Deno.test("16 descriptors fit a small list, 17 need a large one (nvme.md 2.4, 7 case 20)", () => {
  for (const [count, pool] of [[16, "small"], [17, "large"]] as const) {
    const rig = new DriverRig(SGL);
    const taken: unknown[] = [];
    rig.machine.events.listen(({ fields }) => {
      if ((fields as { what: string }).what === "descriptor") taken.push(fields);
    }, ["mem.alloc"]);
    rig.read(gaps(count));
    assertEquals(taken, [
      { what: "descriptor", size_bytes: pool === "small" ? 256 : 4096, from: pool },
    ]);
  }
});

Deno.test("a coalesced request is one data block, without a list (nvme.md ch. 1-5, assertion 6)", () => {
  const rig = new DriverRig({ ...SGL, iommu: { mode: "strict" } });
  const vecs = pages(16);
  const rq = rig.read(vecs);
  assertEquals(rq.command!.sgl, [
    { type: SGL_TYPE.DATA_BLOCK, address: rq.iova!.start, sizeBytes: 65536 },
  ]);
  assertEquals(rig.calls("dma_iova_try_alloc"), 1);
  assertEquals(rig.calls("dma_iova_link"), 16);
  assertEquals(rig.calls("dma_iova_sync"), 1);
  assertEquals(rig.calls("dma_pool_alloc"), 0);
  assertEquals(rq.unmappedBy, "iova");
  assert(rig.holdsFreshData(vecs));
});

Deno.test("a list is unmapped from its descriptors (nvme.md ch. 1-5, assertion 10)", () => {
  const rig = new DriverRig({ ...SGL, device: { coherent: false } });
  const vecs = scattered(
    [0, 512],
    [0x200, 1024],
    ...Array.from(
      { length: 6 },
      (): [number, number] => [0, 4096],
    ),
  );
  const unmapped: unknown[] = [];
  rig.machine.events.listen(({ fields }) => {
    const { dma, size } = fields as { dma: number; size: number };
    unmapped.push([dma, size]);
  }, ["call.dma_unmap_phys"]);
  const rq = rig.read(vecs);
  assertEquals(rq.unmappedBy, "from_sgl");
  assertEquals(unmapped, vecs.map(({ phys, sizeBytes }) => [phys, sizeBytes]));
  assert(rig.holdsFreshData(vecs));
});

Deno.test("touching bios make a list of one entry (nvme.md 7, case 11)", () => {
  const rig = new DriverRig({ ...SGL, driver: { sglThresholdBytes: 4096 } });
  const touching = [0, 1].map((index) => ({
    phys: pages(1)[0]!.phys + index * 4096 as ReturnType<typeof pages>[0]["phys"],
    sizeBytes: 4096,
  }));
  const rq = rig.read(touching);
  assertEquals(rq.nrPhysSegments, 2);
  assertEquals(rq.command!.sglOfCommand.type, SGL_TYPE.LAST_SEGMENT);
  assertEquals(rq.command!.sglOfCommand.sizeBytes, 16);
  assertEquals(rq.command!.sgl.map(({ sizeBytes }) => sizeBytes), [8192]);
  assertEquals(rig.calls("dma_map_phys"), 1);
});

Deno.test("more segments than were counted: IOERR, and the extra one stays mapped (nvme.md 7, case 19)", () => {
  const rig = new DriverRig({ ...SGL, device: { coherent: false } });
  const warnings: unknown[] = [];
  rig.machine.events.listen(({ fields }) => warnings.push(fields), ["kernel.warn"]);
  const { request, iod } = rig.request(gaps(3), { segments: 2 });
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.IOERR);
  assertEquals(rig.calls("dma_map_phys"), 3);
  assertEquals(rig.calls("dma_unmap_phys"), 2);
  assertEquals(warnings, [{
    at: "nvme_pci_setup_data_sgl",
    text: `request ${request.id} has more segments than the 2 that were counted`,
    log: null,
    error: null,
  }]);
});

Deno.test("without memory for a list nothing is unmapped that needs no unmap (nvme.md 2.4)", () => {
  const rig = new DriverRig(SGL);
  const { request, iod } = rig.request(gaps(2));
  rig.machine.armInjection(new ArmedInjection(INJECTION.dma_pool_alloc));
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.RESOURCE);
  assertEquals([rig.calls("dma_map_phys"), rig.calls("dma_unmap_phys")], [1, 0]);
});

Deno.test("a descriptor in the command leaves bits 32 to 55 of the record's last PRP2 (nvme.md ch. 5, assertion 13)", () => {
  const rig = new DriverRig(SGL);
  const iod = new Iod(0, rig.driver.queues.io[0]!.pools);
  const bytes = (before: number | null) => {
    if (before !== null) iod.setPrps(0x1000, before);
    const { request } = rig.request([
      vec(rig.machine.pages.alloc(16, { contiguous: true })![0]!, 65_536),
    ]);
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
    rig.driver.complete(iod, request);
    return [...iod.sqe.slice(32, 40)];
  };
  assertEquals(bytes(null), [0, 0, 1, 0, 0, 0, 0, 0]);
  assertEquals(bytes(0x1_0d91_e100), [0, 0, 1, 0, 1, 0, 0, 0]);
  assertEquals(bytes(0), [0, 0, 1, 0, 0, 0, 0, 0]);
});
