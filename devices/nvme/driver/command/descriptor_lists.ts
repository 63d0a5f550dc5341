/** Allocates and frees the lists that describe a request's data. */
import { type EventStream, invariant } from "@dmalab/runtime";
import type { DescriptorPool, PoolBlock } from "@dmalab/runtime/dma";
import { returnDescriptor, takeDescriptor } from "./descriptor_pools.ts";
import type { DescriptorWriter } from "./descriptor_writer.ts";
import { type Iod, IOD_FLAG } from "./iod.ts";
import { PRPS_PER_PAGE } from "../protocol.ts";

/**
 * Allocates one more list for a request's data. Null when there is no memory.
 *
 * @param rule The rule that asks for it.
 * @param entries How many entries there are for it and the lists after it.
 */
export function takeList(
  events: EventStream,
  iod: Iod,
  pool: DescriptorPool,
  rule: string,
  entries: number,
): PoolBlock | null {
  const block = takeDescriptor(events, pool, rule, entries);
  if (block !== null) iod.descriptors[iod.nrDescriptors++] = block;
  return block;
}

/**
 * Frees the lists of a request's data in chain order. Their device addresses are read back from the
 * command and from the links, each before its page goes.
 *
 * @see rules/nvme.md 2.6
 */
export function freeDescriptors(events: EventStream, writer: DescriptorWriter, iod: Iod): void {
  const pool = iod.hasFlag(IOD_FLAG.SMALL_DESCRIPTOR) ? iod.pools.small : iod.pools.large;
  const count = iod.nrDescriptors;
  invariant(count <= iod.descriptors.length, "More lists are freed than were taken");
  let dma = iod.usesSgl ? iod.sglAddress : iod.prp2;
  for (let index = 0; index < count; index++) {
    const block = iod.descriptors[index]!;
    // SGLs have one list; a page of PRPs says in its last entry where the next one is.
    const next = index + 1 < count ? writer.readPrp(block.phys, PRPS_PER_PAGE - 1) : dma;
    returnDescriptor(events, pool, block, dma);
    dma = next;
  }
  iod.nrDescriptors = 0;
}
