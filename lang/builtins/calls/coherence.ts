/** Coherence: the CPU's caches, and the shared pages of a confidential guest. */
import { addAll } from "@dmalab/runtime/basics";
import {
  type Bytes,
  CACHE_LINE_BYTES,
  type CacheLine,
  type LineState,
  type Machine,
  type MemoryEncryption,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import { ScriptError, ValueError } from "../../values/script_error.ts";
import type { Value } from "../../values/value.ts";
import { isHandle } from "../arguments.ts";
import type { FunctionSpec, HandleType } from "../../values/spec.ts";
import { BUFFER, physOf } from "../types/buffer.ts";
import { PHYS } from "./parameters.ts";
import { builtin } from "../describe/builtin.ts";
import { optional, param, type Parameter } from "../describe/parameters.ts";
import { valueOf } from "../describe/form.ts";
import { pad, spread } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import { checkedIndex } from "../values/list.ts";
import { fieldsOf } from "../describe/fields.ts";

interface CacheLineView {
  readonly sizeBytes: Bytes;
  readonly lines: readonly CacheLine[];
}

/** Cache lines in a row of the picture: one page. */
const ROW_LINES = 64;
/** Limit of the rows that a picture shows; the other rows are only counted. */
const DISPLAYED_ROWS = 8;

const SIGNS: Readonly<Record<LineState, string>> = {
  clean: "·",
  dirty: "D",
  stale: "s",
  conflict: "!",
};

/** The cache lines of a range. If no caches are simulated, all lines are clean and owned by the CPU. */
function cacheLines(machine: Machine, from: PhysAddr, sizeBytes: Bytes): CacheLineView {
  if (machine.caches !== null) return { sizeBytes, lines: machine.caches.linesOf(from, sizeBytes) };
  const first = from - from % CACHE_LINE_BYTES;
  const count = Math.ceil((from + sizeBytes - first) / CACHE_LINE_BYTES);
  const lines = Array.from({ length: count }, (_, index): CacheLine => ({
    phys: first + index * CACHE_LINE_BYTES as PhysAddr,
    owner: "cpu",
    state: "clean",
  }));
  return { sizeBytes, lines };
}

const LINE = { phys: "phys", owner: "word", state: "word" } as const;

function countOf(state: LineState) {
  return ({ lines }: CacheLineView) => lines.filter((line) => line.state === state).length;
}

export const CACHE_LINES: HandleType<CacheLineView> = {
  name: "cache_lines",
  doc: "A snapshot of the CPU's 64-byte cache lines.",
  fields: fieldsOf<CacheLineView>((f) => ({
    length: f.int("How many lines there are.", ({ lines }) => lines.length),
    lines: f.list(LINE, "Each of them: { phys, owner, state }.", ({ lines }, context) => {
      context.chargeMemory(256 * lines.length);
      return lines;
    }),
    clean: f.int("Lines that are not cached, or whose copy equals memory.", countOf("clean")),
    dirty: f.int("Lines that the CPU has written and not written back.", countOf("dirty")),
    stale: f.int(
      "Cached lines whose memory a device has written since they were filled.",
      countOf("stale"),
    ),
    conflict: f.int(
      "Lines that both the CPU and a device have written: one of the writes will be lost.",
      countOf("conflict"),
    ),
    devices: f.int(
      "Lines owned by a device.",
      ({ lines }) => lines.filter(({ owner }) => owner === "device").length,
    ),
  })),
  format: formatLines,
  show: (target) => {
    const rows: string[] = [];
    for (let at = 0; at < target.lines.length; at += ROW_LINES) {
      if (rows.length === 2 * DISPLAYED_ROWS) {
        rows.push(
          `${pad("…", 14, "right")}  ${formatCount(target.lines.length - at, "line")} more`,
        );
        break;
      }
      addAll(rows, rowLines(target.lines.slice(at, at + ROW_LINES)));
    }
    return [
      spread(formatLines(target), "· clean  D dirty  s stale  ! both wrote"),
      ...rows,
    ];
  },
  index: ({ lines }, index, context) =>
    valueOf(LINE, lines[checkedIndex(index, lines.length, "lines")]!, context),
};

function formatLines(target: CacheLineView): string {
  const count = formatCount(target.lines.length, "cache line");
  return `${count} over ${formatSize(target.sizeBytes)}`;
}

/** Two rows: the state of each cache line, and below it a mark if the device owns the line. */
function rowLines(lines: readonly CacheLine[]): string[] {
  const states = lines.map(({ state }) => SIGNS[state]).join("");
  const owners = lines.map(({ owner }) => owner === "device" ? "▔" : " ").join("").trimEnd();
  const address = formatAddress(lines[0]!.phys);
  const isLong = address.length > 14;
  return [
    // The cache lines of a row fill the width of the picture, so a long address gets a separate
    // line.
    ...isLong ? [address] : [],
    `${pad(isLong ? "" : address, 14, "right")}  ${states}`,
    ...owners === "" ? [] : [`${pad("the device's", 14, "right")}  ${owners}`],
  ];
}

const MAX_LOOKED_BYTES = 16 * 2 ** 20;
const MAX_PAGES = 2 ** 20;

const PAGES = param.int("pages", "How many pages from there on.", 1, MAX_PAGES);

/** The memory to inspect: an address, or a buffer, which also has a length. */
const WHERE: Parameter<Value> = { ...PHYS, decode: null };

type Conversion = (encryption: MemoryEncryption, from: PhysAddr, sizeBytes: number) => void;

/** A function that converts pages in a confidential guest, and does nothing on other machines. */
function conversion(name: string, doc: string, convert: Conversion): FunctionSpec {
  return builtin({
    name,
    parameters: [PHYS, PAGES],
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
        throw new ScriptError("E0918", `There is no RAM at ${formatAddress(from)} to convert`);
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
    throw new ValueError("The number of bytes is missing", "write `size: 4KiB`");
  }
  if (sizeBytes >= 1 && sizeBytes <= MAX_LOOKED_BYTES) return sizeBytes;
  throw new ValueError(`Cannot look at the cache lines of ${sizeBytes} bytes`);
}
