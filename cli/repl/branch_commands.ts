/** Commands about branches: which there are, going on with another, and what differs. */
import { type Branch, type Moment, readPlace } from "@dmalab/recording";
import { formatEventText } from "@dmalab/lang/render";
import { clip, tableLines } from "@dmalab/lang/text";
import { differenceView, rowTexts } from "@dmalab/recording/views";
import { answering, type CommandTarget, type ReplCommand } from "./command_target.ts";
import { sayPlace } from "./move_commands.ts";

/** Rows of a table that `:diff` shows. */
const SHOWN_ROWS = 12;

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

function list(repl: CommandTarget): true {
  const bench = repl.bench!;
  const rows = bench.branches.map((branch) => {
    const { name, origin, recording } = branch;
    return [
      branch === bench.branch ? `* ${name}` : `  ${name}`,
      origin === null ? "" : `${origin.branch.name} at event ${origin.at.seq}`,
      String(recording.last.seq),
      branch.moves.at(-1)?.kind === "input" ? lastInput(branch) : "",
    ];
  });
  for (
    const line of tableLines(["  branch", "from", "events", "last input"], rows, [], repl.columns)
  ) {
    repl.say(line);
  }
  return true;
}

function lastInput(branch: Branch): string {
  const input = branch.moves.findLast((move) => move.kind === "input");
  return input === undefined ? "" : input.source.text.trim().split("\n")[0]!;
}

function switchTo(repl: CommandTarget, name: string): true {
  const bench = repl.bench!;
  if (bench.switchTo(name)) {
    repl.lastMoveSeq = bench.recording.last.seq;
    sayPlace(repl);
  } else {repl.refuse(`No branch is called "${name}": ${
      bench.branches.map((each) => each.name).join(", ")
    }`);}
  return true;
}

function diff(repl: CommandTarget, argument: string): true {
  const words = argument.split(/\s+/).filter((word) => word !== "");
  return answering(repl, () => {
    const moments = words.map((word) => momentOf(repl, word));
    const wrong = moments.indexOf(null);
    if (wrong >= 0) return repl.refuse(`"${words[wrong]}" is neither a branch nor a position`);
    const here: Moment = { recording: repl.place.recording, at: repl.place.at };
    const origin = repl.bench?.branch.origin ?? null;
    const other = origin === null
      ? { recording: here.recording, at: here.recording.afterEvent(repl.lastMoveSeq) }
      : { recording: origin.branch.recording, at: origin.branch.recording.last };
    const [one = other, two = here] = moments as Moment[];
    sayDifferences(repl, one, two);
  });
}

function momentOf(repl: CommandTarget, word: string): Moment | null {
  const branch = repl.bench?.branches.find(({ name }) => name === word);
  if (branch !== undefined) return { recording: branch.recording, at: branch.recording.last };
  const { at, recording } = repl.place;
  const place = readPlace(recording, at, word);
  return place === null ? null : { recording, at: place };
}

function sayDifferences(repl: CommandTarget, one: Moment, other: Moment): void {
  const clipped = (text: string) => repl.say(clip(text, repl.columns));
  const { event, tables } = differenceView(one, other);
  if (one.recording !== other.recording) {
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
  if (tables.length === 0) repl.say("No table differs");
  for (const { name, rows } of tables) {
    const { length } = rows;
    repl.say(`${name}: ${length} ${length === 1 ? "row differs" : "rows differ"}`);
    for (const row of rows.slice(0, SHOWN_ROWS)) clipped(`${row.mark} ${rowTexts(row).join(" ")}`);
    if (length > SHOWN_ROWS) repl.say(`  … and ${length - SHOWN_ROWS} more`);
  }
}
