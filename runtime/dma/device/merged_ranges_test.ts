import { assertEquals } from "@std/assert";
import type { DmaAddr } from "../../address.ts";
import { joinedOutputs } from "./merged_ranges.ts";

const PAGE = 4096;

Deno.test("outputs are joined up to the length of the device's longest segment, and no further (dma.md 7.2)", () => {
  const joined = (maxSegmentSizeBytes: number, ...sizes: number[]) => {
    const dev = {
      domain: null,
      lastAddress: 2 ** 32 - 1,
      maxSegmentSizeBytes,
      segmentBoundaryMask: 2 ** 32 - 1,
    };
    const outputs = sizes.map((sizeBytes, index) => ({
      dma: index * 2 ** 20 as DmaAddr,
      sizeBytes,
    }));
    return joinedOutputs(dev, outputs)?.map((group) => group.map(({ sizeBytes }) => sizeBytes));
  };
  assertEquals(joined(2 * PAGE, PAGE, PAGE), [[PAGE, PAGE]]);
  assertEquals(joined(2 * PAGE, PAGE, PAGE, PAGE), [[PAGE, PAGE], [PAGE]]);
  assertEquals(joined(2 * PAGE - 1, PAGE, PAGE, PAGE), undefined);
  assertEquals(joined(2 * PAGE, 2 * PAGE, 512, PAGE), [[2 * PAGE], [512, PAGE]]);
});
