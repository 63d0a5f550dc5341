/** Completions for the Tab key: commands with their own words, or continuations of a statement. */
import {
  fitting,
  type KnownNames,
  suggestInStatement,
  type Suggestions,
} from "@dmalab/lang/editor";
import type { CommandContext } from "./command_target.ts";
import { commandAt, commandWords } from "./commands.ts";
import { addressesInSight } from "./words_in_sight.ts";

export interface Suggesting extends CommandContext {
  readonly session: KnownNames;
}

/**
 * Completions at the end of a text.
 * @param text The input from the beginning of its statement.
 */
export function suggestWords(text: string, repl: Suggesting): Suggestions {
  const command = text.match(/^\s*(:\w*)$/)?.[1];
  if (command !== undefined) return fitting(commandWords(repl), command);
  const begun = commandAt(text, repl);
  if (begun === null) return inStatement(text, repl);
  const { argument, command: { expression, words } } = begun;
  const part = argument.match(/\S*$/)![0];
  const own = fitting(
    words?.(repl, argument.slice(0, argument.length - part.length)) ?? [],
    part,
  );
  if (own.all.length > 0 || expression !== true) return own;
  return inStatement(argument, repl);
}

function inStatement(text: string, repl: Suggesting): Suggestions {
  const address = text.match(/\b0x[\da-f_]*$/i)?.[0];
  if (address !== undefined) return fitting(addressesInSight(repl.cursor), address);
  return suggestInStatement(text, repl.session);
}
