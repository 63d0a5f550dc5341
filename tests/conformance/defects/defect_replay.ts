/**
 * Replays recorded defects: each step's request goes through the block layer, the driver and the
 * controller of a machine like the recorded one, and all that is recorded of it must come out.
 *
 * Given are the requests with their memory, tags, IOVAs, addresses of pool blocks and of the
 * kernel's own metadata, and what was made to fail; everything else is compared.
 *
 * @see tests/golden/defects/README.md
 */
import { type Difference, firstDifference, type Json } from "../difference.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import { limitsOfQueue } from "../kernel/captured_description.ts";
import { damageOf, expectedDamage } from "./damage_report.ts";
import { bringAlong } from "./earlier_commands.ts";
import { commandForms, expectedCommands } from "./command_forms.ts";
import type { DefectCase, DefectStep } from "./defect_data.ts";
import { type DefectHost, defectHost, firstBounced, inject } from "./defect_machine.ts";
import { givePlaces } from "./given_places.ts";
import { distinctRequests } from "./shown_memory.ts";
import { StepMemory } from "./step_memory.ts";
import { runStep } from "./step_run.ts";
import { Transcript } from "./transcript.ts";

/** Replays a file of cases. */
export function replayDefects(group: string, cases: readonly DefectCase[]): GroupResult {
  const count = new GroupCount(group);
  for (const captured of cases) {
    const [number] = captured.cases ?? [];
    // The case of nvme.md chapter 7 that decides.
    const rule = number === undefined ? null : `nvme.7.${number}`;
    count.replay(captured.id ?? "a case without an id", () => replayDefect(captured), rule);
  }
  return count.result();
}

/** Replays one case; null when every step agrees. */
export function replayDefect(captured: DefectCase): Difference | null {
  const host = defectHost(captured);
  const { max_segment_size: _, ...limits } = limitsOfQueue(host.driver.limits);
  const unlike = firstDifference({ ...captured.machine.limits }, limits, "machine.limits");
  if (unlike !== null) return unlike;
  const transcript = new Transcript(host);
  inject(host, captured.injection);
  for (const [index, step] of captured.steps.entries()) {
    const memory = new StepMemory(host, captured, step);
    bringAlong(host, captured, index);
    const bounced = firstBounced(captured.machine, [step]);
    if (bounced !== null) host.slots.reach(bounced);
    const difference = replayStep(host, transcript, step, memory);
    if (difference !== null) {
      return { ...difference, path: `steps[${index}].${difference.path}` };
    }
  }
  return null;
}

function replayStep(
  host: DefectHost,
  transcript: Transcript,
  step: DefectStep,
  memory: StepMemory,
): Difference | null {
  givePlaces(host, step);
  memory.prepare();
  transcript.clear();
  const tags = distinctRequests(step.commands).map(({ tag }) => tag);
  const result = runStep(host, transcript, memory.request, tags);
  memory.finish();
  const got: Record<string, Json> = {
    commands: commandForms(transcript.commands, step),
    block_events: transcript.blockEvents,
    result: comparableResult(result),
  };
  const expected: Record<string, Json> = {
    commands: expectedCommands(step),
    block_events: step.block_events ?? [],
    result: comparableResult(step.result),
  };
  if (step.damage !== undefined) {
    got.damage = damageOf(host, step, memory);
    expected.damage = expectedDamage(step.damage);
  }
  return firstDifference(expected, got);
}

/** Success has no error, what never returned has none yet, and I/Os end in the order in which the device likes to end them. */
function comparableResult(result: Json): Json {
  const { errno, res, note: _, ...rest } = result as Record<string, Json>;
  const form: Record<string, Json> = { ...rest };
  if (typeof errno === "number" && errno !== 0) form.errno = errno;
  if (Array.isArray(res)) form.res = res.toSorted((a, b) => indexOf(a) - indexOf(b));
  return form;
}

function indexOf(entry: Json): number {
  return Array.isArray(entry) ? (entry[0] as number) : 0;
}
