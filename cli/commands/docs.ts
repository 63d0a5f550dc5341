import { command } from "../command.ts";

export const DOCS = command({
  name: "docs",
  brief: "Print the manual: language, tutorial, functions, examples.",
  description:
    "Lists the pages of the manual and the examples; with NAME, prints one of them. At a " +
    "terminal it is shown by `less`, if there is one.",
  argument: {
    placeholder: "NAME",
    doc: "page or example, as the list names it",
    completes: "nothing",
    count: "maybe",
  },
  options: {
    path: { kind: "flag", doc: "print the path of the file, or of the folders without NAME" },
  },
  examples: [
    { line: "docs", doc: "list all pages and examples" },
    { line: "docs language", doc: "the language from beginning to end" },
    { line: "docs start/01-first-look > first.dma", doc: "copy an example" },
  ],
  async run({ words: [name = null], options, screen }) {
    const { printManual } = await import("../docs/print_manual.ts");
    return printManual(name, options.path, screen);
  },
});
