/** Host memory: allocating, reading and writing it. */
import {
  allocateBuffer,
  allocatePages,
  type BufferRequest,
  claimBuffer,
  HostBuffer,
  INJECTION,
  KernelError,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ScriptError, ValueError } from "../../values/script_error.ts";
import type { Value } from "../../values/value.ts";
import { isHandle, refusing, toItems, toPhys, toSegment } from "../arguments.ts";
import { formatAddress } from "../../text/numbers.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BUFFER, contentOf, toFillPattern } from "../types/buffer.ts";
import { COHERENT_MEMORY } from "../types/dma/coherent_memory.ts";
import { REGION } from "../types/region.ts";
import { builtin } from "../describe/builtin.ts";
import { named, optional, param } from "../describe/parameters.ts";

/** Limit of the pages of one allocation. */
const MAX_PAGES = 2 ** 21;
/** The steps charged for a checksum of a page. */
const HASHED_PAGE_STEPS = PAGE_SIZE_BYTES / 4;

/** The physical address of a buffer, of coherent memory or of a region; or the given address. */
function physOfValue(value: Value, what: string): PhysAddr {
  if (isHandle(value, BUFFER)) return value.target.phys;
  if (isHandle(value, COHERENT_MEMORY)) return value.target.memory.physOf(0);
  if (isHandle(value, REGION)) return value.target.basePhys;
  return toPhys(value, what);
}

/** Checks that the memory exists. */
function checkCovered(
  memory: { covers(phys: number, sizeBytes: number): boolean },
  address: PhysAddr,
  sizeBytes: number,
): void {
  if (memory.covers(address, sizeBytes)) return;
  throw new ScriptError(
    "E0918",
    `There is no memory at ${formatAddress(address)} for ${sizeBytes} bytes`,
  );
}

/** Passes the injection point at which an allocation of pages can fail. */
function passAllocation(context: ExecutionContext): void {
  const { faults } = context.lab.machine;
  if (faults === null || faults.errnoAt(INJECTION.alloc_pages) === 0) return;
  throw new KernelError("ENOMEM", "No pages of memory are free");
}

export const MEMORY_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "alloc_pages",
    parameters: [
      param.int("n", "How many pages.", 1, MAX_PAGES),
      named(
        param.bool(
          "contiguous",
          "Physically contiguous, the default; false: no two adjacent.",
        ),
        true,
      ),
      named(param.int("order", "Blocks of 2^order pages, aligned to their size.", 0, 18)),
      named(param.handle("region", REGION, "The region of the machine to allocate from.")),
    ],
    result: BUFFER,
    doc: "Allocates pages of host memory. The simulator's own pages never lie below 1 MiB.",
    example: `let buf = alloc_pages(4, contiguous: false)\nassert buf.segments.length == 4`,
    raises: ["ENOMEM"],
    run(context, [count, contiguous, order, region]) {
      if (region !== undefined && region.type !== "ram") {
        throw new ValueError(
          `Cannot allocate pages of region "${region.name}": it is ${region.type}, and pages are RAM`,
        );
      }
      passAllocation(context);
      const target = region === undefined ? {} : { region: region.name };
      const aligned = order === undefined ? {} : { orderAligned: order };
      return refusing(() =>
        allocatePages(context.lab.machine, { pages: count, contiguous, ...aligned, ...target })
      );
    },
  }),
  builtin({
    name: "buffer",
    parameters: [
      optional(param.size("size", "Its length; the sum of the pieces when left out.")),
      named(param.size("offset", "Where in its page the first piece starts.")),
      named(param.int("pieces", "How many pieces.", 1, 2 ** 20)),
      named(param.size("piece", "Length of each piece; to the end of its page when left out.")),
      named(
        param.size(
          "stride",
          "Distance from the start of one piece to the next; scattered pages when left out.",
        ),
      ),
      named(param.of("fill", ["int", "word"], "A byte, `counting` or `random`.", toFillPattern)),
      named(
        param.of(
          "segments",
          "list",
          "Instead of all others: a list of { phys, size }.",
          (value) => toItems(value, "segments").map((item) => toSegment(item, "a segment")),
        ),
      ),
    ],
    result: BUFFER,
    doc: "Allocates host memory of a given shape, or at given addresses.",
    example: `let buf = buffer(size: 7KiB, offset: 512B, pieces: 2, piece: 3584B)\n` +
      `assert buf.segments.map(s => s.phys % 4KiB) == [512, 0]`,
    raises: ["ENOMEM"],
    run(context, [sizeBytes, offsetBytes, pieces, pieceBytes, strideBytes, fill, segments]) {
      const home = context.lab.machine;
      if (segments !== undefined) {
        const buffer = refusing(() => claimBuffer(home, segments));
        if (fill !== undefined) buffer.fill(fill);
        return buffer;
      }
      const wanted: { -readonly [K in keyof BufferRequest]: BufferRequest[K] | undefined } = {
        sizeBytes,
        offsetBytes,
        pieces,
        pieceBytes,
        strideBytes,
        fill,
      };
      passAllocation(context);
      const request = Object.fromEntries(
        Object.entries(wanted).filter(([, value]) => value !== undefined),
      ) as BufferRequest;
      return refusing(() => allocateBuffer(home, request));
    },
  }),
  builtin({
    name: "page",
    pure: true,
    parameters: [param.int("pfn", "Number of the page frame.", 0, 2 ** 40)],
    result: BUFFER,
    doc: "The page with this frame number as a buffer, whatever owns it. It allocates nothing.",
    example: `let buf = alloc_pages(1, contiguous: true)\npoke(buf.phys, bytes"2a")\n` +
      `assert buf.pages.first == buf.phys\nassert page(0x100).phys == 1MiB as phys`,
    run(context, [pfn]) {
      const address = pfn * PAGE_SIZE_BYTES as PhysAddr;
      checkCovered(context.lab.machine.memory, address, PAGE_SIZE_BYTES);
      return new HostBuffer(context.lab.machine, [{ phys: address, sizeBytes: PAGE_SIZE_BYTES }]);
    },
  }),
  builtin({
    name: "poke",
    parameters: [
      param.phys("phys", "Where the first byte goes."),
      param.bytes("bytes", "What is written."),
    ],
    doc: "Writes bytes into physical memory, as the CPU does.",
    example: `let buf = alloc_pages(1)\npoke(buf.phys + 16B, bytes"de ad")\n` +
      `assert buf[17] == 0xad`,
    run(context, [to, bytes]) {
      checkCovered(context.lab.machine.memory, to, bytes.length);
      new HostBuffer(context.lab.machine, [{ phys: to, sizeBytes: bytes.length }]).writeAll(bytes);
    },
  }),
  builtin({
    name: "peek",
    pure: true,
    parameters: [
      param.phys("phys", "Where the first byte is."),
      param.size("size", "How many bytes."),
      named(param.bool("cached", "false: read memory itself, bypassing the CPU's caches."), true),
    ],
    result: "bytes",
    doc: "Reads bytes of physical memory, as the CPU does.",
    example: `let buf = buffer(size: 4KiB, fill: counting)\n` +
      `assert peek(buf.phys + 4B, 2B) == bytes"04 05"`,
    run(context, [from, sizeBytes, cached]) {
      context.chargeMemory(sizeBytes);
      checkCovered(context.lab.machine.memory, from, sizeBytes);
      const bytes = new Uint8Array(sizeBytes);
      const { checker, memory, hostMemory } = context.lab.machine;
      if (cached) checker?.memory.peeked(from, sizeBytes);
      (cached ? hostMemory : memory).read(from, bytes, 0, sizeBytes);
      return bytes;
    },
  }),
  builtin({
    name: "phys_of",
    pure: true,
    parameters: [param.any("x", "A buffer, coherent memory or a region.")],
    result: "phys",
    doc: "The physical address of the first byte.",
    example: `let buf = alloc_pages(1)\nassert phys_of(buf) == buf.phys`,
    run: (_run, [value]) => physOfValue(value, "x"),
  }),
  builtin({
    name: "checksum",
    pure: true,
    parameters: [param.of("x", ["@buffer", "bytes"], "The content.", (value) => value)],
    result: "int",
    doc: "A 32-bit checksum of the content (FNV-1a): equal contents have equal ones.",
    example: `let a = buffer(size: 4KiB, fill: counting)\n` +
      `assert checksum(a) == checksum(a.bytes)`,
    run(context, [value]) {
      const content = contentOf(value, context)!;
      let hash = 0x811c9dc5;
      for (let at = 0; at < content.length; at++) {
        if (at % PAGE_SIZE_BYTES === 0) context.work(HASHED_PAGE_STEPS);
        hash = Math.imul(hash ^ content[at]!, 0x01000193);
      }
      return hash >>> 0;
    },
  }),
];
