import { command } from "../command.ts";
import { refuse } from "../screen.ts";

const ACTIONS = ["compile", "compare"] as const;

export const TREE = command({
  name: "tree",
  brief: "Compile files of a Linux kernel tree, or compare the tree's mapping code with the model.",
  description:
    "DIR is a folder with the sources of Linux 6.12 to 7.3, with local changes or without; it is only " +
    "read. `compile` compiles files of it unmodified against its own headers and prints what the " +
    "compiler says. `compare` runs the tree's own allocator of IO virtual addresses (iova.c) beside " +
    "the simulated one, on random lives, and prints the shortest one in which they differ. Exit code " +
    "1: a file does not compile, or answers differ; 2: DIR is no kernel tree.",
  argument: {
    placeholder: "compile|compare DIR",
    doc: "action, then the tree and, for compile, files by their paths in it",
    completes: "folders",
    count: "some",
  },
  options: {
    cases: { kind: "integer", placeholder: "N", least: 1, doc: "for compare: random lives (200)" },
    seed: { kind: "integer", placeholder: "N", doc: "for compare: seed of the first one (1)" },
  },
  examples: [
    { line: "tree compile ../linux drivers/nvme/host/pci.c", doc: "does it compile here?" },
    { line: "tree compare ../linux", doc: "the allocator of the tree against the model" },
  ],
  async run({ options, screen, words }) {
    const [action, folder, ...files] = words;
    if (!(ACTIONS as readonly string[]).includes(action!)) {
      return refuse(
        `unknown tree action "${action}"; expected one of: ${ACTIONS.join(", ")}`,
        screen,
      );
    }
    if (folder === undefined) return refuse(`tree ${action} needs the folder of a tree`, screen);
    if (action === "compile" && files.length === 0) {
      return refuse("tree compile needs files by their paths in the tree", screen);
    }
    const { runCompare, runCompile } = await import("../tree/run_tree.ts");
    return action === "compile"
      ? runCompile(folder, files, screen)
      : runCompare(folder, options, screen);
  },
});
