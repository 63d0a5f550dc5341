/**
 * What ran before a step that the record does not list.
 *
 * tests/golden/defects/README.md, "What a replay must bring along": in `p2pm` ordinary commands ran
 * between the steps, so that every tag had been used, with metadata that was one range.
 */
import { MIB, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { DefectCase } from "./defect_data.ts";
import type { DefectHost } from "./defect_machine.ts";
import { givenBlocks } from "../kernel/recorded_pool.ts";
import { orderTags, poolCalls } from "./given_places.ts";

const SCENARIOS_WITH_COMMANDS_BETWEEN: ReadonlySet<string> = new Set(["p2pm"]);

/** Memory of the earlier commands: without an owner in the record. */
const DATA = 16 * MIB;
const METADATA = 24 * MIB;

/** Runs an ordinary command on the tag of a step, if the scenario had such. */
export function bringAlong(host: DefectHost, captured: DefectCase, stepIndex: number): void {
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
    // Two pieces that meet at the border of a page are one range.
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
