/** Compares the lookup of mappings by cache line with a search through all of them. */
import { assertEquals } from "@std/assert";
import { Random } from "../../random.ts";
import { CacheLineRecords, SharedLines } from "./cache_lines.ts";
import { MADE, NONE, RecordTable } from "./record_table.ts";

const LINE = 64;
const lineOf = (phys: number) => Math.floor(phys / LINE);

Deno.test("records of a cache line are found newest first, and those of a span of lines, whatever has ended (dma.md 8.2 row 15)", () => {
  const random = new Random(3);
  const table = new RecordTable(() => 0);
  const [beside, shared] = [new CacheLineRecords(table), new SharedLines()];
  /** Newest first. */
  let all: { record: number; phys: number; sizeBytes: number }[] = [];
  for (let step = 0; step < 3000; step++) {
    if (random.below(5) < (step < 2000 ? 3 : 1)) {
      const record = table.add(0, MADE.PHYS, step, 1, null);
      const [phys, sizeBytes] = [random.below(40 * LINE), 1 + random.below(3 * LINE)];
      table.describe(record, phys, 0, 0);
      // This record is new and may have enlarged the table. The index does not contain it yet, so
      // removing it has no effect.
      beside.remove(record);
      beside.add(record);
      shared.add(record, phys, sizeBytes);
      all.unshift({ record, phys, sizeBytes });
    } else if (all.length > 0) {
      const { phys, record } = all[random.below(all.length)]!;
      beside.remove(record);
      shared.remove(record, phys);
      table.remove(record);
      all = all.filter((each) => each.record !== record);
    }
    if (all.length === 0) continue;
    const { phys, record } = all[random.below(all.length)]!;
    const found: number[] = [];
    for (let at = NONE; (at = beside.nextBeside(record, at)) !== NONE;) found.push(at);
    const others = all.filter((each) =>
      each.record !== record && lineOf(each.phys) === lineOf(phys)
    );
    assertEquals(found, others.map((each) => each.record));
    const [from, sizeBytes] = [random.below(44 * LINE), 1 + random.below(LINE)];
    const inSpan = all.filter((each) =>
      lineOf(each.phys) <= lineOf(from + sizeBytes - 1) &&
      lineOf(from) <= lineOf(each.phys + each.sizeBytes - 1)
    ).map((each) => each.record);
    const asked = new Set<number>();
    const none = shared.find(from, sizeBytes, (other) => asked.add(other) === null);
    assertEquals([none, [...asked].sort()], [NONE, inSpan.sort()]);
    const [wanted] = inSpan;
    const one = shared.find(from, sizeBytes, (other) => other === wanted);
    assertEquals(one, wanted ?? NONE);
  }
});
