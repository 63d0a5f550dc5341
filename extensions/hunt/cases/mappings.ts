/** Random mappings of one device: the calls in any order, and the machines for them. */
import fc, { type Arbitrary } from "fast-check";
import { DEFAULT_KERNEL } from "@dmalab/runtime/kernels";
import { type MappingMachine, mappingMachines } from "./machines.ts";

/** How often each use is drawn, relative to the others, unless a world switches it off. */
const WEIGHTS = {
  map: 600,
  unmap: 520,
  list: 160,
  twostep: 160,
  unlink: 60,
  coherent: 60,
  raw: 80,
  look: 160,
  access: 160,
  advance: 40,
  cpu: 120,
  hotplug: 6,
  mode: 1,
} as const;

export type MappingUse = keyof typeof WEIGHTS;
const USES = Object.keys(WEIGHTS) as MappingUse[];

/** One call. Its numbers select among the possible choices, and all numbers are valid. */
export interface MappingCall<Use> {
  readonly use: Use;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** A machine with an IOMMU, and how it is used. */
export interface MappingWorldSpec extends MappingMachine {
  /** Frequent sizes, in granules; other sizes are used now and then. */
  readonly hotGranules: readonly number[];
  /** The percentage of sizes that are frequent ones, 0 to 100. */
  readonly hotPercent: number;
  /** Weights of the uses; those with the weight 0 are off. */
  readonly weights: Readonly<Record<MappingUse, number>>;
}

/**
 * Some uses are off for the whole run: the other uses then meet states that they would not meet in
 * a mix of all uses. Mapping and unmapping are always on. A use can also be much rarer or more
 * frequent than usual.
 */
function weightOf(use: MappingUse): Arbitrary<number> {
  const usual = [1, 0.2, 1, 3, 1, 0.2, 1, 3];
  const isOn = use === "map" || use === "unmap";
  return fc.constantFrom(...usual, ...isOn ? [] : [0, 0, 0, 0])
    .map((factor) => Math.ceil(factor * WEIGHTS[use]));
}

const WEIGHTS_OF_WORLD = fc.tuple(...USES.map(weightOf)).map((weights) =>
  Object.fromEntries(USES.map((use, index) => [use, weights[index]!]))
) as Arbitrary<Record<MappingUse, number>>;

/** Machines that translate, for every format, mode, mask and mix of uses. */
export const MAPPING_WORLDS: Arbitrary<MappingWorldSpec> = fc.tuple(
  mappingMachines({
    kernel: fc.constant(DEFAULT_KERNEL),
    mode: fc.constantFrom("strict", "lazy"),
    // Half of the machines are Arm's, which have three sizes of a granule.
    table: fc.constantFrom("vtd", "amd", "vtd_first_stage", "smmu", "smmu", "smmu"),
    granuleBytes: fc.constantFrom(4096, 16384, 65536),
    coherent: fc.constant(true),
    untrusted: fc.constant(false),
    forceBounce: fc.constant(false),
    dmaDebug: fc.constant(false),
    dmaMaskBits: fc.constantFrom(64, 24, 30, 32, 40, 48),
  }),
  fc.record({
    hotGranules: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
    hotPercent: fc.constantFrom(0, 50, 90, 100),
    weights: WEIGHTS_OF_WORLD,
  }),
).map(([machine, use]) => ({ ...machine, ...use }));

const number = fc.nat(2 ** 31 - 1);

/** Calls by their weights. */
export function mappingSteps<Use extends string>(
  weights: Readonly<Record<Use, number>>,
): Arbitrary<MappingCall<Use>> {
  const uses = (Object.entries(weights) as [Use, number][]).filter(([, weight]) => weight > 0);
  return fc.record({
    use: fc.oneof(
      ...uses.map(([use, weight]) => ({ arbitrary: fc.constant(use), weight })),
    ),
    a: number,
    b: number,
    c: number,
  });
}
