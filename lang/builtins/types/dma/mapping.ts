/** One streaming mapping: the result of `dma_map_*`, and an item of `device.mappings`. */
import type { DmaAddr, PhysAddr } from "@dmalab/runtime";
import { formatAddress, formatSize } from "../../../text/numbers.ts";
import { isHandle } from "../../arguments.ts";
import { explainAddress, reachOf } from "../../ledger.ts";
import type { HandleType } from "../../../values/spec.ts";
import { siteText } from "../event.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { addressOf, param } from "../../describe/parameters.ts";
import { Handle, type Quantity, type Value } from "../../../values/value.ts";

export interface Mapping {
  readonly device: string;
  readonly phys: PhysAddr;
  readonly addr: DmaAddr;
  readonly sizeBytes: number;
  /** Direction and path as words. */
  readonly dir: string;
  readonly path: string;
  readonly attrs: readonly string[];
  /** The branch of the map, as a word; null where it is unknown. */
  readonly branch: string | null;
  /** The site of the statement that made the mapping. */
  readonly site: number | null;
}

/**
 * For an argument that is a mapping or an address: the device address of the mapping's first byte,
 * or the address itself.
 */
export function mappedAddress(value: Value): DmaAddr {
  return value instanceof Handle
    ? (value.target as Mapping).addr
    : addressOf(value as Quantity) as DmaAddr;
}

/** An argument that is a device address, or something that has one. */
export const WHERE = param.of(
  "dma",
  ["dma", "@mapping"],
  "The address as the device sees it.",
  mappedAddress,
);

export const MAPPING: HandleType<Mapping> = {
  name: "mapping",
  doc: "A DMA mapping: memory that a device can access.",
  fields: fieldsOf<Mapping>((f) => ({
    addr: f.dma(
      "Where the device sees the first byte; none for the error value.",
      (mapping) => mapping.addr < 0 ? null : mapping.addr,
    ),
    size: f.size("Its length.", (mapping) => mapping.sizeBytes),
    path: f.word(
      "How the device reaches it: direct, iommu, swiotlb or bus.",
      (mapping) => mapping.path,
    ),
    branch: f.word(
      "The branch that the map took, such as memory_reached or bounce_unreachable; none if " +
        "only the event of the map is known.",
      (mapping) => mapping.branch,
    ),
    dir: f.word("Which way data may move.", (mapping) => mapping.dir),
    phys: f.phys("Physical address of the memory that was mapped.", (mapping) => mapping.phys),
    attrs: f.list("word", "Its attributes.", (mapping) => mapping.attrs),
    device: f.string("Name of the device it was mapped for.", (mapping) => mapping.device),
    site: f.string(
      "The statement that made it, as file:line:column, or none.",
      (mapping, context) => siteText(mapping.site, context),
    ),
  })),
  format: formatMapping,
  show: (mapping, context) => {
    if (mapping.addr < 0) return [formatMapping(mapping)];
    const { addr, device, dir, path, phys, sizeBytes } = mapping;
    const reach = reachOf(mapping, context);
    const isGone = reach === "none" || reach === "owned";
    const arrow = isGone ? "─ ─ ─" : "───►";
    const sees = isGone ? "saw" : "sees";
    return [
      `  physical ${formatAddress(phys)} ${arrow} ${device} ${sees} ${formatAddress(addr)}`,
      `  ${formatSize(sizeBytes)} ${dir}, ${
        path === "direct" && addr as number !== phys
          ? "its bus address, by the device's ranges"
          : PATHS[path] ?? path
      }${reach === null ? "" : STATES[reach]}`,
    ];
  },
  explain: (mapping, context) =>
    mapping.addr < 0 ? [formatMapping(mapping)] : explainAddress("dma", mapping.addr, context, {
      device: mapping.device,
      sizeBytes: mapping.sizeBytes,
    }),
  equals: (mapping, other) =>
    isHandle(other, MAPPING) && other.target.device === mapping.device &&
    other.target.addr === mapping.addr && other.target.phys === mapping.phys &&
    other.target.sizeBytes === mapping.sizeBytes && other.target.dir === mapping.dir,
};

const PATHS: Readonly<Record<string, string>> = {
  direct: "the physical address itself",
  iommu: "translated by the IOMMU",
  swiotlb: "copied through a bounce buffer",
  bus: "peer memory by its bus address",
};

const STATES = {
  all: "",
  part: "; unmapped in part",
  none: "; unmapped",
  owned: "; out of reach, owned by a process",
} as const;

function formatMapping(mapping: Mapping): string {
  if (mapping.addr < 0) {
    return `the error value of a failed map of ${formatSize(mapping.sizeBytes)}`;
  }
  return `mapping of ${formatSize(mapping.sizeBytes)} at ${formatAddress(mapping.addr)} ` +
    `(${mapping.path}, ${mapping.dir})`;
}
