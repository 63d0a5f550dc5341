/**
 * Replays recorded defects. Each step's request passes through the block layer, the driver and the
 * controller of a machine like the recorded one, and the results must equal the record.
 *
 * Inputs from the record are: the requests with their memory, tags, IOVAs, addresses of pool blocks
 * and of the kernel's own metadata, and the calls that were made to fail. Everything else is
 * compared.
 *
 * @see tests/golden/defects/README.md
 */
import { type Difference, firstDifference, type Json } from "../difference.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import { limitsOfQueue } from "../kernel/kernel_machine.ts";
import { damageOf, expectedDamage } from "./damage.ts";
import { commandForms, expectedCommands, Transcript } from "./transcript.ts";
import { type DefectCase, type DefectStep, distinctRequests } from "./defect_data.ts";
import { type DefectHost, defectHost, firstBounced, inject } from "./defect_machine.ts";
import { givePlaces, orderTags, poolCalls } from "./given_memory.ts";
import { StepMemory } from "./step_memory.ts";
import { runStep } from "./step_run.ts";
import { MIB, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import { givenBlocks } from "../kernel/recorded_pool.ts";

export function replayDefects(group: string, cases: readonly DefectCase[]): GroupResult {
  const count = new GroupCount(group);
  for (const captured of cases) {
    const [number] = captured.cases ?? [];
    // The rule of nvme.md chapter 7 for this case.
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

/**
 * A result without its note. An errno of 0 is left out. I/Os are sorted, because the order in which the device ends them
 * varies.
 */
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

/**
 * Scenarios in which commands ran between two steps, although the record does not list these
 * commands.
 *
 * tests/golden/defects/README.md, "What a replay must bring along": in `p2pm` ordinary commands ran
 * between the steps. Therefore every tag had been used, by a command with metadata that was one
 * range.
 */
const SCENARIOS_WITH_COMMANDS_BETWEEN: ReadonlySet<string> = new Set(["p2pm"]);

/** Addresses of the memory for the commands between the steps. The record does not use them. */
const DATA = 16 * MIB;
const METADATA = 24 * MIB;

/** Runs an ordinary command on the tag of a step, if the scenario has such commands. */
function bringAlong(host: DefectHost, captured: DefectCase, stepIndex: number): void {
  const scenario = captured.id.slice(0, captured.id.lastIndexOf("_"));
  if (stepIndex === 0 || !SCENARIOS_WITH_COMMANDS_BETWEEN.has(scenario)) return;
  const { commands, request } = captured.steps[stepIndex]!;
  orderTags(host, [commands[0]!.tag]);
  host.iovas?.expect([]);
  // The blocks of the pool are free between the steps.
  host.pools.small.expect(givenBlocks(poolCalls(commands[0]!.calls)));
  const sizeBytes = commands[0]!.bytes;
  const [, metadataBytes] = request.metadata!;
  const vec = (phys: number, bytes: number) => ({ phys: phys as PhysAddr, sizeBytes: bytes });
  host.disk.passthrough({
    opcode: 2,
    buffer: { segments: [vec(DATA, sizeBytes)] },
    // Two pieces that are adjacent at a page border become one range.
    metadata: {
      segments: [
        vec(METADATA + PAGE_SIZE_BYTES - metadataBytes / 2, metadataBytes / 2),
        vec(METADATA + 4 * PAGE_SIZE_BYTES, metadataBytes / 2),
      ],
    },
    dwords: { 12: sizeBytes / host.disk.blockSizeBytes - 1 },
  });
  while (host.machine.runNextActivity());
}
