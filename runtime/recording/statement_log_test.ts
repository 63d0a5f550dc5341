import { assertEquals, assertThrows } from "@std/assert";
import { Random } from "../random.ts";
import { Ends, StatementLog } from "./statement_log.ts";

/**
 * A log with `count` statements. Some statements have no event between them and the next statement.
 */
function filled(count: number): { log: StatementLog; rows: [number, number, number][] } {
  const random = new Random(7);
  const log = new StatementLog();
  const rows: [number, number, number][] = [];
  for (let seq = 0; rows.length < count; seq += random.below(4)) {
    const row: [number, number, number] = [seq, random.below(90), 1 + random.below(5)];
    log.note(...row);
    rows.push(row);
  }
  return { log, rows };
}

const rowOf = (log: StatementLog, started: number) => [
  log.seqAt(started),
  log.numberAt(started),
  log.depthAt(started),
];

Deno.test("every statement that started is kept with its event, its number and its depth", () => {
  for (const count of [1, 2, 256, 257, 2_000]) {
    const { log, rows } = filled(count);
    assertEquals(log.count, count);
    assertEquals(rows.map((_, index) => rowOf(log, index + 1)), rows);
    for (const none of [0, -1, count + 1]) {
      assertThrows(() => log.seqAt(none), RangeError, `No statement ${none} started`);
      assertThrows(() => log.numberAt(none), RangeError);
      assertThrows(() => log.depthAt(none), RangeError);
    }
  }
});

Deno.test("how many had started before an event is what counting them comes to", () => {
  assertEquals(new StatementLog().startedBefore(5), 0);
  const { log, rows } = filled(300);
  const last = rows.at(-1)![0];
  for (let seq = 0; seq <= last + 2; seq++) {
    assertEquals(log.startedBefore(seq), rows.filter(([at]) => at < seq).length, `event ${seq}`);
  }
});

Deno.test("of a loop without an end only statements behind an event are noted past four million", () => {
  const log = new StatementLog();
  const noted = (count: number, lastSeq: number, seq: number) => log.isNoted(count, lastSeq, seq);
  assertEquals([noted(0, 5, 5), noted(3_999_999, 5, 5)], [true, true]);
  assertEquals([noted(4_000_000, 5, 5), noted(4_000_000, 5, 4)], [false, false]);
  assertEquals([noted(4_000_000, 5, 6), noted(9_000_000, 5, 6)], [true, true]);
});

Deno.test("three numbers of 32 bits are kept for a statement, and one for an end", () => {
  const { log } = filled(1);
  assertEquals([log.hostBytes, filled(33).log.hostBytes], [32 * 12, 64 * 12]);
  const ends = new Ends();
  ends.note(1);
  assertEquals(ends.hostBytes, 32 * 4);
  for (let seq = 2; seq <= 33; seq++) ends.note(seq);
  assertEquals(ends.hostBytes, 64 * 4);
});

Deno.test("ends are found from any event, before it and after it", () => {
  const random = new Random(8);
  const ends = new Ends();
  const all: number[] = [];
  assertEquals([ends.after(0), ends.before(9), ends.endsAt(0)], [null, null, false]);
  for (let seq = 3; all.length < 300; seq += random.below(4)) {
    ends.note(seq);
    if (all.at(-1) !== seq) all.push(seq);
    // A late or repeated end is ignored.
    ends.note(seq - random.below(2));
  }
  for (let seq = 0; seq <= all.at(-1)! + 2; seq++) {
    assertEquals(ends.after(seq), all.find((end) => end > seq) ?? null);
    assertEquals(ends.before(seq), all.findLast((end) => end < seq) ?? null);
    assertEquals(ends.endsAt(seq), all.includes(seq));
  }
});

Deno.test("a return after which nothing has happened gives way, the first one too", () => {
  const log = new StatementLog();
  const noted = () => {
    const all: [number, number, number][] = [];
    log.forEachReturn((...row) => all.push(row));
    return all;
  };
  log.note(0, 0, 3);
  log.noteReturn(5, 2);
  log.noteReturn(5, 1);
  assertEquals(noted(), [[1, 5, 1]]);
  log.note(5, 1, 1);
  assertEquals(noted(), []);
});
