/** Scatterlists: buffers that are mapped together. */
import type { DmaDevice } from "../../../../runtime/dma/device/device.ts";
import type { Scatterlist } from "../../../../runtime/dma/scatterlist.ts";
import { clip, PICTURE_COLUMNS, wrapText } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { scatterlistPicture } from "../../../render/pictures/scatterlist_picture.ts";
import type { Value } from "../../../values/value.ts";
import { dma, isThing, list, phys, record, size, word } from "../../arguments.ts";
import { scatterRanges } from "../../scatter_joins.ts";
import type { TypeSpec } from "../../../values/spec.ts";

/** A list, and the device it was last mapped for. */
export interface ScatterlistTarget {
  readonly list: Scatterlist;
  device: DmaDevice | null;
}

/** Bytes that an entry in a list of values is charged. */
const ENTRY_BYTES = 128;

export const SCATTERLIST: TypeSpec<ScatterlistTarget> = {
  name: "scatterlist",
  doc: "Buffers that are mapped together, and what the device is told of them.",
  fields: [
    {
      name: "entries",
      kind: "list",
      of: { phys: "phys", size: "size" },
      doc: "Its buffers: { phys, size }.",
      get({ list: sg }, run): Value {
        run.chargeMemory(ENTRY_BYTES * sg.count);
        return list(
          sg.segments().map((entry) =>
            record({ phys: phys(entry.phys), size: size(entry.sizeBytes) })
          ),
        );
      },
    },
    {
      name: "nents",
      kind: "int",
      doc: "How many buffers it has.",
      get: ({ list: sg }) => sg.count,
    },
    {
      name: "mapped",
      kind: "list",
      of: { addr: "dma", size: "size" },
      doc: "What the device is told: { addr, size }, fewer than buffers where some were joined; " +
        "empty while it is not mapped.",
      get({ list: sg }, run): Value {
        run.chargeMemory(ENTRY_BYTES * sg.outputs);
        return list(
          sg.mapped().map((output) =>
            record({ addr: dma(output.dma), size: size(output.sizeBytes) })
          ),
        );
      },
    },
    {
      name: "bus_marks",
      kind: "list",
      doc: "The outputs that are a peer's bus address, and where their entries say so: a list of " +
        "{ output, mark }, the mark being dma_flags or, in the design of 2021, page_link.",
      get: ({ list: sg }) =>
        list(
          sg.mapped().flatMap((_, output) => {
            const mark = sg.busMarkAt(output);
            return mark === null ? [] : [record({ output, mark: word(mark) })];
          }),
        ),
    },
    {
      name: "size",
      kind: "size",
      doc: "Bytes of all its buffers.",
      get: ({ list: sg }) => size(sg.segments().reduce((sum, entry) => sum + entry.sizeBytes, 0)),
    },
    {
      name: "bounced",
      kind: "bool",
      doc: "It was once mapped buffer by buffer, because some might be bounced; the mark stays.",
      get: ({ list: sg }) => sg.bounced,
    },
    {
      name: "tables",
      kind: "int",
      doc: "Pages of entries it takes; all but the last spend an entry on the link to the next.",
      get: ({ list: sg }) => sg.tables,
    },
    {
      name: "memory",
      kind: "size",
      doc: "Host memory of its entries and links.",
      get: ({ list: sg }) => size(sg.sizeBytes),
    },
  ],
  methods: [],
  format: ({ list: sg, device }) =>
    `scatterlist of ${formatCount(sg.count, "entry", "entries")}` +
    (sg.outputs === 0
      ? ""
      : `, ${formatCount(sg.outputs, "range")} for ${device?.name ?? "a device"}`),
  show: ({ list: sg, device }) =>
    scatterlistPicture({
      entries: sg.segments(),
      outputs: device === null ? [] : scatterRanges(sg, device).map((range) => ({
        ...range,
        why: range.separation?.short ?? "",
      })),
      tables: sg.tables,
      memoryBytes: sg.sizeBytes,
      device: sg.outputs === 0 ? null : device?.name ?? null,
    }),
  explain: explainRanges,
  equals: ({ list: sg }, other) => isThing(other, SCATTERLIST) && other.target.list === sg,
};

/** Why the device is told of as many ranges as it is. */
function explainRanges({ list: sg, device }: ScatterlistTarget): string[] {
  if (device === null || sg.outputs === 0) return ["the list is not mapped"];
  const ranges = scatterRanges(sg, device);
  return [
    `${formatCount(sg.count, "entry", "entries")} became ${formatCount(ranges.length, "range")} ` +
    `for ${device.name}`,
    ...ranges.flatMap(({ dma: address, sizeBytes, first, entries, separation }) => {
      const last = first + entries - 1;
      const which = entries === 1 ? `entry ${first}` : `entries ${first} to ${last}`;
      const head = `  ${formatAddress(address)} ${formatSize(sizeBytes)}: ${which}`;
      if (separation === null) return [head];
      const why = `apart by ${separation.rule}: ${separation.text}`;
      return [head, ...wrapText(why, PICTURE_COLUMNS - 4).map((line) => `    ${line}`)];
    }),
  ].map((line) => clip(line, PICTURE_COLUMNS));
}
