/** Scatterlists: buffers that are mapped together. */
import { plainSegment, SEGMENT } from "../segment.ts";
import type { PhysAddr } from "../../../../runtime/address.ts";
import type { DmaDevice } from "../../../../runtime/dma/device/device.ts";
import type { Scatterlist } from "../../../../runtime/dma/scatterlist.ts";
import { clip, PICTURE_COLUMNS, wrapText } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { scatterlistPicture } from "../../../render/pictures/scatterlist_picture.ts";
import { isThing } from "../../arguments.ts";
import { scatterRanges } from "../../scatter_joins.ts";
import type { TypeSpec } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

/** A list, and the device it was last mapped for. */
export interface ScatterlistTarget {
  readonly list: Scatterlist;
  device: DmaDevice | null;
}

/** Bytes that an entry in a list of values is charged. */
const ENTRY_BYTES = 128;

/** Bits in the spare places of a pointer to a page. @see behaviour/p2p.md 9.1 */
const LAST_ENTRY = 2;
const BUS_OUTPUT = 4;

export const SCATTERLIST: TypeSpec<ScatterlistTarget> = {
  name: "scatterlist",
  doc: "Buffers that are mapped together, and their DMA ranges.",
  fields: fieldsOf<ScatterlistTarget>((f) => ({
    entries: f.list(SEGMENT, "Its buffers: { phys, size }.", ({ list }, run) => {
      run.chargeMemory(ENTRY_BYTES * list.count);
      return list.segments().map(plainSegment);
    }),
    nents: f.int("How many buffers it has.", ({ list }) => list.count),
    mapped: f.list(
      { addr: "dma", size: "size" },
      "The DMA ranges: { addr, size }, fewer than buffers where some were joined; " +
        "empty while it is not mapped.",
      ({ list }, run) => {
        run.chargeMemory(ENTRY_BYTES * list.outputs);
        return list.mapped().map(({ dma, sizeBytes }) => ({ addr: dma, size: sizeBytes }));
      },
    ),
    bus_marks: f.list(
      { output: "int", mark: "word" },
      "The outputs that are a peer's bus address, and where their entries say so: a list of " +
        "{ output, mark }, the mark being dma_flags or, in the design of 2021, page_link.",
      ({ list }) =>
        list.mapped().flatMap((_, output) => {
          const mark = list.busMarkAt(output);
          return mark === null ? [] : [{ output, mark }];
        }),
    ),
    page_links: f.list(
      { page: "phys", bits: "int" },
      "Each entry's pointer to its page, and the bits in its spare places: 2 the last entry; 4, in the " +
        "design of 2021, an output that is a peer's bus address. 1 is that of a link to the next page of " +
        "entries, which is no entry.",
      ({ list }, run) => {
        run.chargeMemory(ENTRY_BYTES * list.count);
        return list.segments().map(({ phys }, index) => ({
          page: phys - phys % run.lab.machine.config.pageSizeBytes as PhysAddr,
          bits: (index === list.count - 1 ? LAST_ENTRY : 0) +
            (list.busMarkAt(index) === "page_link" ? BUS_OUTPUT : 0),
        }));
      },
    ),
    size: f.size(
      "Bytes of all its buffers.",
      ({ list }) => list.segments().reduce((sum, entry) => sum + entry.sizeBytes, 0),
    ),
    bounced: f.bool(
      "It was once mapped buffer by buffer, because some might be bounced; the mark stays.",
      ({ list }) => list.bounced,
    ),
    tables: f.int(
      "Pages of entries it takes; all but the last spend an entry on the link to the next.",
      ({ list }) => list.tables,
    ),
    memory: f.size("Host memory of its entries and links.", ({ list }) => list.sizeBytes),
  })),
  methods: [],
  format: ({ list, device }) =>
    `scatterlist of ${formatCount(list.count, "entry", "entries")}` +
    (list.outputs === 0
      ? ""
      : `, ${formatCount(list.outputs, "range")} for ${device?.name ?? "a device"}`),
  show: ({ list, device }) =>
    scatterlistPicture({
      entries: list.segments(),
      outputs: device === null ? [] : scatterRanges(list, device).map((range) => ({
        ...range,
        why: range.words?.[1] ?? "",
      })),
      tables: list.tables,
      memoryBytes: list.sizeBytes,
      device: list.outputs === 0 ? null : device?.name ?? null,
    }),
  explain: explainRanges,
  equals: ({ list }, other) => isThing(other, SCATTERLIST) && other.target.list === list,
};

/** Why there are as many DMA ranges as there are. */
function explainRanges({ list, device }: ScatterlistTarget): string[] {
  if (device === null || list.outputs === 0) return ["the list is not mapped"];
  const ranges = scatterRanges(list, device);
  return [
    `${formatCount(list.count, "entry", "entries")} became ${
      formatCount(ranges.length, "range")
    } ` +
    `for ${device.name}`,
    ...ranges.flatMap(({ dma: address, sizeBytes, first, entries, words }) => {
      const last = first + entries - 1;
      const which = entries === 1 ? `entry ${first}` : `entries ${first} to ${last}`;
      const head = `  ${formatAddress(address)} ${formatSize(sizeBytes)}: ${which}`;
      if (words === null) return [head];
      const [rule, , text] = words;
      const why = `apart by ${rule}: ${text}`;
      return [head, ...wrapText(why, PICTURE_COLUMNS - 4).map((line) => `    ${line}`)];
    }),
  ].map((line) => clip(line, PICTURE_COLUMNS));
}
