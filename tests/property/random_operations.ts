/** Random worlds and random operations, all from one seed. */
import { Random } from "@dmalab/runtime";
import {
  type Kind,
  MappingWorld,
  type RandomOperation,
  type WorldOptions,
} from "./mapping_world.ts";

const FORMATS = [
  { model: "vtd", granuleBytes: 4096 },
  { model: "amd", granuleBytes: 4096 },
  { model: "vtd_first_stage", granuleBytes: 4096 },
  { model: "smmu", granuleBytes: 4096 },
  { model: "smmu", granuleBytes: 16384 },
  { model: "smmu", granuleBytes: 65536 },
] as const;
const MASK_BITS = [24, 30, 32, 40, 48, 64];

/** How often each kind comes, relative to the others, when it comes at all. */
const WEIGHTS: Readonly<Record<Kind, number>> = {
  map: 30,
  unmap: 26,
  list: 8,
  twostep: 8,
  unlink: 3,
  coherent: 3,
  raw: 4,
  look: 8,
  access: 8,
  advance: 2,
  cpu: 6,
  hotplug: 0.3,
  mode: 0.05,
};

/** In the order of the numbers that choose. */
const KINDS = Object.keys(WEIGHTS) as Kind[];

/** A world of one seed: format, mode, CPUs, mask, and sizes that come again and again. */
export function randomOptions(random: Random): WorldOptions {
  return {
    ...random.pick(FORMATS),
    lazy: random.below(2) === 0,
    cpus: 1 + random.below(4),
    maskBits: random.pick(MASK_BITS),
    iotlbEntries: random.pick([0, 1, 16, 256]),
    hotGranules: Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(40)),
    hotPercent: random.pick([0, 50, 90, 100]),
  };
}

/**
 * A mix of one seed: some kinds are off for the whole run, so that the others meet states that they
 * would not meet in a mix of all. Mapping and unmapping is always on.
 */
export function randomMix(
  random: Random,
): readonly { readonly kind: Kind; readonly upTo: number }[] {
  let upTo = 0;
  return KINDS.flatMap((kind) => {
    const on = kind === "map" || kind === "unmap" || random.below(3) !== 0;
    if (!on) return [];
    // A kind can also be much rarer or more frequent than usual.
    upTo += WEIGHTS[kind] * random.pick([0.2, 1, 1, 3]);
    return [{ kind, upTo }];
  });
}

export interface RunResult {
  readonly operations: number;
  /** Maps that found no room. */
  readonly refused: number;
  /** Most mappings that lived at once. */
  readonly mostLive: number;
}

/** Why a run of one seed failed, with what it takes to repeat it. */
export class FailedRun extends Error {
  override readonly name = "FailedRun";

  constructor(seed: number, at: number, options: WorldOptions, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `Seed ${seed} fails at operation ${at} (${JSON.stringify(options)}): ${reason}`,
      { cause },
    );
  }
}

/**
 * Runs one random world to its end.
 *
 * @param onWorld Gets it before anything happens.
 * @throws {FailedRun} When machine and model disagree.
 */
export function runSeed(
  seed: number,
  operations: number,
  onWorld: (world: MappingWorld) => void = () => {},
): RunResult {
  const random = new Random(seed);
  const options = randomOptions(random);
  const mix = randomMix(random);
  const total = mix.at(-1)!.upTo;
  const world = new MappingWorld(options);
  onWorld(world);
  let mostLive = 0;
  let at = 0;
  try {
    for (; at < operations; at++) {
      const draw = random.below(1_000_000) / 1_000_000 * total;
      const { kind } = mix.find(({ upTo }) => draw < upTo)!;
      world.run(randomOperation(random, kind));
      mostLive = Math.max(mostLive, world.model.live.length);
    }
    world.finish();
  } catch (error) {
    throw new FailedRun(seed, at, options, error);
  }
  return { operations, refused: world.refused, mostLive };
}

function randomOperation(random: Random, kind: Kind): RandomOperation {
  return {
    kind,
    a: random.below(2 ** 31),
    b: random.below(2 ** 31),
    c: random.below(2 ** 31),
  };
}
