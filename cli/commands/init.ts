import { command } from "../command.ts";
import { HELD } from "../exit_code.ts";
import { refuse } from "../screen.ts";

export const INIT = command({
  name: "init",
  brief: "Start a folder of scenarios.",
  description: "Writes deno.json, package.json and a first scenario, so that " +
    '"deno run -R=. first.dma" works in the folder. Files that are there already are not touched: ' +
    "when one of the three exists, nothing is written.",
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
    const outcome = initFolder(folder);
    if (!outcome.done) return refuse(outcome.problem, screen);
    const enter = folder === "." ? "" : `  cd ${folder}\n`;
    screen.out(
      `Wrote ${outcome.written.join(", ")}.\n\nRun it:\n${enter}  deno run -R=. first.dma\n`,
    );
    return HELD;
  },
});
