/** Who has what mapped: read out of the events, as everything that looks at a run is. */
import type { MachineEvent } from "../../runtime/events.ts";

/** One live mapping, or one linked piece of a range. */
export interface LedgerEntry {
  readonly device: string | null;
  readonly request: number | null;
  /** The kernel function that made it. */
  readonly api: string;
  readonly dma: number;
  readonly phys: number;
  readonly sizeBytes: number;
  readonly dir: string;
  readonly path: string;
  /** The event that made it. */
  readonly seq: number;
  readonly atNs: number;
  /** The statement of the script that led to it. */
  readonly site: number | null;
}

interface MappingFields {
  readonly api: string;
  readonly dma: number;
  readonly phys: number;
  readonly size_bytes: number;
  readonly dir: string;
  readonly path: string;
}

/** The mappings that live after these events, oldest first. */
export function liveMappings(events: readonly MachineEvent[]): LedgerEntry[] {
  let live: LedgerEntry[] = [];
  for (const event of events) {
    if (event.name !== "dma.map" && event.name !== "dma.unmap") continue;
    const fields = event.fields as unknown as MappingFields;
    if (event.name === "dma.map") {
      live.push({
        device: event.device,
        request: event.request,
        api: fields.api,
        dma: fields.dma,
        phys: fields.phys,
        sizeBytes: fields.size_bytes,
        dir: fields.dir,
        path: fields.path,
        seq: event.seq,
        atNs: event.at_ns,
        site: event.site,
      });
    } else {
      // One call may end several: destroying a range ends every piece linked into it.
      const end = fields.dma + fields.size_bytes;
      live = live.filter((entry) =>
        entry.device !== event.device || entry.dma < fields.dma || entry.dma >= end
      );
    }
  }
  return live;
}

/** The mappings that cover an address, given as the device or as the CPU sees it. */
export function mappingsAt(live: readonly LedgerEntry[], address: number): LedgerEntry[] {
  return live.filter(({ dma, phys, sizeBytes }) =>
    (address >= dma && address < dma + sizeBytes) ||
    (address >= phys && address < phys + sizeBytes)
  );
}
