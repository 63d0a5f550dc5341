/** The limits of a request, each with its origin. */
import {
  type FieldValue,
  type LimitReason,
  PAGE_SIZE_BYTES,
  type QueueLimits,
  SECTOR_SIZE_BYTES,
} from "@dmalab/runtime";
import { spread, wrapText } from "../../text/columns.ts";
import { formatSize } from "../../text/numbers.ts";
import { formatInputs } from "./inputs.ts";

/** A limit by its name in scripts, with its value as text. */
export interface NamedLimit {
  readonly name: string;
  readonly key: LimitReason["limit"];
  readonly text: string;
}

const INDENT = "    ";

/**
 * Every limit that differs from its default. A limit comes after the limits on which it depends.
 */
export function limitsStory(
  limits: QueueLimits,
  named: readonly NamedLimit[],
  columns: number,
): string[] {
  return [
    ...named.flatMap((limit) => chosenLines(limits, limit, columns)),
    "effective limits",
    ...capacity(limits).flatMap((line) => indented(line, columns)),
  ];
}

/** One limit: its value and its origin, or that it is the default. */
export function limitStory(
  limits: QueueLimits,
  limit: NamedLimit,
  doc: string,
  columns: number,
): string[] {
  const unset = [
    `${limit.name} = ${limit.text}`,
    ...indented("not set; block-layer default", columns),
  ];
  const chosen = chosenLines(limits, limit, columns);
  const [head, ...reasons] = chosen.length > 0 ? chosen : unset;
  return [head!, ...indented(doc, columns), ...reasons];
}

function chosenLines(
  limits: QueueLimits,
  { key, name, text }: NamedLimit,
  columns: number,
): string[] {
  return limits.why.filter(({ limit }) => limit === key).flatMap((reason, index) => [
    spread(`${name} = ${text}${index === 0 ? "" : ", lowered"}`, holderOf(reason), columns),
    ...reasonsOf(reason).flatMap((sentence) => indented(sentence, columns)),
  ]);
}

/** The origin of a limit, in a word or two. */
export function setterOf(reason: LimitReason): string {
  const by = reason.inputs.set_by;
  return typeof by === "string" ? by.replaceAll("_", " ") : "";
}

function holderOf(reason: LimitReason): string {
  const by = setterOf(reason);
  return by === "" ? reason.rule : `set by ${by}  ${reason.rule}`;
}

function indented(text: string, columns: number): string[] {
  return wrapText(text, columns - INDENT.length).map((line) => INDENT + line);
}

function sizeIn(inputs: LimitReason["inputs"], name: string): string {
  return formatSize(numberIn(inputs, name));
}

function numberIn(inputs: LimitReason["inputs"], name: string): number {
  const value: FieldValue | undefined = inputs[name];
  return typeof value === "number" ? value : 0;
}

function sectorsIn(inputs: LimitReason["inputs"], name: string): string {
  return formatSize(numberIn(inputs, name) * SECTOR_SIZE_BYTES);
}

function reasonsOf(reason: LimitReason): string[] {
  const { inputs, limit, rule } = reason;
  switch (limit) {
    case "maxHwSectors":
      return rule === "nvme.1.1" ? transferReasons(inputs) : ["the block layer's default"];
    case "maxSectors":
      return rule === "block.1.2"
        ? [`the metadata of a request, ${inputs.metadata_bytes} bytes a block, has 2MiB at most`]
        : [softReason(inputs)];
    case "maxSegments":
      return [segmentsReason(reason)];
    case "virtBoundaryMask":
      return [boundaryReason(reason)];
    case "maxIntegritySegments":
      return [
        inputs.controller_metadata_sgl === true
          ? "a small block of 16 descriptors, less the one that leads to the others"
          : "the controller does not support SGLs for metadata: one pointer, one segment",
      ];
    case "dmaAlignmentMask":
      return ["offset and length of memory must be multiples of this mask plus one"];
    default:
      return limit === "chunkSectors" || inputs.set_by === undefined ? [formatInputs(inputs)] : [];
  }
}

/**
 * The hardware limit: the three values of which it is the minimum, and the reason for the optimal
 * mapping size.
 */
function transferReasons(inputs: LimitReason["inputs"]): string[] {
  const mdts = numberIn(inputs, "mdts_bytes");
  return [
    `the smallest of: the driver's ceiling ${
      sizeIn(inputs, "driver_bytes")
    }, the optimal mapping ` +
    `size ${sizeIn(inputs, "optimal_mapping_bytes")}, the controller's MDTS ${
      mdts === 0 ? "none" : formatSize(mdts)
    }`,
    mappingReason(inputs),
  ];
}

/** @see rules/dma.md 1.7 */
function mappingReason(inputs: LimitReason["inputs"]): string {
  const largest = sizeIn(inputs, "largest_mapping_bytes");
  if (inputs.translated !== true) {
    return inputs.bounced === true
      ? `optimal mapping size ${largest}: mappings may be bounced, and IO_TLB_SEGSIZE slots hold 256KiB, ` +
        `less the alignment mask ${numberIn(inputs, "min_align_mask")} (dma.1.7)`
      : "optimal mapping size unlimited: no translation and no bouncing (dma.1.7)";
  }
  const pages = numberIn(inputs, "cached_pages");
  const page = numberIn(inputs, "page_bytes");
  return `optimal mapping size: ${pages} pages of ${formatSize(page)} are ${
    formatSize(pages * page)
  }, the largest IOVA range that rcaches hold; a larger one is allocated from the ` +
    `rbtree every time (dma.1.7, dma.4.3)`;
}

function softReason(inputs: LimitReason["inputs"]): string {
  const user = numberIn(inputs, "user_sectors");
  const device = numberIn(inputs, "device_sectors");
  return "the smaller of: " + [
    `max_transfer ${sectorsIn(inputs, "hardware_sectors")}`,
    ...device === 0 ? [] : [`the device's own ${sectorsIn(inputs, "device_sectors")}`],
    user === 0
      ? `the release's default ${sectorsIn(inputs, "default_sectors")}`
      : `the user's ${sectorsIn(inputs, "user_sectors")}`,
  ].join(", ");
}

function segmentsReason({ inputs }: LimitReason): string {
  if (inputs.list_entries === undefined) return "the block layer's default";
  return `the smaller of: the list's ${numberIn(inputs, "list_entries")} entries, ` +
    `${sectorsIn(inputs, "hardware_sectors")} / ${formatSize(PAGE_SIZE_BYTES)} + 1 = ${
      numberIn(inputs, "hardware_sectors") * SECTOR_SIZE_BYTES / PAGE_SIZE_BYTES + 1
    } pages of an unaligned transfer`;
}

function boundaryReason({ inputs, value }: LimitReason): string {
  if (value === 0) return "the controller supports SGLs: segment boundaries may be anywhere";
  return inputs.controller_sgl === true
    ? `${String(inputs.kernel)} keeps it although the controller supports SGLs`
    : "the controller supports PRP entries only: segment boundaries must be aligned to its pages of 4KiB";
}

/** The effect of the limits on scattered pages and long segments. */
function capacity(limits: QueueLimits): string[] {
  const transfer = limits.maxHwSectors * SECTOR_SIZE_BYTES;
  const soft = limits.maxSectors * SECTOR_SIZE_BYTES;
  const scattered = limits.maxSegments * PAGE_SIZE_BYTES;
  const sum = `${limits.maxSegments} segments × ${formatSize(PAGE_SIZE_BYTES)} = ${
    formatSize(scattered)
  }`;
  const lines = scattered < transfer
    ? [
      `scattered pages: ${sum} in one command; the segment limit is reached first`,
      `${formatSize(transfer)} in one command: segments of ${
        formatSize(Math.ceil(transfer / limits.maxSegments))
      } on average (${formatSize(transfer)} / ${limits.maxSegments})`,
    ]
    : [
      `scattered pages: ${sum}, so ${formatSize(transfer)} fit; the length limit is reached first`,
    ];
  if (soft < transfer) {
    lines.push(`a read or write is split at ${formatSize(soft)}; a passthrough command is not`);
  }
  return lines;
}
