/** What was typed in earlier sessions of the REPL, in the current folder. */
import { appendOwnLines, HISTORY, readStateLines, writeOwnLines } from "../state_folder.ts";
import { FileError } from "../files/file_error.ts";
import { InputHistory } from "../terminal/input_history.ts";

const MAX_HISTORY_INPUTS = 1000;

/** A further line of an input begins with it, which no typed input does. */
const FURTHER = "\t";

/**
 * The inputs of earlier sessions; each new one is kept at once, where that is permitted: a session
 * may end in any way, and others may run beside it.
 *
 * @param say Takes why inputs are not kept: the session goes on without a file.
 */
export function openHistory(say: (lines: string) => void): InputHistory {
  const earlier = orSay(say, earlierInputs);
  const history = new InputHistory(earlier ?? []);
  if (earlier === null) return history;
  history.onAdd = (input) => {
    const isKept = orSay(say, () => (appendOwnLines(HISTORY, linesOf(input)), true));
    if (!isKept) history.onAdd = () => {};
  };
  return history;
}

function earlierInputs(): readonly string[] {
  const inputs = inputsOf(readStateLines(HISTORY) ?? []);
  const kept = inputs.slice(-MAX_HISTORY_INPUTS);
  if (kept.length < inputs.length) writeOwnLines(HISTORY, kept.flatMap(linesOf));
  return kept;
}

function orSay<T>(say: (lines: string) => void, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    say(error.lines);
    return null;
  }
}

/** An input as lines of a file. */
export function linesOf(input: string): readonly string[] {
  return input.trim().split("\n").map((line, index) => index === 0 ? line : `${FURTHER}${line}`);
}

/** The inputs that lines of a file are. */
export function inputsOf(lines: readonly string[]): readonly string[] {
  const inputs: string[] = [];
  for (const line of lines) {
    const isFurther = line.startsWith(FURTHER) && inputs.length > 0;
    if (isFurther) inputs.push(`${inputs.pop()}\n${line.slice(FURTHER.length)}`);
    else inputs.push(line);
  }
  return inputs;
}
