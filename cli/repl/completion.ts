/** What the Tab key offers in the REPL. */
import type { Session } from "../../lang/run/session.ts";
import { memberNames } from "../../lang/values/types.ts";
import { REPL_COMMANDS } from "./commands.ts";
import { machineWords } from "./machine_words.ts";
import { knownNames, typeOf } from "./describe_name.ts";

/** The words that fit, and the part of the line they would stand for: what readline wants. */
export type Completion = [matches: string[], part: string];

/**
 * Completes the last word of a line.
 *
 * @param before Lines of the same statement that were typed before.
 */
export function completeLine(line: string, session: Session, before = ""): Completion {
  const command = line.match(/^\s*(:\w*)$/)?.[1];
  if (command !== undefined) return matching(REPL_COMMANDS.map(({ name }) => `:${name}`), command);
  const part = line.match(/[\w.]*$/)![0];
  const ofMachine = machineWords(before + line.slice(0, line.length - part.length));
  if (ofMachine !== null) return matching(ofMachine, part);
  const member = line.match(/([A-Za-z_]\w*)\.(\w*)$/);
  if (member !== null) {
    const type = typeOf(member[1]!, session);
    return matching(type === undefined ? [] : memberNames(type), member[2]!);
  }
  const word = line.match(/\w*$/)![0];
  return word === "" ? [[], ""] : matching([...knownNames(session)], word);
}

function matching(names: readonly string[], part: string): Completion {
  return [[...new Set(names)].filter((name) => name.startsWith(part)).sort(), part];
}
