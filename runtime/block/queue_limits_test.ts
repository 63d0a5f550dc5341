import { assert, assertEquals } from "@std/assert";
import { MIB } from "../address.ts";
import { ERRNO } from "../errno.ts";
import { deriveLimits, type LimitsInput, type QueueLimits } from "./queue_limits.ts";

const CAP_7_2 = 8192;
const CAP_6_12 = 2560;

function derive(input: LimitsInput, cap = CAP_7_2): QueueLimits {
  const limits = deriveLimits(input, cap);
  assert(typeof limits !== "number", `refused with ${limits}`);
  return limits;
}

function refused(input: LimitsInput): void {
  assertEquals(deriveLimits(input, CAP_7_2), -ERRNO.EINVAL, JSON.stringify(input));
}

Deno.test("the default soft limit is 4 MiB in 7.2 and 1280 KiB in 6.12 (block.md ch. 1, assertion 1)", () => {
  assertEquals(derive({ maxHwSectors: 16384 }).maxSectors, 8192);
  assertEquals(derive({ maxHwSectors: 16384 }, CAP_6_12).maxSectors, 2560);
});

Deno.test("what is left out has the kernel's default (block.md 1.1)", () => {
  const limits = derive({});
  assertEquals(limits.logicalBlockSizeBytes, 512);
  assertEquals(limits.physicalBlockSizeBytes, 512);
  assertEquals(limits.maxHwSectors, 255);
  assertEquals(limits.maxSectors, 255);
  assertEquals(limits.maxSegments, 128);
  assertEquals(limits.maxDiscardSegments, 1);
  assertEquals(limits.segBoundaryMask, 0xffff_ffff);
  assertEquals(limits.maxSegmentSizeBytes, 65536);
  assertEquals(limits.dmaAlignmentMask, 511);
  assertEquals(limits.maxFastSegmentSizeBytes, 4096);
  assertEquals([limits.ioMinBytes, limits.ioOptBytes], [512, 0]);
  assertEquals([limits.maxIntegritySegments, limits.metadataBytes, limits.p2pdma], [0, 0, 0]);
  assertEquals([limits.maxDiscardSectors, limits.maxWriteZeroesSectors], [0, 0]);
  assertEquals([limits.virtBoundaryMask, limits.chunkSectors], [0, 0]);
  assertEquals(limits.joinsInsideBio, true);
});

Deno.test("the soft limit follows user, optimal and minimal sizes in this order (block.md 1.1)", () => {
  const sectorsOf = (mib: number): number => (mib * 2 ** 20) / 512;
  const base = { maxHwSectors: 65536 };
  assertEquals(derive({ ...base, maxUserSectors: 64 }).maxSectors, 64);
  assertEquals(derive({ ...base, maxUserSectors: 1_000_000 }).maxSectors, 65536);
  assertEquals(derive({ ...base, ioOptBytes: 8 * 2 ** 20 }).maxSectors, sectorsOf(8));
  assertEquals(derive({ ...base, ioOptBytes: 4 * 2 ** 20 }).maxSectors, sectorsOf(4));
  assertEquals(derive({ ...base, ioMinBytes: 16 * 2 ** 20 }).maxSectors, sectorsOf(16));
  assertEquals(derive({ ...base, maxDevSectors: 100 }).maxSectors, 100);
  assertEquals(derive({ ...base, maxDevSectors: 1 }).maxSectors, 1);
  const both = { ioOptBytes: 8 * 2 ** 20, ioMinBytes: 16 * 2 ** 20 };
  assertEquals(derive({ ...base, ...both }).maxSectors, sectorsOf(8));
  // A size above 4 MiB replaces the default; exactly 4 MiB does not.
  assertEquals(derive({ ...base, ioOptBytes: 4 * 2 ** 20 }, CAP_6_12).maxSectors, CAP_6_12);
  assertEquals(derive({ ...base, ioMinBytes: 4 * 2 ** 20 }, CAP_6_12).maxSectors, CAP_6_12);
});

Deno.test("limits that make no sense are refused with EINVAL (block.md 1.1)", () => {
  refused({ logicalBlockSizeBytes: 256 });
  refused({ logicalBlockSizeBytes: 768 });
  refused({ physicalBlockSizeBytes: 1536 });
  refused({ maxHwSectors: 7 });
  refused({ maxHwSectors: 8, logicalBlockSizeBytes: 8192 });
  refused({ maxUserSectors: 7 });
  refused({ segBoundaryMask: 4094 });
  refused({ maxSegmentSizeBytes: 4095 });
  refused({ dmaAlignmentMask: 4097 });
});

Deno.test("the last values that make sense (block.md 1.1)", () => {
  assertEquals(derive({ logicalBlockSizeBytes: 65_536 }).logicalBlockSizeBytes, 65_536);
  refused({ logicalBlockSizeBytes: 131_072 });
  assertEquals(derive({ maxHwSectors: 8 }).maxHwSectors, 8);
  assertEquals(derive({ maxHwSectors: 16, logicalBlockSizeBytes: 8192 }).maxHwSectors, 16);
  assertEquals(derive({ maxUserSectors: 8 }).maxSectors, 8);
  assertEquals(derive({ segBoundaryMask: 4095 }).segBoundaryMask, 4095);
  assertEquals(derive({ maxSegmentSizeBytes: 4096 }).maxSegmentSizeBytes, 4096);
  assertEquals(derive({ dmaAlignmentMask: 4096 }).dmaAlignmentMask, 4096);
});

Deno.test("where metadata limits a transfer, its reason is last (block.md 1.2)", () => {
  const reasons = (metadataBytes: number) =>
    derive({
      maxHwSectors: 2 ** 20,
      maxUserSectors: 2 ** 20,
      metadataBytes,
      maxSegmentSizeBytes: 2 ** 31,
    }).why
      .filter(({ limit }) => limit === "maxSectors")
      .map(({ inputs, rule, value }) => [rule, value, inputs["set_by"], inputs["metadata_bytes"]]);
  assertEquals(reasons(0), [["block.1.1", 2 ** 20, "max_transfer", undefined]]);
  assertEquals(reasons(64), [
    ["block.1.1", 2 ** 20, "max_transfer", undefined],
    ["block.1.2", 32768, "metadata", 64],
  ]);
});

Deno.test("each limit that was chosen says who chose it", () => {
  const limits = derive({
    maxHwSectors: 256,
    reasons: [{ limit: "maxHwSectors", value: 256, rule: "nvme.1.1", inputs: {} }],
  });
  assertEquals(limits.why.map(({ limit }) => limit), [
    "maxHwSectors",
    "maxSectors",
    "maxSegmentSizeBytes",
    "maxSegments",
  ]);
  assertEquals(derive({}).why[0], {
    limit: "maxHwSectors",
    value: 255,
    rule: "block.1.1",
    inputs: { set_by: "block_layer" },
  });
  const setter = (ioOptBytes: number) =>
    derive({ maxHwSectors: 2 ** 15, ioOptBytes }).why.find(({ limit }) => limit === "maxSectors")
      ?.inputs["set_by"];
  assertEquals([4 * MIB, 4 * MIB + 512].map(setter), ["block_layer", "controller"]);
  const chosen = derive({ maxHwSectors: 256, maxUserSectors: 64 }).why
    .find(({ limit }) => limit === "maxSectors");
  assertEquals([chosen?.value, chosen?.inputs["set_by"], chosen?.inputs["user_sectors"]], [
    64,
    "user",
    64,
  ]);
  const soft = limits.why.find(({ limit }) => limit === "maxSectors");
  assertEquals(soft?.value, 256);
  assertEquals([soft?.inputs["default_sectors"], soft?.inputs["device_sectors"]], [8192, 0]);
});
