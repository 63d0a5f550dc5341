/**
 * What the fields of events mean, by their names.
 *
 * The vocabulary names its fields by one rule (sizes end in `_bytes`, addresses are bare), and the
 * arguments of kernel calls by their kernel names, so a name is enough to know how a number reads:
 * as an address, a size or a count.
 */

import type { QuantityKind } from "../values/value.ts";

/** How a field's value reads. */
export type FieldReading =
  | "dma"
  | "phys"
  | "virt"
  | "size"
  | "int"
  | "word"
  | "text"
  | "words"
  | "leaves"
  | "segments"
  | "site"
  | "value";

const BY_NAME: Readonly<Record<string, FieldReading>> = {
  // Device addresses.
  start: "dma",
  limit: "dma",
  iova: "dma",
  dma: "dma",
  addr: "dma",
  hw_start: "dma",
  entry: "dma",
  address: "dma",
  list_page: "int",
  bus: "dma",
  // CPU physical addresses.
  phys: "phys",
  orig_phys: "phys",
  tlb_phys: "phys",
  page: "phys",
  // Addresses of processes.
  virt: "virt",
  // Sizes among the arguments of kernel calls.
  size: "size",
  offset: "size",
  mapped: "size",
  mapped_len: "size",
  len: "size",
  align: "size",
  // Names of devices and pools, and sentences.
  dev: "text",
  device: "text",
  provider: "text",
  client: "text",
  clients: "text",
  from: "word",
  to: "word",
  hop: "int",
  tied: "words",
  text: "text",
  at: "text",
  rule: "word",
  pool: "text",
  // Lists.
  hops: "words",
  attrs: "words",
  leaves: "leaves",
  sg: "segments",
  // Statements of the script.
  first_site: "site",
  second_site: "site",
  // What a call returned; `RESULTS` knows more.
  result: "value",
};

/** Fields that mean something else in one event than elsewhere. */
const IN_EVENT: Readonly<Record<string, FieldReading>> = {
  "block.split limit": "int",
  "nvme.walk entry": "int",
  "dma.report rule": "text",
  "pci.tlp from": "text",
  "pci.tlp to": "text",
  "p2p.route distance": "value",
  "p2p.choose clients": "words",
};

/** What the `result` of a kernel call is, where it is not plainly a number or nothing. */
const RESULTS: Readonly<Record<string, FieldReading>> = {
  dma_map_phys: "dma",
  dma_map_page: "dma",
  dma_map_single: "dma",
  dma_map_resource: "dma",
  dma_alloc_coherent: "dma",
  dma_pool_alloc: "dma",
  pci_alloc_p2pmem: "phys",
  hmm_dma_map_pfn: "dma",
};

/** What a field holds that a pattern can only ask for in kind; null where any number may do. */
export function fieldQuantity(event: string, field: string): QuantityKind | null {
  if (field.endsWith("_ns")) return "duration";
  const reading = fieldReading(event, field);
  return reading === "size" || isAddressReading(reading) ? reading : null;
}

/** True for an address of one kind or another. */
export function isAddressReading(reading: FieldReading): reading is "dma" | "phys" | "virt" {
  return reading === "dma" || reading === "phys" || reading === "virt";
}

/**
 * How the value of a field reads.
 *
 * @param event The event's name, such as `iova.alloc` or `ret.dma_map_phys`.
 * @param field The field's name.
 */
export function fieldReading(event: string, field: string): FieldReading {
  if (field === "result" && event.startsWith("ret.")) return RESULTS[event.slice(4)] ?? "value";
  if (field.endsWith("_bytes")) return "size";
  return IN_EVENT[`${event} ${field}`] ?? BY_NAME[field] ?? "value";
}
