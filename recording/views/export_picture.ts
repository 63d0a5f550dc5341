/** A run as SVG files: the picture of a position's subject, and the timeline. */
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { svgText } from "./drawing.ts";
import { pictureSubjects, pictureView, subjectAt } from "./picture.ts";
import { pictureDrawing } from "./picture_drawing.ts";
import { RunIndex } from "./run_index.ts";
import { timelineView } from "./timeline.ts";
import { timelineDrawing, TimelineScale } from "./timeline_drawing.ts";

/** Widths that fit a mail and a slide. */
const PICTURE_PX = 640;
const TIMELINE_PX = 1200;

/**
 * The picture of a position's subject as the text of a file; null if nothing is mapped at that
 * position.
 */
export function pictureFile(run: RecordedRun, position: Position): string | null {
  const index = new RunIndex(run);
  const meant = subjectAt(index, position, pictureSubjects(index, position));
  const view = meant === null ? null : pictureView(index, position, meant, new Set());
  return view === null ? null : svgText(pictureDrawing(view, position.seq, PICTURE_PX));
}

/** The whole timeline as the text of a file. */
export function timelineFile(run: RecordedRun): string {
  const scale = new TimelineScale(run, "events", { from: 0, to: 1 }, TIMELINE_PX);
  return svgText(timelineDrawing(timelineView(run), scale, []));
}
