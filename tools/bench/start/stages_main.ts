/**
 * The start of a scenario, stage by stage. `stages_main.js SCENARIO` runs the scenario in the same
 * way as the runner, and prints when each stage ended.
 */
// This import comes first, because the stages are separated by the times at which modules run.
import { BEGUN_MS, nowMs } from "./clock.ts";
import { parse } from "@dmalab/lang/syntax";
import { SourceFile } from "@dmalab/lang";
import { buildTestMachine, runProgramWith } from "@dmalab/lang/run";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { readScenario } from "@dmalab/cli/scenario";

/** Runs a scenario. @returns When each stage ended. */
function timeStages(path: string): readonly (readonly [stage: string, ms: number])[] {
  const moments: [string, number][] = [["begun", BEGUN_MS]];
  const ended = (stage: string) => void moments.push([stage, nowMs()]);
  ended("modules");
  parse(new SourceFile("first.dma", "let a = 1\n"));
  ended("parser");
  const opened = readScenario(path);
  if (!("program" in opened) || opened.program === null) throw new Error("The scenario is wrong");
  ended("scenario");
  const { program } = opened;
  buildTestMachine(program, program.machine.config, {
    record: false,
    limits: DEFAULT_LIMITS,
    output: { write: () => {} },
  });
  ended("machine");
  // The scenario has no property, so no random generator is needed.
  runProgramWith(null, program, {});
  ended("run");
  ended("ended");
  return moments;
}

const moments = JSON.stringify(timeStages(Deno.args[0]!));
Deno.stdout.writeSync(new TextEncoder().encode(moments));
