import { command, text } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { oneOf, SCENARIOS } from "./scenario_options.ts";

const FORMATS = ["pretty", "json", "sarif"] as const;

export const CHECK = command({
  name: "check",
  brief: "Check scenarios for errors without running them.",
  description:
    "Reads each file and the files it uses, and prints every error: syntax, names, arguments, " +
    "kinds, the machine. Without FILE, checks every scenario below the current folder. Warnings do " +
    "not change the exit code; 2 means a file has errors. --format sarif writes SARIF 2.1.0 for " +
    "editors and code scanning; json writes the same diagnostics in a simpler form.",
  argument: { ...SCENARIOS, count: "any" },
  options: {
    format: text("FORMAT", "output format: pretty (default), json or sarif"),
  },
  examples: [
    { line: "check examples", doc: "every scenario in a folder" },
    { line: "check --format sarif > dmalab.sarif", doc: "for code scanning" },
  ],
  may: {},
  async run({ words, options, screen }) {
    const format = oneOf("format", FORMATS, options.format, screen);
    if (format === null) return WRONG;
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { checkFiles } = await import("../check/check_files.ts");
    const paths = findScenarios(words.length === 0 ? ["."] : words, screen);
    return paths === null ? WRONG : await checkFiles(paths, format, screen);
  },
});
