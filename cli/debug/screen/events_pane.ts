/** The events around a place: what has happened last, and what will. */
import { formatEventText, type TextRole } from "@dmalab/lang/render";
import {
  firstShown,
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
} from "./screen_model.ts";

/** @param scroll Events after the current one that the chosen one is. */
export function eventsPane(model: ScreenModel, scroll: number, { rows }: Room): PaneView {
  const { position, recording } = model;
  const { count } = recording.log;
  if (count === 0) return { title: "events: none", lines: [], chosen: -1 };
  const chosen = Math.max(0, Math.min(position.seq + scroll, count));
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
    const text = `${markOf(model, seq)}${String(seq).padStart(width)} ${indent}${
      formatEventText(recording.event(seq))
    }`;
    const role = roleOf(model, seq, name);
    lines.push({ line: role === null ? [text] : [[role, text]], enter: `:goto ${seq}` });
  }
  return { title: `events 1 to ${count}`, lines, chosen: chosen - first };
}

/** `>` the last that has happened, `+` what the last move has made happen. */
function markOf({ position, before }: ScreenModel, seq: number): string {
  if (seq === position.seq) return ">";
  return seq < position.seq && seq > before.seq ? "+" : " ";
}

function roleOf({ position }: ScreenModel, seq: number, name: string): TextRole | null {
  if (seq > position.seq) return "dim";
  if (name === "iommu.fault" || name === "dma.report") return "bad";
  return seq === position.seq ? "strong" : null;
}
