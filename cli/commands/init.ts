import { command } from "../command.ts";
import { HELD } from "../exit_code.ts";
import { refuse } from "../screen.ts";

export const INIT = command({
  name: "init",
  brief: "Start a folder of scenarios.",
  description:
    'Writes a first scenario and what makes "deno run -R=. first.dma", "deno test -R=." ' +
    "and the tasks test, repl, check, fmt and hunt work in the folder, dmalab itself included: " +
    "nothing is asked of a registry, and a clone works at once. Files that are there already are " +
    "not touched: when one of them exists, nothing is written.",
  argument: {
    placeholder: "DIR",
    doc: "the folder, made when it is not there; the current one when left out",
    completes: "folders",
    count: "maybe",
  },
  options: {},
  examples: [
    { line: "init", doc: "here" },
    { line: "init lab", doc: "in a new folder" },
  ],
  async run({ words, screen }) {
    const { initFolder } = await import("../init/init_folder.ts");
    const folder = words[0] ?? ".";
    const outcome = await initFolder(folder);
    if (!outcome.done) return refuse(outcome.problem, screen);
    const enter = folder === "." ? "" : `  cd ${folder}\n`;
    screen.out(
      `Wrote ${outcome.written.join(", ")}.\n\nRun it, and its tests:\n${enter}` +
        "  deno run -R=. first.dma\n  deno test -R=.\n",
    );
    return HELD;
  },
});
