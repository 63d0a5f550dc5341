/** Who sees what of memory: the CPU's caches, and the pages of a confidential guest. */
import { PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { MemoryEncryption } from "@dmalab/runtime/memory";
import { ScriptError } from "../../values/script_error.ts";
import type { Value } from "../../values/value.ts";
import { isHandle } from "../arguments.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BUFFER, physOf } from "../types/buffer.ts";
import { CACHE_LINES, cacheLines } from "../types/dma/cache_lines.ts";
import { PHYS } from "./parameters.ts";
import { builtin } from "../describe/builtin.ts";
import { optional, param, type Parameter } from "../describe/parameters.ts";

const MAX_LOOKED_BYTES = 16 * 2 ** 20;
const MAX_PAGES = 2 ** 20;

const PAGES = param.int("pages", "How many pages from there on.", 1, MAX_PAGES);

/** Where to look: a buffer says how much, too. */
const WHERE: Parameter<Value> = { ...PHYS, decode: null };

type Conversion = (encryption: MemoryEncryption, from: PhysAddr, sizeBytes: number) => void;

/** Converts pages in a confidential guest; elsewhere there is nothing to do. */
function conversion(name: string, doc: string, convert: Conversion): FunctionSpec {
  return builtin({
    name,
    parameters: [PHYS, PAGES],
    result: "nothing",
    doc,
    example: `machine {
  memory_encryption = true
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
let page = buffer(size: 4KiB, fill: 0x5a)
set_memory_decrypted(page, 1)
let m = dma_map_phys(ssd, page, 4KiB, to_device, cc_shared)
assert m.branch == shared_reached and ssd.dma_read(m, 1) == bytes"5a"
dma_unmap_phys(ssd, m, 4KiB, to_device, cc_shared)
set_memory_encrypted(page, 1)`,
    run(context, [from, pages]) {
      const { encryption, memory } = context.lab.machine;
      const sizeBytes = pages * PAGE_SIZE_BYTES;
      if (!memory.covers(from, sizeBytes)) {
        throw new ScriptError("E0918", `There is no RAM at 0x${from.toString(16)} to convert`);
      }
      if (encryption !== null) convert(encryption, from, sizeBytes);
    },
  });
}

export const COHERENCE_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "cache_lines",
    pure: true,
    parameters: [
      WHERE,
      optional(param.size("size", "How many bytes; all of a contiguous buffer when left out.")),
    ],
    result: CACHE_LINES,
    doc: "The CPU's cache lines of a memory range: the owner and state of each. They matter only " +
      "for non-coherent devices; otherwise all are clean.",
    example: `machine {
  pci { root_port rp0 { nvme ssd { coherent = false } } }
}
let page = buffer(size: 4KiB, fill: 7)
assert cache_lines(page).dirty == 64
let m = dma_map_phys(ssd, page, 4KiB, from_device)
assert cache_lines(page).clean == 64 and cache_lines(page).devices == 64
ssd.dma_write(m, bytes"01")
assert cache_lines(page)[0].state == stale
dma_unmap_phys(ssd, m, 4KiB, from_device)
assert page[0] == 1`,
    run(context, [where, size]) {
      const from = physOf(where);
      const sizeBytes = lookedBytes(where, size);
      context.chargeMemory(sizeBytes);
      return cacheLines(context.lab.machine, from, sizeBytes);
    },
  }),
  conversion(
    "set_memory_decrypted",
    "Shares pages of a confidential guest: they are not encrypted, so that devices can access " +
      "them. It has no effect where memory is not encrypted.",
    (encryption, from, sizeBytes) => encryption.share(from, sizeBytes),
  ),
  conversion(
    "set_memory_encrypted",
    "Makes pages of a confidential guest private again: only its CPU can read them.",
    (encryption, from, sizeBytes) => encryption.unshare(from, sizeBytes),
  ),
];

function lookedBytes(where: Value, size: number | undefined): number {
  const whole = isHandle(where, BUFFER) && where.target.segments.length === 1
    ? where.target.sizeBytes
    : undefined;
  const sizeBytes = size ?? whole;
  if (sizeBytes === undefined) {
    throw new ScriptError("E0919", "The number of bytes is missing", "write `size: 4KiB`");
  }
  if (sizeBytes >= 1 && sizeBytes <= MAX_LOOKED_BYTES) return sizeBytes;
  throw new ScriptError("E0919", `Cannot look at the cache lines of ${sizeBytes} bytes`);
}
