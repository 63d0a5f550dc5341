import { assertEquals } from "@std/assert";
import type { MachineEvent } from "../events.ts";
import { RangeBook } from "./range_book.ts";

const event = (seq: number, site = 1, request: number | null = null): MachineEvent =>
  ({ seq, site, request }) as MachineEvent;

/** Start, end and the event's number of what is left. */
const left = (book: RangeBook) =>
  book.left().map(({ start, end, event }) => [start, end, event.seq]);

Deno.test("releasing a part leaves what lies before it and after it", () => {
  const book = new RangeBook();
  book.take(0x1000, 0x4000, event(1));
  book.give(0x2000, 0x1000);
  // Apart by more than nothing: not one range again.
  assertEquals(left(book), [[0x1000, 0x2000, 1], [0x3000, 0x5000, 1]]);
  assertEquals([book.sizeAt(0x1000), book.sizeAt(0x3000), book.sizeAt(0x2000)], [
    0x1000,
    0x2000,
    0,
  ]);
  book.give(0, 0x10_0000);
  assertEquals(left(book), []);
});

Deno.test("what is only adjacent to a released range stays", () => {
  const book = new RangeBook();
  book.take(0x1000, 0x1000, event(1, 1));
  book.take(0x2000, 0x1000, event(2, 2));
  book.take(0x3000, 0x1000, event(3, 3));
  book.give(0x1800, 0x1000);
  assertEquals(left(book), [[0x1000, 0x1800, 1], [0x2800, 0x3000, 2], [0x3000, 0x4000, 3]]);
  book.give(0x2000, 0x1000);
  assertEquals(left(book), [[0x1000, 0x1800, 1], [0x3000, 0x4000, 3]]);
});

Deno.test("neighbours of one statement are one, with the first of their events", () => {
  const book = new RangeBook();
  book.take(0x2000, 0x1000, event(5));
  book.take(0x1000, 0x1000, event(7));
  book.take(0x3000, 0x1000, event(8, 2));
  book.take(0x4000, 0x1000, event(9, 2, 6));
  assertEquals(left(book), [[0x1000, 0x3000, 5], [0x3000, 0x4000, 8], [0x4000, 0x5000, 9]]);
  book.forgetAfter(7);
  assertEquals(left(book), [[0x1000, 0x3000, 5]]);
});

Deno.test("releasing no bytes leaves what is held at their address", () => {
  const book = new RangeBook();
  book.take(0x1000, 0, event(1));
  assertEquals(left(book), []);
  book.take(0x1000, 0x1000, event(2));
  book.take(0x1000, 0, event(3));
  assertEquals(left(book), [[0x1000, 0x2000, 2]]);
});
