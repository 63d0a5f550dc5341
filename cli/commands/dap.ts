import { command } from "../command.ts";

export const DAP = command({
  name: "dap",
  brief: "Debug scenarios from an editor, forwards and backwards.",
  description:
    "Speaks the Debug Adapter Protocol on its standard streams, or with whoever connects to a port " +
    "of this host. Editors start it: docs/debugging.md has the lines for VS Code, Neovim and Emacs, " +
    "and what a launch may say. A run is recorded, so that every step has a step back.",
  argument: null,
  options: {
    port: {
      kind: "integer",
      placeholder: "NUMBER",
      least: 1,
      doc: "listen there instead, for any number of clients",
    },
  },
  examples: [
    { line: "dap", doc: "as an editor starts it" },
    { line: "dap --port 4711", doc: "for editors that connect" },
  ],
  async run({ options: { port }, screen }) {
    const { servePort, serveStreams } = await import("../dap/serve.ts");
    return port === null ? await serveStreams() : await servePort(port, screen);
  },
});
