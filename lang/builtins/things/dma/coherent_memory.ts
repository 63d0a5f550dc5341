/** Memory that CPU and device share all the time: `dma_alloc_coherent`. */
import type { CoherentMemory } from "../../../../runtime/dma/calls/mapping.ts";
import { formatAddress, formatSize } from "../../../text/numbers.ts";
import { dma, phys, size } from "../../arguments.ts";
import type { TypeSpec } from "../../../values/spec.ts";

export interface CoherentTarget {
  readonly memory: CoherentMemory;
  /** The device it was allocated for, by name. */
  readonly device: string;
  /** It was given back: nobody may do so again. */
  freed: boolean;
}

export const COHERENT_MEMORY: TypeSpec<CoherentTarget> = {
  name: "coherent_memory",
  doc: "Memory that CPU and device share without synchronising.",
  fields: [
    {
      name: "addr",
      kind: "dma",
      doc: "Where the device sees the first byte.",
      get: ({ memory }) => dma(memory.dma),
    },
    { name: "size", kind: "size", doc: "Its length.", get: ({ memory }) => size(memory.sizeBytes) },
    {
      name: "phys",
      kind: "phys",
      doc: "Physical address of the first byte.",
      get: ({ memory }) => phys(memory.physOf(0)),
    },
  ],
  methods: [],
  format: ({ memory, device }) =>
    `coherent memory of ${formatSize(memory.sizeBytes)}, ${device} sees ${
      formatAddress(memory.dma)
    }`,
};
