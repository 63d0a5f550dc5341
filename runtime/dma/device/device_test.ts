import { assertEquals } from "@std/assert";
import type { DmaAddr } from "../../address.ts";
import { at } from "../testing.ts";
import { DmaDevice, type DmaDeviceOptions } from "./device.ts";
import { RangeMap } from "./range_map.ts";

/** All public properties of a device. */
function told(options?: DmaDeviceOptions) {
  const dev = new DmaDevice("dev", options);
  const { busLimitBits, coherentMaskBits, lastAddress, lastCoherentAddress, maskBits } = dev;
  const { checked: _checked, ...fields } = dev;
  return { ...fields, busLimitBits, coherentMaskBits, lastAddress, lastCoherentAddress, maskBits };
}

const MOST = 2 ** 53 - 1;
const DEFAULT = {
  ...{
    name: "dev",
    coherent: true,
    untrusted: false,
    deviceTlb: null,
    directRegions: [],
    ownOps: false,
  },
  ...{ rangeMap: null, minAlignMask: 0, maxSegmentSizeBytes: 65536 },
  ...{ segmentBoundaryMask: 0xffff_ffff, skipSync: true, prefer32Bit: true, wantedMode: null },
  ...{ group: null, domain: null, peer: null, hostBridge: null, refusal: null, hasDriver: false },
  ...{ requesterId: null, mappings: 0, maskBits: 64, coherentMaskBits: 64, busLimitBits: 0 },
  ...{ addressBits: 64, merged: null, busMaster: null },
  ...{ lastAddress: MOST, lastCoherentAddress: MOST },
};

Deno.test("a device is what it is made as, and without options trusted, coherent and of 64 bits (dma.md 1.2)", () => {
  assertEquals(told(), DEFAULT as never);
  const range = { cpuPhys: at(0), dma: 0x1000 as DmaAddr, sizeBytes: 0x1000 };
  const same = {
    ...{ coherent: false, untrusted: true, ownOps: true, minAlignMask: 0xfff },
    ...{ maxSegmentSizeBytes: 512, segmentBoundaryMask: 0xffff, prefer32Bit: false },
    ...{
      addressBits: 36,
      wantedMode: "strict" as const,
      maskBits: 32,
      busLimitBits: 40,
      coherentMaskBits: 48,
    },
    directRegions: [{ start: 0, end: 1, relaxable: true }],
  };
  const { deviceTlb } = new DmaDevice("dev", { ats: true, atsEntries: 8, atsAnswersNs: null });
  assertEquals([deviceTlb?.entries.entries, deviceTlb?.answersNs], [8, null]);
  assertEquals(told({ ...same, ranges: [range] }), {
    ...{ ...DEFAULT, ...same, rangeMap: new RangeMap([range]), skipSync: false },
    ...{ lastAddress: 2 ** 32 - 1, lastCoherentAddress: 2 ** 40 - 1 },
  } as never);
});

Deno.test("a mask and the bus's limit bound addresses, whichever is smaller and whenever they are set (dma.md 1.2)", () => {
  const dev = new DmaDevice("dev", { maskBits: 40 });
  const last = () => [dev.lastAddress, dev.lastCoherentAddress].map((each) => Math.log2(each + 1));
  const seen = [last()];
  dev.maskBits = 30;
  seen.push(last());
  dev.coherentMaskBits = 24;
  seen.push(last());
  dev.busLimitBits = 28;
  seen.push(last());
  dev.busLimitBits = 0;
  assertEquals([...seen, last()], [[40, 40], [30, 40], [30, 24], [28, 24], [30, 24]]);
  const skips = [{}, { coherent: false }, { ownOps: true }].map((each) =>
    new DmaDevice("", each).skipSync
  );
  assertEquals(skips, [true, false, false]);
  const lists = [false, true].map((forced) => {
    dev.setUp32Bit(forced);
    return dev.prefer32Bit;
  });
  assertEquals(lists, [true, false]);
});
