/** Whether what is synchronised is mapped, and in the right way. */
import type { DmaEvent } from "../line/dma_event.ts";
import type { MappingTracker } from "./ledger.ts";
import {
  type Device,
  NEAR_PAGES,
  PAGE_BYTES,
  pageOf,
  type TracedMapping,
  type TraceInstant,
} from "./traced_mapping.ts";
import { count, soleUse } from "./live_mappings.ts";

type Sync = Extract<DmaEvent, { op: "sync" }>;

/**
 * Checks a sync against the mapping of its address.
 *
 * @see rules/traces.md T.66
 */
export function checkSync(
  event: Sync,
  device: Device,
  now: TraceInstant,
  ledger: MappingTracker,
): void {
  const { edges, findings } = ledger;
  const { dir, sizeBytes } = event;
  const { line } = now;
  count(device, "syncs");
  const mappings = covering(device, event.addr);
  const mapping =
    mappings.find((each) =>
      each.dir === event.dir && each.addr + each.sizeBytes >= event.addr + event.sizeBytes
    ) ?? mappings[0];
  if (mapping === undefined) {
    const unmapped = device.unmapped.get(event.addr);
    if (unmapped === undefined || unmapped.unmappedAt!.line <= edges.lostLine) return;
    // The page table was written since, and no call has claimed it: the map's own line is missing.
    if (ledger.table.isLinkedSince(event.addr, unmapped.unmappedAt!.line)) return;
    const sure = unmapped.unmappedAt!.line < edges.silenceLine
      ? "possible"
      : soleUse(unmapped, edges);
    ledger.recorder?.({ op: "sync", line, mapping: unmapped, dir, sizeBytes, offsetBytes: 0 });
    findings.syncUnknown(unmapped, event.addr, now, sure);
    return;
  }
  if (mapping.kind === "sg" || event.isList) return;
  const offsetBytes = event.addr - mapping.addr;
  ledger.recorder?.({ op: "sync", line, mapping, dir, sizeBytes, offsetBytes });
  // In missing lines it may have been unmapped, and another mapped there.
  if (ledger.isUncertain(mapping)) return;
  if (mapping.addr + mapping.sizeBytes < event.addr + event.sizeBytes) {
    findings.syncSize(mapping, event.addr, event.sizeBytes, now);
  }
  if (mapping.dir !== event.dir && mapping.dir !== "BIDIRECTIONAL") {
    findings.syncDirection(mapping, event.dir, now);
  }
}

/** Live mappings that hold an address: such as begin there first, then such as begin before it. */
function covering(device: Device, address: number): TracedMapping[] {
  const holds = (mapping: TracedMapping) =>
    address >= mapping.addr && address < mapping.addr + mapping.sizeBytes;
  const page = pageOf(address);
  for (let back = 0; back <= NEAR_PAGES; back++) {
    const found = device.byPage.get(page - back * PAGE_BYTES)?.filter(holds) ?? [];
    if (found.length > 0) return found.sort((a, b) => b.addr - a.addr);
  }
  return [...device.large].filter(holds).sort((a, b) => b.addr - a.addr);
}
