/**
 * Generates the parts of the headers that are derived from tables: declarations of calls, and
 * numbers of the runtime. The other headers in `extensions/c_drivers/include/` are written by hand.
 */
import { ATTRIBUTE_PREFIX, DMA_ATTR } from "@dmalab/runtime/dma";
import { BLK_STS, ERRNO, FIRST_BITS, FIRST_FOLDED, WINDOW_BYTES } from "@dmalab/runtime";
import type { Kernel } from "@dmalab/runtime/kernels";
import { C_CALLS, type CCall } from "./calls.ts";
import { HMM_MAP } from "./calls/hmm.ts";
import { SG, SG_BYTES } from "./calls/lists.ts";
import { DMA_ITER } from "./calls/requests.ts";
import { IOVA_STATE } from "./c_iova_state.ts";
import { PAGE_MAP, PAGE_STRUCT_BYTES } from "./c_addresses.ts";
import { MAP_STATE, mapTypesOf, PROVIDER } from "./c_peers.ts";
import { BIO_VEC, PDU, REQ_OP, REQUEST, RQF_SPECIAL_PAYLOAD } from "./c_requests.ts";
import { type CPrototype, type CType, isPointer } from "./prototype.ts";

/** The kernel and page size for which C text is compiled. */
export interface CTarget {
  /** The release's name. */
  readonly kernel: string;
  readonly behaviour: Kernel;
  readonly pageSizeBytes: number;
}

/**
 * Further headers for types in a header's prototypes, by header: these types cannot be
 * forward-declared.
 */
const TYPES_OF: Readonly<Record<string, readonly string[]>> = {
  "dma-mapping": ["linux/dma-direction.h"],
  "blk-mq": ["linux/blk_types.h"],
  "blk-mq-dma": ["linux/blk_types.h", "dmalab/peer_types.h"],
  "pci-p2pdma": ["dmalab/peer_types.h"],
};

/** Radix of the second and third part of a version code. */
const MINOR_UNIT = 256;

function guarded(name: string, lines: readonly string[]): string {
  const guard = `DMALAB_${name.toUpperCase().replace(/\W/g, "_")}_H`;
  return [`#ifndef ${guard}`, `#define ${guard}`, "", ...lines, "", "#endif", ""].join("\n");
}

/**
 * The type of DMA addresses. Values of this type are converted in a special way, so that large
 * 64-bit addresses stay exact.
 */
const ADDRESS = "dma_addr_t";

function wireOf({ wire }: CType): string {
  return wire === "none" ? "void" : wire === "int" ? "int" : "double";
}

function toWire(name: string, type: CType): string {
  if (type.wire === "int") return `(int)${name}`;
  if (type.text === ADDRESS) return `dmalab_number(${name})`;
  // Signed, so that a negative pointer stays exact: a double cannot hold most large unsigned numbers
  // exactly.
  return isPointer(type) ? `(double)(long)${name}` : `(double)${name}`;
}

function fromWire(call: string, type: CType): string {
  if (type.wire === "none") return `${call};`;
  if (type.wire === "int") return `return (${type.text})${call};`;
  if (type.text === ADDRESS) return `return dmalab_address(${call});`;
  return `return (${type.text})dmalab_wide(${call});`;
}

/**
 * The declarations of one call: the import, a function for code that takes the call's address, and
 * the macro that passes the call's place.
 */
function declarationOf({ name, parameters, result }: CPrototype): string[] {
  const wires = ["int dmalab_at", ...parameters.map(({ name, type }) => `${wireOf(type)} ${name}`)];
  const typed = parameters.map(({ name, type }) => `${type.text} ${name}`);
  const given = parameters.map(({ name, type }) => toWire(name, type));
  const names = parameters.map(({ name }) => name);
  const imported = `dmalab_import_${name}`;
  return [
    `DMALAB_IMPORT(${name}) ${wireOf(result)} ${imported}(${wires.join(", ")});`,
    `DMALAB_INLINE ${result.text} ${name}_at(${["int dmalab_at", ...typed].join(", ")})`,
    "{",
    `\t${fromWire(`${imported}(${["dmalab_at", ...given].join(", ")})`, result)}`,
    "}",
    `DMALAB_INLINE ${result.text} ${name}(${typed.join(", ") || "void"})`,
    "{",
    `\t${result.wire === "none" ? "" : "return "}${name}_at(${["0", ...names].join(", ")});`,
    "}",
    `#define ${name}(${names.join(", ")}) ${name}_at(${["DMALAB_HERE", ...names].join(", ")})`,
    "",
  ];
}

/** Forward declarations of the structures in the prototypes of a header. */
function structsOf(calls: readonly CCall[]): string[] {
  const names = calls.flatMap(({ prototype: { parameters, result } }) =>
    [result, ...parameters.map(({ type }) => type)].flatMap(({ text }) =>
      /struct \w+/.exec(text) ?? []
    )
  );
  return [...new Set(names)].map((name) => `${name};`);
}

/** Static assertions that a structure's members have the offsets that the kernel functions use. */
function layoutOf(struct: string, members: Readonly<Record<string, number>>): string[] {
  return Object.entries(members).map(([member, offset]) =>
    `BUILD_BUG_ON(__builtin_offsetof(struct ${struct}, ${member}) != ${offset});`
  );
}

function versionOf(kernel: string): string {
  const [major = 0, minor = 0, patch = 0] = kernel.match(/\d+/g)?.map(Number) ?? [];
  return `#define LINUX_VERSION_CODE ${(major * MINOR_UNIT + minor) * MINOR_UNIT + patch}`;
}

/** The generated headers, by their paths in `extensions/c_drivers/include/`. */
export function derivedHeaders(target: CTarget): Readonly<Record<string, string>> {
  const errors = Object.entries(ERRNO).map(([name, number]) => `#define ${name} ${number}`);
  const attributes = Object.entries(DMA_ATTR).map(([name, bits]) =>
    `#define ${ATTRIBUTE_PREFIX}${name} ${bits}UL`
  );
  const map = [
    `#define PAGE_SHIFT ${Math.log2(target.pageSizeBytes)}`,
    `#define DMALAB_PAGE_MAP ${PAGE_MAP}UL`,
    `#define DMALAB_PAGE_STRUCT_BYTES ${PAGE_STRUCT_BYTES}`,
    `#define DMALAB_WINDOW ${WINDOW_BYTES}UL`,
    `#define DMALAB_WINDOW_FIRST_BITS ${FIRST_BITS}`,
    `#define DMALAB_WINDOW_FIRST_NUMBER ${FIRST_FOLDED}UL`,
  ];
  const headers: Record<string, string> = {
    "dmalab/errno.h": guarded("errno", errors),
    "dmalab/dma_attrs.h": guarded("dma_attrs", attributes),
    "dmalab/memory_map.h": guarded("memory_map", map),
    "dmalab/layouts.h": guarded("layouts", [
      ...layoutOf("scatterlist", SG),
      `BUILD_BUG_ON(sizeof(struct scatterlist) != ${SG_BYTES});`,
      ...layoutOf("dma_iova_state", IOVA_STATE),
    ]),
    "dmalab/block_layouts.h": guarded("block_layouts", [
      ...layoutOf("bio_vec", BIO_VEC),
      ...layoutOf("request", REQUEST),
    ]),
    "dmalab/hmm_layouts.h": guarded("hmm_layouts", layoutOf("hmm_dma_map", HMM_MAP)),
    "dmalab/iter_layouts.h": guarded("iter_layouts", layoutOf("blk_dma_iter", DMA_ITER)),
    "dmalab/peer_layouts.h": guarded("peer_layouts", [
      ...layoutOf("p2pdma_provider", PROVIDER),
      ...layoutOf("pci_p2pdma_map_state", MAP_STATE),
    ]),
    "dmalab/peer_types.h": guarded("peer_types", [
      "enum pci_p2pdma_map_type {",
      ...mapTypesOf(target.behaviour).map((name) => `\tPCI_P2PDMA_MAP_${name},`),
      "};",
    ]),
    "dmalab/block_words.h": guarded("block_words", [
      ...Object.entries(BLK_STS).map(([name, number]) =>
        `#define BLK_STS_${name} ((blk_status_t)${number})`
      ),
      ...Object.entries(REQ_OP).map(([name, number]) =>
        `#define REQ_OP_${name.toUpperCase()} ${number}`
      ),
      `#define RQF_SPECIAL_PAYLOAD ${RQF_SPECIAL_PAYLOAD}u`,
      `#define DMALAB_PDU_AT ${PDU.at}`,
    ]),
    "dmalab/version.h": guarded("version", [versionOf(target.kernel)]),
  };
  for (const [header, calls] of Map.groupBy(C_CALLS, ({ header }) => header)) {
    const own = calls.filter(({ isIn }) => isIn === undefined || isIn(target.behaviour));
    headers[`dmalab/calls/${header}.h`] = guarded(`calls_${header}`, [
      "#include <linux/types.h>",
      ...TYPES_OF[header]?.map((name) => `#include <${name}>`) ?? [],
      ...structsOf(own),
      "",
      ...own.flatMap(({ prototype }) => declarationOf(prototype)),
    ]);
  }
  return headers;
}
