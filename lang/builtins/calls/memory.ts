/** Host memory: taking it, looking into it, writing to it. */
import type { PhysAddr } from "../../../runtime/address.ts";
import { PAGE_SIZE_BYTES } from "../../../runtime/address.ts";
import { KernelError } from "../../../runtime/errno.ts";
import { FAULT } from "../../../runtime/faults.ts";
import {
  allocateBuffer,
  allocatePages,
  type BufferRequest,
  claimBuffer,
} from "../../../runtime/memory/allocate_buffer.ts";
import { HostBuffer } from "../../../runtime/memory/host_buffer.ts";
import type { Run } from "../../values/run.ts";
import { ScriptError } from "../../values/script_error.ts";
import { BytesValue, RecordValue, type Value } from "../../values/value.ts";
import {
  bufferHome,
  isThing,
  phys,
  refusing,
  thing,
  toInt,
  toItems,
  toPhys,
  toSize,
  wrongKind,
} from "../arguments.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BUFFER, contentOf, toFillPattern } from "../things/buffer.ts";
import { COHERENT_MEMORY } from "../things/dma/coherent_memory.ts";
import { REGION } from "../things/region.ts";

/** More pages than one call may take. */
const MAX_PAGES = 2 ** 21;
/** What a page or piece of a buffer is charged. */
const PIECE_BYTES = 64;

/** Sizes that are left out stay left out. */
function optionalSize(value: Value | undefined, what: string): number | undefined {
  return value === undefined ? undefined : toSize(value, what);
}

function segmentOf(item: Value): { phys: PhysAddr; sizeBytes: number } {
  if (!(item instanceof RecordValue)) throw wrongKind(item, "a segment", "{ phys, size }");
  return {
    phys: toPhys(item.entries.get("phys"), "phys of a segment"),
    sizeBytes: toSize(item.entries.get("size"), "size of a segment"),
  };
}

/** The physical address a value begins at: a buffer, coherent memory, or an address itself. */
export function physOfValue(value: Value | undefined, what: string): PhysAddr {
  if (isThing(value, BUFFER)) return value.target.phys;
  if (isThing(value, COHERENT_MEMORY)) return value.target.memory.physOf(0);
  if (isThing(value, REGION)) return value.target.basePhys;
  return toPhys(value, what);
}

/** Memory that must exist. */
function checkCovered(
  memory: { covers(phys: number, sizeBytes: number): boolean },
  address: PhysAddr,
  sizeBytes: number,
): void {
  if (memory.covers(address, sizeBytes)) return;
  throw new ScriptError(
    "E0918",
    `There is no memory at 0x${address.toString(16)} for ${sizeBytes} bytes`,
  );
}

/** A place where memory is taken, and may be told not to be there. */
function passAllocation(run: Run): void {
  const { faults } = run.lab.machine;
  if (faults === null || faults.errnoAt(FAULT.alloc_pages) === 0) return;
  throw new KernelError("ENOMEM", "No pages of memory can be had");
}

export const MEMORY_CALLS: readonly FunctionSpec[] = [
  {
    name: "alloc_pages",
    parameters: [
      { name: "n", kind: "int", doc: "How many pages." },
      {
        name: "contiguous",
        kind: "bool",
        optional: true,
        named: true,
        doc: "Side by side in physical memory, the default; false: no two adjacent.",
      },
      {
        name: "order",
        kind: "int",
        optional: true,
        named: true,
        doc: "Blocks of 2^order pages, aligned to their size.",
      },
      {
        name: "region",
        kind: "@region",
        optional: true,
        named: true,
        doc: "The region of the machine to take them from.",
      },
    ],
    result: "@buffer",
    doc: "Takes pages of host memory. The simulator's own pages never lie below 1 MiB.",
    example: `let buf = alloc_pages(4, contiguous: false)\nassert buf.segments.length == 4`,
    raises: ["ENOMEM"],
    run(run, [pages, contiguous, order, region]) {
      const count = toInt(pages, "n", 1, MAX_PAGES);
      run.chargeMemory(PIECE_BYTES * count);
      passAllocation(run);
      const target = isThing(region, REGION) ? { region: region.target.name } : {};
      const aligned = order === undefined ? {} : { orderAligned: toInt(order, "order", 0, 18) };
      return thing(
        BUFFER,
        refusing(() =>
          allocatePages(bufferHome(run), {
            pages: count,
            contiguous: contiguous !== false,
            ...aligned,
            ...target,
          })
        ),
      );
    },
  },
  {
    name: "buffer",
    parameters: [
      {
        name: "size",
        kind: "size",
        optional: true,
        doc: "Its length; the sum of the pieces when left out.",
      },
      {
        name: "offset",
        kind: "size",
        optional: true,
        named: true,
        doc: "Where in its page the first piece starts.",
      },
      { name: "pieces", kind: "int", optional: true, named: true, doc: "How many pieces." },
      {
        name: "piece",
        kind: "size",
        optional: true,
        named: true,
        doc: "Length of each piece; to the end of its page when left out.",
      },
      {
        name: "stride",
        kind: "size",
        optional: true,
        named: true,
        doc: "Distance from the start of one piece to the next; scattered pages when left out.",
      },
      {
        name: "fill",
        kind: ["int", "word"],
        optional: true,
        named: true,
        doc: "A byte, `counting` or `random`.",
      },
      {
        name: "segments",
        kind: "list",
        optional: true,
        named: true,
        doc: "Instead of all others: a list of { phys, size }.",
      },
    ],
    result: "@buffer",
    doc: "Takes host memory of a given shape, or at given addresses.",
    example: `let buf = buffer(size: 7KiB, offset: 512B, pieces: 2, piece: 3584B)\n` +
      `assert buf.segments.map(s => s.phys % 4KiB) == [512, 0]`,
    raises: ["ENOMEM"],
    run(run, [sizeArg, offset, pieces, piece, stride, fill, segments]) {
      const home = bufferHome(run);
      const pattern = fill === undefined ? undefined : toFillPattern(fill);
      if (pieces !== undefined) run.chargeMemory(PIECE_BYTES * toInt(pieces, "pieces", 1, 2 ** 20));
      if (segments !== undefined) {
        const parts = toItems(segments, "segments").map(segmentOf);
        const buffer = refusing(() => claimBuffer(home, parts));
        if (pattern !== undefined) buffer.fill(pattern);
        return thing(BUFFER, buffer);
      }
      const wanted: { -readonly [K in keyof BufferRequest]: BufferRequest[K] | undefined } = {
        sizeBytes: optionalSize(sizeArg, "size"),
        offsetBytes: optionalSize(offset, "offset"),
        pieces: pieces === undefined ? undefined : toInt(pieces, "pieces", 1),
        pieceBytes: optionalSize(piece, "piece"),
        strideBytes: optionalSize(stride, "stride"),
        fill: pattern,
      };
      passAllocation(run);
      const request = Object.fromEntries(
        Object.entries(wanted).filter(([, value]) => value !== undefined),
      ) as BufferRequest;
      return thing(BUFFER, refusing(() => allocateBuffer(home, request)));
    },
  },
  {
    name: "page",
    parameters: [{ name: "pfn", kind: "int", doc: "Number of the page frame." }],
    result: "@buffer",
    doc: "The page of a frame number, whoever owns it: a window into memory.",
    example: `let buf = alloc_pages(1, contiguous: true)\npoke(buf.phys, bytes"2a")\n` +
      `assert buf.pages.first == buf.phys\nassert page(0x100).phys == 1MiB as phys`,
    run(run, [pfn]) {
      const address = toInt(pfn, "pfn", 0, 2 ** 40) * PAGE_SIZE_BYTES as PhysAddr;
      checkCovered(run.lab.machine.memory, address, PAGE_SIZE_BYTES);
      return thing(
        BUFFER,
        new HostBuffer(bufferHome(run), [{ phys: address, sizeBytes: PAGE_SIZE_BYTES }]),
      );
    },
  },
  {
    name: "poke",
    parameters: [
      { name: "phys", kind: "phys", doc: "Where the first byte goes." },
      { name: "bytes", kind: "bytes", doc: "What is written." },
    ],
    result: "nothing",
    doc: "Writes bytes into physical memory, as the CPU does.",
    example: `let buf = alloc_pages(1)\npoke(buf.phys + 16B, bytes"de ad")\n` +
      `assert buf[17] == 0xad`,
    run(run, [address, content]) {
      const to = toPhys(address, "phys");
      const { bytes } = content as BytesValue;
      checkCovered(run.lab.machine.memory, to, bytes.length);
      run.lab.machine.hostMemory.write(to, bytes, 0, bytes.length);
      return null;
    },
  },
  {
    name: "peek",
    parameters: [
      { name: "phys", kind: "phys", doc: "Where the first byte is." },
      { name: "size", kind: "size", doc: "How many bytes." },
      {
        name: "cached",
        kind: "bool",
        optional: true,
        named: true,
        doc: "false: what memory itself holds, past the CPU's caches.",
      },
    ],
    result: "bytes",
    doc: "Reads bytes of physical memory, as the CPU does.",
    example: `let buf = buffer(size: 4KiB, fill: counting)\n` +
      `assert peek(buf.phys + 4B, 2B) == bytes"04 05"`,
    run(run, [address, length, cached]) {
      const from = toPhys(address, "phys");
      const sizeBytes = toSize(length, "size");
      run.chargeMemory(sizeBytes);
      checkCovered(run.lab.machine.memory, from, sizeBytes);
      const bytes = new Uint8Array(sizeBytes);
      const { memory, hostMemory } = run.lab.machine;
      (cached === false ? memory : hostMemory).read(from, bytes, 0, sizeBytes);
      return new BytesValue(bytes);
    },
  },
  {
    name: "phys_of",
    parameters: [{ name: "x", kind: "any", doc: "A buffer, coherent memory or a region." }],
    result: "phys",
    doc: "The physical address of the first byte.",
    example: `let buf = alloc_pages(1)\nassert phys_of(buf) == buf.phys`,
    run: (_run, [value]) => phys(physOfValue(value, "x")),
  },
  {
    name: "checksum",
    parameters: [{
      name: "x",
      kind: ["@buffer", "bytes"],
      doc: "What is summed up.",
    }],
    result: "int",
    doc: "A 32-bit checksum of the content (FNV-1a): equal contents have equal ones.",
    example: `let a = buffer(size: 4KiB, fill: counting)\n` +
      `assert checksum(a) == checksum(a.bytes)`,
    run(run, [value]) {
      let hash = 0x811c9dc5;
      for (const byte of contentOf(value!, run)!) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
      return hash;
    },
  },
];
