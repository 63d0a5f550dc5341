import { command, flag } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { SCENARIOS } from "./scenario_options.ts";

export const FMT = command({
  name: "fmt",
  brief: "Format scenarios.",
  description:
    "Reformats files: indentation, blank lines, lines of at most 100 columns, comments aligned in " +
    "columns. Comments, literals and parentheses stay as written; the result is parsed again and " +
    "compared with the source. A newline after an opening bracket keeps the list multi-line. " +
    "Without FILE, formats every scenario below the current folder; `-` reads standard input. " +
    "Exit codes: 1 with --check, a file is not formatted; 2 a file has errors.",
  argument: {
    ...SCENARIOS,
    doc: "scenarios, folders that contain them, or - for standard input",
    count: "any",
  },
  options: { check: flag("report files that are not formatted; write nothing") },
  examples: [
    { line: "fmt examples", doc: "every scenario in a folder" },
    { line: "fmt --check", doc: "check every scenario below this folder" },
    { line: "fmt - < lab.dma", doc: "format standard input, as an editor does" },
  ],
  may: { named: "always" },
  async run({ words, options, screen }) {
    const { formatFiles, formatInput } = await import("../format/format_files.ts");
    if (words.length === 1 && words[0] === "-") return await formatInput(options, screen);
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const paths = findScenarios(words.length === 0 ? ["."] : words, screen, true);
    return paths === null ? WRONG : formatFiles(paths, options, screen);
  },
});
