/** The positions and sizes of panes on a screen of a given size. */

/** The panes, in the order in which Tab selects them. */
export const PANES = ["source", "events", "state", "watches", "addresses"] as const;
export type PaneName = typeof PANES[number];

/** An area of the screen, including the pane's title; its row and column are counted from 0. */
export interface ScreenArea {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

export interface ScreenLayout {
  /** The area of each pane; if the panes share one place, only the areas of the shown panes. */
  readonly panes: Readonly<Partial<Record<PaneName, ScreenArea>>>;
  /** Whether the panes share one place. The title line then lists their names. */
  readonly isPaged: boolean;
  /** Area for the output of the last command. */
  readonly message: ScreenArea;
}

/** On a smaller screen than this, panes share one place. */
const LEAST = { columns: 80, rows: 20 };
/** On a narrower screen than this, events are below the source, not beside it. */
const LEAST_OF_TWO_COLUMNS = 120;
/** On a screen with fewer rows than this, the source is not shown above the selected pane. */
const LEAST_ROWS_OF_TWO = 14;

export interface ScreenContent {
  /** The pane that receives keys. */
  readonly focus: PaneName;
  /** Number of strips in the pane of addresses. */
  readonly strips: number;
  /** How many lines the last command has printed. */
  readonly messageLines: number;
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

export function layOutScreen(size: Size, content: ScreenContent): ScreenLayout {
  const isPaged = size.columns < LEAST.columns || size.rows < LEAST.rows;
  return isPaged ? pages(size, content) : panes(size, content);
}

/** Largest number of rows that a message may take: the panes keep two thirds. */
export function mostMessageRows({ rows }: Size): number {
  return Math.floor(rows / 3);
}

function panes(size: Size, { messageLines, strips }: ScreenContent): ScreenLayout {
  const { columns, rows } = size;
  const messageRows = Math.max(3, Math.min(messageLines, mostMessageRows(size)));
  // The last row is where commands are typed.
  const bottom = rows - 1 - messageRows;
  const addresses = 1 + Math.max(1, Math.min(strips, Math.floor(rows / 8)));
  const body = bottom - addresses - 1;
  const half = Math.floor((columns - 1) / 2);
  const whole = { column: 0, columns };
  const left = { column: 0, columns: half };
  const right = { column: half + 1, columns: columns - half - 1 };
  // On a narrow screen, source and events have the full width, because half of the width would cut
  // nearly every line.
  const isStacked = columns < LEAST_OF_TWO_COLUMNS;
  const source = isStacked ? Math.max(3, Math.floor(body * 0.35)) : Math.ceil(body * 0.55);
  const events = isStacked ? Math.max(4, Math.floor(body * 0.4)) : 0;
  const upper = { row: 1, rows: source };
  const lower = { row: 1 + source + events, rows: body - source - events };
  return {
    isPaged: false,
    message: { ...whole, row: bottom, rows: messageRows },
    panes: {
      source: { ...upper, ...isStacked ? whole : left },
      events: isStacked ? { ...whole, row: 1 + source, rows: events } : { ...upper, ...right },
      state: { ...lower, ...left },
      watches: { ...lower, ...right },
      addresses: { ...whole, row: 1 + body, rows: addresses },
    } satisfies Record<PaneName, ScreenArea>,
  };
}

function pages(size: Size, { focus, messageLines }: ScreenContent): ScreenLayout {
  const { columns, rows } = size;
  const least = Math.max(1, Math.min(2, rows - 4));
  const messageRows = Math.max(least, Math.min(messageLines, mostMessageRows(size)));
  const bottom = rows - 1 - messageRows;
  const body = Math.max(1, bottom - 1);
  const hasTwo = rows >= LEAST_ROWS_OF_TWO && focus !== "source";
  const top = hasTwo ? Math.floor(body * 0.45) : 0;
  const whole = { column: 0, columns };
  return {
    isPaged: true,
    message: { ...whole, row: bottom, rows: messageRows },
    panes: {
      ...hasTwo ? { source: { ...whole, row: 1, rows: top } } : {},
      [focus]: { ...whole, row: 1 + top, rows: body - top },
    },
  };
}
