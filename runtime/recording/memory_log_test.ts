import { assertEquals, assertThrows } from "@std/assert";
import { InvariantError } from "../errno.ts";
import { MemoryLog, type MemoryWrite, type MemoryWriter } from "./memory_log.ts";
import { PackedReader, PackedWriter } from "./packed_numbers.ts";

/** Memory in which each byte is the low byte of its address. */
const MEMORY = {
  read(phys: number, into: Uint8Array, start: number, sizeBytes: number): void {
    for (let index = 0; index < sizeBytes; index++) into[start + index] = phys + index;
  },
};

const WRITERS: readonly MemoryWriter[] = [
  { kind: "cpu", name: "CPU 0" },
  { kind: "device", name: "nic" },
  { kind: "bounce", name: "nic" },
];

/** A log of writes of several sizes, with the stored writes. */
function noted(sizes: readonly number[]): { log: MemoryLog; writes: MemoryWrite[] } {
  const log = new MemoryLog();
  const writes = sizes.map((sizeBytes, index): MemoryWrite => {
    const by = WRITERS[index % WRITERS.length]!;
    const phys = 2 ** 40 + 1000 * index;
    const write = { seq: 3 * index, statement: index + 1, by, phys, sizeBytes };
    log.note(write, MEMORY);
    const bytes = Uint8Array.from({ length: Math.min(sizeBytes, 256) }, (_, at) => phys + at);
    return { ...write, bytes };
  });
  return { log, writes };
}

const all = (log: MemoryLog) => Array.from({ length: log.count }, (_, index) => log.write(index));

Deno.test("a write is kept with its bytes, up to 256 of them, and comes back out of a recording", () => {
  const { log, writes } = noted([1, 0, 255, 256, 257, 4096, 7]);
  assertEquals(all(log), writes);
  assertEquals(log.hostBytes, 32 * (5 * 4 + 8) + 2048, "room for 32 writes, and for bytes");
  for (const index of [-1, writes.length]) assertThrows(() => log.write(index), InvariantError);
  const packed = new PackedWriter();
  log.pack(packed);
  const read = new MemoryLog();
  read.unpack(new PackedReader(packed.finish()));
  assertEquals(all(read), writes);
});

Deno.test("past 32 KiB a write is kept without bytes", () => {
  const { log, writes } = noted(new Array(130).fill(256));
  assertEquals(all(log).slice(0, 128), writes.slice(0, 128));
  assertEquals(log.write(129), { ...writes[129]!, bytes: new Uint8Array(0) });
});
