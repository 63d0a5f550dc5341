/** The source around the statement one stands at, with breakpoints. */
import { type SetBreakpoint, spanOfEvent } from "@dmalab/recording";
import type { SourceFile, Span } from "@dmalab/lang";
import {
  firstShown,
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
} from "./screen_model.ts";

/** @param scroll Lines below the current one that the chosen line is. */
export function sourcePane(model: ScreenModel, scroll: number, { rows }: Room): PaneView {
  const span = spanHere(model);
  const source = span?.source ?? model.recording.code.statements[0]?.span.source;
  if (source === undefined) return { title: "source", lines: [], chosen: -1 };
  const current = span === null ? null : source.position(span.start).line;
  const texts = linesOf(source);
  const chosen = Math.max(1, Math.min((current ?? firstLine(model)) + scroll, texts.length));
  const first = firstShown(texts.length, chosen - 1, rows);
  const breaks = breakLines(model, source);
  const width = String(texts.length).length;
  const lines = texts.slice(first, first + rows).map((text, index): PaneLine => {
    const number = first + index + 1;
    const marks = `${number === current ? ">" : " "}${breaks.has(number) ? "*" : " "}`;
    const head = `${marks}${String(number).padStart(width)}  `;
    return {
      line: number === current ? [["strong", head + text]] : [["dim", head], text],
      enter: `:goto ${source.name}:${number}`,
    };
  });
  return { title: `source ${source.name}`, lines, chosen: chosen - 1 - first };
}

/** Where the run begins. */
function firstLine({ recording }: ScreenModel): number {
  if (recording.statements.count === 0) return 1;
  const { source, start } = recording.started(1).span;
  return source.position(start).line;
}

function linesOf({ text }: SourceFile): readonly string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** The statement that a moment belongs to. */
function spanHere({ position, recording }: ScreenModel): Span | null {
  if (recording.isStatementStart(position) || position.seq === 0) {
    return recording.statement(position)?.span ?? null;
  }
  return spanOfEvent(recording, position.seq);
}

/** The lines of a source with breakpoints on statements. */
function breakLines(
  { recording, breakpoints }: ScreenModel,
  source: SourceFile,
): ReadonlySet<number> {
  const { statements } = recording.code;
  const isHere = ({ cause }: SetBreakpoint) =>
    cause.kind === "line" &&
    (cause.file === undefined
      ? statements.some(({ native, span }) => span.source === source && native === undefined)
      : cause.file === source.name);
  return new Set(
    breakpoints.all.filter(isHere).flatMap((stop) => breakpoints.lineOf(recording, stop) ?? []),
  );
}
