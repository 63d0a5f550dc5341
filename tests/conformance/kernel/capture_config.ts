/**
 * The configuration of a captured run: all known keys, and their possible values.
 *
 * The replay has no rule for other keys and values. A case with an unknown key or value differs,
 * and the difference names the key (tests/golden/kernel/README.md, "Configuration keys").
 */
import type { NoMerges } from "@dmalab/runtime";
import type { Difference, Json } from "../difference.ts";
import { TOPOLOGY_NAMES } from "./captured_peers.ts";

/** The resulting mode of a device's mappings. */
export type CaptureMode = "direct" | "passthrough" | "dma-strict" | "dma-lazy";

export interface CaptureConfig {
  readonly name: string;
  readonly iommu: "intel" | "amd" | "virtio" | "smmu" | "none";
  /** Left out for x86-64. */
  readonly architecture?: "arm64" | "riscv64";
  /** The resulting mode, not the requested one. */
  readonly mode: CaptureMode;
  readonly swiotlb_force: boolean;
  readonly caching_mode?: boolean;
  readonly address_bits?: number;
  readonly first_stage_tables?: boolean;
  /** False if flushes were not recorded. */
  readonly flushes_recorded?: boolean;
  /** False if ranges that a lazy kernel queues for flushing were not recorded. */
  readonly parked_recorded?: boolean;
  readonly sgl_threshold: number;
  readonly cpus: number;
  readonly lazy_requested?: boolean;
  readonly forcedac?: boolean;
  readonly untrusted?: boolean;
  readonly device_sgl?: boolean;
  readonly mdts?: number;
  readonly logical_block_size?: number;
  readonly metadata_bytes?: number;
  readonly metadata_sgl?: boolean;
  readonly metadata_extended?: boolean;
  readonly max_sectors_kb_set?: number;
  readonly nomerges?: NoMerges;
  readonly scheduler?: "mq-deadline";
  readonly p2p_topology?: string;
  readonly [key: string]: Json | undefined;
}

/** The possible values of a key: as a text, and as a function that checks a value. */
interface Values {
  readonly words: string;
  has(value: Json): boolean;
}

const TEXT: Values = { words: "a text", has: (value) => typeof value === "string" };
const BOOL: Values = { words: "true or false", has: (value) => typeof value === "boolean" };

function oneOf(...values: readonly (string | number)[]): Values {
  return {
    words: values.join(", "),
    has: (value) => values.includes(value as string | number),
  };
}

function int(least: number, most: number): Values {
  return {
    words: `a whole number of ${least} to ${most}`,
    has: (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= least && value <= most,
  };
}

const MAX_32 = 2 ** 32 - 1;

const KEYS: Readonly<Record<string, Values>> = {
  name: TEXT,
  seed: int(0, Number.MAX_SAFE_INTEGER),
  iommu: oneOf("intel", "amd", "virtio", "smmu", "none"),
  architecture: oneOf("arm64", "riscv64"),
  mode: oneOf("direct", "passthrough", "dma-strict", "dma-lazy"),
  swiotlb_force: BOOL,
  caching_mode: BOOL,
  address_bits: int(32, 64),
  flushes_recorded: BOOL,
  parked_recorded: BOOL,
  sgl_threshold: int(0, MAX_32),
  cpus: int(1, 64),
  lazy_requested: BOOL,
  forcedac: BOOL,
  first_stage_tables: BOOL,
  untrusted: BOOL,
  // This key explains why a flush queue fills; the key changes no rule.
  fast_completion: BOOL,
  device_sgl: BOOL,
  mdts: int(0, 20),
  logical_block_size: oneOf(512, 1024, 2048, 4096),
  metadata_bytes: int(0, 4096),
  metadata_sgl: BOOL,
  metadata_extended: BOOL,
  max_sectors_kb_set: int(1, MAX_32),
  nomerges: oneOf(0, 1, 2),
  scheduler: oneOf("mq-deadline"),
  p2p_topology: oneOf(...TOPOLOGY_NAMES),
};

/** The first key of a configuration for which the replay has no rule, or null. */
export function unknownSetting(config: CaptureConfig): Difference | null {
  for (const [key, value] of Object.entries(config)) {
    const values = Object.hasOwn(KEYS, key) ? KEYS[key]! : null;
    if (values === null) {
      return { path: `config.${key}`, expected: "a key that the replay knows", got: value };
    }
    if (value !== undefined && !values.has(value)) {
      return { path: `config.${key}`, expected: values.words, got: value };
    }
  }
  return null;
}
