import { command, flag, text } from "../command.ts";
import { HELD } from "../exit_code.ts";
import { refuse } from "../print_error.ts";

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
    driver: text(
      "DIR",
      "write a scenario for the PCI module in this folder, and report what it needs; nothing of it is run",
    ),
    kernel: text("DIR", "with --driver: a kernel tree (default: dmalab's own headers)"),
    file: text("FILE", "with --driver: the source that registers the driver, from its folder"),
    add: flag("add to a folder that has some of the files, such as a package.json"),
  },
  examples: [
    { line: "init", doc: "in the current folder" },
    { line: "init lab", doc: "in a new folder" },
    { line: "init --add", doc: "in a project" },
    {
      line: "init test --driver ../my-driver --kernel ../linux",
      doc: "a scenario for a module out of the tree",
    },
  ],
  may: {
    named: "always",
    inputs: ["--driver", "--kernel", "--file"],
    findsRoot: true,
    compiles: true,
  },
  async run({ words, options: { add, driver, file, kernel }, screen }) {
    if (driver !== null && add) {
      return refuse("`--add` is not for `--driver`, which replaces no file", screen);
    }
    const { isSourceOfC, sourceOfCText } = await import("../scenario/find_scenarios.ts");
    const source = [words[0], driver].find((each) => isSourceOfC(each ?? ""));
    if (source) {
      const hint = "`dmalab init --driver DIR` takes the folder of a PCI module";
      return refuse(`${sourceOfCText(source)}; ${hint}`, screen);
    }
    if (driver !== null) {
      const { extensionPart } = await import("../extensions.ts");
      const init = await (await extensionPart("loadInitDriver"))?.();
      if (init === undefined) {
        return refuse("This dmalab has no extension for drivers in C", screen);
      }
      return await init({ module: driver, file, kernel, folder: words[0] ?? "." }, screen);
    }
    if (kernel !== null || file !== null) {
      return refuse("`--kernel` and `--file` are for `--driver`", screen);
    }
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
