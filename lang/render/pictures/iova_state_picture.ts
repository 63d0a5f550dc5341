/**
 * A drawing of the two-step API's state: how much of the range is linked, and to which memory it is
 * linked.
 */
import type { DmaIovaState } from "@dmalab/runtime/dma";
import { PICTURE_COLUMNS, spread } from "../../text/columns.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";
import { addressLine, bounceText, hiddenLine } from "./bounced_lines.ts";
import { usedBar } from "./strip.ts";

/** The page-table entries of a part of the range. */
export interface LinkedRun {
  readonly iova: number;
  readonly phys: number;
  readonly sizeBytes: number;
  /** The original memory, if the target is a bounce buffer; otherwise null. */
  readonly bounceFor: number | null;
}

/** Cells of the bar for the range. */
const BAR_CELLS = 60;
/** Limit of the runs that are listed; the rest is only counted. */
const DISPLAYED_RUNS = 8;

/**
 * The drawing, in at most 80 columns.
 * @param device The name of the device with which the state was last passed to a call; null for no
 *   device.
 * @param runs In ascending order.
 */
export function iovaStatePicture(
  state: DmaIovaState,
  device: string | null,
  runs: readonly LinkedRun[],
): string[] {
  if (state.sizeBytes === 0) return ["iova_state: no range, every field 0"];
  const end = state.addr + state.sizeBytes;
  const title = `iova_state ${formatAddress(state.addr)} .. ${formatAddress(end)}  ${
    formatSize(state.sizeBytes)
  }`;
  const owner = state.held
    ? device ?? ""
    : state.linkedBytes > 0
    ? "freed, with links left"
    : "freed";
  const lines = [spread(title, owner), "─".repeat(PICTURE_COLUMNS), bar(state, runs)];
  for (const run of runs.slice(0, DISPLAYED_RUNS)) {
    lines.push(
      addressLine(
        run.iova,
        run.sizeBytes,
        run.bounceFor === null
          ? `physical ${formatAddress(run.phys)}`
          : bounceText(run.phys, run.bounceFor),
      ),
    );
  }
  const rest = runs.length - DISPLAYED_RUNS;
  if (rest > 0) lines.push(hiddenLine(rest));
  if (state.bounced) lines.push("  some part is bounced: bit 63 of the size is set");
  return lines;
}

function bar(
  { addr, linkedBytes, sizeBytes }: DmaIovaState,
  runs: readonly LinkedRun[],
): string {
  const scale = { start: addr, cellBytes: sizeBytes / BAR_CELLS, cells: BAR_CELLS };
  const linked = runs.map((run) => ({ start: run.iova, sizeBytes: run.sizeBytes }));
  // Entries are whole granules, and may be more than the range that was asked for.
  const what = linkedBytes > sizeBytes ? "entries" : "linked";
  return `  ${usedBar(linked, scale)} ${formatSize(linkedBytes)} ${what}`;
}
