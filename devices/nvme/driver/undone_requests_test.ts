/**
 * A request that cannot be prepared leaves no mapping and no memory behind. This is tested on every
 * release, with every step that can fail.
 */
import { assert, assertEquals } from "@std/assert";
import {
  ArmedInjection,
  BLK_STS,
  INJECTION,
  INJECTION_POINTS,
  MIB,
  swiotlbConfig,
} from "@dmalab/runtime";
import { DriverRig, type DriverRigOptions, vec } from "../_driver_rig.ts";

const DATA = [vec(0x200_0000, 512), vec(0x300_0000, 512)];
const METADATA = [vec(64 * MIB + 0x40, 8), vec(65 * MIB + 0x40, 8)];
const BOUNCED: DriverRigOptions = { machine: { swiotlb: swiotlbConfig({ force: true }) } };
const STRICT: DriverRigOptions = { iommu: { mode: "strict" } };

/** Prepares a request with metadata while faults are armed. */
function prepare(options: DriverRigOptions, faults: readonly ArmedInjection[]) {
  const rig = new DriverRig({ metadataBytes: 8, ...options });
  const { iod, request } = rig.request(DATA, { metadata: METADATA });
  const held = new Map<string, number>();
  let status: number = BLK_STS.OK;
  const events = rig.record(() => {
    for (const fault of faults) rig.machine.armInjection(fault);
    status = rig.driver.prepare(iod, request);
  }, ["mem.alloc", "mem.free"]);
  for (const { fields, name } of events) {
    const { what } = fields as { what: string };
    // A pool keeps its pages, so they are not counted.
    if (what !== "pool_page") {
      held.set(what, (held.get(what) ?? 0) + (name === "mem.alloc" ? 1 : -1));
    }
  }
  return {
    status,
    left: [...held].filter(([, count]) => count !== 0),
    mappings: rig.dev.mappings + rig.machine.swiotlb.usedSlots,
    lists: [iod.dataList, iod.metaList, rig.driver.pools.usedBlocks],
  };
}

Deno.test("a request that is prepared holds the blocks of its descriptor lists, and one that is undone none", () => {
  const list = { sgl: true, iommu: { mode: "off" } } as const;
  assertEquals(prepare(list, []).lists.at(-1), 1);
  assertEquals(prepare(list, [new ArmedInjection(INJECTION.dma_pool_alloc, 1, 1)]).lists.at(-1), 0);
});

Deno.test("6.12 ends a request whose metadata cannot be mapped with IOERR (nvme.md 6)", () => {
  const kernel = "6.12.117";
  const { status } = prepare({ machine: { kernel } }, [
    new ArmedInjection(INJECTION.dma_map_page, 1, 1),
  ]);
  assertEquals(status, BLK_STS.IOERR);
});

/**
 * Makes each injection point fail, once for each time that the code passes it. Returns how many
 * requests failed because of that.
 */
function failEach(options: DriverRigOptions): number {
  const points = [...INJECTION_POINTS.keys()].map((point) => new ArmedInjection(point, Infinity));
  assertEquals(prepare(options, points).status, BLK_STS.OK);
  let count = 0;
  for (const { point, seen } of points) {
    for (let hit = 1; hit <= seen; hit++) {
      const { status, ...left } = prepare(options, [new ArmedInjection(point, hit, hit)]);
      if (status === BLK_STS.OK) continue;
      const nothing = { left: [], mappings: 0, lists: [null, null, 0] };
      assertEquals(left as unknown, nothing, `${INJECTION_POINTS[point]!.name}, ${hit}`);
      count++;
    }
  }
  return count;
}

for (const kernel of ["6.12.117", "7.2.12"] as const) {
  Deno.test(`${kernel}: whatever fails while a request is prepared, nothing of it is left (nvme.md 2, 6)`, () => {
    for (const sgl of [false, true]) {
      for (const kind of [{}, BOUNCED, STRICT]) {
        const machine = { ...kind.machine, kernel };
        const count = failEach({ ...kind, sgl, metadataSgl: sgl, machine });
        assert(count >= 2, `${count} requests failed`);
      }
    }
  });
}
