import { assertEquals } from "@std/assert";
import { STATUS } from "./_status.ts";
import { EventStream, VirtualClock } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { commandBytes } from "../command_bytes.ts";
import { FlatMemory } from "./_rig.ts";
import { HostPort } from "./host_port.ts";
import { DataPointer, RangeList, type SglSupport } from "./data_pointer.ts";

function bench(support: SglSupport = { sgl: true, metadataSgl: true }) {
  const memory = new FlatMemory();
  const host = new HostPort(
    new EventStream(new VirtualClock()),
    new DmaDevice("ssd"),
    memory,
  );
  return { memory, pointer: new DataPointer(host, support) };
}

const command = (fields: Parameters<typeof commandBytes>[0]) =>
  new DataView(commandBytes(fields).buffer);

Deno.test("a metadata pointer counts with both halves, and faults where no number stands for it", () => {
  const { memory, pointer } = bench();
  const at = (mptr: number | bigint, toHost: boolean) => {
    const ranges = new RangeList();
    ranges.add(0x123, 4);
    const status = pointer.metadata(command({ mptr }), 64, toHost, ranges);
    return [status, ranges.pairs() as [number, number][], memory.faults.splice(0)];
  };
  for (const mptr of [0x1000, 2 ** 32, 0x12_3456_789c]) {
    assertEquals(at(mptr, true), [0, [[mptr, 64]], []]);
  }
  assertEquals(at(2n ** 53n, false), [STATUS.TRANSFER_ERROR, [], ["read wide"]]);
  assertEquals(at(2n ** 53n, true), [STATUS.TRANSFER_ERROR, [], ["write wide"]]);
});

Deno.test("a metadata pointer is a multiple of 4 beside PRPs, and any address beside SGLs", () => {
  const { pointer } = bench();
  for (let mptr = 0; mptr < 9; mptr++) {
    const status = (flags: number) => pointer.checkMetadata(command({ flags, mptr }));
    assertEquals(status(0), mptr % 4 === 0 ? 0 : STATUS.INVALID_FIELD);
    assertEquals([status(0x40), status(0x80)], [0, 0]);
  }
});
