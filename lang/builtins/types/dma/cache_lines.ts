/** Lines of the CPU's caches over a span of memory: the owner and state of each. */
import { valueOf } from "../../describe/form.ts";
import type { Bytes, Machine, PhysAddr } from "@dmalab/runtime";
import { CACHE_LINE_BYTES, type CacheLine, type LineState } from "@dmalab/runtime/memory";
import { pad, spread } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import type { HandleType } from "../../../values/spec.ts";
import { checkedIndex } from "../../values/list.ts";
import { fieldsOf } from "../../describe/fields.ts";

export interface CacheLineView {
  readonly sizeBytes: Bytes;
  readonly lines: readonly CacheLine[];
}

/** Lines of a row of the picture: a page of them. */
const ROW_LINES = 64;
/** Rows of a picture before the rest is only counted. */
const DISPLAYED_ROWS = 8;

const SIGNS: Readonly<Record<LineState, string>> = {
  clean: "·",
  dirty: "D",
  stale: "s",
  conflict: "!",
};

/** The lines over a span; all clean and the CPU's where every device sees the caches. */
export function cacheLines(machine: Machine, from: PhysAddr, sizeBytes: Bytes): CacheLineView {
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
  methods: [],
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
      rows.push(...rowLines(target.lines.slice(at, at + ROW_LINES)));
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

/** Two rows: the state of each line, and under it its owner. */
function rowLines(lines: readonly CacheLine[]): string[] {
  const states = lines.map(({ state }) => SIGNS[state]).join("");
  const owners = lines.map(({ owner }) => owner === "device" ? "▔" : " ").join("").trimEnd();
  const address = formatAddress(lines[0]!.phys);
  const isLong = address.length > 14;
  return [
    // A row of lines fills the picture: an address far up has a line of its own.
    ...isLong ? [address] : [],
    `${pad(isLong ? "" : address, 14, "right")}  ${states}`,
    ...owners === "" ? [] : [`${pad("the device's", 14, "right")}  ${owners}`],
  ];
}
