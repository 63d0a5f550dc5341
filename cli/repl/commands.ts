/**
 * The commands of the REPL and of the debugger, such as `:step`, `:back`, `:state`, `:who`. The table
 * has an entry for each command.
 */
import { EvaluationError } from "@dmalab/recording";
import { nearestNames } from "@dmalab/lang/diagnostics";
import { wrappedPairs } from "@dmalab/lang/text";
import { ASK_COMMANDS } from "./ask_commands.ts";
import { BRANCH_COMMANDS } from "./branch_commands.ts";
import { type CommandContext, isKnown, type ReplCommand } from "./command_target.ts";
import { EDIT_COMMANDS, KEEP_COMMANDS } from "./keep_commands.ts";
import { MOVE_COMMANDS } from "./move_commands.ts";
import { SAVE_COMMANDS } from "./save_commands.ts";
import { SCREEN_COMMANDS } from "./screen_commands.ts";
import type { Suggestion } from "@dmalab/lang/editor";

const QUIT: ReplCommand = {
  name: "quit",
  takes: "",
  doc: "quit (also Ctrl-D)",
  run: () => {},
};

const GROUPS: readonly (readonly [subject: string, commands: readonly ReplCommand[]])[] = [
  ["move", MOVE_COMMANDS],
  ["ask", ASK_COMMANDS],
  ["branch", BRANCH_COMMANDS],
  ["keep", KEEP_COMMANDS],
  ["edit", EDIT_COMMANDS],
  ["save", SAVE_COMMANDS],
  ["screen", SCREEN_COMMANDS],
  ["other", [
    {
      name: "help",
      takes: "[NAME|all]",
      doc: "list the commands, describe one, or all",
      words: (repl) => commandWords(repl).map(({ doc, text }) => ({ doc, text: text.slice(1) })),
      run: help,
    },
    QUIT,
  ]],
];

/** All commands, for every kind of target. */
export const REPL_COMMANDS: readonly ReplCommand[] = GROUPS.flatMap(([, commands]) => commands);

/** Commands that work without the colon. */
const BARE: Readonly<Record<string, string>> = { exit: "quit", quit: "quit", help: "help" };

/**
 * Runs a command.
 *
 * @param line The line with its colon. The beginning of a command's name is enough if no other
 *   command's name begins in the same way.
 * @returns False when the REPL is to end.
 */
export function runReplCommand(line: string, repl: CommandContext): boolean {
  const [, name, argument] = line.match(/^:(\S*)\s*(.*)$/s)!;
  const words = argument!.trim();
  const command = commandNamed(name!, repl);
  if (command === null) return true;
  if (command.takes === "" && words !== "") {
    repl.refuse(`:${command.name} takes no argument: "${words}"`);
    return true;
  }
  try {
    command.run(repl, words);
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    const { hint, message } = error;
    repl.refuse(hint === null ? message : `${message}; ${hint}`);
  }
  return command !== QUIT;
}

/**
 * The command with this name, or the command with a name that begins with this text. If there is no
 * such command, prints a message and returns null.
 */
function commandNamed(name: string, repl: CommandContext): ReplCommand | null {
  const known = REPL_COMMANDS.filter((each) => isKnown(each, repl));
  const command = findCommand(name, known);
  if (command !== null) return command;
  const [nearest] = nearestNames(name, known.map((each) => each.name), 1);
  const hint = nearest === undefined ? ":help lists the commands" : `did you mean :${nearest}?`;
  repl.refuse(`There is no command :${name}; ${hint}`);
  return null;
}

/** Whether a line is a command with its full name. */
export function isReplCommand(line: string): boolean {
  const name = line.match(/^:(\w+)(?:\s|$)/)?.[1];
  return REPL_COMMANDS.some((command) => command.name === name);
}

/** The command for a word without its colon; null for anything else. */
export function bareCommand(line: string): string | null {
  return Object.hasOwn(BARE, line) ? `:${BARE[line]}` : null;
}

/** The commands that a target has, with their colons. */
export function commandWords(repl: CommandContext): readonly Suggestion[] {
  return REPL_COMMANDS.filter((each) => isKnown(each, repl))
    .map(({ doc, name }) => ({ text: `:${name}`, doc }));
}

/** The command at the beginning of a text, and the rest of the text; null if there is no command. */
export function commandAt(
  text: string,
  repl: CommandContext,
): { readonly command: ReplCommand; readonly argument: string } | null {
  const [, name, argument] = text.match(/^\s*:(\w+)\s+(.*)$/s) ?? [];
  if (name === undefined) return null;
  const command = findCommand(name, REPL_COMMANDS.filter((each) => isKnown(each, repl)));
  return command === null ? null : { command, argument: argument! };
}

function findCommand(name: string, known: readonly ReplCommand[]): ReplCommand | null {
  const exact = known.find((command) => command.name === name);
  if (exact !== undefined) return exact;
  const begun = known.filter((command) => name !== "" && command.name.startsWith(name));
  return begun.length === 1 ? begun[0]! : null;
}

function help(repl: CommandContext, word: string): void {
  const known = (commands: readonly ReplCommand[]) =>
    commands.filter((each) => isKnown(each, repl));
  const pairs = (commands: readonly ReplCommand[]) =>
    commands.map(({ name, takes, doc }) => [`:${name} ${takes}`, doc] as const);
  const names = ["?NAME", "describe a name of the language"] as const;
  let shown: readonly (readonly [string, string])[];
  if (word === "all") shown = [...pairs(known(REPL_COMMANDS)), names];
  else if (word !== "") {
    const wanted = commandNamed(word.replace(/^:/, ""), repl);
    shown = wanted === null ? [] : pairs([wanted]);
  } else {
    // A line or two for each subject, so that the list fits on a screen.
    const subjects = GROUPS.map(([subject, commands]) => {
      const all = known(commands).map(({ name }) => `:${name}`).join(" ");
      return [subject, all] as const;
    });
    shown = [
      ...subjects.filter(([, commands]) => commands !== ""),
      [":help NAME", "describe a command; `:help all` describes all of them"],
      names,
    ];
  }
  for (const line of wrappedPairs(shown, repl.columns, 0)) repl.say(line);
}
