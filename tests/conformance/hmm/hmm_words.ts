/** Converts numbers, attributes and warnings between the captured data and the model. */
import { DMA_MAPPING_ERROR } from "@dmalab/runtime";
import { DMA_ATTR } from "@dmalab/runtime/dma";
import type { Json } from "../difference.ts";
import type { Fields } from "../inner_record.ts";

/**
 * The places of a kernel's warnings, as the kernel prints these places. The keys are the model's
 * names of the places.
 */
export type WarnSites = Readonly<Record<string, readonly [site: string, within: string]>>;

const IN_7_2: WarnSites = {
  dma_iova_try_alloc: ["drivers/iommu/dma-iommu.c:1811", "dma_iova_try_alloc"],
  dma_iova_try_alloc_size: ["drivers/iommu/dma-iommu.c:1819", "dma_iova_try_alloc"],
  dma_iova_link: ["drivers/iommu/dma-iommu.c:1979", "dma_iova_link"],
  dma_iova_link_coherent: ["drivers/iommu/dma-iommu.c:1987", "dma_iova_link"],
  iommu_dma_iova_unlink_range_slow: ["drivers/iommu/dma-iommu.c:2053", "__iommu_dma_iova_unlink"],
  __iommu_dma_iova_unlink: ["drivers/iommu/dma-iommu.c:2098", "__iommu_dma_iova_unlink"],
  hmm_dma_map_alloc: ["mm/hmm.c:704", "hmm_dma_map_alloc"],
  hmm_dma_map_pfn: ["mm/hmm.c:840", "hmm_dma_map_pfn"],
};

/** No capture contains the warning of this release's `hmm_dma_map_pfn`. */
const IN_7_3_4: WarnSites = {
  dma_iova_try_alloc: ["drivers/iommu/dma-iommu.c:1834", "dma_iova_try_alloc"],
  dma_iova_try_alloc_size: ["drivers/iommu/dma-iommu.c:1842", "dma_iova_try_alloc"],
  dma_iova_link: ["drivers/iommu/dma-iommu.c:2002", "dma_iova_link"],
  dma_iova_link_coherent: ["drivers/iommu/dma-iommu.c:2010", "dma_iova_link"],
  iommu_dma_iova_unlink_range_slow: ["drivers/iommu/dma-iommu.c:2076", "dma_iova_unlink"],
  __iommu_dma_iova_unlink: ["drivers/iommu/dma-iommu.c:2130", "dma_iova_unlink"],
  hmm_dma_map_alloc: ["mm/hmm.c:849", "hmm_dma_map_alloc"],
};

/** The places of warnings in a release. */
export function warnSites(kernel: string): WarnSites {
  return kernel === "7.3.4" ? IN_7_3_4 : IN_7_2;
}

/** The captures' names of attributes, from the words in events. */
export function attributeList(words: Fields[string] | undefined): { attrs?: string[] } {
  const names = ((words ?? []) as readonly string[]).map((word) => word.toUpperCase());
  return names.length === 0 ? {} : { attrs: names };
}

/** Attributes of the captures as bits. */
export function attributeMask(names: Json | undefined): number {
  const bits = DMA_ATTR as Readonly<Record<string, number>>;
  return ((names ?? []) as readonly string[]).reduce((mask, name) => mask | (bits[name] ?? 0), 0);
}

/** An address that a map returned; null for the error value. */
export function addressOrNull(dma: number): number | null {
  return dma === DMA_MAPPING_ERROR ? null : dma;
}

/** The kernel's message when a device is given addresses above 4 GiB for the first time. */
const WIDER = / Using (\d+)-bit DMA addresses$/;
const HEX = /^0x[0-9a-f]+$/;
const UPPER_HALF = 2n ** 63n;
const GRANULE = 4096n;

/**
 * Converts IOVAs between the record and the model. If the record's IOVAs have 64 bits and the
 * model's have fewer, addresses in the upper half are counted down from the last address. The end
 * of the record's address space then corresponds to the end of the model's.
 */
export class AddressWords {
  readonly #gap: bigint;
  readonly #gapPfns: number;

  /**
   * @param addressBits Width of the model's addresses where the record's addresses have 64 bits.
   *   With 64, nothing is converted.
   */
  constructor(private readonly addressBits: number) {
    this.#gap = 2n ** 64n - 2n ** BigInt(addressBits);
    this.#gapPfns = Number(this.#gap / GRANULE);
  }

  /** Size of the model's address space. */
  get spaceBytes(): number {
    return 2 ** this.addressBits;
  }

  /**
   * The model's number for an address. In the record, an address that a double cannot represent is
   * a text.
   */
  number(word: Json | undefined): number {
    if (typeof word === "number") return word;
    if (typeof word !== "string") return NaN;
    const value = BigInt(word);
    return Number(value > UPPER_HALF ? value - this.#gap : value);
  }

  /**
   * A part of the record in the form in which it is compared. Numbers in texts become the model's
   * numbers. The kernel's message about wider addresses becomes the width that it names.
   */
  recorded(value: Json): Json {
    if (typeof value === "string") return HEX.test(value) ? this.number(value) : value;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => this.recorded(each));
    const { op, text } = value as { readonly [key: string]: Json };
    if (op === "message") return { op, bits: Number(WIDER.exec(String(text))?.[1]) };
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, each]) => [key, this.recorded(each)]));
  }

  /** The record's number for the last frame that the model may use in a search. */
  recordedLimit(pfn: number): number {
    return pfn > 2 ** 32 ? pfn + this.#gapPfns : pfn;
  }

  /** The record's width in bits for a width of the model. */
  recordedBits(bits: number): number {
    return bits === this.addressBits ? 64 : bits;
  }
}
