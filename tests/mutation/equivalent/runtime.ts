/** Changes without an effect in memory, recordings and all else of the runtime. */
import type { Equivalent } from "./entry.ts";

export const RUNTIME: readonly Equivalent[] = [
  {
    path: "runtime/activity.ts",
    line: "while (origins.length < capacity * 2) origins.push(new SavedOrigin());",
    changes: ["origins.length < capacity * 2 → origins.length <= capacity * 2"],
    reason: "one record more than there are slots, which no slot uses",
  },
  {
    path: "runtime/activity.ts",
    line:
      "const handlers: (ActivityHandler | undefined)[] = new Array(capacity * 2).fill(undefined);",
    changes: ["2 → 2 + 1"],
    reason: "more room than there are slots, which no slot uses",
  },
  {
    path: "runtime/activity.ts",
    line: "const args = new Float64Array(capacity * 2);",
    changes: ["2 → 2 + 1"],
    reason: "more room than there are slots, which no slot uses",
  },
  {
    path: "runtime/activity.ts",
    line: "cpu = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set before it is read",
  },
  {
    path: "runtime/activity.ts",
    line: "this.#handlers[slot] = undefined;",
    changes: ["this.#handlers[slot] = undefined; → nothing"],
    reason: "a slot is written anew before it is read again; only what is kept in memory shows it",
  },
  {
    path: "runtime/activity.ts",
    line:
      "const handlers: (ActivityHandler | undefined)[] = new Array(capacity * 2).fill(undefined);",
    changes: ["capacity * 2 → capacity / 2", "2 → 2 - 1"],
    reason: "a list grows by itself",
  },
  {
    path: "runtime/kernels/differences.ts",
    line: "return [...quirkDifferences(older, newer), ...strategyDifferences(older, newer)];",
    changes: ["strategyDifferences(older, newer) → strategyDifferences(newer, older)"],
    reason: "what two releases do in other ways is the same from either side",
  },
  {
    path: "runtime/leaks/range_book.ts",
    line: "if (held.end <= start || held.start >= end) continue;",
    changes: ["held.start >= end → held.start > end"],
    reason: "what begins at the end is taken out and put back as it was",
  },
  {
    path: "runtime/memory/allocate_buffer.ts",
    line: "const last = runs.at(-1);",
    changes: ["1 → 1 - 1"],
    reason: "pieces touch the last run only where all of them are one, or a run of the same pages",
  },
  {
    path: "runtime/memory/allocate_buffer.ts",
    line: "if (last !== undefined && start <= last.startPage + last.pages) {",
    changes: ["start <= last.startPage + last.pages → start < last.startPage + last.pages"],
    reason: "two runs that touch are the same pages as one",
  },
  {
    path: "runtime/memory/allocate_buffer.ts",
    line: "if (pages > totalPages) throw noMemory(pages * pageSizeBytes);",
    changes: ["pages > totalPages → pages >= totalPages"],
    reason: "the pages below 1 MiB are never handed out, so that all of them are refused anyway",
  },
  {
    path: "runtime/memory/cache_hazard.ts",
    line: "phys = 0;",
    changes: ["0 → 0 + 1"],
    reason: "the first line that is noted takes its place",
  },
  {
    path: "runtime/memory/cache_hazard.ts",
    line: "if (this.lines++ > 0 && phys > this.phys) return;",
    changes: ["phys > this.phys → phys >= this.phys"],
    reason: "one operation comes by a line once",
  },
  {
    path: "runtime/memory/cached_page.ts",
    line: "return Math.floor((address & (PAGE_SIZE_BYTES - 1)) / CACHE_LINE_BYTES);",
    changes: ["1 → 1 + 1"],
    reason: "the lowest bit of an address does not decide about its line",
  },
  {
    path: "runtime/memory/cpu_caches.ts",
    line: "this.#eachHeldLine(phys, sizeBytes, (page, at, line) => {",
    changes: [
      "this.#eachHeldLine(phys, sizeBytes, (page, at, line) => { if ((page.states[line]! & DIRTY) === 0) return; const from = Math.max(at, phys); const to = Math.min(at + CACHE_LINE_BYTES, phys + sizeBytes); for (let byte = from; byte < to; byte++) { if (into[offset + byte - phys] === page.bytes[byte & (PAGE_SIZE_BYTES - 1)]) continue; old.note(page, at); return; } }) → this.#eachHeldLine(sizeBytes, phys, (page, at, line) => { if ((page.states[line]! & DIRTY) === 0) return; const from = Math.max(at, phys); const to = Math.min(at + CACHE_LINE_BYTES, phys + sizeBytes); for (let byte = from; byte < to; byte++) { if (into[offset + byte - phys] === page.bytes[byte & (PAGE_SIZE_BYTES - 1)]) continue; old.note(page, at); return; } })",
      "this.#eachHeldLine(phys, sizeBytes, (page, at, line) => { const from = Math.max(at, phys); const to = Math.min(at + CACHE_LINE_BYTES, phys + sizeBytes); let isOld = false; for (let byte = from; byte < to; byte++) { const held = page.bytes[byte & (PAGE_SIZE_BYTES - 1)]!; if (into[offset + byte - phys] !== held) isOld = true; into[offset + byte - phys] = held; } if (isOld && (page.states[line]! & OVERWRITTEN) !== 0) stale?.note(page, at); }) → this.#eachHeldLine(sizeBytes, phys, (page, at, line) => { const from = Math.max(at, phys); const to = Math.min(at + CACHE_LINE_BYTES, phys + sizeBytes); let isOld = false; for (let byte = from; byte < to; byte++) { const held = page.bytes[byte & (PAGE_SIZE_BYTES - 1)]!; if (into[offset + byte - phys] !== held) isOld = true; into[offset + byte - phys] = held; } if (isOld && (page.states[line]! & OVERWRITTEN) !== 0) stale?.note(page, at); })",
    ],
    reason: "the span's lines are among those visited then, and of the others no byte is taken",
  },
  {
    path: "runtime/memory/cpu_caches.ts",
    line: "for (let done = 0; done < sizeBytes; done += PAGE_SIZE_BYTES) {",
    changes: ["done < sizeBytes → done <= sizeBytes"],
    reason: "a copy of no bytes follows that of the last page",
  },
  {
    path: "runtime/memory/cpu_caches.ts",
    line: "if (sizeBytes / PAGE_SIZE_BYTES > this.#pages.size) {",
    changes: [
      "sizeBytes / PAGE_SIZE_BYTES > this.#pages.size → " +
      "sizeBytes / PAGE_SIZE_BYTES >= this.#pages.size",
    ],
    reason: "both ways come by the same lines: only how fast differs",
  },
  {
    path: "runtime/memory/memory_encryption.ts",
    line: "const mixed = Math.imul(phys ^ Math.floor(phys / 2 ** 32) ^ 0x5bd1, KEY);",
    changes: ["0x5bd1 → 0x5bd1 - 1"],
    reason: "it stands for a secret of the machine: any number does",
  },
  {
    path: "runtime/memory/memory_encryption.ts",
    line: "return (mixed >>> 24) || 0xa5;",
    changes: ["24 → 24 + 1"],
    reason: "it stands for a secret of the machine: any byte but 0 does",
  },
  {
    path: "runtime/memory/page_allocator.ts",
    line: "if (free < 0) return -1;",
    changes: ["free < 0 → free <= 0", "0 → 0 + 1"],
    reason: "it is looked for behind a page that is in the way, and so is never page 0",
  },
  {
    path: "runtime/memory/page_bitmap.ts",
    line: "const word = page % BLOCK_PAGES >>> 5;",
    changes: ["page % BLOCK_PAGES → page * BLOCK_PAGES"],
    reason: "where there is no such word the pages are taken one by one",
  },
  {
    path: "runtime/memory/page_bitmap.ts",
    line: "page += WORD_PAGES;",
    changes: ["page += WORD_PAGES; → nothing"],
    reason: "the word is taken then, and its pages are come by one by one",
  },
  {
    path: "runtime/memory/page_bitmap.ts",
    line: "if (span.end <= from) continue;",
    changes: ["span.end <= from → span.end < from"],
    reason: "nothing of such a span is looked at",
  },
  {
    path: "runtime/memory/page_bitmap.ts",
    line:
      "for (let index = 0; span !== undefined && span.end <= start; index++) span = within[index + 1];",
    changes: ["span.end <= start → span.end < start", "1 → 1 - 1"],
    reason:
      "the page behind a span is no RAM, by whichever span that is found; the first span is looked at twice",
  },
  {
    path: "runtime/memory/physical_memory.ts",
    line: "if (count === from.length && count > WHOLE_LOOP_BYTES) {",
    changes: ["count > WHOLE_LOOP_BYTES → count >= WHOLE_LOOP_BYTES"],
    reason: "both ways copy the same bytes; the border decides which is faster",
  },
  {
    path: "runtime/memory/swiotlb/swiotlb.ts",
    line: "#padSlots = new Uint16Array(0);",
    changes: ["0 → 0 + 1"],
    reason: "the first buffer replaces it by one that is as long as the pool",
  },
  {
    path: "runtime/memory/swiotlb/swiotlb_slots.ts",
    line: "const lowBase = (this.basePhys + areaBase * SLOT_BYTES) % 2 ** 31;",
    changes: ["31 → 31 - 1"],
    reason: "only the bits below a mask decide, and no mask is as large as a pool",
  },
  {
    path: "runtime/nearest_names.ts",
    line: "const exchanged = i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&",
    changes: ["1 → 1 - 1"],
    reason: "before the first letter there is none, and no number is equal to that",
  },
  {
    path: "runtime/nearest_names.ts",
    line: "const exchanged = i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&",
    changes: ["i > 1 && j > 1 → i > 1 || j > 1"],
    reason: "before the first letter there is none, and no number is equal to that",
  },
  {
    path: "runtime/nearest_names.ts",
    line: "found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));",
    changes: ["1 → 1 + 1"],
    reason: "any number above 0, and any below, sorts alike",
  },
  {
    path: "runtime/price_presets.ts",
    line: "const TLP_BYTES = 12 + 4 + 4 + 4;",
    changes: ["12 → 12 - 1", "12 → 12 + 1", "4 → 4 - 1", "4 → 4 + 1"],
    reason: "a price is rounded to nanoseconds: 23 bytes and 25 come to three as 24 do",
  },
  {
    path: "runtime/price_presets.ts",
    line: "const LINK_BYTES_PER_NS = 16 / 8 * 4 * 128 / 130;",
    changes: ["130 → 130 - 1", "130 → 130 + 1", "128 → 128 + 1", "128 → 128 - 1"],
    reason: "a price is rounded to nanoseconds: less than a hundredth of one is not to be seen",
  },
  {
    path: "runtime/recording/fact_table.ts",
    line: "this.#lastTexts[index] = value as string;",
    changes: ["this.#lastTexts[index] = value as string; → nothing"],
    reason: "the pool knows the text's number as well, and takes longer",
  },
  {
    path: "runtime/recording/value_pool.ts",
    line: "if (!Array.isArray(a) || !Array.isArray(b) || !sameList(a, b)) return false;",
    changes: ["sameList(a, b) → sameList(b, a)"],
    reason: "two lists are alike from either side",
  },
];
