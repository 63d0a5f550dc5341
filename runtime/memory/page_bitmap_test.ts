import { assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import { PageBitmap } from "./page_bitmap.ts";

const SPANS = [{ start: 4, end: 8 }, { start: 16, end: 40 }, { start: 64, end: 200 }];

Deno.test("the next free page is looked for span by span, and there may be none", () => {
  const bitmap = new PageBitmap(SPANS);
  assertEquals([0, 5, 8, 41, 199].map((from) => bitmap.nextFree(from, SPANS)), [4, 5, 16, 64, 199]);
  assertEquals(bitmap.nextFree(200, SPANS), -1);
  for (const { start, end } of SPANS) bitmap.takeSpan(start, end);
  assertEquals([bitmap.nextFree(0, SPANS), bitmap.takenPages], [-1, 164]);
  bitmap.give(39);
  assertEquals([bitmap.nextFree(0, SPANS), bitmap.nextFree(40, SPANS)], [39, -1]);
});

Deno.test("any sequence of pages taken and given is as a plain set has it, around words of 32 and blocks of 32768", () => {
  const spans = [
    { start: 4, end: 8 },
    { start: 16, end: 40 },
    { start: 32_700, end: 32_840 },
    { start: 65_530, end: 65_531 },
    // The middle of the last span contains a block of which no page is ever allocated.
    { start: 98_290, end: 131_200 },
  ];
  const borders = [4, 8, 16, 31, 32, 40, 32_700, 32_736, 32_768, 32_800, 32_840, 65_530, 65_536]
    .concat([98_290, 98_304, 98_336, 131_072, 131_104, 131_200]);
  for (let seed = 1; seed <= 8; seed++) {
    const random = new Random(seed);
    const bitmap = new PageBitmap(spans);
    const taken = new Set<number>();
    const near = () => Math.max(0, borders[random.below(borders.length)]! + random.below(9) - 4);
    const isRam = (page: number) => spans.some(({ start, end }) => page >= start && page < end);
    const nextFree = (from: number) => {
      for (const { start, end } of spans) {
        for (let page = Math.max(from, start); page < end; page++) {
          if (!taken.has(page)) return page;
        }
      }
      return -1;
    };
    const firstUnusable = (start: number, end: number) => {
      for (let page = start; page < end; page++) if (taken.has(page) || !isRam(page)) return page;
      return -1;
    };
    for (let step = 0; step < 150; step++) {
      const page = near();
      const end = page + [1, 2, 31, 32, 33, 64, 97][random.below(7)]!;
      switch (random.below(4)) {
        case 0:
          bitmap.take(page);
          taken.add(page);
          break;
        case 1:
          bitmap.give(page);
          taken.delete(page);
          break;
        case 2:
          bitmap.takeSpan(page, end);
          for (let each = page; each < end; each++) taken.add(each);
          break;
        default:
          for (let each = page; each < end; each++) {
            bitmap.give(each);
            taken.delete(each);
          }
      }
      const says = `seed ${seed}, step ${step}`;
      assertEquals(bitmap.takenPages, taken.size, says);
      const around = Array.from({ length: end - page + 4 }, (_, index) => page - 2 + index);
      const wrong = around.filter((each) => bitmap.taken(each) !== taken.has(each));
      assertEquals(wrong.length, 0, says);
      for (const from of [0, page, end, near()]) {
        assertEquals(bitmap.nextFree(from, spans), nextFree(from), `${says}, from ${from}`);
        const span = [from, from + 1 + random.below(140)] as const;
        assertEquals(bitmap.firstUnusable(...span, spans), firstUnusable(...span), says);
      }
      const long = [98_290 + random.below(20), 131_190 + random.below(20)] as const;
      assertEquals(bitmap.firstUnusable(...long, spans), firstUnusable(...long), says);
    }
  }
});
