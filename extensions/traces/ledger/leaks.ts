/** Finds leaks among the mappings that are live at a trace's end, and how often each leak occurs. */
import { formatCount } from "@dmalab/lang/text";
import { keepsSegments } from "./live_mappings.ts";
import type { Siblings } from "./siblings.ts";
import type { Device, TracedMapping } from "./traced_mapping.ts";

export interface TracedLeak {
  /** Whether the mapping is certainly live, and the number of live mappings has grown. */
  readonly isSure: boolean;
  /** A description. Leaks of the same sort have the same description. */
  readonly text: string;
}

/**
 * Whether a live mapping is expected, so that it is no leak. For example, coherent memory is often
 * allocated once and kept.
 */
function isKept({ isSegment, kind }: TracedMapping, device: Device): boolean {
  return kind === "alloc" || isSegment && keepsSegments(device);
}

/** The leaked mappings of all devices. */
export function leaksOf(
  devices: Iterable<Device>,
  endSeconds: number,
): ReadonlyMap<TracedMapping, TracedLeak> {
  const leaks = new Map<TracedMapping, TracedLeak>();
  for (const device of devices) {
    for (const siblings of device.siblings.values()) {
      const leaked = siblings.leaked();
      const mappings = [...leaked.keys()].filter((each) => !isKept(each, device));
      if (mappings.length === 0) {
        for (const [mapping, isSure] of siblings.leftBehind(endSeconds)) {
          if (!isKept(mapping, device)) leaks.set(mapping, { isSure, text: LEFT_TEXT });
        }
        continue;
      }
      const text = leakText(mappings, siblings);
      for (const mapping of mappings) leaks.set(mapping, { isSure: leaked.get(mapping)!, text });
    }
  }
  return leaks;
}

const LEFT_TEXT = "left by the last burst of maps, and live ten times as long as any other was";
const MAX_TASKS = 3;

function leakText(mappings: readonly TracedMapping[], { maps }: Siblings<TracedMapping>): string {
  const [first] = mappings;
  if (mappings.length === 1) {
    return "still live, while newer mappings of the same use were unmapped";
  }
  const tasks = [...new Set(mappings.map(({ task }) => task))];
  const by = tasks.length > MAX_TASKS ? formatCount(tasks.length, "task") : tasks.join(", ");
  const seconds = mappings.at(-1)!.mappedAt.seconds - first!.mappedAt.seconds;
  const each = (seconds / (mappings.length - 1)).toPrecision(2);
  let [least, most] = [Infinity, 0];
  for (const { sizeBytes } of mappings) {
    least = Math.min(least, sizeBytes);
    most = Math.max(most, sizeBytes);
  }
  const size = least === most ? formatCount(most, "byte") : `${least} to ${most} bytes`;
  return `still live, while newer mappings of the same use were unmapped: ${mappings.length} ` +
    `of ${maps} of ${size}, ${first!.dir}, by ${by}, are never unmapped, one each ${each} s`;
}
