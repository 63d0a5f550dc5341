import { BLK_STS, type Bytes, KIB, MIB, swiotlbConfig } from "@dmalab/runtime";
import { assert, assertEquals } from "@std/assert";
import {
  DriverRig,
  type DriverRigOptions,
  pages,
  scattered,
  usePeers,
  vec,
} from "../_driver_rig.ts";
import { KERNELS } from "@dmalab/runtime/kernels";
import { NVM_OPCODE, PSDT } from "./protocol.ts";

/** A rig with the driver of 6.12. */
function rigOf(options: DriverRigOptions = {}): DriverRig {
  return new DriverRig({ ...options, machine: { kernel: "6.12.117", ...options.machine } });
}

const STRICT: DriverRigOptions = { iommu: { mode: "strict" } };
const FORCE: DriverRigOptions = {
  machine: { swiotlb: swiotlbConfig({ force: true }) },
};

/** The format of a read's data pointer, from its command. */
function formatOf(
  options: DriverRigOptions,
  ...parts: [offset: number, sizeBytes: number][]
): string {
  const rig = rigOf(options);
  const rq = rig.read(scattered(...parts));
  assertEquals(rq.status, "OK");
  const { command } = rq;
  if (command!.bytes[1] === PSDT.PRP) return command!.prpLists.length === 0 ? "prps" : "prp_list";
  return command!.sglList.length === 0 ? "data_block" : "sgl_list";
}

const whole = (count: number, sizeBytes: Bytes = 4096): [number, number][] =>
  Array.from({ length: count }, () => [0, sizeBytes]);

Deno.test("the limits are those of 6.12 (nvme.md 6, captured.md)", () => {
  const { limits } = rigOf({ sgl: true }).disk;
  assertEquals(
    [limits.maxSegments, limits.virtBoundaryMask, limits.maxSectors, limits.joinsInsideBio],
    [128, 4095, 2560, false],
  );
  assertEquals(rigOf({ sgl: true, ...STRICT }).disk.limits.maxSegments, 33);
});

Deno.test("a request without a segment is IOERR (nvme.md 6)", () => {
  const rig = rigOf();
  const { iod, request } = rig.request([], { segments: 1 });
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.IOERR);
});

Deno.test("a request knows its range where all of it is one: a lone segment, and a list that joined (nvme.md 6)", () => {
  const rangeOf = (...parts: [offset: number, sizeBytes: number][]) => {
    const rq = rigOf(STRICT).read(scattered(...parts));
    return rq.iova === null ? null : [rq.iova.start % 4096, rq.iova.sizeBytes];
  };
  assertEquals(rangeOf([0x200, 512]), [0x200, 512]);
  assertEquals(rangeOf(...whole(8)), [0, 32 * KIB]);
  assertEquals(rangeOf([0x800, 0x800], ...whole(3)), [0x800, 0x3800]);
});

Deno.test("one longer segment is a data block, unless the threshold is 0 or there are no SGLs (nvme.md 6)", () => {
  const longer: [number, number] = [0x200, 7 * KIB];
  const touching = (options: DriverRigOptions) => {
    const rig = rigOf(options);
    const calls = rig.watchCalls();
    const { command } = rig.read([vec(0x200_0000 + longer[0], 12 * KIB)]);
    return [command!.bytes[1] === PSDT.PRP ? "prp" : "sgl", calls[0]];
  };
  assertEquals(touching({ sgl: true }), ["sgl", "map_page"]);
  assertEquals(touching({ sgl: true, driver: { sglThresholdBytes: 0 } }), ["prp", "map_sgtable"]);
  assertEquals(touching({ sgl: false }), ["prp", "map_sgtable"]);
});

Deno.test("several segments are one list, always unmapped (captured.md 6.12)", () => {
  for (const options of [{}, STRICT, FORCE, { device: { coherent: false } }]) {
    const rig = rigOf(options);
    const rq = rig.read(pages(5));
    assertEquals(rq.status, "OK");
    assertEquals([rig.calls("dma_map_sgtable"), rig.calls("dma_unmap_sg")], [1, 1]);
    assertEquals(rq.unmappedBy, "scatterlist");
  }
});

Deno.test("a translated list is one range, one map-sync and one tear-down (nvme.md 6)", () => {
  const rig = rigOf({ ...STRICT, sgl: true });
  const names = ["iova.alloc", "iommu.map", "iommu.sync_map", "iommu.unmap", "iova.free"] as const;
  const events = rig.record(() => rig.read(pages(16)), names).map(({ name }) => name);
  assertEquals(events, [
    "iova.alloc",
    ...Array.from({ length: 16 }, () => "iommu.map" as const),
    "iommu.sync_map",
    "iommu.unmap",
    "iova.free",
  ]);
});

Deno.test("the threshold looks at what was mapped: a joined list is one segment (nvme.md 6)", () => {
  const direct: DriverRigOptions = { sgl: true };
  const strict: DriverRigOptions = { sgl: true, ...STRICT };
  assertEquals(formatOf(strict, ...whole(4)), "prp_list");
  assertEquals(formatOf(strict, ...whole(8)), "data_block");
  assertEquals(formatOf(direct, ...whole(8)), "prp_list");
  assertEquals(formatOf(direct, ...whole(3, 8192)), "prp_list");
  assertEquals(
    formatOf({ sgl: true, driver: { sglThresholdBytes: 4096 } }, ...whole(3)),
    "sgl_list",
  );
  assertEquals(formatOf({ ...strict, driver: { sglThresholdBytes: 0 } }, ...whole(8)), "prp_list");
});

Deno.test("a user's command of several segments has SGLs forced (nvme.md 6)", () => {
  const rig = rigOf({ sgl: true, driver: { sglThresholdBytes: 0 } });
  const io = rig.disk.passthrough({
    opcode: NVM_OPCODE.READ,
    buffer: { segments: pages(2) },
    dwords: { 12: 15 },
  });
  const { command, status } = rig.finish(io).requests[0]!;
  assertEquals([status, command!.bytes[1], command!.sglList.length], ["OK", PSDT.SGL, 2]);
});

Deno.test("the pool is chosen by what was mapped (nvme.md 6)", () => {
  const pool = (options: DriverRigOptions, count: number) => {
    const rig = rigOf({ sgl: true, driver: { sglThresholdBytes: 512 }, ...options });
    return rig.record(() => rig.read(pages(count)), ["call.dma_pool_alloc"])
      .map(({ fields }) => (fields as { pool: string }).pool);
  };
  assertEquals(pool({}, 16), ["small"]);
  assertEquals(pool({}, 17), ["large"]);
  assertEquals(pool(STRICT, 17), []);
});

Deno.test("a request without a list of descriptors is undone as a whole (nvme.md 6)", () => {
  for (const sgl of [true, false]) {
    const rig = rigOf({ sgl, ...FORCE, driver: { sglThresholdBytes: 512 } });
    const { request, iod } = rig.request(pages(4));
    iod.pools.small.alloc = () => null;
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.RESOURCE);
    assertEquals(rig.machine.swiotlb.usedSlots, 0);
    assertEquals(iod.dataList, null);
  }
});

function refusePeers(rig: DriverRig): void {
  usePeers(rig, "not_supported", 0);
  rig.machine.memory.kindAt = () => "mmio";
}

Deno.test("the design of 2021 ends a refused peer with a status of its own (p2p.md 9.9)", () => {
  const rig = rigOf({ machine: { quirks: new Set(["p2p_design_2021"]) } });
  refusePeers(rig);
  const { request, iod } = rig.request(pages(2));
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.P2PDMA);
});

Deno.test("a list that cannot be mapped is RESOURCE, a refused peer TARGET (nvme.md 6)", () => {
  const rig = rigOf({ device: { maskBits: 32 }, machine: { ramSizeBytes: 8 * 1024 * MIB } });
  const far = rig.request([vec(0x1_0000_0000, 256 * KIB), vec(0x1_1000_0000, 512 * KIB)]);
  assertEquals(rig.driver.prepare(far.iod, far.request), BLK_STS.RESOURCE);
  assertEquals([rig.dev.mappings, rig.machine.swiotlb.usedSlots], [0, 0]);

  refusePeers(rig);
  for (const count of [1, 2]) {
    const { request, iod } = rig.request(pages(count));
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.TARGET);
    assertEquals(iod.dataList, null);
  }
});

Deno.test("vectors of one bio that touch stay segments of their own (block.md 2.1)", () => {
  const rig = rigOf();
  const rq = rig.read([vec(0x200_0000, 4096), vec(0x200_1000, 4096), vec(0x300_0000, 4096)]);
  assertEquals(rq.segments().length, 3);
  const [call] = rig.record(
    () => rig.read([vec(0x200_0000, 4096), vec(0x200_1000, 4096), vec(0x300_0000, 4096)]),
    ["call.dma_map_sgtable"],
  );
  assertEquals((call!.fields as { nents: number }).nents, 3);
});

Deno.test("metadata is a plain pointer mapped by its page, before the data unmapped (nvme.md 3, 6)", () => {
  const rig = rigOf({ metadataBytes: 8 });
  const calls = rig.watchCalls();
  const io = rig.finish(rig.disk.submit("write", { buffer: { segments: pages(2) } }));
  assertEquals(io.status, "OK");
  assert(io.requests[0]!.command!.mptr > 0);
  assertEquals(calls, ["map_sgtable", "map_page", "unmap_page", "unmap_sg"]);
});

Deno.test("a user's command of one segment has an SGL without a list where metadata may have one", () => {
  const format = (options: DriverRigOptions) => {
    const rig = rigOf({ sgl: true, ...options });
    const calls = rig.watchCalls();
    const buffer = { segments: [vec(64 * MIB, 512)] };
    const { requests } = rig.finish(rig.disk.passthrough({ opcode: 2, buffer }));
    return `${requests[0]!.command!.format}, ${calls.join(" ")}`;
  };
  assertEquals(format({}), "prp, map_page unmap_page");
  // Checked in a run of Debian's 6.12.117 in QEMU 10.0.13 and 11.1.3, with controllers that support
  // SGLs of metadata.
  assertEquals(format({ metadataSgl: true }), "sgl, map_page unmap_page");
  const none = { driver: { sglThresholdBytes: 0 } };
  assertEquals(format({ metadataSgl: true, ...none }), "sgl, map_sgtable unmap_sg");
});

Deno.test("metadata of several pieces is a list of its own, unmapped before the data's (nvme.md 6)", () => {
  const rig = rigOf({ ...STRICT, sgl: true, metadataBytes: 8, metadataSgl: true });
  const metadata = [vec(64 * MIB, 64), vec(64 * MIB + 0x2000, 64)];
  const { request, iod } = rig.request(pages(16), { metadata });
  const calls = rig.watchCalls();
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
  const { metadataSgl } = rig.driver.viewCommand(iod);
  rig.driver.complete(iod, request);
  // The first descriptor is a segment descriptor with the total size of the others. The descriptors
  // of the pieces follow; each piece is in a separate page.
  assertEquals(metadataSgl.map(({ sizeBytes, type }) => [type, sizeBytes]), [
    [0x30, 32],
    [0x00, 64],
    [0x00, 64],
  ]);
  // Checked in a run: Debian's 6.12.117 in QEMU 11.1.3 frees the descriptors before it unmaps the
  // metadata.
  assertEquals(calls.filter((call) => /_sg|pool/.test(call)), [
    "map_sgtable",
    "map_sgtable",
    "pool_alloc",
    "pool_free",
    "unmap_sg",
    "unmap_sg",
  ]);
  assertEquals(rig.machine.iommu.liveMappings, 0);
});

Deno.test("6.1: a first segment that is bounced off its place is refused, and the list is lost, where a list is needed (nvme.md 6.1)", () => {
  const refused = (kernel: "6.1.192" | "6.12.117", ...more: [number, number][]) => {
    const rig = new DriverRig({
      machine: { kernel, quirks: KERNELS[kernel].quirks },
      iommu: { mode: "strict" },
      device: { untrusted: true },
    });
    const calls = rig.watchCalls();
    const { status } = rig.read(scattered([3584, 512], ...more));
    const counted = (name: string) => calls.filter((call) => call === name).length;
    return [status, counted("pool_alloc"), counted("pool_free"), counted("unmap_sg")];
  };
  assertEquals(refused("6.1.192", ...whole(4)), ["IOERR", 1, 0, 1]);
  assertEquals(refused("6.12.117", ...whole(4)), ["OK", 1, 1, 1]);
  // Without a list the device reads past the end of the first mapping.
  assertEquals(refused("6.1.192", ...whole(1, 512)).slice(1), [0, 0, 1]);
});
