/** The what-if `sgl_segment_chains`: lists of several SGL segments. */
import { assert, assertEquals } from "@std/assert";
import { GIB } from "../../../../runtime/address.ts";
import type { BioVec } from "../../../../runtime/block/bio.ts";
import { BLK_STS } from "../../../../runtime/errno.ts";
import { ArmedFault, FAULT } from "../../../../runtime/faults.ts";
import { HeldResources } from "../../../../runtime/held_resources.ts";
import type { QuirkName } from "../../../../runtime/kernels/quirks.ts";
import { DriverRig, type RigOptions, vec } from "../../_driver_rig.ts";

const QUIRKS = new Set<QuirkName>(["sgl_segment_chains"]);
const DIRECT: RigOptions = {
  sgl: true,
  machine: { quirks: QUIRKS, ramSizeBytes: 8 * GIB },
  // 8 MiB in one request.
  driver: { sglThresholdBytes: 1, maxUserSectors: 16384 },
};
const ENVIRONMENTS: Readonly<Record<string, RigOptions>> = {
  direct: DIRECT,
  "not coherent": { ...DIRECT, device: { coherent: false } },
};

/** Pages above 4 GiB that never touch. */
const scatteredPages = (count: number) =>
  Array.from({ length: count }, (_, page) => vec(0x1_2000_0000 + page * 0x2000, 4096));

Deno.test("a queue that takes SGLs has 2048 segments then, one that does not its 256 (nvme.md 1.1)", () => {
  assertEquals(new DriverRig(DIRECT).driver.limits.maxSegments, 2048);
  assertEquals(new DriverRig({ ...DIRECT, sgl: false }).driver.limits.maxSegments, 256);
  assertEquals(new DriverRig({ sgl: true }).driver.limits.maxSegments, 256);
  assertEquals(new DriverRig(DIRECT).driver.adminLimits.maxSegments, 256);
  const old = { ...DIRECT, machine: { kernel: "6.12.117" as const, quirks: QUIRKS } };
  assertEquals(new DriverRig(old).driver.limits.maxSegments, 128);
});

/** Segments of n data descriptors: 255 and a link in each page but the last. */
const segmentsFor = (entries: number): number =>
  entries <= 256 ? 1 : Math.ceil((entries - 1) / 255);

Deno.test("255 data blocks and a link in each page but the last; 2048 take 9 pages", () => {
  assertEquals([256, 257, 511, 512, 2048].map(segmentsFor), [1, 2, 2, 3, 9]);
  for (const [name, options] of Object.entries(ENVIRONMENTS)) {
    for (const count of [16, 17, 255, 256, 257, 510, 511, 512, 2048]) {
      const rig = new DriverRig(options);
      const memory = scatteredPages(count);
      const held = new HeldResources(rig.machine);
      const events = rig.record(() => {
        const rq = rig.read(memory);
        assertEquals([rq.status, rq.format], ["OK", "sgl"], `${name}, ${count}`);
        assertEquals(rq.command!.sgl.length, count);
        const { address, sizeBytes, type } = rq.command!.sglOfCommand;
        const chained = segmentsFor(count) > 1;
        assertEquals([type, sizeBytes], chained ? [0x20, 4096] : [0x30, count * 16]);
        assert(address > 0);
        assert(rig.holdsFreshData(memory));
      }, ["nvme.sgl"]);
      const links = events.slice(0, -1).map(({ fields }) => fields as Record<string, unknown>)
        .filter(({ type }) => type !== "data_block");
      assertEquals(links.length, segmentsFor(count) - 1, `${name}, ${count}`);
      assertEquals(links.map(({ type }) => type), [
        ...new Array(Math.max(0, links.length - 1)).fill("segment"),
        ...links.length > 0 ? ["last_segment"] : [],
      ]);
      held.stop();
      assertEquals(held.leaks().map(({ text }) => text), [], `${name}, ${count}`);
      assertEquals(rig.driver.usedDescriptors, 0);
      // Each block once: the links between the pages are none.
      assertEquals(rig.calls("dma_unmap_phys"), name === "direct" ? 0 : count);
    }
  }
});

Deno.test("a request holds a block of the small pool, or one of the large pool for each segment (nvme.md 2.4)", () => {
  for (const [count, blocks] of [[16, 1], [256, 1], [257, 2], [2048, 9]] as const) {
    const rig = new DriverRig(DIRECT);
    const { request, iod } = rig.request(scatteredPages(count));
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
    assertEquals([iod.nrDescriptors, rig.driver.usedDescriptors], [blocks, blocks], `${count}`);
  }
});

Deno.test("whichever segment or mapping fails, nothing leaks, and the request is retried", () => {
  for (const [name, options] of Object.entries(ENVIRONMENTS)) {
    for (
      const [point, places] of [
        ["dma_pool_alloc", [1, 2, 3]],
        ["dma_map_phys", [1, 2, 256, 257, 600]],
      ] as const
    ) {
      for (const place of places) {
        const rig = new DriverRig(options);
        const memory = scatteredPages(600);
        const held = new HeldResources(rig.machine);
        const fault = new ArmedFault(FAULT[point], place, place);
        rig.machine.armFault(fault);
        const rq = rig.read(memory);
        assertEquals([fault.fired, rq.status], [1, "OK"], `${name}, ${point} ${place}`);
        assert(rig.holdsFreshData(memory));
        held.stop();
        assertEquals(held.leaks().map(({ text }) => text), [], `${name}, ${point} ${place}`);
      }
    }
  }
});

Deno.test("a further segment fails to be allocated: its own mapping is unmapped first, then the listed ones (nvme.md 2.4)", () => {
  const rig = new DriverRig({ ...DIRECT, device: { coherent: false } });
  // Each of its own length: an address and a length cannot be taken for each other.
  const memory = scatteredPages(600).map(({ phys }, page) => vec(phys, 512 * (1 + page % 8)));
  const { request, iod } = rig.request(memory);
  rig.machine.armFault(new ArmedFault(FAULT.dma_pool_alloc, 2, 2));
  const events = rig.record(() => {
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.RESOURCE);
  }, ["call.dma_unmap_phys"]).map(({ fields }) => fields);
  const unmapped = ({ phys, sizeBytes }: BioVec) => ({
    dev: "ssd",
    dma: phys as number,
    size: sizeBytes,
    dir: "from_device",
    attrs: [],
  });
  assertEquals(events, [memory[256]!, ...memory.slice(0, 256)].map(unmapped));
  assertEquals([iod.nrDescriptors, rig.driver.usedDescriptors], [0, 0]);
});

Deno.test("a request of as many segments may still be described by PRPs, and saves each mapping", () => {
  const rig = new DriverRig({
    ...DIRECT,
    device: { coherent: false },
    driver: { sglThresholdBytes: 32768, maxUserSectors: 16384 },
  });
  const memory = scatteredPages(2048);
  const rq = rig.read(memory);
  assertEquals([rq.status, rq.format, rq.unmappedBy], ["OK", "prp", "saved"]);
  assertEquals(rig.calls("dma_unmap_phys"), 2048);
});
