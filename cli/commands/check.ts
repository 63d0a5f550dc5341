import { command } from "../command.ts";
import { HELD, WRONG } from "../exit_code.ts";
import { SCENARIOS } from "./scenario_options.ts";

export const CHECK = command({
  name: "check",
  brief: "Read scenarios and say what is wrong, without running them.",
  description: "Reads each file with what it uses, and prints every mistake it finds: spelling, " +
    "names, arguments, kinds, the machine. Warnings change no exit code.",
  argument: SCENARIOS,
  options: {},
  examples: [{ line: "check examples", doc: "all of a folder" }],
  async run({ words, screen }) {
    const { findScenarios } = await import("../scenario/find_scenarios.ts");
    const { loadScenario } = await import("../scenario/load_scenario.ts");
    const paths = findScenarios(words, screen);
    if (paths === null) return WRONG;
    let errors = 0;
    let warnings = 0;
    for (const path of paths) {
      const loaded = loadScenario(path, screen);
      errors += loaded.errors;
      warnings += loaded.warnings;
    }
    const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
    screen.out(
      `${errors === 0 ? "ok" : "wrong"} | ${counted(paths.length, "file")} | ` +
        `${counted(errors, "error")} | ${counted(warnings, "warning")}\n`,
    );
    return errors === 0 ? HELD : WRONG;
  },
});
