import { assertEquals } from "@std/assert";
import type { VirtAddr } from "../address.ts";
import { IntervalNotifiers, type NotifierEvent } from "./interval_notifier.ts";

const at = (address: number): VirtAddr => address as VirtAddr;

/** Three intervals; the second begins where the first ends. */
const INTERVALS = [[10, 20], [20, 30], [25, 40]] as const;

function bench(refuses: (index: number) => boolean = () => false) {
  const notifiers = new IntervalNotifiers();
  const notified: number[] = [];
  const made = INTERVALS.map(([start, end], index) =>
    notifiers.insert(at(start), at(end), {
      invalidate: (notifier) => {
        notified.push(index);
        notifier.advance();
        return !refuses(index);
      },
    })
  );
  const begin = (start: number, end: number, event?: NotifierEvent) =>
    notifiers.begin({
      start: at(start),
      end: at(end),
      blockable: true,
      ...event === undefined ? {} : { event },
    });
  return { notifiers, made, begin, notified: () => notified.splice(0) };
}

Deno.test("every interval that a change touches is notified, and no other (hmm-rdma-vfio.md 2.2)", () => {
  const { begin, notified } = bench();
  for (let start = 5; start < 45; start++) {
    for (let end = start + 1; end <= 46; end++) {
      assertEquals(begin(start, end), true);
      const touched = INTERVALS.flatMap(([first, last], index) =>
        first < end && start < last ? [index] : []
      );
      assertEquals(notified(), touched, `${start} to ${end}`);
    }
  }
});

Deno.test("the notifier that refuses is the last to be called, and no change is under way (hmm-rdma-vfio.md 2.2)", () => {
  const { begin, made, notifiers, notified } = bench((index) => index === 1);
  assertEquals([begin(0, 50), notified()], [false, [0, 1]]);
  assertEquals(made.map(({ sequence }) => sequence), [1, 1, 0]);
  assertEquals([notifiers.isChanging(at(0), at(50)), notifiers.end(at(0), at(50))], [false, false]);
  assertEquals([begin(10, 20), notified()], [true, [0]]);
  assertEquals(notifiers.isChanging(at(0), at(50)), true);
});

Deno.test("a change is under way from its beginning to its end, for each address of it", () => {
  const { begin, notifiers } = bench();
  begin(12, 16, "unmap");
  begin(14, 30);
  const changing = (start: number, end: number) => notifiers.isChanging(at(start), at(end));
  assertEquals(
    [[11, 12], [11, 13], [15, 17], [29, 31], [30, 31]].map(([a, b]) => changing(a!, b!)),
    [false, true, true, true, false],
  );
  const byHand = (start: number, end: number) => notifiers.coversByHand(at(start), at(end));
  assertEquals(
    [[14, 30], [15, 29], [13, 30], [14, 31], [12, 16], [31, 32], [2, 3]].map(([a, b]) =>
      byHand(a!, b!)
    ),
    [true, true, false, false, false, false, false],
  );
  assertEquals([notifiers.end(at(14), at(29)), notifiers.end(at(13), at(30))], [false, false]);
  assertEquals(notifiers.end(at(14), at(30)), true);
  assertEquals([changing(15, 17), changing(16, 17), byHand(14, 30)], [true, false, false]);
  assertEquals([notifiers.end(at(12), at(16)), changing(0, 99)], [true, false]);
});

Deno.test("what was read holds until the interval changes, and no longer than its notifier is there", () => {
  const { begin, made, notifiers, notified } = bench();
  const [first, second] = made;
  const read = [first!.readBegin(), second!.readBegin()];
  begin(12, 13);
  assertEquals([first!.readRetry(read[0]!), second!.readRetry(read[1]!)], [true, false]);
  assertEquals(first!.readRetry(first!.readBegin()), false);
  notified();
  notifiers.remove(first!);
  notifiers.remove(first!);
  assertEquals(notifiers.count, 2);
  begin(12, 22);
  assertEquals(notified(), [1]);
});
