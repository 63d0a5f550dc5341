/**
 * Which bytes a step delivered wrong, and which it wrote without being asked.
 *
 * Before a read every buffer is filled with one byte, and the disk holds its own offsets, so that
 * each byte tells where it came from.
 */
import { alignDown, type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { PhysicalMemory } from "@dmalab/runtime/memory";
import type { Json } from "../difference.ts";
import type { DataExtent } from "../kernel/kernel_data.ts";

/** What buffers hold before a read. */
const FILL = 0xaa;
/** The upper half of each 8 bytes of a fresh disk; the lower is the offset. */
const TAG_HIGH = 0x5a00_0000;
const WORD_BYTES = 8;
const PAGE_WORDS = PAGE_SIZE_BYTES / WORD_BYTES;
/** What a word holds that the read must leave alone, as `offsetAt()` has it. */
const OUTSIDE = -1;

/** `[1 inside a piece / 0 outside, address, length, disk offset or -1]` */
export type Run = readonly [number, number, number, number];

const FILL_HALF = FILL * 0x101_0101;
/** What a word says that was neither read from the disk nor left alone. */
const UNKNOWN = -2;

/** The disk offset that a word has in it; -1 for one that was not written. */
function offsetAt(memory: PhysicalMemory, word: number): number {
  const low = memory.readU32(word as PhysAddr);
  const high = memory.readU32((word + 4) as PhysAddr);
  if (high === TAG_HIGH) return low;
  return low === FILL_HALF && high === FILL_HALF ? OUTSIDE : UNKNOWN;
}

/** Fills whole pages around extents. */
export function fillPages(memory: PhysicalMemory, pages: Iterable<number>): void {
  for (const page of pages) memory.fill(page as PhysAddr, PAGE_SIZE_BYTES, FILL);
}

/** The words of a buffer in order, each with its offset on the disk. */
function* wordsOf(
  pieces: readonly DataExtent[],
  offsetBytes: Bytes,
): Generator<readonly [phys: number, offset: number]> {
  let offset = offsetBytes;
  for (const [phys, sizeBytes] of pieces) {
    for (let at = 0; at < sizeBytes; at += WORD_BYTES) yield [phys + at, offset + at];
    offset += sizeBytes;
  }
}

/** Puts what the disk is to hold where a write takes it from. */
export function writePattern(
  memory: PhysicalMemory,
  pieces: readonly DataExtent[],
  offsetBytes: Bytes,
): void {
  for (const [phys, offset] of wordsOf(pieces, offsetBytes)) {
    memory.writeU32(phys as PhysAddr, offset);
    memory.writeU32((phys + 4) as PhysAddr, TAG_HIGH);
  }
}

/** The pages that extents touch. */
export function pagesOf(extents: Iterable<DataExtent>): Set<number> {
  const pages = new Set<number>();
  for (const [phys, sizeBytes] of extents) {
    for (let at = alignDown(phys, PAGE_SIZE_BYTES); at < phys + sizeBytes; at += PAGE_SIZE_BYTES) {
      pages.add(at);
    }
  }
  return pages;
}

/**
 * Wrong words of a read, joined to runs, in the order of their addresses. A run ends where a page
 * does: what lies behind it in the user's eyes may lie anywhere.
 *
 * @param pieces The buffer in order, as contiguous memory.
 * @param pages All pages of the user that are known.
 */
export function wrongRuns(
  memory: PhysicalMemory,
  pieces: readonly DataExtent[],
  offsetBytes: Bytes,
  pages: ReadonlySet<number>,
): Run[] {
  const wanted = new Map<number, Float64Array>();
  for (const page of pages) wanted.set(page, new Float64Array(PAGE_WORDS).fill(OUTSIDE));
  for (const [phys, offset] of wordsOf(pieces, offsetBytes)) {
    const page = alignDown(phys, PAGE_SIZE_BYTES);
    const words = wanted.get(page);
    if (words !== undefined) words[(phys - page) / WORD_BYTES] = offset;
  }
  const runs: Run[] = [];
  for (const page of [...pages].sort((a, b) => a - b)) {
    for (const [at, offset] of wanted.get(page)!.entries()) {
      const phys = page + at * WORD_BYTES;
      const found = offsetAt(memory, phys);
      if (found !== offset) addWord(runs, offset === OUTSIDE ? 0 : 1, phys, found);
    }
  }
  return runs;
}

function addWord(runs: Run[], inside: number, phys: number, found: number): void {
  const last = runs.at(-1);
  const joins = last !== undefined && last[0] === inside && last[1] + last[2] === phys &&
    phys % PAGE_SIZE_BYTES !== 0;
  if (joins) runs[runs.length - 1] = [inside, last[1], last[2] + WORD_BYTES, last[3]];
  else runs.push([inside, phys, WORD_BYTES, found]);
}

/** Recorded runs as `wrongRuns` gives them: cut at page borders, in the order of addresses. */
export function runsByPage(runs: readonly Run[]): Run[] {
  const cut: Run[] = [];
  for (const [inside, phys, sizeBytes, offset] of runs) {
    for (let at = phys; at < phys + sizeBytes;) {
      const end = Math.min(phys + sizeBytes, alignDown(at, PAGE_SIZE_BYTES) + PAGE_SIZE_BYTES);
      cut.push([inside, at, end - at, offset < 0 ? -1 : offset + (at - phys)]);
      at = end;
    }
  }
  return cut.sort((a, b) => a[1] - b[1]);
}

/** How many bytes of an extent are not what they were before the read. */
export function changedBytes(memory: PhysicalMemory, phys: number, sizeBytes: Bytes): number {
  const bytes = new Uint8Array(sizeBytes);
  memory.read(phys as PhysAddr, bytes, 0, sizeBytes);
  return bytes.reduce((count, byte) => count + (byte === FILL ? 0 : 1), 0);
}

/** How many words of a buffer are those of the disk. */
export function rightWords(
  memory: PhysicalMemory,
  pieces: readonly DataExtent[],
  offsetBytes: Bytes,
): Json {
  let right = 0;
  for (const [phys, offset] of wordsOf(pieces, offsetBytes)) {
    if (offsetAt(memory, phys) === offset) right++;
  }
  const sizeBytes = pieces.reduce((sum, [, bytes]) => sum + bytes, 0);
  return { data_words_right: right, data_words: sizeBytes / WORD_BYTES };
}
