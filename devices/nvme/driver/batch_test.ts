import { assertEquals } from "@std/assert";
import { ArmedInjection, DMA_MAPPING_ERROR, INJECTION, Plug } from "@dmalab/runtime";
import { DriverRig, pages, vec } from "../_driver_rig.ts";
import type { NvmeRequest } from "./request.ts";
import type { Io } from "../io.ts";

/** Reads of one page each, far apart on the disk, held back by one plug. */
function batchOf(rig: DriverRig, count: number): Io[] {
  const plug = new Plug<NvmeRequest>();
  const ios = pages(count).map((page, index) => {
    rig.machine.events.context.site = index;
    return rig.disk.submit("read", { lba: index * 64, buffer: { segments: [page] }, plug });
  });
  plug.flush();
  return ios;
}

Deno.test("a batch is one activity with one doorbell for all its commands (nvme.md 4.1)", () => {
  const rig = new DriverRig();
  const ios = batchOf(rig, 5);
  const events = rig.record(() => rig.machine.runNextActivity(), ["nvme.submit", "nvme.doorbell"]);
  const submits = events.filter(({ name }) => name === "nvme.submit");
  assertEquals(submits.map(({ request }) => request), ios.map(({ requests }) => requests[0]!.id));
  // The doorbell's event has the call site of the batch's last command.
  assertEquals(events.slice(5).map(({ fields, request, site }) => [fields, request, site]), [
    [{ queue: 1, value: 5, which: "sq_tail" }, null, 4],
  ]);
  rig.run();
  assertEquals(ios.map(({ status }) => status), Array(5).fill("OK"));
});

Deno.test("a doorbell comes early where the next command would hide all others (nvme.md 4.1)", () => {
  const rig = new DriverRig({ depth: 4 });
  const ios = batchOf(rig, 3);
  const rung = rig.record(() => rig.machine.runNextActivity(), ["nvme.doorbell"])
    .map(({ fields }) => (fields as { value: number }).value);
  assertEquals(rung, [3]);
  rig.run();
  assertEquals(ios.every(({ status }) => status === "OK"), true);
});

Deno.test("what a batch cannot prepare is prepared again after the others (nvme.md 7, case 13)", () => {
  const rig = new DriverRig();
  const { dma } = rig.machine;
  const original = dma.dmaMapPhys.bind(dma);
  const [first] = pages(3);
  const asked: number[] = [];
  let failures = 1;
  dma.dmaMapPhys = (dev, phys, ...rest) => {
    asked.push(phys);
    return phys === first!.phys && failures-- > 0
      ? DMA_MAPPING_ERROR
      : original(dev, phys, ...rest);
  };
  const ios = batchOf(rig, 3);
  const rung = rig.record(() => rig.run(), ["nvme.doorbell"])
    .map(({ fields }) => fields as { value: number; which: string })
    .filter(({ which }) => which === "sq_tail");
  assertEquals(asked, [...pages(3), first!].map(({ phys }) => phys));
  assertEquals(rung.map(({ value }) => value), [2, 3]);
  assertEquals(ios.map(({ status }) => status), ["OK", "OK", "OK"]);
});

Deno.test("a permanent error in a batch makes all its calls twice (nvme.md 7, case 13)", () => {
  const rig = new DriverRig({
    sgl: true,
    metadataBytes: 8,
    metadataSgl: true,
    iommu: { mode: "strict" },
    machine: { quirks: new Set(["metadata_uses_data_gap", "metadata_iova_from_format"]) },
  });
  const plug = new Plug<NvmeRequest>();
  const ios = pages(2).map((page, index) =>
    rig.disk.submit("read", {
      lba: index * 8,
      buffer: { segments: [page] },
      metadata: { segments: [vec(0x400_0000 + index * 8192 + 64, 64)] },
      plug,
    })
  );
  plug.flush();
  rig.run();
  assertEquals(ios.map(({ status }) => status), ["IOERR", "IOERR"]);
  assertEquals(rig.calls("dma_iova_try_alloc"), 4);
});

Deno.test("who waits for a tag gets that of a request that could not be prepared (nvme.md 4.1)", () => {
  const rig = new DriverRig({ depth: 2 });
  const plug = new Plug<NvmeRequest>();
  // Every try to map the first read fails. Meanwhile the second read finds no free tag.
  rig.machine.armInjection(new ArmedInjection(INJECTION.dma_map_phys, 1, 17));
  const [one, other] = pages(2).map((page, index) =>
    rig.disk.submit("read", { lba: index * 64, buffer: { segments: [page] }, plug })
  );
  plug.flush();
  rig.run();
  assertEquals([one!.done, one!.status], [true, "RESOURCE"]);
  assertEquals([other!.done, other!.status], [true, "OK"]);
});
