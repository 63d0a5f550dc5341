/**
 * Builds the file of vectors. First come the edge cases, which are the same in every file, and then
 * random requests.
 */
import { edgeInputs, VECTOR_KERNELS, type VectorInput } from "./edge_shapes.ts";
import { makeVector } from "./make_vector.ts";
import type { NegativeFile } from "./negative.ts";
import type { VectorFile } from "./vector.ts";
import fc from "fast-check";
import { huntCases, type HuntMachine, isUserCommand, MAX_BYTES, MemoryLayout } from "@dmalab/hunt";

/** @param count The number of random requests. */
export function makeVectorFile(count: number, seed: number): VectorFile {
  const inputs = [...edgeInputs(), ...randomInputs(count, seed)];
  return {
    format: "dmalab-vectors",
    version: 1,
    seed,
    vectors: inputs.map((input, index) => makeVector(input, index + 1)),
  };
}

/** JSON with one vector per line, so that a single line is enough to reproduce its vector. */
export function vectorFileText({ vectors, ...head }: VectorFile | NegativeFile): string {
  const lines = vectors.map((vector) => JSON.stringify(vector));
  return `${JSON.stringify(head).slice(0, -1)},"vectors":[\n${lines.join(",\n")}\n]}\n`;
}

/** Number of machines that are drawn at a time. */
const MACHINES = 16;
const MAX_INPUTS_PER_MACHINE = 2;

/** @returns `count` inputs; the same seed gives the same ones. */
export function randomInputs(count: number, seed: number): readonly VectorInput[] {
  const inputs: VectorInput[] = [];
  for (let batch = 0; inputs.length < count; batch++) {
    const cases = fc.sample(huntCases([]), {
      seed: (seed * 65_537 + batch) | 0,
      numRuns: MACHINES,
    });
    for (const { machine, steps } of cases) {
      const ios = steps.flatMap((step) => step.ios).filter(({ op }) => !isUserCommand(op));
      for (const io of ios.slice(0, MAX_INPUTS_PER_MACHINE)) {
        if (inputs.length === count) break;
        inputs.push({
          about: "random",
          kernel: VECTOR_KERNELS.at(-1 - inputs.length % VECTOR_KERNELS.length)!,
          iommu: machine.mode,
          controller: controllerOf(machine),
          op: io.op as "read" | "write",
          lba: 0,
          segments: memoryOf(machine).place({ ...io, peer: false, metadata: null }).data.map((
            { phys, sizeBytes },
          ) => [phys, sizeBytes] as const),
        });
      }
    }
  }
  return inputs;
}

function controllerOf(machine: HuntMachine): VectorInput["controller"] {
  return {
    sgl: machine.sgl,
    sgl_threshold_bytes: machine.sglThresholdBytes,
    block_bytes: machine.blockSizeBytes,
    mdts_bytes: machine.mdtsBytes,
  };
}

function memoryOf({ blockSizeBytes }: HuntMachine): MemoryLayout {
  return new MemoryLayout({
    blockSizeBytes,
    metadataBytes: 0,
    peerBase: null,
    metadataHasLength: false,
    hasHigh: true,
    mostBytes: MAX_BYTES,
    lineBytes: 1,
  });
}
