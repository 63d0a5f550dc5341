/**
 * Finds the bytes that a step delivered wrong, and the bytes that it wrote outside of its buffer.
 *
 * Before a read every buffer is filled with one byte value, and the disk contains its own offsets,
 * so that each byte shows its source.
 */
import {
  alignDown,
  alignUp,
  type Bytes,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type PhysicalMemory,
} from "@dmalab/runtime";
import type { Json } from "../difference.ts";
import type { DataExtent } from "../kernel/kernel_data.ts";
import type { DefectStep } from "./defect_data.ts";
import type { DefectHost } from "./defect_machine.ts";
import type { StepMemory } from "./step_memory.ts";

/** Byte value of buffers before a read. */
const FILL = 0xaa;
/**
 * The upper half of each 8-byte word of a fresh disk. The lower half of the word is its offset on
 * the disk.
 */
const TAG_HIGH = 0x5a00_0000;
const WORD_BYTES = 8;
const PAGE_WORDS = PAGE_SIZE_BYTES / WORD_BYTES;
/** Result of `offsetAt()` for a word that was not written. */
const OUTSIDE = -1;

/** `[1 inside a piece / 0 outside, address, length, disk offset or -1]` */
export type Run = readonly [number, number, number, number];

const FILL_HALF = FILL * 0x101_0101;
/** Result of `offsetAt()` for a word that is neither from the disk nor unchanged. */
const UNKNOWN = -2;

/** The disk offset that a word in memory contains; a negative value for other contents. */
function offsetAt(memory: PhysicalMemory, word: number): number {
  const low = memory.readU32(word as PhysAddr);
  const high = memory.readU32((word + 4) as PhysAddr);
  if (high === TAG_HIGH) return low;
  return low === FILL_HALF && high === FILL_HALF ? OUTSIDE : UNKNOWN;
}

/** Fills whole pages with FILL. */
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

/** Fills a buffer with the data that a write takes to the disk. */
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
 * Wrong words of a read, joined to runs, in the order of their addresses. A run ends at the end of
 * a page, because the next page of the user's buffer may be anywhere in memory.
 *
 * @param pieces The parts of the buffer in order; each part is contiguous in memory.
 * @param pages All known pages of the user.
 */
function wrongRuns(
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

/** Recorded runs in the form of `wrongRuns`: cut at page borders, in the order of addresses. */
function runsByPage(runs: readonly Run[]): Run[] {
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

/** Number of bytes in an extent that the read has changed. */
function changedBytes(memory: PhysicalMemory, phys: number, sizeBytes: Bytes): number {
  const bytes = new Uint8Array(sizeBytes);
  memory.read(phys as PhysAddr, bytes, 0, sizeBytes);
  return bytes.reduce((count, byte) => count + (byte === FILL ? 0 : 1), 0);
}

/** Number of words in a buffer that have the right data from the disk. */
function rightWords(
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

/** The damage in the model's memory, with the fields that the record has. */
export function damageOf(host: DefectHost, step: DefectStep, memory: StepMemory): Json {
  const { memory: ram } = host.machine;
  const all: Record<string, Json> = {
    ...runsReport(ram, memory),
    ...rightWords(ram, memory.data, memory.request.offsetBytes) as Record<string, Json>,
    ...metadataReport(ram, step, memory),
    ...otherMemoryReport(ram, step, memory),
  };
  return Object.fromEntries(
    Object.keys(expectedDamage(step.damage!) as object).map((key) => [key, all[key] ?? null]),
  );
}

/** The recorded damage in a form that does not depend on the user's virtual addresses. */
export function expectedDamage(damage: NonNullable<DefectStep["damage"]>): Json {
  const { note: _, runs, ...rest } = damage;
  if (runs === undefined) return rest;
  return { ...rest, runs: runsByPage(runs as unknown as readonly Run[]) };
}

function runsReport(ram: PhysicalMemory, memory: StepMemory): Record<string, Json> {
  const runs = wrongRuns(ram, memory.data, memory.request.offsetBytes, memory.pages);
  const bytes = (inside: number) =>
    runs.reduce((sum, run) => sum + (run[0] === inside ? run[2] : 0), 0);
  return { wrong_bytes_inside: bytes(1), bytes_written_outside: bytes(0), runs };
}

function metadataReport(
  ram: PhysicalMemory,
  step: DefectStep,
  { metadata }: StepMemory,
): Record<string, Json> {
  const last = metadata.at(-1);
  if (last === undefined) return {};
  const end = last[0] + last[1];
  const changed = (extents: readonly DataExtent[]) =>
    extents.reduce((sum, [phys, sizeBytes]) => sum + changedBytes(ram, phys, sizeBytes), 0);
  const delivered: number[] = [];
  const inSecond: number[] = [];
  for (const [first, lastPage] of step.request.metadata_pages ?? []) {
    const page = alignDown(lastPage, PAGE_SIZE_BYTES);
    const behind = metadata.flatMap((extent) => partFrom(extent, page, page + PAGE_SIZE_BYTES));
    delivered.push(changed(metadata));
    inSecond.push(alignDown(first, PAGE_SIZE_BYTES) === page ? 0 : changed(behind));
  }
  return {
    metadata_bytes_written_inside: changed(metadata),
    metadata_bytes_written_beyond: changed([[end, alignUp(end, PAGE_SIZE_BYTES) - end]]),
    metadata_bytes_delivered: delivered,
    of_them_in_second_page: inSecond,
  };
}

/** The part of an extent that lies between the addresses `from` and `to`. */
function partFrom([phys, sizeBytes]: DataExtent, from: number, to: number): DataExtent[] {
  const start = Math.max(phys, from);
  const end = Math.min(phys + sizeBytes, to);
  return start < end ? [[start, end - start]] : [];
}

/** How much of a read was written to memory outside of the buffer. */
function otherMemoryReport(
  ram: PhysicalMemory,
  step: DefectStep,
  { data }: StepMemory,
): Record<string, Json> {
  const other = step.damage?.other_memory;
  if (typeof other !== "number") return {};
  const untouched = (phys: number) => changedBytes(ram, phys, PAGE_SIZE_BYTES) === 0;
  let written = 0;
  while (!untouched(other + written * PAGE_SIZE_BYTES)) written++;
  return {
    pages_not_delivered: data.filter(([phys]) => untouched(phys)).length,
    pages_written_to_other_memory: written,
    other_memory: other,
  };
}
