/** What the Tab key offers in the REPL. */
import type { Session } from "../../lang/run/session.ts";
import { memberNames } from "../../lang/values/types.ts";
import { REPL_COMMANDS } from "./commands.ts";
import { knownNames, typeOf } from "./describe_name.ts";

/** The words that fit, and the part of the line they would stand for: what readline wants. */
export type Completion = [matches: string[], part: string];

/** Completes the last word of a line. */
export function completeLine(line: string, session: Session): Completion {
  const command = line.match(/^\s*(:\w*)$/)?.[1];
  if (command !== undefined) return matching(REPL_COMMANDS.map(({ name }) => `:${name}`), command);
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
