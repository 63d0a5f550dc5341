/** Whether what is synchronised is mapped, and in the right way. */
import type { DmaEvent } from "../line/dma_event.ts";
import type { StepSink } from "../script/recorder.ts";
import type { Edges } from "./edges.ts";
import type { Findings } from "./findings.ts";
import { type Device, type Life, modeOf, type Moment, PAGE_BYTES, pageOf } from "./life.ts";
import { count } from "./lives.ts";
import type { PageTable } from "./page_table.ts";

type Sync = Extract<DmaEvent, { op: "sync" }>;

/** What a check needs of the ledger. */
interface Books {
  readonly findings: Findings;
  readonly edges: Edges;
  readonly recorder: StepSink | null;
  readonly table: PageTable;
  isUncertain(life: Life): boolean;
}

/**
 * Holds a sync to the mapping of its address.
 *
 * @see behaviour/traces.md T.66
 */
export function checkSync(event: Sync, device: Device, now: Moment, ledger: Books): void {
  const { edges, findings } = ledger;
  count(device, "syncs");
  const lives = covering(device, event.addr);
  const life =
    lives.find((each) =>
      each.dir === event.dir && each.addr + each.sizeBytes >= event.addr + event.sizeBytes
    ) ?? lives[0];
  if (life === undefined) {
    const dead = device.dead.get(event.addr);
    if (dead === undefined || dead.died!.line <= edges.lostLine) return;
    // The page table was written since, and no call has claimed it: the map's own line is missing.
    if (ledger.table.isLinkedSince(event.addr, dead.died!.line)) return;
    const isWeak = modeOf(device) === "direct" || dead.died!.line < edges.silenceLine;
    const sure = isWeak ? "possible" : "proved";
    const { dir, sizeBytes } = event;
    ledger.recorder?.({ op: "sync", line: now.line, life: dead, dir, sizeBytes, offsetBytes: 0 });
    findings.syncUnknown(dead, event.addr, now, sure);
    return;
  }
  if (life.kind === "sg" || event.isList) return;
  const { dir, sizeBytes } = event;
  const offsetBytes = event.addr - life.addr;
  ledger.recorder?.({ op: "sync", line: now.line, life, dir, sizeBytes, offsetBytes });
  // It may have ended, and another may live there, in lines that are missing.
  if (ledger.isUncertain(life)) return;
  if (life.addr + life.sizeBytes < event.addr + event.sizeBytes) {
    findings.syncSize(life, event.addr, event.sizeBytes, now);
  }
  if (life.dir !== event.dir && life.dir !== "BIDIRECTIONAL") {
    findings.syncDirection(life, event.dir, now);
  }
}

/** Live mappings that hold an address: such as begin there first, then such as begin before it. */
function covering(device: Device, address: number): Life[] {
  const holds = (life: Life) => address >= life.addr && address < life.addr + life.sizeBytes;
  const page = pageOf(address);
  if (device.mostPages > device.byPage.size) {
    return [...device.byPage.values()].flat().filter(holds).sort((a, b) => b.addr - a.addr);
  }
  for (let back = 0; back <= device.mostPages; back++) {
    const found = device.byPage.get(page - back * PAGE_BYTES)?.filter(holds) ?? [];
    if (found.length > 0) return found.sort((a, b) => b.addr - a.addr);
  }
  return [];
}
