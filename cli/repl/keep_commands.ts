/**
 * Commands about state that is kept between commands: watched expressions, named positions, runs of the
 * file.
 */
import { type Position, type RunPosition, valueOrReason } from "@dmalab/recording";
import { clip } from "@dmalab/lang/text";
import { lineLocation } from "@dmalab/recording/views";
import { readWholeNumber } from "../numbers.ts";
import type { CommandContext, ReplCommand } from "./command_target.ts";

const DECLARATIONS = "declarations";

export const EDIT_COMMANDS: readonly ReplCommand[] = [
  {
    name: "edit",
    takes: `[${DECLARATIONS}]`,
    doc:
      "edit the last input, or all declarations, in $VISUAL or $EDITOR and put it back on the prompt",
    needsBench: true,
    words: () => [{ text: DECLARATIONS, doc: "the machine, functions and consts that were typed" }],
    run: edit,
  },
];

function edit(repl: CommandContext, argument: string): void {
  const { timeTravel } = repl;
  if (argument !== "" && argument !== DECLARATIONS) {
    repl.refuse(
      `"${argument}" cannot be edited: use ${DECLARATIONS}, or no argument for the last input`,
    );
  } else if (!repl.edit) {
    repl.refuse("There is no terminal for an editor here: lines come from a pipe");
  } else if (argument === "") {
    repl.edit(timeTravel!.session.inputs.at(-1) ?? "");
  } else repl.edit(timeTravel!.declarations().join("\n"));
}

export const KEEP_COMMANDS: readonly ReplCommand[] = [
  {
    name: "watch",
    takes: "[EXPR]",
    doc: "print an expression whenever a step changes it; without an argument, list them",
    needs: "kept",
    expression: true,
    run: watch,
  },
  {
    name: "unwatch",
    takes: "N",
    doc: "remove watch N",
    needs: "kept",
    run: unwatch,
  },
  {
    name: "mark",
    takes: "NAME",
    doc: "name this position, for :goto NAME",
    needs: "kept",
    run: mark,
  },
  { name: "marks", takes: "", doc: "list the named positions", needs: "kept", run: listMarks },
  {
    name: "runs",
    takes: "[N]",
    doc: "list the runs of the file with their outcomes; with N, debug that run",
    needs: "runs",
    run: runs,
  },
];

/** The value of a watched expression at a position, or the reason why it has no value there. */
function watchText({ cursor }: CommandContext, text: string, position = cursor.position): string {
  return valueOrReason(cursor.recording, position, text);
}

/** Watched expressions that a move has changed, as lines. */
export function changedWatches(repl: CommandContext, before: Position): readonly string[] {
  return (repl.kept?.watches ?? []).flatMap((text) => {
    const was = watchText(repl, text, before);
    const is = watchText(repl, text);
    return was === is ? [] : [`~ ${text}: ${was} → ${is}`];
  });
}

function watch(repl: CommandContext, text: string): void {
  const { watches } = repl.kept!;
  if (text !== "") {
    repl.cursor.recording.evaluator.question(text);
    if (!watches.includes(text)) watches.push(text);
  } else if (watches.length === 0) repl.say("No watches");
  watches.forEach((each, index) => {
    if (text === "" || each === text) {
      repl.say(clip(`${index + 1}  ${each}: ${watchText(repl, each)}`, repl.columns));
    }
  });
}

function unwatch(repl: CommandContext, argument: string): void {
  const { watches } = repl.kept!;
  const number = readWholeNumber(argument);
  if (number === null || watches[number - 1] === undefined) {
    repl.refuse(`"${argument}" is not the number of a watch: 1 to ${watches.length}`);
  } else watches.splice(number - 1, 1);
}

function mark(repl: CommandContext, name: string): void {
  if (!/^[A-Za-z_]\w*$/.test(name)) repl.refuse(`"${name}" is not a name for a position`);
  else {
    const { here } = repl.cursor;
    repl.kept!.marks.set(name, here);
    printMark(repl, name, here);
  }
}

function listMarks(repl: CommandContext): void {
  const { marks } = repl.kept!;
  if (marks.size === 0) repl.say("No named positions");
  for (const [name, runPosition] of marks) printMark(repl, name, runPosition);
}

function printMark(
  repl: CommandContext,
  name: string,
  { position, recording }: RunPosition,
): void {
  const statement = recording.statement(position);
  const where = statement === null ? "" : `  ${lineLocation(statement.span)}`;
  repl.say(clip(`${name}  event ${position.seq}${where}`, repl.columns));
}

function runs(repl: CommandContext, argument: string): void {
  const { current, names, open, outcomes } = repl.runs!;
  const number = readWholeNumber(argument);
  if (argument === "") {
    names.forEach((name, index) => {
      const mark = index === current ? "*" : " ";
      const outcome = (outcomes.get(index) ?? "").padEnd(6);
      const line = `${mark} ${String(index + 1).padStart(3)}  ${outcome}  ${name}`;
      repl.say(clip(line, repl.columns));
    });
  } else if (number === null || names[number - 1] === undefined) {
    repl.refuse(`"${argument}" is not the number of a run: 1 to ${names.length}`);
  } else open.call(repl.runs, number - 1);
}
