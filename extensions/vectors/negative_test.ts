import { assert, assertEquals } from "@std/assert";
import { ControllerRig } from "@dmalab/devices/testing";
import { makeNegativeFile, type NegativeFile, type NegativeVector } from "./negative.ts";
import { vectorFileText } from "./vector_file.ts";

const FILE: NegativeFile = JSON.parse(vectorFileText(makeNegativeFile()));

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

function rigOf({ controller, memory, unreachable }: NegativeVector): ControllerRig {
  const { host_memory: lent } = controller;
  const rig = new ControllerRig({
    sgl: controller.sgl,
    metadataSgl: controller.metadata_sgl,
    mdtsExponent: controller.mdts,
    shadowDoorbells: controller.shadow_doorbells,
    maxQueues: controller.queues,
    depth: controller.queue_entries,
    capacityBytes: controller.blocks * controller.block_bytes,
    metadataBytes: controller.metadata_bytes,
    ...lent === null ? {} : {
      hostMemory: {
        preferredBytes: lent.preferred,
        minimumBytes: lent.minimum,
        smallestChunkBytes: 0,
        mostChunks: controller.host_memory_descriptors,
      },
    },
  });
  for (const [at, hex] of memory) rig.memory.bytes.set(bytesOf(hex), at);
  for (const [first, sizeBytes] of unreachable) {
    for (let page = first / 4096; page < (first + sizeBytes) / 4096; page++) {
      rig.memory.holes.add(page);
    }
  }
  return rig;
}

/** The dwords of a command, in the form that the rig needs. */
function dwordsOf(hex: string): Record<number, number> {
  const view = new DataView(bytesOf(hex).buffer);
  return Object.fromEntries(
    // Without dword 0, which has the opcode, the flags, and the identifier that the queue sets.
    Array.from({ length: 15 }, (_, index) => [index + 1, view.getUint32(4 * (index + 1), true)]),
  );
}

Deno.test("every negative vector, read back from its text, has the status it says (Base Specification 1.4)", () => {
  for (const vector of FILE.vectors) {
    const { about, command, id, queue, status } = vector;
    assertEquals(command.length, 128);
    const rig = rigOf(vector);
    const [opcode, flags] = bytesOf(command);
    const fields = { opcode: opcode!, flags: flags!, dwords: dwordsOf(command) };
    const answer = queue === "admin" ? rig.admin(fields) : rig.io(fields);
    const field = status.type * 256 + status.code + (status.do_not_retry ? 0x4000 : 0);
    assertEquals(answer.status.toString(16), field.toString(16), `vector ${id}: ${about}`);
  }
});

Deno.test("the example of a malformed command in docs/vectors.md is one of the file", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/vectors.md", import.meta.url));
  const chapter = page.slice(page.indexOf("## Malformed commands"));
  const [, text] = chapter.match(/```json\n([^`]+)```/)!;
  const example: NegativeVector = JSON.parse(text!);
  assertEquals(example, FILE.vectors.find(({ id }) => id === example.id));
});

Deno.test("negative vectors are numbered and distinct, and name the specification's sections", () => {
  const { vectors } = FILE;
  assertEquals(vectors.map(({ id }) => id), vectors.map((_, index) => index + 1));
  assertEquals(new Set(vectors.map(({ about }) => about)).size, vectors.length);
  assert(vectors.length >= 122, `${vectors.length} vectors`);
  for (const { section, status } of vectors) {
    assert(/^[4-8](\.\d+)*$/.test(section), section);
    assertEquals(status.section, `4.6.1.2.${status.type + 1}`);
  }
  const offsets = vectors.filter(({ status }) => status.name === "PRP Offset Invalid");
  assert(offsets.length >= 10, `${offsets.length} of PRP offsets`);
  assert(offsets.every(({ status }) => status.type === 0 && status.code === 0x13));
});
