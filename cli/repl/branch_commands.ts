/** Commands about branches: list them, switch to another branch, and compare two. */
import { groupBy } from "@dmalab/runtime/basics";
import {
  type Branch,
  firstDifferentEvent,
  readPosition,
  type RunPosition,
} from "@dmalab/recording";
import { formatEventText } from "@dmalab/lang/render";
import { clip, tableLines } from "@dmalab/lang/text";
import { changedRows, rowTexts } from "@dmalab/recording/views";
import type { CommandContext, ReplCommand } from "./command_target.ts";
import { printLocation } from "./move_commands.ts";

/** Number of a table's rows that `:diff` shows. */
const DISPLAYED_ROWS = 12;

export const BRANCH_COMMANDS: readonly ReplCommand[] = [
  {
    name: "branches",
    takes: "",
    doc: "list the branches and where each starts",
    needsBench: true,
    run: list,
  },
  {
    name: "switch",
    takes: "NAME",
    doc: "switch to another branch",
    needsBench: true,
    run: switchTo,
  },
  {
    name: "diff",
    takes: "[A] [B]",
    doc: "compare two branches, two events, or an event with the current position",
    run: diff,
  },
];

function list(repl: CommandContext): void {
  const timeTravel = repl.timeTravel!;
  const rows = timeTravel.branches.map((branch) => {
    const { name, origin, recording } = branch;
    return [
      branch === timeTravel.branch ? `* ${name}` : `  ${name}`,
      origin === null ? "" : `${origin.branch.name} at event ${origin.position.seq}`,
      String(recording.last.seq),
      branch.session.history.at(-1)?.kind === "input" ? lastInput(branch) : "",
    ];
  });
  for (
    const line of tableLines(["  branch", "from", "events", "last input"], rows, [], repl.columns)
  ) {
    repl.say(line);
  }
}

function lastInput(branch: Branch): string {
  const input = branch.session.history.findLast((entry) => entry.kind === "input");
  return input === undefined ? "" : input.source.text.trim().split("\n")[0]!;
}

function switchTo(repl: CommandContext, name: string): void {
  const timeTravel = repl.timeTravel!;
  if (timeTravel.switchTo(name)) {
    repl.lastMoveSeq = timeTravel.recording.last.seq;
    printLocation(repl);
  } else {repl.refuse(`No branch is called "${name}": ${
      timeTravel.branches.map((each) => each.name).join(", ")
    }`);}
}

function diff(repl: CommandContext, argument: string): void {
  const words = argument.split(/\s+/).filter((word) => word !== "");
  const moments = words.map((word) => runPositionOf(repl, word));
  const wrong = moments.indexOf(null);
  if (wrong >= 0) return repl.refuse(`"${words[wrong]}" is neither a branch nor a position`);
  const here: RunPosition = { recording: repl.cursor.recording, position: repl.cursor.position };
  const origin = repl.timeTravel?.branch.origin ?? null;
  const other = origin === null
    ? { recording: here.recording, position: here.recording.afterEvent(repl.lastMoveSeq) }
    : { recording: origin.branch.recording, position: origin.branch.recording.last };
  const [one = other, two = here] = moments as RunPosition[];
  printDifferences(repl, one, two);
}

function runPositionOf(repl: CommandContext, word: string): RunPosition | null {
  const branch = repl.timeTravel?.branches.find(({ name }) => name === word);
  if (branch !== undefined) return { recording: branch.recording, position: branch.recording.last };
  const { position, recording } = repl.cursor;
  const place = readPosition(recording, position, word);
  return place === null ? null : { recording, position: place };
}

function printDifferences(repl: CommandContext, one: RunPosition, other: RunPosition): void {
  const clipped = (text: string) => repl.say(clip(text, repl.columns));
  if (one.recording !== other.recording) {
    const event = firstDifferentEvent(one.recording, other.recording);
    if (event === null) repl.say("All events are the same");
    else {
      repl.say(`The first event that differs is ${event}:`);
      for (const [mark, { recording }] of [["-", one], ["+", other]] as const) {
        const text = event <= recording.last.seq
          ? formatEventText(recording.event(event))
          : "the end";
        clipped(`${mark} ${recording.name.name}  ${text}`);
      }
    }
  }
  const tables = groupBy(changedRows(one, other), ({ table }) => table);
  if (tables.size === 0) repl.say("No table differs");
  for (const [name, rows] of tables) {
    const { length } = rows;
    repl.say(`${name}: ${length} ${length === 1 ? "row differs" : "rows differ"}`);
    for (const row of rows.slice(0, DISPLAYED_ROWS)) {
      clipped(`${row.mark} ${rowTexts(row).join(" ")}`);
    }
    if (length > DISPLAYED_ROWS) repl.say(`  … and ${length - DISPLAYED_ROWS} more`);
  }
}
