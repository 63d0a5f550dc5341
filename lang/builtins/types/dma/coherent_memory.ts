/** Memory that CPU and device share all the time: `dma_alloc_coherent`. */
import type { CoherentMemory } from "@dmalab/runtime/dma";
import { formatAddress, formatSize } from "../../../text/numbers.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

export interface CoherentTarget {
  readonly memory: CoherentMemory;
  /** The device it was allocated for, by name. */
  readonly device: string;
  /** It was freed: freeing it again is a double free. */
  freed: boolean;
}

export const COHERENT_MEMORY: HandleType<CoherentTarget> = {
  name: "coherent_memory",
  doc: "Memory that CPU and device share without synchronising.",
  fields: fieldsOf<CoherentTarget>((f) => ({
    addr: f.dma("Where the device sees the first byte.", ({ memory }) => memory.dma),
    size: f.size("Its length.", ({ memory }) => memory.sizeBytes),
    phys: f.phys("Physical address of the first byte.", ({ memory }) => memory.physOf(0)),
  })),
  methods: [],
  format: ({ memory, device }) =>
    `coherent memory of ${formatSize(memory.sizeBytes)}, ${device} sees ${
      formatAddress(memory.dma)
    }`,
};
