import { command } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { oneOf, SCENARIOS } from "./scenario_options.ts";

const FORMATS = ["pretty", "json", "sarif"] as const;

export const CHECK = command({
  name: "check",
  brief: "Read scenarios and say what is wrong, without running them.",
  description: "Reads each file with what it uses, and prints every mistake it finds: spelling, " +
    "names, arguments, kinds, the machine. Without a FILE everything below the current folder is " +
    "read. Warnings change no exit code; exit code 2: a file is wrong. --format sarif writes SARIF " +
    "2.1.0, which editors and code scanning take; json writes the same in a plainer form.",
  argument: { ...SCENARIOS, count: "any" },
  options: {
    format: { kind: "text", placeholder: "FORMAT", doc: "pretty (as it is), json or sarif" },
  },
  examples: [
    { line: "check examples", doc: "all of a folder" },
    { line: "check --format sarif > dmalab.sarif", doc: "for code scanning" },
  ],
  async run({ words, options, screen }) {
    const format = oneOf("format", FORMATS, options.format, screen);
    if (format === null) return WRONG;
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { checkFiles } = await import("../check/check_files.ts");
    const paths = findScenarios(words.length === 0 ? ["."] : words, screen);
    return paths === null ? WRONG : await checkFiles(paths, format, screen);
  },
});
