/** Whether devices see the same memory, compared device by device. */
import { type DeviceVisibleRange, sameView } from "@dmalab/runtime/dma";
import { formatSize } from "../text/numbers.ts";
import { STEP_BYTES } from "../values/limits.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { ValueError } from "../values/script_error.ts";

export type Views = ReadonlyMap<string, readonly DeviceVisibleRange[]>;

/** Limit of the bytes that are compared, because to compare more would take too long. */
const MAX_COMPARED_BYTES = 4 * 2 ** 30;

/**
 * True when both sides have the same devices, and each device sees the same bytes at the same
 * addresses on both sides.
 */
export function sameViews(left: Views, right: Views, context: ExecutionContext): boolean {
  if (left.size !== right.size) return false;
  for (const [name, view] of left) {
    const other = right.get(name);
    const sizeBytes = sizeOf(view);
    if (other === undefined || sizeOf(other) !== sizeBytes) return false;
    if (sizeBytes > MAX_COMPARED_BYTES) {
      throw new ValueError(`Cannot compare ${formatSize(sizeBytes)} byte by byte`);
    }
    context.work(sizeBytes / STEP_BYTES);
    if (!sameView(view, other)) return false;
  }
  return true;
}

function sizeOf(view: readonly DeviceVisibleRange[]): number {
  return view.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}
