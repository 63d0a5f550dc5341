/**
 * Draws a screen as rows of text: the panes for a position, the message of the last command, and
 * the line that the user types.
 */
import { positionView } from "@dmalab/recording/views";
import { displayWidth } from "@dmalab/lang/diagnostics";
import { formatTimeRounded, type Paint } from "@dmalab/lang/text";
import type { RunName } from "@dmalab/recording";
import { displayName } from "@dmalab/lang/run";
import { fitLine, type StyledLine, textOf } from "../../terminal/styled.ts";
import { type PaneName, PANES, type ScreenArea, type ScreenLayout } from "./layout.ts";
import { addressPane, eventsPane, sourcePane, statePane, watchPane } from "./panes.ts";
import type { PaneView, ScreenModel } from "./screen_model.ts";

export interface Chosen {
  pane: PaneName;
  /** Name of the table in the state pane; null: the pane shows the changed rows. */
  table: string | null;
  /**
   * The chosen row of each pane. In the panes of source and events, rows are counted from the
   * current row.
   */
  readonly rows: Record<PaneName, number>;
}

export interface DrawnFrame {
  readonly model: ScreenModel;
  readonly chosen: Chosen;
  readonly watches: readonly string[];
  /** Number of the debugged run, from 1, and the number of runs. */
  readonly run: { readonly number: number; readonly of: number };
  readonly message: readonly string[];
}

/**
 * The rows of a screen without its last row, which is for typing. The message is in the lowest of
 * these rows.
 */
export function frameRows(
  shown: DrawnFrame,
  layout: ScreenLayout,
  columns: number,
  paint: Paint,
): string[] {
  const rows: string[] = [fitLine(headLine(shown), columns, paint)];
  const areas = PANES.flatMap((name) => {
    const area = layout.panes[name];
    return area === undefined ? [] : [{ name, area }];
  });
  const drawn = areas.map(({ area, name }) => ({
    area,
    lines: paneLines(name, paneOf(name, shown, area), { area, layout, paint, shown }),
  }));
  for (let row = 1; row < layout.message.row; row++) {
    const here = drawn.filter(({ area }) => row >= area.row && row < area.row + area.rows)
      .sort((one, other) => one.area.column - other.area.column);
    rows.push(here.map(({ area, lines }) => lines[row - area.row]!).join("│"));
  }
  const { message } = layout;
  for (let row = 0; row < message.rows; row++) {
    rows.push(fitLine([shown.message[row] ?? ""], columns, paint));
  }
  return rows;
}

export function paneOf(name: PaneName, shown: DrawnFrame, area: ScreenArea): PaneView {
  const { chosen: { rows, table }, model, watches } = shown;
  const room = { rows: area.rows - 1, columns: area.columns - 2 };
  const row = rows[name];
  switch (name) {
    case "source":
      return sourcePane(model, row, room);
    case "events":
      return eventsPane(model, row, room);
    case "state":
      return statePane(model, table, row, room);
    case "watches":
      return watchPane(model, watches, row, room);
    case "addresses":
      return addressPane(model, row, room);
  }
}

function paneLines(
  name: PaneName,
  view: PaneView,
  { area, layout, paint, shown }: {
    readonly area: ScreenArea;
    readonly layout: ScreenLayout;
    readonly paint: Paint;
    readonly shown: DrawnFrame;
  },
): readonly string[] {
  const hasFocus = shown.chosen.pane === name;
  const lines = [titleLine(name, view.title, hasFocus, layout.isPaged)];
  for (let row = 0; row < area.rows - 1; row++) {
    const content = view.lines[row]?.line ?? [];
    // The row that Enter applies to is marked, in the pane that receives keys.
    const isChosen = hasFocus && row === view.chosen;
    lines.push([isChosen ? ["strong", "»"] : " ", ...content]);
  }
  return lines.map((line) => ruled(line, area.columns, paint));
}

/**
 * Title line of a pane. Brackets mark the pane that receives keys. If several panes share one
 * place, the line lists all of them.
 */
function titleLine(
  name: PaneName,
  title: string,
  hasFocus: boolean,
  isPaged: boolean,
): StyledLine {
  if (!isPaged || name === "source" && !hasFocus) {
    return [["dim", "─"], ["strong", hasFocus ? `[${title}]` : ` ${title} `], RULE];
  }
  const others = PANES.map((each) => each === name ? `[${each}]` : ` ${each} `).join("");
  const rest = title.startsWith(name) ? title.slice(name.length).replace(/^:? /, "") : title;
  return [["strong", others], ` ${rest} `, RULE];
}

/** Marks the end of a line that is filled up with dashes. */
const RULE = "\0";

function ruled(line: StyledLine, columns: number, paint: Paint): string {
  if (line.at(-1) !== RULE) return fitLine(line, columns, paint);
  const text = line.slice(0, -1);
  const width = text.reduce((sum, piece) => sum + displayWidth(textOf(piece)), 0);
  return fitLine([...text, ["dim", "─".repeat(Math.max(0, columns - width))]], columns, paint);
}

function headLine({ model, run }: DrawnFrame): StyledLine {
  const { position, recording } = model;
  const { atNs, edge, events, seq } = positionView(recording, position);
  const { failedAt, name } = recording;
  const isFailure = failedAt !== null && failedAt.seq === position.seq &&
    failedAt.statement === position.statement;
  const where = isFailure ? "FAILED" : edge === "end" ? "END" : edge === "start" ? "START" : "PAST";
  const of = run.of > 1 ? `  run ${run.number}/${run.of}` : "";
  const parts = [`event ${seq}/${events}`, formatTimeRounded(atNs), where];
  // The position comes first, so that a long name is cut and not the position.
  return [["strong", ` ${parts.join("  ")}`], `  ${name.file}${of}  ${runText(name)}`];
}

function runText({ combination, kind, name }: RunName): string {
  const what = kind === "main" ? "(statements)" : `"${name}"`;
  return displayName({ name: what, combination });
}
