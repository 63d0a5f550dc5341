import { command, integer } from "@dmalab/cli/extend";

export const DAP = command({
  name: "dap",
  brief: "Debug adapter: debug scenarios from an editor, forwards and backwards.",
  description:
    "Serves the Debug Adapter Protocol on standard input and output, or to clients of a TCP port on " +
    "this host. Editors start it: docs/debugging.md has the settings for VS Code, Neovim and Emacs, " +
    "and the arguments of a launch. Runs are recorded, so every step can be reversed.",
  argument: null,
  options: {
    port: integer("NUMBER", "listen on this TCP port of localhost, for any number of clients", {
      least: 1,
      most: 65_535,
    }),
  },
  examples: [
    { line: "dap", doc: "on standard input and output, as an editor starts it" },
    { line: "dap --port 4711", doc: "for editors that connect" },
  ],
  may: { compiles: true, readsAll: true, port: "--port" },
  async run({ options: { port }, screen }) {
    const { servePort, serveStreams } = await import("./serve.ts");
    return port === null ? await serveStreams(screen) : await servePort(port, screen);
  },
});
