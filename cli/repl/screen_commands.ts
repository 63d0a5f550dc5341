/** Commands that change what a screen with panes shows. */
import { type CommandContext, countOf, type ReplCommand } from "./command_target.ts";
import { tableWords } from "./words_in_sight.ts";

const COMMANDS: readonly ReplCommand[] = [
  {
    name: "pane",
    takes: "[NAME|back]",
    doc: "focus a pane; without an argument, the next one",
    words: ({ view }) => view!.panes.map((text) => ({ text, doc: "" })),
    run: pane,
  },
  {
    name: "select",
    takes: "[up|down] [N|page]",
    doc: "select another row of the pane",
    run: select,
  },
  {
    name: "enter",
    takes: "",
    doc: "go to the event that wrote the selected row",
    run: (repl) => repl.view!.enter(),
  },
  {
    name: "return",
    takes: "",
    doc: "go back to the position before the last jump",
    run: (repl) => repl.view!.goBack(),
  },
  {
    name: "table",
    takes: "[NAME|changed]",
    doc: "show a table; without an argument, the next one that has rows; changed: changed rows",
    words: ({ cursor }) => [...tableWords(cursor), { text: CHANGED, doc: "rows of all tables" }],
    run: table,
  },
  {
    name: "keys",
    takes: "",
    doc: "list all keys",
    run: (repl) => repl.view!.showKeys(),
  },
  {
    name: "said",
    takes: "",
    doc: "show the whole output of the last command",
    run: (repl) => repl.view!.showSaid(),
  },
  {
    name: "redraw",
    takes: "",
    doc: "redraw the screen",
    run: (repl) => repl.view!.redraw(),
  },
];

export const SCREEN_COMMANDS: readonly ReplCommand[] = COMMANDS.map((each) => ({
  ...each,
  needs: "view",
}));

const CHANGED = "changed";

function pane(repl: CommandContext, argument: string): void {
  const view = repl.view!;
  const named = view.panes.find((each) => each === argument);
  if (argument === "") view.turnPane(1);
  else if (argument === "back") view.turnPane(-1);
  else if (named !== undefined) view.showPane(named);
  else repl.refuse(`No pane is called "${argument}": ${view.panes.join(", ")}`);
}

function select(repl: CommandContext, argument: string): void {
  const [way = "down", many = ""] = argument.split(/\s+/).filter((word) => word !== "");
  if (way !== "up" && way !== "down") return repl.refuse(`"${way}" is neither up nor down`);
  const isPages = many === "page";
  const count = isPages ? 1 : countOf(many, repl);
  if (count !== null) repl.view!.select(way === "up" ? -count : count, isPages);
}

function table(repl: CommandContext, argument: string): void {
  const view = repl.view!;
  const names = tableWords(repl.cursor).map(({ text }) => text);
  if (argument === "") view.turnTable();
  else if (argument === CHANGED) view.showTable(null);
  else if (names.includes(argument)) view.showTable(argument);
  else repl.refuse(`No table is called "${argument}": ${names.join(", ")}`);
}
