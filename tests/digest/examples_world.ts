/** Every example and suite: what happens on each machine of it, what it prints, how it ends. */
import type { Lab } from "@dmalab/devices";
import { HostLoader } from "@dmalab/cli";
import { loadProgram } from "@dmalab/lang";
import type { Program, TestOutcome } from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/run/run_program";
import { scenariosBelow } from "../examples.ts";
import { ROOT } from "../source_text.ts";
import { type Sink, type Watch, watchMachine } from "./digest.ts";
import type { World } from "./worlds.ts";

/** Events of one machine that are part of the digest. */
const MAX_EVENTS = 3_000;

export interface ExampleRun {
  /** Gets each machine before its first event. */
  readonly onLab?: (lab: Lab) => void;
}

/** Runs a scenario once, and gives the lines of its digest to the sink. */
export function runWatched(
  program: Program,
  sink: Sink,
  { onLab = () => {} }: ExampleRun = {},
): readonly TestOutcome[] {
  const watches: Watch[] = [];
  const registry: Program["registry"] = {
    ...program.registry,
    buildMachine: (config, options) => {
      const machine = program.registry.buildMachine(config, options);
      sink("a machine");
      watches.push(watchMachine(machine.lab.machine, sink, MAX_EVENTS));
      onLab(machine.lab);
      return machine;
    },
  };
  const { outcomes } = runProgram({ ...program, registry }, {
    onLine: sink,
    onOutcome: ({ failure, name, outcome }) =>
      sink(`${name}: ${outcome} ${failure?.message ?? ""}`),
  });
  for (const { end } of watches) end();
  return outcomes;
}

function runExample(path: string, sink: Sink): void {
  const opened = HostLoader.open(ROOT + path);
  if (typeof opened === "string") throw new Error(opened);
  runWatched(loadProgram(opened.entry, opened.loader).program!, sink);
}

export const EXAMPLE_WORLDS: readonly World[] = ["examples", "tests/suites"]
  .flatMap(scenariosBelow)
  .map((path) => ({ name: path, run: (sink) => runExample(path, sink) }));
