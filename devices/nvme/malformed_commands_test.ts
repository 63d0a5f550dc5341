/**
 * Each malformed command is refused, host memory stays unchanged, and the controller continues.
 * Without its single mistake, each command succeeds.
 */
import { isDeepStrictEqual } from "node:util";
import { assert, assertEquals } from "@std/assert";
import { ControllerRig } from "./controller/_rig.ts";
import {
  MALFORMED_CAPACITY_BYTES,
  MALFORMED_COMMANDS,
  type PlacedCommand,
  UNREACHABLE_AT,
} from "./malformed_commands.ts";

Deno.test("there are enough malformed commands to trust the refusals", () => {
  assert(MALFORMED_COMMANDS.length >= 100, `only ${MALFORMED_COMMANDS.length}`);
  const texts = new Set(MALFORMED_COMMANDS.map(({ text }) => text));
  assertEquals(texts.size, MALFORMED_COMMANDS.length);
  for (const text of texts) {
    assert(text.includes(" "), `"${text}" does not say what is wrong`);
  }
  const statuses = new Set(MALFORMED_COMMANDS.map(({ status }) => status & 0x7ff));
  assert(statuses.size >= 18, `only ${statuses.size} statuses`);
});

/** First index at which two arrays differ, or -1. */
function firstDifference(one: Uint8Array, other: Uint8Array): number {
  if (isDeepStrictEqual(one, other)) return -1;
  return other.findIndex((byte, index) => byte !== one[index]);
}

/** The controller for a command, with the memory contents that the command needs. */
function rigFor({ memory, on }: PlacedCommand): ControllerRig {
  const rig = new ControllerRig({ capacityBytes: MALFORMED_CAPACITY_BYTES, ...on });
  for (const { at, bytes } of memory) rig.memory.bytes.set(bytes, at);
  rig.memory.holes.add(UNREACHABLE_AT / 4096);
  return rig;
}

/** Statuses of an executed command; an executed Compare may report that memory and disk differ. */
const CARRIED_OUT = [0, 0x4285];

for (const row of MALFORMED_COMMANDS) {
  const { admin, fields, status, text, twin } = row;

  Deno.test(`refused with 0x${status.toString(16)}, memory untouched: ${text}`, () => {
    const rig = rigFor(row);
    // All memory above the queues must stay unchanged; the queues themselves are written.
    const before = rig.memory.bytes.slice(0x9000);
    const heldBytes = rig.budget.heldBytes;
    const writes = rig.memory.writes.length;
    const completion = admin ? rig.admin(fields) : rig.io(fields);
    assertEquals(completion.status.toString(16), status.toString(16));
    assertEquals(firstDifference(rig.memory.bytes.subarray(0x9000), before), -1);
    assertEquals(rig.memory.writes.length, writes + 1, "only the completion was written");
    assertEquals(rig.budget.heldBytes, heldBytes);
    assertEquals(
      rig.io({ prp1: 0x10_0000, mptr: 0x30_0000 }).status,
      0,
      "the controller carries on",
    );
  });
  Deno.test(`succeeds without its mistake: ${text}`, () => {
    const rig = rigFor(twin);
    for (const each of twin.first) assertEquals(rig.admin(each).status, 0);
    const completion = admin ? rig.admin(twin.fields) : rig.io(twin.fields);
    assert(CARRIED_OUT.includes(completion.status), completion.status.toString(16));
  });
}
