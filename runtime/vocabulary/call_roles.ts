/**
 * The arguments of kernel functions, both in C and as fields of `call.NAME`. A prototype in a table
 * contains roles in place of types and names: `void dma_iova_free(dev, state)`.
 */
import {
  DMA,
  type FieldTable,
  INT,
  listOf,
  NAMES,
  optional,
  PHYS,
  SEGMENTS,
  SIZE,
  TEXT,
} from "./fields.ts";
import { ATTRIBUTE, DIRECTION } from "./shared_words.ts";

/**
 * For each role: the argument's type and name in C, and the event fields that are made from the
 * argument.
 */
const ROLES = {
  attrs: { c: "unsigned long attrs", fields: { attrs: listOf(ATTRIBUTE) } },
  bar: { c: "int bar", fields: {} },
  bar_offset: { c: "u64 offset", fields: {} },
  bar_size: { c: "size_t size", fields: {} },
  buf: { c: "const void *ptr", fields: { phys: PHYS } },
  client: { c: "struct device *dev", fields: { client: TEXT } },
  clients: { c: "struct device **clients", fields: { clients: NAMES } },
  count: { c: "int num_clients", fields: {} },
  cpu: { c: "void *cpu", fields: {} },
  dev: { c: "struct device *dev", fields: { dev: TEXT } },
  dir: { c: "enum dma_data_direction dir", fields: { dir: DIRECTION } },
  dma: { c: "dma_addr_t addr", fields: { dma: DMA } },
  entry_size: { c: "size_t dma_entry_size", fields: { size: SIZE } },
  gfp: { c: "gfp_t gfp", fields: {} },
  handle: { c: "dma_addr_t *handle", fields: {} },
  index: { c: "size_t idx", fields: { index: INT } },
  iter: { c: "struct blk_dma_iter *iter", fields: {} },
  map: { c: "struct hmm_dma_map *map", fields: {} },
  map_dev: { c: "struct device *dev", fields: { dev: optional(TEXT) } },
  map_type: { c: "enum pci_p2pdma_map_type map", fields: {} },
  mapped: { c: "size_t mapped_len", fields: { mapped: SIZE } },
  mapped_len: { c: "size_t mapped_len", fields: { mapped_len: SIZE } },
  mask: { c: "u64 mask", fields: { bits: INT } },
  nents: { c: "int nents", fields: { nents: INT } },
  new_map: { c: "struct hmm_dma_map *map", fields: {} },
  offset: { c: "size_t offset", fields: { offset: SIZE } },
  page: { c: "struct page *page", fields: { page: PHYS } },
  pages: { c: "size_t nr_entries", fields: { pages: INT } },
  pdev: { c: "struct pci_dev *pdev", fields: { dev: TEXT } },
  peer_memory: { c: "void *addr", fields: { phys: PHYS } },
  peer_size: { c: "size_t size", fields: { size: SIZE } },
  phys: { c: "phys_addr_t phys", fields: { phys: PHYS } },
  pool: { c: "struct dma_pool *pool", fields: { pool: TEXT, size_bytes: SIZE } },
  provider: { c: "struct p2pdma_provider *provider", fields: { provider: TEXT } },
  provider_dev: { c: "struct pci_dev *provider", fields: { provider: TEXT } },
  publish: { c: "bool publish", fields: {} },
  req: { c: "struct request *req", fields: { req: INT } },
  /** A request with all of its data, whatever of it the caller maps. */
  whole_req: { c: "struct request *req", fields: { req: INT, data: SEGMENTS } },
  sg: { c: "struct scatterlist *sg", fields: { sg: SEGMENTS } },
  sgt: { c: "struct scatterlist *sg", fields: { sg: SEGMENTS } },
  shared: { c: "dma_addr_t handle", fields: { dma: DMA } },
  size: { c: "size_t size", fields: { size: SIZE } },
  state: { c: "struct dma_iova_state *state", fields: {} },
  peers: { c: "struct pci_p2pdma_map_state *p2pdma_state", fields: {} },
  verbose: { c: "bool verbose", fields: {} },
} as const satisfies Record<string, { readonly c: string; readonly fields: FieldTable }>;

export type ArgumentRole = keyof typeof ROLES;

/** The event fields of an argument. */
export type RoleFields<R extends ArgumentRole> = (typeof ROLES)[R]["fields"];

type Listed<S extends string> = S extends `${infer First extends ArgumentRole}, ${infer Rest}`
  ? readonly [First, ...Listed<Rest>]
  : S extends ArgumentRole ? readonly [S]
  : never;

/** The roles in a prototype, in their order. The type is `never` if any argument is not a role. */
export type RolesOf<P extends string> = P extends `${string}(${infer Inside})` ? Listed<Inside>
  : never;

/** A prototype with only roles as arguments. */
export type CallPrototype<P extends string> = P & ([RolesOf<P>] extends [never] ? never : unknown);

/** The intersection of a union's members. */
type All<U> = (U extends unknown ? (each: U) => void : never) extends (all: infer I) => void ? I
  : never;

export function rolesIn<P extends string>(prototype: P): RolesOf<P> {
  return prototype.slice(prototype.indexOf("(") + 1, -1).split(", ") as never;
}

/** The fields of `call.NAME`. */
export function fieldsOf<R extends readonly ArgumentRole[]>(
  roles: R,
): All<RoleFields<R[number]>> {
  return Object.assign({}, ...roles.map((role): FieldTable => ROLES[role].fields));
}

/** A function as C declares it. */
export function declarationOf(prototype: string, name: string): string {
  const at = prototype.indexOf("(");
  const types = prototype.slice(at + 1, -1).split(", ").map((role) =>
    ROLES[role as ArgumentRole].c
  );
  return `${prototype.slice(0, at)}${name}(${types.join(", ")})`;
}
