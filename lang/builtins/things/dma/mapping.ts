/** One streaming mapping: what `dma_map_*` gives, and what `device.mappings` lists. */
import type { DmaAddr, PhysAddr } from "../../../../runtime/address.ts";
import { directionWord, type DmaDirection } from "../../../../runtime/dma/attributes.ts";
import { formatAddress, formatSize } from "../../../text/numbers.ts";
import { dma, isThing, list, phys, size, word } from "../../arguments.ts";
import { explainAddress } from "../../ledger.ts";
import type { TypeSpec } from "../../../values/spec.ts";
import { siteText } from "../event.ts";

export interface Mapping {
  readonly device: string;
  readonly phys: PhysAddr;
  readonly addr: DmaAddr;
  readonly sizeBytes: number;
  /** Direction and path as words. */
  readonly dir: string;
  readonly path: string;
  readonly attrs: readonly string[];
  /** The branch of the map, as a word; null where nobody knows. */
  readonly branch: string | null;
  /** The statement that made it, as a number that a run can name. */
  readonly site: number | null;
}

/** The word of a direction, for a mapping just made. */
export function dirWord(dir: DmaDirection): string {
  return directionWord(dir);
}

export const MAPPING: TypeSpec<Mapping> = {
  name: "mapping",
  doc: "Memory made reachable for a device.",
  fields: [
    {
      name: "addr",
      kind: "dma",
      doc: "Where the device sees the first byte; none for the error value.",
      get: (mapping) => mapping.addr < 0 ? null : dma(mapping.addr),
    },
    { name: "size", kind: "size", doc: "Its length.", get: (mapping) => size(mapping.sizeBytes) },
    {
      name: "path",
      kind: "word",
      doc: "How the device reaches it: direct, iommu, swiotlb or bus.",
      get: (mapping) => word(mapping.path),
    },
    {
      name: "branch",
      kind: "word",
      doc: "The branch that the map took, such as memory_reached or bounce_unreachable; none " +
        "where only an event is left of the map.",
      get: (mapping) => mapping.branch === null ? null : word(mapping.branch),
    },
    {
      name: "dir",
      kind: "word",
      doc: "Which way data may move.",
      get: (mapping) => word(mapping.dir),
    },
    {
      name: "phys",
      kind: "phys",
      doc: "Physical address of the memory that was mapped.",
      get: (mapping) => phys(mapping.phys),
    },
    {
      name: "attrs",
      kind: "list",
      doc: "Its attributes.",
      get: (mapping) => list(mapping.attrs.map(word)),
    },
    {
      name: "device",
      kind: "string",
      doc: "The device it is for, by name.",
      get: (mapping) => mapping.device,
    },
    {
      name: "site",
      kind: "string",
      doc: "The statement that made it, as file:line:column, or none.",
      get: (mapping, run) => siteText(mapping.site, run),
    },
  ],
  methods: [],
  format: formatMapping,
  show: (mapping) =>
    mapping.addr < 0 ? [formatMapping(mapping)] : [
      `  physical ${formatAddress(mapping.phys)} ───► ${mapping.device} sees ${
        formatAddress(mapping.addr)
      }`,
      `  ${formatSize(mapping.sizeBytes)} ${mapping.dir}, ${PATHS[mapping.path] ?? mapping.path}`,
    ],
  explain: (mapping, run) =>
    mapping.addr < 0 ? [formatMapping(mapping)] : explainAddress("dma", mapping.addr, run),
  equals: (mapping, other) =>
    isThing(other, MAPPING) && other.target.device === mapping.device &&
    other.target.addr === mapping.addr && other.target.phys === mapping.phys &&
    other.target.sizeBytes === mapping.sizeBytes && other.target.dir === mapping.dir,
};

const PATHS: Readonly<Record<string, string>> = {
  direct: "the physical address itself",
  iommu: "translated by the IOMMU",
  swiotlb: "copied through a bounce buffer",
  bus: "peer memory by its bus address",
};

function formatMapping(mapping: Mapping): string {
  if (mapping.addr < 0) {
    return `the error value of a failed map of ${formatSize(mapping.sizeBytes)}`;
  }
  return `mapping of ${formatSize(mapping.sizeBytes)} at ${formatAddress(mapping.addr)} ` +
    `(${mapping.path}, ${mapping.dir})`;
}
