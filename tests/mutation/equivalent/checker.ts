/** Changes without an effect in the checker of mappings. */
import type { Equivalent } from "./entry.ts";

export const CHECKER: readonly Equivalent[] = [
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "if (this.#next.length < this.#table.capacity) this.#follow();",
    changes: [
      "this.#next.length < this.#table.capacity → this.#next.length <= this.#table.capacity",
    ],
    reason: "what is as long as the table is copied once more, and stays what it is",
  },
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "this.#buckets = new Int32Array(2 * this.#buckets.length).fill(NONE);",
    changes: ["2 → 2 + 1"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "const FIRST_BUCKETS = 256;",
    changes: ["256 → 256 - 1", "256 → 256 + 1"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "const HASH_MULTIPLIER = 0x9e3779b1;",
    changes: ["0x9e3779b1 → 0x9e3779b1 + 1", "0x9e3779b1 → 0x9e3779b1 - 1"],
    reason: "what is hashed is found wherever it lies; it decides how evenly it lies",
  },
  {
    path: "runtime/dma/checker/ledger.ts",
    line: "const HINT_BYTES = 4096;",
    changes: ["4096 → 4096 + 1"],
    reason: "a hint that is missed costs a search, which finds the same",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "record = inside;",
    changes: ["record = inside; → nothing"],
    reason: "the record that was just cut off is the next one then, and handed over again",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "return reached < end ? reached : -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that there is no hole",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "let hole = -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 is none",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "last !== NONE && table.dma[last] === first && table.end(last) >= first + sizeBytes &&",
    changes: [
      "last !== NONE → last === NONE",
      "table.end(last) >= first + sizeBytes → table.end(last) > first + sizeBytes",
    ],
    reason: "the general way comes to the same, slower",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "table.end(last) <= end",
    changes: ["table.end(last) <= end → table.end(last) < end"],
    reason: "the general way comes to the same, slower",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "return -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that there is no hole",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "if (hole < 0 && table.dma[inside]! - domain.offsetOf(table.dma[inside]!) > reached) {",
    changes: ["hole < 0 → hole <= 0", "0 → 0 + 1"],
    reason: "no range begins at 0, which is given to nobody",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "if (hole >= 0) return hole;",
    changes: ["hole >= 0 → hole > 0", "0 → 0 + 1"],
    reason: "no range begins at 0, which is given to nobody",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "if (last !== NONE && table.dma[last]! <= first && first < table.end(last)) return last;",
    changes: [
      "last !== NONE → last === NONE",
      "table.dma[last]! <= first → table.dma[last]! < first",
    ],
    reason: "the general way comes to the same, slower",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "if (sizeBytes > table.capacity * domain.granuleBytes) {",
    changes: [
      "sizeBytes > table.capacity * domain.granuleBytes → sizeBytes >= table.capacity * domain.granuleBytes",
    ],
    reason: "which of two ways is taken, where both answer alike",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "for (let at = dma; at < dma + sizeBytes && found === NONE;) {",
    changes: ["at < dma + sizeBytes → at <= dma + sizeBytes"],
    reason: "it is asked where something is in the way, which is found before the end",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "if (last !== NONE && table.dma[last] === first && table.end(last) <= end) {",
    changes: ["last !== NONE → last === NONE", "table.end(last) <= end → table.end(last) < end"],
    reason: "the general way comes to the same, slower",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "const whole = table.end(last) + domain.granuleBytes > end;",
    changes: ["table.end(last) + domain.granuleBytes → table.end(last) - domain.granuleBytes"],
    reason: "the general way comes to the same, slower",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "while (at < end) {",
    changes: ["at < end → at <= end"],
    reason: "nothing is looked for in no bytes",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "if ((end - from) / domain.granuleBytes > table.capacity) {",
    changes: [
      "(end - from) / domain.granuleBytes > table.capacity → (end - from) / domain.granuleBytes >= table.capacity",
      "(end - from) / domain.granuleBytes → (end - from) * domain.granuleBytes",
      "end - from → end + from",
    ],
    reason: "which of two ways is taken: both find the lowest link",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "(first === NONE || table.dma[record]! < table.dma[first]!)",
    changes: ["table.dma[record]! < table.dma[first]! → table.dma[record]! <= table.dma[first]!"],
    reason: "no two links begin at one address",
  },
  {
    path: "runtime/dma/checker/range_checks.ts",
    line: "this.#ledger.table.describe(state.rangeRecord, addr, DMA_BIDIRECTIONAL, 0);",
    changes: [
      "this.#ledger.table.describe(state.rangeRecord, addr, DMA_BIDIRECTIONAL, 0) → " +
      "this.#ledger.table.describe(state.rangeRecord, addr, 0, DMA_BIDIRECTIONAL)",
    ],
    reason: "both directions and no attributes are the same number, 0",
  },
  {
    path: "runtime/dma/checker/range_checks.ts",
    line: "const from = unmappedBytes > askedBytes ? start : start + unmappedBytes;",
    changes: ["unmappedBytes > askedBytes → unmappedBytes >= askedBytes"],
    reason: "what is equal has been answered above",
  },
  {
    path: "runtime/dma/checker/range_checks.ts",
    line: "const splits = unmappedBytes > askedBytes || domain.table.walk(from);",
    changes: ["unmappedBytes > askedBytes → unmappedBytes >= askedBytes"],
    reason: "what is equal has been answered above",
  },
  {
    path: "runtime/dma/checker/range_checks.ts",
    line: "const text = unmappedBytes > askedBytes",
    changes: ["unmappedBytes > askedBytes → unmappedBytes >= askedBytes"],
    reason: "what is equal has been answered above",
  },
  {
    path: "runtime/dma/checker/range_checks.ts",
    line: "else if (hole >= 0 && sizeBytes > 0 && !this.#isConfused(state)) {",
    changes: ["hole >= 0 → hole > 0", "sizeBytes > 0 → sizeBytes >= 0"],
    reason: "no range begins at 0, and in no bytes there is no hole",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const INVERSE_2_32 = 2 ** -32;",
    changes: ["2 → 2 + 1", "32 → 32 + 1", "32 → 32 - 1"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "this.#shift = 32 - Math.log2(FIRST_CAPACITY);",
    changes: ["32 → 32 + 1"],
    reason: "entries are found wherever they hash to; only half of the slots are used",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "this.#shift--;",
    changes: ["this.#shift--; → nothing"],
    reason: "entries are found wherever they hash to; only half of the slots are used",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const key = (block | 0) ^ ((block * INVERSE_2_32) << 9) ^ (device << 20) ^ (bit << 14);",
    changes: ["14 → 14 + 1"],
    reason: "entries are found wherever they hash to; it decides how evenly they lie",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const INVERSE_2_32 = 2 ** -32;",
    changes: ["32 → 32 - 1"],
    reason: "entries are found wherever they hash to; it decides how evenly they lie",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "if (sizeBytes <= 2 ** 31) return 32 - Math.clz32(sizeBytes - 1);",
    changes: ["31 → 31 + 1", "31 → 31 - 1"],
    reason: "from 2^30 to 2^32 both ways to count the bits come to the same",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "return Math.imul(key, HASH_MULTIPLIER) >>> this.#shift;",
    changes: ["Math.imul(key, HASH_MULTIPLIER) >>> this.#shift → 0"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const HASH_MULTIPLIER = 0x9e3779b1;",
    changes: ["0x9e3779b1 → 0x9e3779b1 + 1", "0x9e3779b1 → 0x9e3779b1 - 1"],
    reason: "what is hashed is found wherever it lies; it decides how evenly it lies",
  },
];
