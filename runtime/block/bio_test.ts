import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { Bio, BIO_FLAG } from "./bio.ts";

const VECS = [
  { phys: 0x10_0200 as PhysAddr, sizeBytes: 0x600 },
  { phys: 0x20_0e00 as PhysAddr, sizeBytes: 0x1400 },
  { phys: 0x30_0000 as PhysAddr, sizeBytes: 0x200 },
];
const WHOLE = 0x600 + 0x1400 + 0x200;

Deno.test("a window that moves begins at the byte that it has come to, in memory and on the disk", () => {
  for (let done = 0; done < WHOLE; done += 0x200) {
    for (const first of [done, done / 0x400 | 0].map((bytes) => bytes - bytes % 0x200)) {
      const bio = new Bio("read", 1000, VECS, WHOLE, BIO_FLAG.NOMERGE);
      bio.advance(first);
      bio.advance(done - first);
      let index = 0;
      let rest = done;
      while (rest >= VECS[index]!.sizeBytes) rest -= VECS[index++]!.sizeBytes;
      const { phys } = VECS[index]!;
      assertEquals([bio.sector, bio.sizeBytes], [1000 + done / 512, WHOLE - done]);
      assertEquals([bio.vecIndex, bio.vecDoneBytes], [index, rest]);
      assertEquals(bio.firstPhys, phys + rest);
      const sizes = VECS.slice(index).map(({ sizeBytes }, at) => sizeBytes - (at === 0 ? rest : 0));
      assertEquals(
        bio.parts(),
        VECS.slice(index).map((vec, at) => {
          const doneBytes = at === 0 ? rest : 0;
          const offset = vec.phys % 4096 + doneBytes;
          return { phys: vec.phys + doneBytes as PhysAddr, offset, sizeBytes: sizes[at]! };
        }),
      );
      const clone = bio.clone(0x200);
      assertEquals(clone.parts(), [{ ...bio.parts()[0]!, sizeBytes: 0x200 }]);
      bio.advance(0x200);
      assertEquals([clone.op, clone.sector, clone.sizeBytes], ["read", 1000 + done / 512, 0x200]);
      assertEquals([clone.firstPhys, clone.flags, clone.vecs], [
        phys + rest,
        BIO_FLAG.NOMERGE,
        VECS,
      ]);
    }
  }
});

Deno.test("a window may end with a single byte of a vector", () => {
  const bio = new Bio("drv_in", 0, VECS, 0x601);
  assertEquals(bio.parts().map(({ sizeBytes }) => sizeBytes), [0x600, 1]);
});
