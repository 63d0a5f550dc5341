import { assertEquals } from "@std/assert";
import type { DmaAddr } from "../address.ts";
import { DMA_TO_DEVICE } from "./attributes.ts";
import { DmaIovaState } from "./iova_state.ts";

Deno.test("a cleared state equals an unused one: all zero, with no record (dma.md 3.1)", () => {
  const unused = {
    addr: 0,
    sizeBytes: 0,
    bounced: false,
    linkedBytes: 0,
    held: false,
    rangeRecord: -1,
    lastLinkRecord: -1,
    kept: null,
    singles: [],
    writtenBy: null,
  };
  const state = new DmaIovaState();
  assertEquals({ ...state }, unused as never);
  Object.assign(state, {
    addr: 0xffff_0000 as DmaAddr,
    sizeBytes: 0x3000,
    bounced: true,
    linkedBytes: 0x2000,
    held: true,
    rangeRecord: 5,
    lastLinkRecord: 6,
    kept: { dir: DMA_TO_DEVICE, attrs: 0 },
    singles: [{ offset: 0, dma: 0x1000 as DmaAddr, sizeBytes: 0x1000 }],
    writtenBy: 3,
  });
  state.clear();
  assertEquals({ ...state }, unused as never);
  state.clear(9);
  assertEquals({ ...state }, { ...unused, writtenBy: 9 } as never);
});
