/** Builds the machine on which a file of tests/golden/hmm was recorded. */
import {
  type Bytes,
  defaultMachineConfig,
  type IommuMode,
  type IommuModel,
  KIB,
  Machine,
  type PhysAddr,
  swiotlbConfig,
} from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { GoldenReadError } from "../golden_files.ts";
import { attachPeers, type PeerSpan } from "../kernel/captured_peers.ts";
import { profileOf } from "../kernel/kernel_machine.ts";
import type { HmmFacts } from "./hmm_given.ts";

/** The settings for the first word (before the dash) of a configuration's name. */
interface Mapping {
  readonly mode: IommuMode;
  readonly model: IommuModel;
  /** Whether new mappings are flushed too, unless a variation says otherwise. */
  readonly cachingMode: boolean;
  readonly forcesBounce: boolean;
}

const NO_IOMMU: Mapping = { mode: "off", model: "vtd", cachingMode: false, forcesBounce: false };

const MAPPINGS: Readonly<Record<string, Mapping>> = {
  strict: { ...NO_IOMMU, mode: "strict", cachingMode: true },
  lazy: { ...NO_IOMMU, mode: "lazy" },
  pt: { ...NO_IOMMU, mode: "passthrough" },
  none: NO_IOMMU,
  swiotlb: { ...NO_IOMMU, forcesBounce: true },
  // First-stage tables. A variation with the word `strict` changes the mode.
  x86: { ...NO_IOMMU, mode: "lazy", model: "vtd_first_stage" },
  // This IOMMU caches non-present entries, so that the kernel is strict whatever mode was
  // requested. The invalidations of this IOMMU were not recorded.
  amd: { ...NO_IOMMU, mode: "strict", model: "amd" },
};

/** The position of the other function in a peer configuration, in the words of `captured_peers.ts`. */
const TREES: Readonly<Record<string, string>> = {
  p2pswitch: "same switch",
  p2pbridge: "different root ports, host bridge allowed",
  p2punsupported: "different root ports, host bridge not allowed",
};

/**
 * Variations that do not change the machine, except that `strict` changes the mode of `x86`. For
 * `cm`, the caching mode is in the facts.
 */
const WITHOUT_EFFECT = /^(strict|lazy|cm|minalign|crash\d+)$/;

/** Width of the model's addresses: a double cannot represent all numbers below 2^64. */
const WIDEST_ADDRESS_BITS = 52;
const INTEL_ADDRESS_BITS = 48;

export interface HmmMachine {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  /** Width of the model's IOVAs where the record has 64 bits. */
  readonly addressBits: number;
  /** Whether the record contains invalidations. */
  readonly tellsFlushes: boolean;
}

/**
 * Builds the machine of a file, with one device that has no mappings yet.
 * @param lent Memory that another PCI function provides; null if the file shows no such memory.
 * @throws {GoldenReadError} For an unknown kernel, mapping or variation.
 */
export function hmmMachine(facts: HmmFacts, lent: PeerSpan | null): HmmMachine {
  const variation = facts.variation ?? [];
  const mapping = MAPPINGS[facts.mapping ?? ""];
  if (mapping === undefined) throw new GoldenReadError(`${facts.name}: unknown mapping`);
  const known = (word: string) =>
    WITHOUT_EFFECT.test(word) || word in TREES ||
    ["cmoff", "sm", "forcedac", "untrusted"].includes(word);
  const unknown = variation.find((word) => !known(word));
  if (unknown !== undefined) {
    throw new GoldenReadError(`${facts.name}: unknown variation "${unknown}"`);
  }
  const is = (word: string) => variation.includes(word);
  const base = defaultMachineConfig();
  const [poolStart, poolEnd] = facts.bounce_pool ?? [0, 0];
  const addressBits = mapping.model === "amd" ? WIDEST_ADDRESS_BITS : INTEL_ADDRESS_BITS;
  const machine = new Machine({
    ...base,
    kernel: profileOf(facts.kernel),
    checker: "off",
    // RAM continues through the hole below 4 GiB. If the hole were an MMIO window, it would be
    // reserved in the IOVAs, too.
    ramSizeBytes: ramEnd(facts),
    windows: lent === null ? [] : [{ name: "peer", ...lent }],
    iommu: {
      ...base.iommu,
      mode: mapping.model === "vtd_first_stage" && is("strict") ? "strict" : mapping.mode,
      model: modelOf(facts, mapping.model),
      ...(mapping.model === "amd" ? { pageSizesBytes: powersOfTwo() } : {}),
      addressBits,
      cachingMode: facts.caching_mode ?? (mapping.cachingMode && !is("cmoff")),
      forcedac: is("forcedac"),
      reserved: (facts.reserved_iova ?? []).map(([start, last]) => ({ start, end: last + 1 })),
    },
    swiotlb: swiotlbConfig({
      sizeBytes: poolEnd - poolStart,
      force: mapping.forcesBounce,
      ...(poolEnd === poolStart ? {} : { basePhys: poolStart as PhysAddr }),
    }),
  });
  const dev = new DmaDevice("nvme", { untrusted: is("untrusted") });
  machine.iommu.attach(dev);
  const { domain_type = null } = facts;
  const got = dev.domain === null ? null : dev.domain.lazy ? "DMA-FQ" : "DMA";
  if (domain_type !== null && domain_type !== got) {
    throw new GoldenReadError(
      `${facts.name}: domain_type is ${domain_type}, the model's is ${got}`,
    );
  }
  const tree = variation.map((word) => TREES[word]).find((words) => words !== undefined);
  if (tree !== undefined && lent !== null) attachPeers(machine, dev, tree, lent);
  return {
    machine,
    dev,
    addressBits: mapping.model === "amd" ? addressBits : 64,
    tellsFlushes: mapping.model !== "amd",
  };
}

/** In older files only the name shows scalable mode. */
function modelOf(facts: HmmFacts, model: IommuModel): IommuModel {
  if (model !== "vtd" && model !== "vtd_first_stage") return model;
  const isScalable = facts.scalable_mode ?? facts.variation?.includes("sm") ?? false;
  return facts.first_stage_tables === true
    ? "vtd_first_stage"
    : isScalable
    ? "vtd_scalable"
    : "vtd";
}

function ramEnd({ system_ram }: HmmFacts): Bytes {
  const last = Math.max(...(system_ram ?? []).map(([, end]) => end));
  return Math.ceil(last / (4 * KIB)) * 4 * KIB;
}

/** AMD's first table format has leaves of any power of two but 512 GiB (rules/dma.md 5.1). */
function powersOfTwo(): Bytes[] {
  return Array.from({ length: 40 }, (_, power) => 4 * KIB * 2 ** power)
    .filter((size) => size !== 2 ** 39);
}
