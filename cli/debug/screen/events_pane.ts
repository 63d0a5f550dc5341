/** The events around a place: what has happened last, and what will. */
import { formatEventText, type Role } from "@dmalab/lang/render";
import { firstShown, type Moment, type PaneLine, type PaneView, type Room } from "./moment.ts";

/** @param scroll Events after the current one that the chosen one is. */
export function eventsPane(moment: Moment, scroll: number, { rows }: Room): PaneView {
  const { at, recording } = moment;
  const { count } = recording.log;
  if (count === 0) return { title: "events: none", lines: [], chosen: -1 };
  const chosen = Math.max(0, Math.min(at.seq + scroll, count));
  const first = firstShown(count, Math.max(0, chosen - 1), rows) + 1;
  const last = Math.min(count, first + rows - 1);
  const width = String(last).length;
  const lines: PaneLine[] = [];
  let depth = first === 1 ? 0 : recording.kernelFrames(recording.afterEvent(first - 1)).length;
  for (let seq = first; seq <= last; seq++) {
    const name = recording.eventNameAt(seq);
    const indent = "  ".repeat(depth);
    if (name.startsWith("call.")) depth++;
    else if (name.startsWith("ret.")) depth = Math.max(0, depth - 1);
    const text = `${markOf(moment, seq)}${String(seq).padStart(width)} ${indent}${
      formatEventText(recording.event(seq))
    }`;
    const role = roleOf(moment, seq, name);
    lines.push({ line: role === null ? [text] : [[role, text]], enter: `:goto ${seq}` });
  }
  return { title: `events 1 to ${count}`, lines, chosen: chosen - first };
}

/** `>` the last that has happened, `+` what the last move has made happen. */
function markOf({ at, before }: Moment, seq: number): string {
  if (seq === at.seq) return ">";
  return seq < at.seq && seq > before.seq ? "+" : " ";
}

function roleOf({ at }: Moment, seq: number, name: string): Role | null {
  if (seq > at.seq) return "dim";
  if (name === "iommu.fault" || name === "dma.report") return "bad";
  return seq === at.seq ? "strong" : null;
}
