/**
 * Counts the lines of an import by their origin, and the events by their names. Also counts missing
 * and damaged lines.
 */
import type { Gap } from "../ledger/trace_check.ts";
import { type LineOrigin, nameIn, originOf, queueLimitOf } from "./line_source.ts";
import type { TraceLine } from "./trace_line.ts";

/** Events with a decoder; all others are only kept and counted. @see rules/traces.md T.15 to T.36 */
const KNOWN =
  /^(?:dma_|iommu_|map$|unmap$|io_page_fault$|(?:add|remove)_device_|attach_device_|swiotlb_|qi_submit$|cache_tag_|nvme_|block_|tracing_mark_write$|print$|bprint$|bputs$)/;

export class ImportPass {
  readonly origins = new Map<LineOrigin, number>();
  readonly events = new Map<string, number>();
  readonly unknownEvents = new Map<string, number>();
  readonly gaps: (Gap & { readonly file: string })[] = [];
  readonly damaged: { readonly file: string; readonly line: number }[] = [];
  readonly limits: { disk: string; name: string; value: number }[] = [];
  lines = 0;
  otherLines = 0;
  rawRecords = 0;
  overwritten = 0;
  firstSeconds: number | null = null;
  lastSeconds: number | null = null;

  push(line: TraceLine, number: number, file: string): void {
    this.lines++;
    if (line.isEmpty) return;
    const { kind } = line;
    if (kind === "lost") {
      this.gaps.push({ file, line: number, cpu: line.cpu, count: line.lost });
    }
    if (kind === "header") this.overwritten += Math.max(line.written - line.inBuffer, 0);
    if (kind === "event") this.#event(line, number, file);
    const origin = originOf(line);
    if (origin === null) {
      if (kind === "other") this.otherLines++;
      return;
    }
    bump(this.origins, origin);
    if (origin === "QEMU log" || origin === "blkparse") {
      bump(this.events, `${origin}: ${nameIn(line.text)}`);
    }
    const limit = origin === "facts" ? queueLimitOf(line.text) : null;
    if (limit !== null) this.limits.push({ ...limit });
  }

  #event(line: TraceLine, number: number, file: string): void {
    bump(this.events, line.event);
    if (!KNOWN.test(line.event)) bump(this.unknownEvents, line.event);
    if (line.wasRaw) this.rawRecords++;
    this.firstSeconds ??= line.seconds;
    this.lastSeconds = line.seconds;
    if (line.readDma() === null) {
      this.damaged.push({ file, line: number });
    }
  }
}

function bump(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
