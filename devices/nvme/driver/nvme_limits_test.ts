import { KernelError, type LimitReason, swiotlbConfig } from "@dmalab/runtime";
import { assertEquals, assertThrows } from "@std/assert";
import { DriverRig, type DriverRigOptions, pages } from "../_driver_rig.ts";

const FORCED: DriverRigOptions = {
  machine: { swiotlb: swiotlbConfig({ force: true }) },
};

/** Rows of the table in nvme.md 1.1. */
const TABLE: [
  what: string,
  options: DriverRigOptions,
  hw: number,
  segments: number,
  soft: number,
  by: "driver" | "dma_mapping" | "controller",
][] = [
  ["direct", {}, 16384, 256, 8192, "driver"],
  ["passthrough", { iommu: { mode: "passthrough" } }, 16384, 256, 8192, "driver"],
  ["direct, bounce forced", FORCED, 504, 64, 504, "dma_mapping"],
  ["strict", { iommu: { mode: "strict" } }, 256, 33, 256, "dma_mapping"],
  ["lazy", { iommu: { mode: "lazy" } }, 256, 33, 256, "dma_mapping"],
  [
    "untrusted",
    { iommu: { mode: "strict" }, device: { untrusted: true } },
    256,
    33,
    256,
    "dma_mapping",
  ],
  ["MDTS 5, direct", { mdtsExponent: 5 }, 256, 33, 256, "controller"],
  ["MDTS 7, direct", { mdtsExponent: 7 }, 1024, 129, 1024, "controller"],
  ["MDTS 3, direct", { mdtsExponent: 3 }, 64, 9, 64, "controller"],
];

Deno.test("limits follow the environment as the table of nvme.md 1.1 says", () => {
  for (const [what, options, hw, segments, soft, by] of TABLE) {
    const { limits } = new DriverRig(options).disk;
    const setBy = (of: LimitReason["limit"]) =>
      limits.why.find(({ limit }) => limit === of)!.inputs.set_by;
    assertEquals(
      [limits.maxHwSectors, limits.maxSegments, limits.maxSectors, setBy("maxHwSectors")],
      [hw, segments, soft, by],
      what,
    );
    assertEquals(setBy("maxSegments"), segments === 256 ? "driver" : "max_transfer", what);
  }
});

Deno.test("a controller without SGLs has a virt boundary, the admin queue always (nvme.md 1.1)", () => {
  const [plain, sgl] = [new DriverRig(), new DriverRig({ sgl: true })];
  const { adminLimits } = sgl.driver;
  const limits = [plain.disk.limits, sgl.disk.limits, adminLimits];
  assertEquals(limits.map((each) => each.virtBoundaryMask), [4095, 0, 4095]);
  for (const each of limits) {
    assertEquals([each.dmaAlignmentMask, each.maxIntegritySegments], [3, 1]);
    assertEquals([each.maxSegmentSizeBytes, each.segBoundaryMask], [0xffff_ffff, 0xffff_ffff]);
  }
});

Deno.test("a preferred boundary becomes chunk sectors and is never crossed (nvme.md 5.2)", () => {
  const rig = new DriverRig();
  rig.driver.setNamespace({ ...rig.driver.namespace!, boundaryBlocks: 32 });
  const { chunkSectors, why } = rig.driver.limits;
  assertEquals(chunkSectors, 32);
  assertEquals(why.find(({ limit }) => limit === "chunkSectors"), {
    limit: "chunkSectors",
    value: 32,
    rule: "nvme.5.2",
    inputs: { set_by: "controller", boundary_blocks: 32, block_bytes: 512 },
  });
});

Deno.test("a block size that is not a power of two is refused", () => {
  const rig = new DriverRig();
  assertThrows(
    () => rig.driver.setNamespace({ ...rig.driver.namespace!, blockSizeBytes: 520 }),
    KernelError,
    "Cannot use the limits that ssd reports",
  );
});

Deno.test("1 MiB under an IOMMU becomes 8 requests of 128 KiB (nvme.md ch. 1-5, assertion 11)", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const io = rig.finish(rig.disk.submit("write", { buffer: { segments: pages(256) } }));
  assertEquals(io.requests.map(({ bytes }) => bytes), Array<number>(8).fill(131072));
  assertEquals([io.status, io.done], ["OK", true]);
});
