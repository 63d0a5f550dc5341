/** Where the panes are on a screen of some size. */

/** The panes, in the order in which one goes round them. */
export const PANES = ["source", "events", "state", "watches", "addresses"] as const;
export type PaneName = typeof PANES[number];

/** A part of the screen, its title included; from 0. */
export interface ScreenArea {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

export interface ScreenLayout {
  /** All of them, unless they share one place. */
  readonly panes: Readonly<Partial<Record<PaneName, ScreenArea>>>;
  /** Panes share one place, which a row of their names is the title of. */
  readonly isPaged: boolean;
  /** Lines that say what a command had to say. */
  readonly message: ScreenArea;
}

/** Below this, panes become pages. */
const LEAST = { columns: 80, rows: 20 };
/** Below this, source and events are below each other. */
const LEAST_OF_TWO_COLUMNS = 120;
/** Below this there is no room for the source above a page. */
const LEAST_ROWS_OF_TWO = 14;

export interface ScreenContent {
  /** The pane that keys go to. */
  readonly focus: PaneName;
  /** How many lines of addresses there are. */
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

/** The most rows that a message may take: the panes keep two thirds. */
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
  // Lines of code and of events are as wide as the screen where half of one would cut nearly each.
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
