/**
 * Every kernel function that a driver in C may call, with one entry for each function. The headers,
 * the import checks and the pages are generated from this table.
 *
 * @see rules/c-api.md
 */
import type { CCallEntry } from "./call_entry.ts";
import { DEFERRED_CALLS } from "./calls/deferred.ts";
import { DEVICE_CALLS } from "./calls/device.ts";
import { INTERRUPT_CALLS } from "./calls/interrupt.ts";
import { HMM_CALLS } from "./calls/hmm.ts";
import { LIMIT_CALLS } from "./calls/limits.ts";
import { LIST_CALLS } from "./calls/lists.ts";
import { LOCK_CALLS } from "./calls/locks.ts";
import { MANAGED_CALLS } from "./calls/managed.ts";
import { MAPPING_CALLS, TWO_STEP_CALLS } from "./calls/mapping.ts";
import { MEMORY_CALLS } from "./calls/memory.ts";
import { PAGE_MEMORY_CALLS } from "./calls/page_memory.ts";
import { PCI_CALLS } from "./calls/pci.ts";
import { PEER_CALLS } from "./calls/peers.ts";
import { POOL_CALLS } from "./calls/pools.ts";
import { REQUEST_CALLS, REQUEST_MAPPING_CALLS } from "./calls/requests.ts";
import { SHARED_MEMORY_CALLS } from "./calls/shared_memory.ts";
import { type CPrototype, prototypeOf } from "./prototype.ts";

export interface CCall extends CCallEntry {
  readonly prototype: CPrototype;
  readonly header: string;
}

const HEADERS: Readonly<Record<string, readonly CCallEntry[]>> = {
  "dma-mapping": [
    ...MAPPING_CALLS,
    ...SHARED_MEMORY_CALLS,
    ...PAGE_MEMORY_CALLS,
    ...LIMIT_CALLS,
    ...LIST_CALLS,
    ...TWO_STEP_CALLS,
  ],
  "dmapool": POOL_CALLS,
  "blk-mq": REQUEST_CALLS,
  "blk-mq-dma": REQUEST_MAPPING_CALLS,
  "pci-p2pdma": PEER_CALLS,
  "hmm-dma": HMM_CALLS,
  ...MEMORY_CALLS,
  ...DEVICE_CALLS,
  ...LOCK_CALLS,
  ...DEFERRED_CALLS,
  ...MANAGED_CALLS,
  ...PCI_CALLS,
  ...INTERRUPT_CALLS,
};

/** All functions, by header. */
export const C_CALLS: readonly CCall[] = Object.entries(HEADERS).flatMap(([header, entries]) =>
  entries.map((entry) => ({ ...entry, header, prototype: prototypeOf(entry.c) }))
);
