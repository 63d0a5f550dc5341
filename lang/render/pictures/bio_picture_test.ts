import { assert, assertEquals } from "@std/assert";
import { bioPicture, type PicturedVector } from "./bio_picture.ts";

function drawn(vectors: readonly PicturedVector[]): string[] {
  return bioPicture({ title: "bio", gap: "gap bit 10, 512B", vectors }).slice(3);
}

Deno.test("bioPicture() shows where in their pages pieces begin and end, and on what they meet", () => {
  assertEquals(
    drawn([
      { phys: 0x10_0000, sizeBytes: 4096, meetsBytes: null },
      { phys: 0x30_0200, sizeBytes: 3584, meetsBytes: 512 },
      { phys: 0x40_0000, sizeBytes: 6144, meetsBytes: 4096 },
      { phys: 0x50_0000, sizeBytes: 10240, meetsBytes: 2048 },
    ]),
    [
      "       0x10_0000     4KiB  ▕████████████████▏",
      "       0x30_0200    3584B  ▕░░██████████████▏                       512B",
      "       0x40_0000     6KiB  ▕████████████████▏    ▕████████░░░░░░░░▏ 4KiB",
      "       0x50_0000    10KiB  ▕████████████████▏  … ▕████████░░░░░░░░▏ 2KiB",
    ],
  );
});

Deno.test("bioPicture() leaves out the middle of a long bio, and is never too wide", () => {
  const vectors = Array.from({ length: 256 }, (_, index) => ({
    phys: 0x1_2345_6000 + index * 0x2000,
    sizeBytes: 6144,
    meetsBytes: index === 0 ? null : 2048,
  }));
  const lines = drawn(vectors);
  assertEquals(lines.length, 12);
  assertEquals(lines[8], "  … 245 more vectors");
  assert(lines.every((line) => line.length <= 80), lines.join("\n"));
});

Deno.test("bioPicture() says so when there is no memory", () => {
  assertEquals(bioPicture({ title: "bio   flush", gap: "", vectors: [] }).slice(2), [
    "  no memory",
  ]);
});
