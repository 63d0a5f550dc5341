/** Editing in a program of one's own what was typed before. */
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

function edit(repl: CommandContext, argument: string): true {
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
  return true;
}
