import { command, flag, refuse } from "@dmalab/cli/extend";
import { HELD } from "@dmalab/cli/exit_code";

export const LSP = command({
  name: "lsp",
  brief: "Language server: diagnostics, completion, hover and rename in an editor.",
  description:
    "Serves the Language Server Protocol on standard input and output. Editors start it: " +
    "docs/editors.md has the settings for VS Code, Neovim, Helix, Emacs and Zed. Answers " +
    "with diagnostics and their quick fixes, completion, hover, signatures, definitions, references, " +
    "renaming, symbols, folding, formatting, values of the last run and links to rules. Ends when the " +
    "editor does.",
  argument: null,
  options: {
    stdio: flag("accepted for compatibility; no other transport exists"),
  },
  examples: [
    { line: "lsp", doc: "on standard input and output, as an editor starts it" },
    { line: "lsp --stdio", doc: "the same" },
  ],
  // The protocol's library reads this variable at its import, even if it is not set.
  may: { compiles: true, readsAll: true, variables: ["XDG_RUNTIME_DIR"] },
  async run({ screen }) {
    // Loaded lazily: this row is read at the start of every command.
    const [{ Server }, { host }, { default: process }] = await Promise.all([
      import("./server.ts"),
      import("@dmalab/cli"),
      import("node:process"),
    ]);
    const problem = await new Server(process.stdin, process.stdout).serve();
    const exitCode = problem === null ? HELD : refuse(problem, screen);
    // The pending read of the standard input would keep the process until the client closes it.
    await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
    return host.exit(exitCode);
  },
});
