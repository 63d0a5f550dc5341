/**
 * Requests at the limits of the rules, and requests with one entry or one byte more or less than at
 * a limit.
 */
import { GIB, KIB, MIB } from "@dmalab/runtime";
import {
  type BehaviourName,
  DEFAULT_KERNEL,
  hasBehaviour,
  KERNEL_NAMES,
  type KernelProfile,
} from "@dmalab/runtime/kernels";
import type { Range, Vector, VectorController } from "./vector.ts";

/** A machine and a request on it. */
export interface VectorInput {
  readonly about: string;
  readonly kernel: Vector["kernel"];
  readonly iommu: Vector["iommu"];
  readonly controller: VectorController;
  readonly op: "read" | "write";
  readonly lba: number;
  readonly segments: readonly Range[];
}

/** The address at which the memory of vectors begins. */
const BASE = GIB;
const PAGE = 4 * KIB;

const PLAIN: VectorController = {
  sgl: false,
  sgl_threshold_bytes: 32 * KIB,
  block_bytes: 512,
  mdts_bytes: null,
};
const SGL: VectorController = { ...PLAIN, sgl: true };

interface CommandVariant {
  readonly about: string;
  readonly segments: readonly Range[];
  readonly controller?: Partial<VectorController>;
}

/** One contiguous run of memory. @see rules/nvme.md 2.3 (the table of lengths and offsets) */
function run(sizeBytes: number, offset: number, note = ""): CommandVariant {
  return {
    about: `one run of ${sizeBytes} bytes at page offset ${offset}${note}`,
    segments: [[BASE + offset, sizeBytes]],
  };
}

/** Pieces on pages that are not adjacent. */
function pieces(count: number, sizeBytes: number, offset: number, note = ""): CommandVariant {
  return {
    about: `${count} scattered pieces of ${sizeBytes} bytes at page offset ${offset}${note}`,
    segments: Array.from(
      { length: count },
      (_, index): Range => [BASE + index * 2 * PAGE + offset, sizeBytes],
    ),
  };
}

const SHAPES: readonly CommandVariant[] = [
  run(512, 0),
  run(4 * KIB, 0),
  run(4 * KIB, 0x200),
  run(4 * KIB, 0xffc),
  run(8 * KIB, 0),
  run(7680, 0x200),
  run(8 * KIB, 0x200, ": two list entries"),
  run(8704, 0),
  run(8704, 0x200),
  run(128 * KIB, 0, ": 31 list entries"),
  run(128 * KIB, 0x200, ": 32 list entries"),
  run(132 * KIB, 0, ": 32 list entries"),
  run(132 * KIB, 0x200, ": 33 list entries"),
  run(2 * MIB, 0, ": 511 list entries"),
  run(2 * MIB, 0x200, ": 512 list entries, no link"),
  run(2 * MIB + 4 * KIB, 0, ": 512 list entries, no link"),
  run(2 * MIB + 4 * KIB, 0x200, ": 513 list entries, one link"),
  run(4 * MIB, 0, ": 1023 list entries"),
  run(4 * MIB, 0x200, ": 1024 list entries, two links"),
  run(8 * MIB, 0, ": more than one request takes"),
  ...[2, 16, 17, 32, 33, 34, 64, 128, 129, 256, 257].map((count) => pieces(count, PAGE, 0)),
  ...[2, 16, 17, 33, 34, 100].map((count) => pieces(count, 512, 0, ": gaps in every page")),
  pieces(3, 1024, 512),
  pieces(8, 8 * KIB, 0),
  pieces(4, 32 * KIB, 0, ": the threshold"),
  {
    about: "a first piece that ends on a page, a last that begins on one",
    segments: [[BASE + 512, 3584], [BASE + 2 * PAGE, PAGE], [BASE + 5 * PAGE, 1024]],
  },
  {
    about: "a middle piece that ends inside its page",
    segments: [[BASE + 512, 3584], [BASE + 2 * PAGE, 3584], [BASE + 5 * PAGE, 1024]],
  },
  {
    about: "pieces that touch: one segment",
    segments: [[BASE, PAGE], [BASE + PAGE, PAGE], [BASE + 2 * PAGE, PAGE]],
  },
  {
    about: "no threshold: SGLs only where they must be",
    segments: [[BASE, 64 * KIB], [BASE + MIB, 64 * KIB]],
    controller: { sgl_threshold_bytes: 0 },
  },
  { ...pieces(100, 512, 0, ", 8 KiB a command"), controller: { mdts_bytes: 8 * KIB } },
  { ...run(256 * KIB, 0, ", 128 KiB a command"), controller: { mdts_bytes: 128 * KIB } },
  { about: "rejected: an offset that is not a multiple of 4", segments: [[BASE + 2, 512]] },
  {
    about: "rejected: a length that is not a multiple of 4",
    segments: [[BASE, 510], [BASE + PAGE, 2]],
  },
  { about: "rejected: no whole blocks", segments: [[BASE, 516]] },
  {
    about: "a gap inside a block: rejected where segments must meet on pages",
    segments: [[BASE, 1024], [BASE + 2 * PAGE, 3072]],
    controller: { block_bytes: 4 * KIB },
  },
  {
    about: "a block in more vectors than a request takes",
    segments: Array.from(
      { length: 1024 },
      (_, index): Range => [BASE + index * 2 * PAGE, 4],
    ),
    controller: { block_bytes: 4 * KIB },
  },
];

/**
 * Behaviours of releases that affect commands. Defects are not listed, because vectors are made
 * without defects.
 */
const COMMAND_WAYS = [
  "transfer_4_mib",
  "scatter_table_127",
  "transfers_not_cut_to_iova_caches",
  "sgl_chosen_before_mapping",
  "soft_cap_1280_kib",
  "vectors_stay_apart",
  "no_gap_bit",
  "nvme_scatterlists",
  "virt_boundary_with_sgl",
] as const satisfies readonly BehaviourName[];

/** Whether two releases without defects make the same commands. */
function makesTheSame(name: KernelProfile, other: KernelProfile): boolean {
  return COMMAND_WAYS.every((way) => hasBehaviour(name, way) === hasBehaviour(other, way));
}

/**
 * One release for each way to make commands. If the default release is among the releases of a way,
 * it is chosen.
 */
export const VECTOR_KERNELS = KERNEL_NAMES.filter((name) =>
  [DEFAULT_KERNEL, ...KERNEL_NAMES].find((other) => makesTheSame(name, other)) === name
);
const MODES = ["off", "passthrough", "strict", "lazy"] as const;

/**
 * Every shape on each of the releases in `VECTOR_KERNELS`, in every mode, with and without SGLs.
 * Reads and writes alternate.
 */
export function edgeInputs(): readonly VectorInput[] {
  const inputs: VectorInput[] = [];
  for (const shape of SHAPES) {
    for (const kernel of VECTOR_KERNELS) {
      for (const iommu of MODES) {
        for (const controller of [PLAIN, SGL]) {
          inputs.push({
            about: shape.about,
            kernel,
            iommu,
            controller: { ...controller, ...shape.controller },
            op: inputs.length % 2 === 0 ? "read" : "write",
            lba: 0,
            segments: shape.segments,
          });
        }
      }
    }
  }
  return inputs;
}
