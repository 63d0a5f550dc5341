/** Every example and suite: what happens on each machine of it, what it prints, how it ends. */
import { HostLoader } from "../../cli/host_loader.ts";
import { BUILTINS } from "../../lang/builtins/mod.ts";
import { loadProgram } from "../../lang/run/program.ts";
import { runProgram } from "../../lang/run/run_program.ts";
import { scenariosBelow } from "../examples.ts";
import { ROOT } from "../source_text.ts";
import { type Sink, type Watch, watchMachine } from "./digest.ts";
import type { World } from "./worlds.ts";

/** Events of one machine that are told. */
const MOST_EVENTS = 3_000;
/** Takes longer than all others together, and asserts numbers of every run itself. */
const LEFT_OUT = ["examples/processes/03-odp-before-after.dma"];

function runExample(path: string, sink: Sink): void {
  const watches: Watch[] = [];
  const registry: typeof BUILTINS = {
    ...BUILTINS,
    buildWorld: (config, options) => {
      const world = BUILTINS.buildWorld(config, options);
      sink("a machine");
      watches.push(watchMachine(world.lab.machine, sink, MOST_EVENTS));
      return world;
    },
  };
  const opened = HostLoader.open(ROOT + path);
  if (typeof opened === "string") throw new Error(opened);
  runProgram(loadProgram(opened.entry, opened.loader, registry).program!, {
    onLine: sink,
    onOutcome: ({ failure, name, outcome }) =>
      sink(`${name}: ${outcome} ${failure?.message ?? ""}`),
  });
  for (const { end } of watches) end();
}

export const EXAMPLE_WORLDS: readonly World[] = ["examples", "tests/suites"]
  .flatMap(scenariosBelow)
  .filter((path) => !LEFT_OUT.includes(path))
  .map((path) => ({ name: path, run: (sink) => runExample(path, sink) }));
