/** The state of the two-step API as a drawing: how much of the range is linked, and to what. */
import { PICTURE_COLUMNS, spread } from "../../text/columns.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";
import { addressLine, bounceText, hiddenLine } from "./bounced_lines.ts";
import { usedBar } from "./strip.ts";

export interface PicturedIovaState {
  readonly addr: number;
  readonly sizeBytes: number;
  readonly linkedBytes: number;
  readonly bounced: boolean;
  /** The range has not been freed. */
  readonly held: boolean;
  /** The device's name, once the state was given to one. */
  readonly device: string | null;
  /** What the page table has for the range, ascending. */
  readonly runs: readonly {
    readonly iova: number;
    readonly phys: number;
    readonly sizeBytes: number;
    /** The memory that a bounce buffer there stands for; null for memory itself. */
    readonly bounceFor: number | null;
  }[];
}

/** Cells of the bar that stands for the range. */
const BAR_CELLS = 60;
/** Runs listed before the rest is only counted. */
const DISPLAYED_RUNS = 8;

/** The drawing, in at most 80 columns. */
export function iovaStatePicture(state: PicturedIovaState): string[] {
  if (state.sizeBytes === 0) return ["iova_state: no range, every field 0"];
  const end = state.addr + state.sizeBytes;
  const title = `iova_state ${formatAddress(state.addr)} .. ${formatAddress(end)}  ${
    formatSize(state.sizeBytes)
  }`;
  const owner = state.held ? state.device ?? "" : "freed";
  const lines = [spread(title, owner), "─".repeat(PICTURE_COLUMNS), bar(state)];
  for (const run of state.runs.slice(0, DISPLAYED_RUNS)) {
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
  const rest = state.runs.length - DISPLAYED_RUNS;
  if (rest > 0) lines.push(hiddenLine(rest));
  if (state.bounced) lines.push("  some part is bounced: bit 63 of the size is set");
  return lines;
}

function bar({ addr, linkedBytes, runs, sizeBytes }: PicturedIovaState): string {
  const scale = { start: addr, cellBytes: sizeBytes / BAR_CELLS, cells: BAR_CELLS };
  const linked = runs.map((run) => ({ start: run.iova, sizeBytes: run.sizeBytes }));
  return `  ${usedBar(linked, scale)} ${formatSize(linkedBytes)} linked`;
}
