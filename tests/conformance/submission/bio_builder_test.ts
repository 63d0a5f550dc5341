import { assert, assertEquals } from "@std/assert";
import { type Bio, BIO_FLAG, MIB, type PhysAddr } from "@dmalab/runtime";
import { BioBuilder, type PageJoin, type UserPiece } from "./bio_builder.ts";

const LARGE = 2 * MIB;
const HUGE_PAGE = 0x1_0280_0000;

function run(phys: number, sizeBytes: number, folioBytes = 4096, provider: string | null = null) {
  return { phys: phys as PhysAddr, sizeBytes, folioBytes, provider };
}

function build(pieces: readonly UserPiece[], join: PageJoin = "folio"): Bio[] {
  const builder = new BioBuilder(pieces, join, 512);
  const bios: Bio[] = [];
  let sector = 0;
  while (builder.leftBytes > 0) {
    const bio = builder.next("read", sector);
    assert(bio !== null);
    bios.push(bio);
    sector += bio.sizeBytes / 512;
  }
  return bios;
}

function sizes(bio: Bio): number[] {
  return bio.vecs.map(({ sizeBytes }) => sizeBytes);
}

Deno.test("pages that touch become one vector inside a folio only (captured)", () => {
  assertEquals(sizes(build([[run(0x10_e243_0400, 0x2c00)]])[0]!), [0xc00, 0x1000, 0x1000]);
  assertEquals(sizes(build([[run(HUGE_PAGE + 0x400, 0x2c00, LARGE)]])[0]!), [0x2c00]);
});

Deno.test("6.12 joins all that touches, across buffers too (captured)", () => {
  const touching = [[run(0x4000_0000, 1536)], [run(0x4000_0600, 1024)], [run(0x4000_0a00, 512)]];
  assertEquals(sizes(build(touching, "contiguous")[0]!), [3072]);
  assertEquals(sizes(build(touching)[0]!), [1536, 1024, 512]);
  assertEquals(sizes(build([[run(0x10_e243_0400, 0x2c00)]], "contiguous")[0]!), [0x2c00]);
});

Deno.test("one lookup takes as many pages as the bio has vectors left (captured)", () => {
  // In v7.2-none-mdts0, 1 MiB at offset 0x200 covers 257 pages.
  assertEquals(sizes(build([[run(HUGE_PAGE + 0x200, MIB, LARGE)]])[0]!), [1048064, 512]);
  // In v7.2-none-mdts0-big, the first buffer has vectors of 256, 255 and 1 pages, and the next
  // buffer has vectors of 253, 252 and 7 pages.
  const three = [0, 1, 2].map((index) => [run(HUGE_PAGE + 2 * index * LARGE, LARGE, LARGE)]);
  const [bio, ...rest] = build(three);
  assertEquals(rest, []);
  assertEquals(sizes(bio!).map((size) => size / 4096), [256, 255, 1, 253, 252, 7, 250, 249, 13]);
});

Deno.test("6.12 goes on with the same vector after every lookup (captured)", () => {
  assertEquals(sizes(build([[run(HUGE_PAGE, 257 * 4096, LARGE)]], "contiguous")[0]!), [257 * 4096]);
});

Deno.test("a bio has at most 256 vectors (captured)", () => {
  const scattered = Array.from(
    { length: 257 },
    (_, index) => [run(0x4000_0000 + index * 8192, 4096)],
  );
  for (const join of ["folio", "contiguous"] as const) {
    const bios = build(scattered, join);
    assertEquals(bios.map(({ vecs }) => vecs.length), [256, 1]);
    assertEquals(bios.map(({ sector }) => sector), [0, 2048]);
  }
});

Deno.test("what is no whole block at a bio's end is left to the next one", () => {
  const pieces = Array.from({ length: 512 }, (_, index) => [run(0x4000_0000 + index * 8192, 500)]);
  pieces.push([run(0x5000_0000, 512 * 512 - 256_000)]);
  const bios = build(pieces);
  // 256 vectors of 500 bytes are exactly 250 blocks.
  assertEquals(bios.map(({ sizeBytes }) => sizeBytes), [128_000, 128_000, 6144]);
  const odd = [...pieces.slice(0, 256)];
  odd[0] = [run(0x3000_0000, 100)];
  odd.push([run(0x5000_0000, 128_512 - 127_600)]);
  const [first, second] = build(odd);
  assertEquals([first!.sizeBytes, second!.sizeBytes], [127_488, 1024]);
  assertEquals(sizes(first!).at(-1), 388);
  assertEquals(second!.vecs.map(({ phys, sizeBytes }) => [phys, sizeBytes]), [
    [0x4000_0000 + 255 * 8192 + 388, 112],
    [0x5000_0000, 912],
  ]);
});

Deno.test("one byte too many is left, and so is one vector of a byte (block.md 1.4)", () => {
  const builder = new BioBuilder(
    [
      ...Array.from({ length: 255 }, (_, index) => [run(0x4000_0000 + index * 8192, 512)]),
      [run(0x5000_0000, 1)],
      [run(0x6000_0000, 511)],
    ],
    "folio",
    512,
  );
  const first = builder.next("read", 0)!;
  assertEquals([first.vecs.length, first.sizeBytes, builder.leftBytes], [255, 255 * 512, 512]);
  const second = builder.next("read", 255)!;
  assertEquals(second.vecs.map(({ phys, sizeBytes }) => [phys, sizeBytes]), [
    [0x5000_0000, 1],
    [0x6000_0000, 511],
  ]);
  assertEquals(builder.leftBytes, 0);

  const cut = new BioBuilder(
    [
      ...Array.from({ length: 255 }, (_, index) => [run(0x4000_0000 + index * 8192, 512)]),
      [run(0x5000_0000, 513)],
      [run(0x6000_0000, 511)],
    ],
    "folio",
    512,
  );
  assertEquals(sizes(cut.next("read", 0)!).at(-1), 512);
  assertEquals(cut.next("read", 256)!.vecs.map(({ phys, sizeBytes }) => [phys, sizeBytes]), [
    [0x5000_0200, 1],
    [0x6000_0000, 511],
  ]);
});

Deno.test("a bio whose vectors do not hold one block is refused", () => {
  const crumbs = Array.from({ length: 300 }, (_, index) => [run(0x4000_0000 + index * 8192, 1)]);
  assertEquals(new BioBuilder(crumbs, "folio", 512).next("read", 0), null);
});

Deno.test("peer memory of different providers is never in one bio (block.md ch. 1, assertion 10)", () => {
  const bios = build([[run(0xfb00_0000, 4096, 4096, "a")], [run(0xfd00_0000, 4096, 4096, "b")]]);
  assertEquals(bios.map(({ vecs }) => vecs.map(({ phys }) => phys)), [[0xfb00_0000], [
    0xfd00_0000,
  ]]);
  assertEquals(bios.map(({ flags }) => flags), [BIO_FLAG.NOMERGE, BIO_FLAG.NOMERGE]);
});

Deno.test("a bio ends before the first page of another kind of memory (block.md 1.4)", () => {
  const bios = build([
    [run(0x4000_0000, 4096)],
    [run(0xfb00_0000, 8192, 4096, "a")],
    [run(0x5000_0000, 4096)],
  ]);
  assertEquals(bios.map(sizes), [[4096], [4096, 4096], [4096]]);
  assertEquals(bios.map(({ flags }) => flags), [0, BIO_FLAG.NOMERGE, 0]);
});

Deno.test("passthrough takes any length", () => {
  const builder = new BioBuilder([[run(0x4000_0000, 5)]], "folio", 1);
  assertEquals(builder.next("drv_in", 0)?.sizeBytes, 5);
  assertEquals([builder.leftBytes, builder.leftPages], [0, 0]);
  const byte = new BioBuilder([[run(0x4000_0fff, 1)], [run(0x5000_0000, 1)]], "folio", 1);
  assertEquals(sizes(byte.next("drv_in", 0)!), [1, 1]);
  assertEquals([byte.leftBytes, byte.leftPages], [0, 0]);
});

Deno.test("what is left is counted in pages, those that are begun among them", () => {
  const pieces = [
    [run(0x10_0200, 0x1000), run(0x20_0000, 0x800)],
    [run(0x30_0e00, 0x400), run(0x40_0000, 0x3000), run(0x50_0000, 0x200)],
    [run(0x60_0fff, 0x1001)],
  ];
  const pagesOf = (phys: number, sizeBytes: number) =>
    sizeBytes === 0 ? 0 : Math.floor((phys + sizeBytes - 1) / 4096) - Math.floor(phys / 4096) + 1;
  const builder = new BioBuilder(pieces, "folio", 1);
  assertEquals(builder.leftPages, 2 + 1 + 2 + 3 + 1 + 2);
  assertEquals(builder.leftBytes, 0x1000 + 0x800 + 0x400 + 0x3000 + 0x200 + 0x1001);
  // With these block sizes, each bio ends inside a page, a run or a buffer.
  for (const blockBytes of [0x600, 0x700, 0xa00, 0x1100, 0x1900]) {
    const cut = new BioBuilder(pieces, "folio", blockBytes);
    const all = pieces.flat();
    for (let taken = 0; cut.next("read", 0) !== null;) {
      const left = cut.leftBytes;
      taken = builder.leftBytes - left;
      let before = taken;
      let pages = 0;
      for (const { phys, sizeBytes } of all) {
        const gone = Math.min(before, sizeBytes);
        before -= gone;
        pages += pagesOf(phys + gone, sizeBytes - gone);
      }
      assertEquals(cut.leftPages, pages, `${blockBytes}, ${taken}`);
    }
  }
});
