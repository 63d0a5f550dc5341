import { assert, assertEquals } from "@std/assert";
import { type PicturedRing, queuePicture } from "./queue_picture.ts";

function ring(change: Partial<PicturedRing>): PicturedRing {
  return {
    title: "submission queue",
    dma: 0xffff_c000,
    doorbell: 0x1008,
    shows: "tag",
    cell: (slot) => slot === 2 ? "7" : "·",
    marks: [
      { who: "controller", what: "head", slot: 2 },
      { who: "host", what: "tail", slot: 3 },
    ],
    focus: 2,
    ...change,
  };
}

function picture(depthEntries: number, rings: readonly PicturedRing[]) {
  return queuePicture({
    title: "queue 1 of ssd",
    state: "1 command in flight",
    depthEntries,
    rings,
    header: ["cid", "request"],
    rows: [["7", "1"]],
    notes: [],
  });
}

Deno.test("queuePicture() draws a short ring whole, an arrow for each that stands in it", () => {
  assertEquals(picture(4, [ring({})]).slice(2), [
    "submission queue at 0xffff_c000                                  doorbell 0x1008",
    "  slot        0    1    2    3",
    "  tag         ·    ·    7    ·",
    "  controller            ▲ head 2",
    "  host                       ▲ tail 3",
    "",
    "cid  request",
    "───  ───────",
    "  7        1",
  ]);
});

Deno.test("queuePicture() shows of a long ring what lies around its focus, over its end too", () => {
  const lines = picture(1024, [
    ring({ focus: 1022, marks: [{ who: "host", what: "tail", slot: 1 }], cell: String }),
  ]);
  assertEquals(
    lines[3],
    "  slot        1019 1020 1021 1022 1023 0    1    2    3    4    5    6    7",
  );
  assertEquals(lines[5], "  host                                      ▲ tail 1");
});

Deno.test("queuePicture() prints a position that is not in view", () => {
  const lines = picture(1024, [ring({ marks: [{ who: "host", what: "tail", slot: 500 }] })]);
  assertEquals(lines[5], "  host        tail 500 →");
});

Deno.test("queuePicture() turns words at the right edge around, and is never too wide", () => {
  for (let slot = 0; slot < 13; slot++) {
    const lines = picture(13, [ring({
      marks: [{ who: "host", what: "phase 1 is new, head", slot }],
    })]);
    assert(lines.every((line) => line.length <= 80), lines.join("\n"));
    assertEquals(lines[5]!.indexOf("▲"), 14 + 5 * slot);
  }
});
