/** Numbers, attributes and warnings between the captured data and the model. */
import { DMA_MAPPING_ERROR } from "@dmalab/runtime";
import { DMA_ATTR } from "@dmalab/runtime/dma";
import type { Json } from "../difference.ts";
import type { Fields } from "../inner_record.ts";

/** Where a kernel warns, as it prints the place, by the word of ours for it. */
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

/** No capture has its `hmm_dma_map_pfn` warn. */
const IN_7_3_4: WarnSites = {
  dma_iova_try_alloc: ["drivers/iommu/dma-iommu.c:1834", "dma_iova_try_alloc"],
  dma_iova_try_alloc_size: ["drivers/iommu/dma-iommu.c:1842", "dma_iova_try_alloc"],
  dma_iova_link: ["drivers/iommu/dma-iommu.c:2002", "dma_iova_link"],
  dma_iova_link_coherent: ["drivers/iommu/dma-iommu.c:2010", "dma_iova_link"],
  iommu_dma_iova_unlink_range_slow: ["drivers/iommu/dma-iommu.c:2076", "dma_iova_unlink"],
  __iommu_dma_iova_unlink: ["drivers/iommu/dma-iommu.c:2130", "dma_iova_unlink"],
  hmm_dma_map_alloc: ["mm/hmm.c:849", "hmm_dma_map_alloc"],
};

/** The places of a release, which are its own. */
export function warnSites(kernel: string): WarnSites {
  return kernel === "7.3.4" ? IN_7_3_4 : IN_7_2;
}

/** Attributes as the captures name them, from their words in events. */
export function attributeList(words: Fields[string] | undefined): { attrs?: string[] } {
  const names = ((words ?? []) as readonly string[]).map((word) => word.toUpperCase());
  return names.length === 0 ? {} : { attrs: names };
}

/** Attributes of the captures as bits. */
export function attributeMask(names: Json | undefined): number {
  const bits = DMA_ATTR as Readonly<Record<string, number>>;
  return ((names ?? []) as readonly string[]).reduce((mask, name) => mask | (bits[name] ?? 0), 0);
}

/** An address that a map gave out; null for the error value. */
export function addressOrNull(dma: number): number | null {
  return dma === DMA_MAPPING_ERROR ? null : dma;
}

/** The kernel's message when a device leaves the addresses below 4 GiB. */
const WIDER = / Using (\d+)-bit DMA addresses$/;
const HEX = /^0x[0-9a-f]+$/;
const UPPER_HALF = 2n ** 63n;
const GRANULE = 4096n;

/**
 * IOVAs of the record and of the model. Where the record's have 64 bits and the model's have
 * fewer, both are counted down from their last address: what lies at the upper end of one space lies
 * at the upper end of the other.
 */
export class AddressWords {
  readonly #gap: bigint;
  readonly #gapPfns: number;

  /** @param addressBits How many the model's addresses have in place of 64; 64 changes nothing. */
  constructor(private readonly addressBits: number) {
    this.#gap = 2n ** 64n - 2n ** BigInt(addressBits);
    this.#gapPfns = Number(this.#gap / GRANULE);
  }

  /** How many addresses the model has. */
  get spaceBytes(): number {
    return 2 ** this.addressBits;
  }

  /** An address: addresses that fit no double are text in the record. */
  number(word: Json | undefined): number {
    if (typeof word === "number") return word;
    if (typeof word !== "string") return NaN;
    const value = BigInt(word);
    return Number(value > UPPER_HALF ? value - this.#gap : value);
  }

  /**
   * A part of the record as it is compared: every text of a number as the model's number, and the
   * kernel's message about wider addresses as their width.
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

  /** The last frame that a search of the model may use, as the record has it. */
  recordedLimit(pfn: number): number {
    return pfn > 2 ** 32 ? pfn + this.#gapPfns : pfn;
  }

  /** A width in bits of the model as the record has it. */
  recordedBits(bits: number): number {
    return bits === this.addressBits ? 64 : bits;
  }
}
