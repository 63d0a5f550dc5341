/** Where a device finds a buffer: read out of what a driver's map gives, whatever form that has. */
import type { Bytes, DmaAddr } from "@dmalab/runtime";
import { ITEM_BYTES } from "../values/limits.ts";
import { describeValue } from "../values/operators.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { ScriptError } from "../values/script_error.ts";
import { ListValue, Quantity, RecordValue, type Value } from "../values/value.ts";
import { isHandle } from "./arguments.ts";
import { IOVA_STATE } from "./types/dma/iova_state.ts";
import { MAPPING } from "./types/dma/mapping.ts";
import { SCATTERLIST } from "./types/dma/scatterlist.ts";

/** A run of addresses as a device sees them. */
export interface ScriptDmaRange {
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
}

/**
 * The ranges in which a device finds a buffer's bytes, in their order.
 *
 * @param value A range of the two-step API, a mapping, a mapped scatterlist, a record with `addr`
 *   and `size`, a list of these, or a record with one of them as its `sees`.
 * @throws {ScriptError} E0919 when it says nothing of any place.
 */
export function dmaRanges(value: Value): readonly ScriptDmaRange[] {
  const ranges: ScriptDmaRange[] = [];
  collect(value, ranges);
  return ranges;
}

function collect(value: Value, ranges: ScriptDmaRange[]): void {
  if (isHandle(value, IOVA_STATE)) {
    const { addr, sizeBytes } = value.target.state;
    if (sizeBytes > 0) ranges.push({ dma: addr, sizeBytes });
  } else if (isHandle(value, MAPPING)) {
    const { addr, sizeBytes } = value.target;
    if (addr < 0) throw noPlace("the error value of a failed map");
    ranges.push({ dma: addr, sizeBytes });
  } else if (isHandle(value, SCATTERLIST)) {
    for (const { dma, sizeBytes } of value.target.list.mapped()) ranges.push({ dma, sizeBytes });
  } else if (value instanceof ListValue) {
    for (const item of value.items) collect(item, ranges);
  } else if (value instanceof RecordValue) collectRecord(value, ranges);
  else throw noPlace(describeValue(value));
}

function collectRecord(value: RecordValue, ranges: ScriptDmaRange[]): void {
  const sees = value.entries.get("sees");
  if (sees !== undefined) return collect(sees, ranges);
  const addr = value.entries.get("addr");
  const size = value.entries.get("size");
  if (addr instanceof Quantity && addr.kind === "dma" && size instanceof Quantity) {
    ranges.push({ dma: addr.value as DmaAddr, sizeBytes: size.value });
  } else throw noPlace(describeValue(value));
}

function noPlace(what: string): ScriptError {
  return new ScriptError(
    "E0919",
    `Expected DMA ranges, found ${what}`,
    "an iova_state, a mapping, a scatterlist, { addr, size }, a list of these, or a record with " +
      "one of them as `sees`",
  );
}

/** How many bytes ranges have together; charged to the run that is going to look at them. */
export function rangeBytes(ranges: readonly ScriptDmaRange[], context: ExecutionContext): Bytes {
  const sizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
  context.chargeMemory(sizeBytes + ITEM_BYTES * ranges.length);
  return sizeBytes;
}
