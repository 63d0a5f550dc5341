/** Gives descriptor lists back when a request's mapping ends. */
import type { EventStream } from "../../../runtime/events.ts";
import { returnDescriptor } from "./descriptor_pools.ts";
import type { DescriptorWriter } from "./descriptor_writer.ts";
import { type Iod, IOD_FLAG } from "./iod.ts";
import { PRPS_PER_PAGE } from "./protocol.ts";

/**
 * Frees the lists of a request's data in chain order; each link is read before its page goes.
 *
 * @see behaviour/nvme.md 2.6
 */
export function freeDescriptors(events: EventStream, writer: DescriptorWriter, iod: Iod): void {
  const pool = iod.hasFlag(IOD_FLAG.SMALL_DESCRIPTOR) ? iod.pools.small : iod.pools.large;
  let list = iod.usesSgl ? iod.sglAddress : iod.prp2;
  for (let left = iod.nrDescriptors; left > 0; left--) {
    const next = left > 1 ? writer.readPrp(pool.physOf(list), PRPS_PER_PAGE - 1) : list;
    returnDescriptor(events, pool, list);
    list = next;
  }
  iod.nrDescriptors = 0;
}
