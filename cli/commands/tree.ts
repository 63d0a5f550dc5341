import { command } from "../command.ts";
import { refuse } from "../screen.ts";

const ACTIONS = ["compile", "compare"] as const;

export const TREE = command({
  name: "tree",
  brief:
    "Compile files of a Linux kernel tree, or compare its IOVA allocator with the simulated one.",
  description:
    "DIR is a source tree of Linux 6.12 to 7.3, patched or not; dmalab only reads it. `compile` " +
    "compiles files of it unmodified against its own headers and prints the compiler's errors. " +
    "`compare` runs random sequences of operations on the tree's IOVA allocator (iova.c) and on the " +
    "simulated one, and prints a minimal sequence in which their results differ. Exit codes: 0 " +
    "success; 1 a file does not compile, or results differ; 2 DIR is not a kernel tree.",
  argument: {
    placeholder: "compile|compare DIR",
    doc: "action, kernel tree and, for compile, files (paths in the tree)",
    completes: "folders",
    count: "some",
  },
  options: {
    cases: {
      kind: "integer",
      placeholder: "N",
      least: 1,
      doc: "for compare: sequences (default: 200)",
    },
    seed: { kind: "integer", placeholder: "N", doc: "for compare: first random seed (default: 1)" },
  },
  examples: [
    { line: "tree compile ../linux drivers/nvme/host/pci.c", doc: "does this file compile?" },
    { line: "tree compare ../linux", doc: "compare the allocators" },
  ],
  async run({ options, screen, words }) {
    const [action, folder, ...files] = words;
    if (!(ACTIONS as readonly string[]).includes(action!)) {
      return refuse(
        `unknown tree action "${action}"; expected one of: ${ACTIONS.join(", ")}`,
        screen,
      );
    }
    if (folder === undefined) return refuse(`tree ${action} needs a kernel tree`, screen);
    if (action === "compile" && files.length === 0) {
      return refuse("tree compile needs files (paths in the tree)", screen);
    }
    const isForCompare = options.cases !== null || options.seed !== null;
    if (action === "compile" && isForCompare) {
      return refuse("`--cases` and `--seed` are for `tree compare`", screen);
    }
    if (action === "compare" && files.length > 0) {
      return refuse("tree compare takes a tree and no files", screen);
    }
    const { runCompare, runCompile } = await import("../tree/run_tree.ts");
    return action === "compile"
      ? runCompile(folder, files, screen)
      : runCompare(folder, options, screen);
  },
});
