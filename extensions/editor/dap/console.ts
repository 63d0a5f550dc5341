/** The commands of the REPL in a client's console: what the protocol has no request for. */
import { comparePositions, type Cursor } from "@dmalab/recording";
import { formatEvents, type Paint, painter } from "@dmalab/lang/render";
import { type CommandContext, runReplCommand, suggestWords } from "@dmalab/cli/repl";
import { NamesInSight } from "@dmalab/cli/debug";

/** Consoles wrap what is longer. */
const COLUMNS = 160;

/** Collects what a command says. */
class Lines implements CommandContext {
  readonly timeTravel = null;
  readonly paint: Paint = painter(false);
  readonly columns = COLUMNS;
  readonly all: string[] = [];
  traceAlways = false;
  lastMoveSeq: number;

  /** Names that can be typed. */
  readonly session: NamesInSight;

  constructor(readonly cursor: Cursor) {
    this.session = new NamesInSight(cursor);
    this.lastMoveSeq = cursor.position.seq;
  }

  say(line: string): void {
    this.all.push(line);
  }

  refuse(line: string): void {
    this.all.push(line);
  }

  sayEvents(events: Parameters<CommandContext["sayEvents"]>[0]): void {
    if (events.length > 0) this.all.push(...formatEvents(events, this.columns));
  }
}

/** What came of a command. */
export interface CommandResult {
  readonly text: string;
  /** One stands elsewhere now. */
  readonly moved: boolean;
  /** It wants the session to go on. */
  readonly goesOn: boolean;
}

/** Does a command, which begins with a colon. */
export function runConsoleCommand(line: string, cursor: Cursor): CommandResult {
  const lines = new Lines(cursor);
  const { position, recording } = cursor;
  const goesOn = runReplCommand(line, lines);
  return {
    text: lines.all.join("\n"),
    moved: recording !== cursor.recording || comparePositions(position, cursor.position) !== 0,
    goesOn,
  };
}

/** Completions at the end of a typed line. */
export function completionsOf(typed: string, cursor: Cursor): ReturnType<typeof suggestWords> {
  return suggestWords(typed, new Lines(cursor));
}
