import { assert, assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { BLK_STS } from "../errno.ts";
import { Bio, type BioVec, vecsSizeBytes } from "./bio.ts";
import { canJoin, distanceToBoundary } from "./segment_iterator.ts";
import { BlockRequest } from "./request.ts";

function request(
  bios: [phys: number, sizeBytes: number][][],
  maxSegmentSizeBytes = 0xffff_ffff,
  segBoundaryMask = 0xffff_ffff,
  joinsInsideBio = true,
): BlockRequest {
  let sector = 0;
  const list = bios.map((parts) => {
    const vecs: BioVec[] = parts.map(([phys, sizeBytes]) => ({
      phys: phys as PhysAddr,
      sizeBytes,
    }));
    const bio = new Bio("read", sector, vecs, vecsSizeBytes(vecs));
    sector += bio.sizeBytes / 512;
    return bio;
  });
  return new BlockRequest("ssd", "read", list, {
    maxSegmentSizeBytes,
    segBoundaryMask,
    logicalBlockSizeBytes: 512,
    metadataBytes: 0,
    joinsInsideBio,
  });
}

function segments(rq: BlockRequest): [phys: number, sizeBytes: number][] {
  return rq.segments().map(({ phys, sizeBytes }) => [phys, sizeBytes]);
}

Deno.test("touching vectors of different bios become one segment (block.md ch. 2, assertion 10)", () => {
  const rq = request([[[0x10_0000, 4096]], [[0x10_1000, 4096]]]);
  assertEquals(segments(rq), [[0x10_0000, 8192]]);
});

Deno.test("a segment has 32 bits of length, whatever the limits allow (block.md 2.1)", () => {
  const rq = request([[[0, 2 ** 32 + 512]]], 2 ** 40, 2 ** 40 - 1);
  assertEquals(segments(rq), [[0, 2 ** 32 - 1], [2 ** 32 - 1, 513]]);
});

Deno.test("only where two bios meet do touching vectors become one segment in 6.12 (block.md 2.1)", () => {
  const rq = request(
    [[[0x10_0000, 4096], [0x10_1000, 4096]], [[0x10_2000, 4096], [0x10_3000, 4096]]],
    0xffff_ffff,
    0xffff_ffff,
    false,
  );
  assertEquals(segments(rq), [[0x10_0000, 4096], [0x10_1000, 8192], [0x10_3000, 4096]]);
});

Deno.test("what would pass the size limit is not appended in part (block.md 2.1)", () => {
  const rq = request([[[0x10_0000, 0x1000], [0x10_1000, 0x2000]]], 0x2000);
  assertEquals(segments(rq), [[0x10_0000, 0x1000], [0x10_1000, 0x2000]]);
  const fits = request([[[0x10_0000, 0x1000], [0x10_1000, 0x1000]]], 0x2000);
  assertEquals(segments(fits), [[0x10_0000, 0x2000]]);
});

Deno.test("a bio that was cut has what is left of its first vector, and one without vectors nothing (block.md 2.1)", () => {
  for (const joinsInsideBio of [true, false]) {
    const parts: [number, number][] = [[0x10_0000, 0x2000], [0x20_0000, 0x1000]];
    const rq = request([parts, [[0x20_1000, 0x2000]]], 0xffff_ffff, 0xffff_ffff, joinsInsideBio);
    for (const bio of rq.bios) bio.advance(0x1000);
    const [first, second] = rq.bios;
    assertEquals(segments(rq), [[0x10_1000, 0x1000], [0x20_0000, 0x1000], [0x20_2000, 0x1000]]);
    rq.bios.splice(1, 0, new Bio("discard", 0, [], 0x1000));
    second!.sizeBytes = 0x800;
    assertEquals(segments(rq).slice(1), [[0x20_0000, 0x1000], [0x20_2000, 0x800]]);
    first!.advance(0x1800);
    assertEquals(segments(rq), [[0x20_0800, 0x800], [0x20_2000, 0x800]]);
  }
});

Deno.test("a special payload stands for the bios' memory (block.md 2.1)", () => {
  const rq = request([[[0x10_0000, 4096]]]);
  rq.specialPayload = { phys: 0x77_0000 as PhysAddr, sizeBytes: 4096 };
  assertEquals(segments(rq), [[0x77_0000, 4096]]);
  assertEquals(rq.payloadBytes, 4096);
});

Deno.test("two runs join only inside one boundary block (block.md 1.5)", () => {
  const a = 0x10_0000 as PhysAddr;
  const b = 0x10_1000 as PhysAddr;
  assert(canJoin(a, 0x1000, b, 0x1000, 0xffff_ffff));
  assert(!canJoin(a, 0xe00, b, 0x1000, 0xffff_ffff));
  assert(!canJoin(a, 0x1000, b, 0x1000, 0xfff));
  assertEquals(distanceToBoundary(0x1800 as PhysAddr, 0xfff), 0x800);
  assertEquals(distanceToBoundary(0x1000 as PhysAddr, 0xfff), 0x1000);
  assertEquals(distanceToBoundary(5 as PhysAddr, 2 ** 53 - 1), 2 ** 53 - 5);
});

Deno.test("a request answers for its bytes, blocks, and one range", () => {
  const rq = request([[[0x10_0000, 4096]], [[0x20_0000, 512]]]);
  assertEquals([rq.bytes, rq.payloadBytes, rq.lba, rq.iova, rq.error], [4608, 4608, 0, null, null]);
  rq.end(BLK_STS.IOERR);
  assertEquals([rq.status, rq.error], ["IOERR", "EIO"]);
  rq.end(BLK_STS.OK);
  assertEquals([rq.status, rq.error], ["OK", null]);
  rq.bios[0]!.sector = 24;
  assertEquals([rq.sector, rq.lba], [24, 24]);
});

Deno.test("who waits for a request, and what is freed at its end, goes over to the one that it joins", () => {
  const [one, other] = [request([]), request([])];
  const seen: unknown[][] = [];
  const owner = (name: string) => ({
    requestEnded: (ended: BlockRequest) => seen.push([name, ended]),
    requestMerged: (gone: BlockRequest, into: BlockRequest) => seen.push([name, gone, into]),
  });
  for (const name of ["first", "second"]) one.addOwner(owner(name));
  other.addOwner(owner("third"));
  for (const name of ["a", "b"]) one.addRelease(() => seen.push([name]));
  other.addRelease(() => seen.push(["c"]));
  one.mergeInto(other);
  assertEquals(seen.splice(0), [["first", one, other], ["second", one, other]]);
  other.end(BLK_STS.OK);
  assertEquals(seen.splice(0).map(([name]) => name), ["c", "a", "b", "third", "first", "second"]);
  one.end(BLK_STS.OK);
  assertEquals(seen.map(([name]) => name), ["a", "b"], "nobody waits for it any more");
  // Segments that need no unmap are subtracted from the device's mappings; the result is never
  // below 0.
  for (const [mapped, left] of [[3, 2], [6, 0]] as const) {
    const dev = { mappings: 5 };
    one.mappedSegments = mapped;
    for (const _ of [1, 2]) one.skipUnmaps(dev);
    assertEquals([dev.mappings, one.mappedSegments], [left, 0]);
  }
});
