import { command } from "../command.ts";
import { WRONG } from "../exit_code.ts";

export const FMT = command({
  name: "fmt",
  brief: "Write scenarios in their one style.",
  description: "Lays files out anew: indents, blanks, lines of at most 100 columns, comments in " +
    "columns. Comments, literals and parentheses stay as they are, and so does what the file " +
    "means: the result is read again and compared. A line end behind an opening bracket keeps the " +
    "bracket open. Without a FILE everything below the current folder is formatted; `-` is the " +
    "standard input. Exit code 1 with --check: a file is not formatted; 2: a file is wrong.",
  argument: {
    placeholder: "FILE",
    doc: "scenarios, folders to search for them, or - for the standard input",
    completes: "scenarios",
    count: "any",
  },
  options: { check: { kind: "flag", doc: "write nothing, only say what would change" } },
  examples: [
    { line: "fmt examples", doc: "all of a folder" },
    { line: "fmt --check", doc: "is everything here formatted?" },
    { line: "fmt - < lab.dma", doc: "as an editor does it" },
  ],
  async run({ words, options, screen }) {
    const { formatFiles, formatInput } = await import("../format/format_files.ts");
    if (words.length === 1 && words[0] === "-") return await formatInput(options, screen);
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const paths = findScenarios(words.length === 0 ? ["."] : words, screen);
    return paths === null ? WRONG : formatFiles(paths, options, screen);
  },
});
