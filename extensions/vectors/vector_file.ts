/** The file of vectors: the edges, the same in every file, then random requests. */
import { edgeInputs } from "./edge_shapes.ts";
import { makeVector } from "./make_vector.ts";
import { randomInputs } from "./random_inputs.ts";
import type { NegativeFile } from "./negative.ts";
import type { VectorFile } from "./vector.ts";

/** @param count How many random ones. */
export function makeVectorFile(count: number, seed: number): VectorFile {
  const inputs = [...edgeInputs(), ...randomInputs(count, seed)];
  return {
    format: "dmalab-vectors",
    version: 1,
    seed,
    vectors: inputs.map((input, index) => makeVector(input, index + 1)),
  };
}

/** JSON with a vector on each line, so that a line is enough to repeat one. */
export function vectorFileText({ vectors, ...head }: VectorFile | NegativeFile): string {
  const lines = vectors.map((vector) => JSON.stringify(vector));
  return `${JSON.stringify(head).slice(0, -1)},"vectors":[\n${lines.join(",\n")}\n]}\n`;
}
