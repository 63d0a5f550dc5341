import { command, flag } from "../command.ts";
import { HELD } from "../exit_code.ts";
import { refuse } from "../screen.ts";

export const INIT = command({
  name: "init",
  brief: "Create a folder of scenarios, with its tests and CI jobs.",
  description:
    "Writes a first scenario, a test file for `deno test`, a package.json that has dmalab as a " +
    "dependency, jobs for GitHub and GitLab, and a Containerfile. `npm install` installs dmalab " +
    "there from a registry that has it; the command prints the line that installs it from a packed " +
    "file or from the package that runs. If one of the files exists, nothing is " +
    "written; with --add existing files are kept; missing keys are added to configurations.",
  argument: {
    placeholder: "DIR",
    doc: "folder to create (default: the current folder)",
    completes: "folders",
    count: "maybe",
  },
  options: {
    add: flag("add to a folder that has some of the files, such as a package.json"),
  },
  examples: [
    { line: "init", doc: "in the current folder" },
    { line: "init lab", doc: "in a new folder" },
    { line: "init --add", doc: "in a project" },
  ],
  may: { named: "always", findsRoot: true },
  async run({ words, options: { add }, screen }) {
    const { initFolder } = await import("../init/init_folder.ts");
    const { initLines } = await import("../init/init_lines.ts");
    const folder = words[0] ?? ".";
    const outcome = initFolder(folder, { add });
    if (!outcome.done) return refuse(outcome.problem, screen);
    const { packageSource } = await import("../init/package_source.ts");
    screen.out(
      initLines(folder, outcome, packageSource(folder)).map((line) => `${line}\n`).join(""),
    );
    return HELD;
  },
});
