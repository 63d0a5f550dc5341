/**
 * Compares tables of facts with plain lists of rows, at every moment of a history. The histories are
 * so long that the tables make lists of their valid rows.
 */
import { assertEquals } from "@std/assert";
import type { DmaAddr, PhysAddr } from "../address.ts";
import { Random } from "../random.ts";
import { DMA, INT, PHYS, SIZE, TEXT } from "../vocabulary/fields.ts";
import { HistoryTable } from "./history_table.ts";
import type { HistoryTableSpec } from "./history_table_spec.ts";
import { ValuePool } from "./value_pool.ts";

const FIELDS = { device: TEXT, region: TEXT, iova: DMA, phys: PHYS, size_bytes: SIZE };

/** Ranges of a device, or of each region of a device. */
const RANGES: readonly HistoryTableSpec<typeof FIELDS>[] =
  ([["device", "iova"], ["device", "region", "iova"]] as const).map((key) => ({
    name: `ranges by ${key.join(", ")}`,
    doc: "Something is there.",
    fields: FIELDS,
    key,
    size: "size_bytes",
    moving: ["iova", "phys"],
    changes: {},
  }));

interface Row {
  readonly device: string;
  readonly region: string;
  readonly iova: number;
  readonly phys: number;
  readonly size: number;
  readonly createdSeq: number;
  readonly since: number;
  endedSeq: number;
}

const holds = (row: Row, seq: number) => row.since <= seq && row.endedSeq > seq;
const text = ({ createdSeq, device, endedSeq, iova, phys, region, size }: Row) =>
  `${device}.${region} ${iova}+${size}=>${phys} #${createdSeq}-${
    endedSeq === Infinity ? null : endedSeq
  }`;

function rowsAt(table: HistoryTable<typeof FIELDS>, seq: number): string {
  return table.rowsAt(seq).map((row) => table.row(row))
    .map(({ createdSeq, device, endedSeq, iova, phys, region, size_bytes }) =>
      `${device}.${region} ${iova}+${size_bytes}=>${phys} #${createdSeq}-${endedSeq}`
    ).sort().join("\n");
}

function compare(table: HistoryTable<typeof FIELDS>, rows: readonly Row[], last: number): void {
  const at = (seq: number) => rows.filter((row) => holds(row, seq));
  for (let seq = 0; seq <= last; seq += 1 + Math.floor(last / 25)) {
    assertEquals(rowsAt(table, seq), at(seq).map(text).sort().join("\n"), `event ${seq}`);
  }
  assertEquals(rowsAt(table, last), at(last).map(text).sort().join("\n"));
  assertEquals(table.live, at(last).length);
}

/** Applies some steps of a history to a table and to a list of rows. */
function live(
  random: Random,
  table: HistoryTable<typeof FIELDS>,
  rows: Row[],
  from: number,
  steps: number,
): number {
  const byRegion = table.spec.key.length === 3;
  let seq = from;
  for (let step = 0; step < steps; step++) {
    seq += random.below(2);
    const device = ["ssd", "nic", "gpu"][random.below(3)]!;
    const region = byRegion ? ["a", "b"][random.below(2)]! : "a";
    const owner = byRegion ? [device, region] : [device];
    const iova = random.below(40);
    const end = iova + 1 + random.below(9);
    const ofOwner = rows.filter((row) =>
      row.endedSeq === Infinity && row.device === device && row.region === region
    );
    const hit = ofOwner.filter((row) => row.iova < end && row.iova + row.size > iova);
    const kind = random.below(20);
    if (kind === 0) {
      // Ends the rows of all regions at once, where a device has several.
      table.endAll(seq, [device]);
      for (const row of rows) {
        if (row.device === device && row.endedSeq === Infinity) row.endedSeq = seq;
      }
    } else if (kind < 8) {
      table.endRange(seq, owner, iova, end);
      for (const row of hit) {
        row.endedSeq = seq;
        const keep = (first: number, last: number) => {
          if (first >= last) return;
          const phys = row.phys + first - row.iova;
          rows.push({
            ...row,
            iova: first,
            phys,
            size: last - first,
            since: seq,
            endedSeq: Infinity,
          });
        };
        keep(row.iova, Math.min(iova, row.iova + row.size));
        keep(Math.max(end, row.iova), row.iova + row.size);
      }
    } else if (hit.length === 0) {
      const row = { device, region, iova, phys: 1000 + 50 * step, size: end - iova };
      table.begin(seq, {
        device,
        region,
        iova: row.iova as DmaAddr,
        phys: row.phys as PhysAddr,
        size_bytes: row.size,
      });
      rows.push({ ...row, createdSeq: seq, since: seq, endedSeq: Infinity });
    } else {
      const [row] = hit;
      assertEquals(table.end(seq, [...owner, row!.iova]), true);
      row!.endedSeq = seq;
      assertEquals(table.end(seq, [...owner, row!.iova]), false);
    }
  }
  return seq;
}

for (const spec of RANGES) {
  Deno.test(`${spec.name}: each moment is as a list of rows has it`, () => {
    for (let seed = 1; seed <= 3; seed++) {
      const random = new Random(seed);
      const table = new HistoryTable(spec, new ValuePool());
      const rows: Row[] = [];
      const last = live(random, table, rows, 0, 2500);
      compare(table, rows, last);
      for (let index = 0; index < 20; index++) {
        const [after, upTo] = [random.below(last), random.below(last)];
        const [low, high] = [Math.min(after, upTo), Math.max(after, upTo)];
        const ended = rows.filter((row) => holds(row, low) && row.endedSeq <= high).map(text)
          .sort();
        const begun = rows.filter((row) => holds(row, high) && row.since > low).map(text).sort();
        const changed = table.changedBetween(after, upTo).map((row) => table.row(row))
          .map(({ createdSeq, device, endedSeq, iova, phys, region, size_bytes }) =>
            `${device}.${region} ${iova}+${size_bytes}=>${phys} #${createdSeq}-${endedSeq}`
          );
        // If the moments go forwards, rows that begin come first; if they go backwards, rows that
        // end come first.
        const [first, second] = after <= upTo ? [begun, ended] : [ended, begun];
        assertEquals(changed.slice(0, first.length).sort(), first);
        assertEquals(changed.slice(first.length).sort(), second);
      }
    }
  });
}

const BAG_FIELDS = { at: INT, size_bytes: SIZE };
const BAG: HistoryTableSpec<typeof BAG_FIELDS> = {
  name: "bag",
  doc: "Something is there, perhaps several times.",
  fields: BAG_FIELDS,
  key: ["at"],
  isBag: true,
  size: "size_bytes",
  changes: {},
};

Deno.test("of rows with one key the one that fits best ends, of a run one after the other", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = new Random(seed);
    const table = new HistoryTable(BAG, new ValuePool());
    // The newest row of a key comes last.
    const rows: { readonly at: number; readonly size: number; readonly createdSeq: number }[] = [];
    const take = (at: number, wanted: number | null) => {
      const same = rows.filter((row) => row.at === at).reverse();
      const best = same.find(({ size }) => size === wanted) ?? same[0];
      if (best !== undefined) rows.splice(rows.indexOf(best), 1);
      return best;
    };
    for (let seq = 1; seq <= 900; seq++) {
      const at = random.below(12);
      const size = 1 + random.below(3);
      const fits = (row: { readonly size_bytes: number }) => row.size_bytes === size ? 1 : 0;
      switch (random.below(5)) {
        case 0:
          assertEquals(table.end(seq, [at]), take(at, null) !== undefined);
          break;
        case 1:
          assertEquals(table.end(seq, [at], fits), take(at, size) !== undefined);
          break;
        case 2: {
          const end = at + 1 + random.below(6);
          table.endRun(seq, [], at, end - at, fits);
          let next = at;
          while (next < end) {
            const taken = take(next, size);
            if (taken === undefined) break;
            next += taken.size;
          }
          // If the run has a gap, the call ends one row at each later address of the run.
          for (let other = next; next < end && other < end; other++) take(other, size);
          break;
        }
        default:
          table.begin(seq, { at, size_bytes: size });
          rows.push({ at, size, createdSeq: seq });
      }
      const held = table.rowsAt(seq).map((row) => table.row(row))
        .map(({ at, createdSeq, size_bytes }) => `${at}+${size_bytes} #${createdSeq}`).sort();
      const expected = rows.map(({ at, createdSeq, size }) => `${at}+${size} #${createdSeq}`)
        .sort();
      assertEquals(held.join(), expected.join(), `seed ${seed}, event ${seq}`);
      assertEquals(table.live, rows.length);
    }
  }
});
