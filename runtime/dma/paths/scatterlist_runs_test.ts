import { assert, assertEquals } from "@std/assert";
import { GIB, KIB } from "../../address.ts";
import { eventId } from "../../event_vocabulary.ts";
import type { IommuModel } from "../../iommu/iommu_models.ts";
import { Machine } from "../../machine.ts";
import { defaultMachineConfig } from "../../machine_config.ts";
import { Random } from "../../random.ts";
import { DMA_FROM_DEVICE } from "../attributes.ts";
import { DmaDevice } from "../device/device.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at } from "../testing.ts";

const IOMMU_MAP = eventId("iommu.map");
/** An address past the last physical address of an Arm table with granules below 64 KiB. */
const BEYOND = 2 ** 49;

interface Side {
  readonly machine: Machine;
  readonly dev: DmaDevice;
}

function sideWith(model: IommuModel): Side {
  const defaults = defaultMachineConfig();
  const machine = new Machine({
    ...defaults,
    checker: "off",
    ramSizeBytes: 16 * GIB,
    iommu: { ...defaults.iommu, mode: "strict", model },
  });
  const dev = new DmaDevice("dev");
  machine.iommu.attach(dev);
  machine.markReady();
  return { machine, dev };
}

/**
 * Draws a list. Most entries are single pages that do not touch; some are neighbours, some are
 * longer buffers and, rarely, one lies past the table's limit.
 */
function drawList(random: Random): Scatterlist {
  const list = new Scatterlist([], 1 + random.below(700));
  const beyond = random.below(4) === 0 ? random.below(list.capacityEntries) : -1;
  let phys = 4 * GIB;
  for (let index = 0; index < list.capacityEntries; index++) {
    const pages = random.below(50) === 0 ? 16 + random.below(100) : 1;
    list.add(at(index === beyond ? BEYOND : phys), pages * 64 * KIB / (pages === 1 ? 16 : 1));
    phys += (pages + random.below(3)) * 64 * KIB;
  }
  return list;
}

/** The results of a map and its unmap. */
function pairOn({ dev, machine }: Side, list: Scatterlist): unknown {
  const answer = machine.dma.dmaMapSgtable(dev, list, DMA_FROM_DEVICE);
  const leaves: number[] = [];
  const { table } = dev.domain!;
  table.forEachLeaf(0, table.lastAddress, (...leaf) => leaves.push(...leaf));
  const outputs = list.mapped().map(({ dma, sizeBytes }) => [dma, sizeBytes]).join();
  if (answer === 0) machine.dma.dmaUnmapSg(dev, list, DMA_FROM_DEVICE);
  return {
    answer,
    leaves: leaves.join(),
    outputs,
    maps: machine.events.count(IOMMU_MAP),
    tables: table.tables,
  };
}

for (const model of ["vtd", "amd", "smmu"] as const) {
  Deno.test(`${model}: a list whose maps are listened to is mapped as one whose are not (dma.md 7.2)`, () => {
    const random = new Random(33);
    const [seen, unseen] = [sideWith(model), sideWith(model)];
    seen.machine.events.listen(() => {}, ["iommu.map"]);
    for (let step = 0; step < 8; step++) {
      const list = drawList(random);
      const wanted = pairOn(seen, list);
      assertEquals(pairOn(unseen, list), wanted);
    }
    assert(unseen.machine.events.count(IOMMU_MAP) > 1000);
  });
}
