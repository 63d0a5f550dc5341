/** Which segments of a user's memory a passthrough command copies. @see rules/block.md 1.8 */
import { assert, assertEquals } from "@std/assert";
import { ArmedInjection, type BioVec, INJECTION } from "@dmalab/runtime";
import { DriverRig, pages, vec } from "./_driver_rig.ts";

const READ = 2;
const WRITE = 1;
const RELEASES = ["6.12.117", "7.2.13", "7.3.4"] as const;

/** The segments that the device reads or writes for a command with blocks of 512 bytes. */
function sent(rig: DriverRig, segments: readonly BioVec[], opcode = READ, fixed = false) {
  const blocks = Math.ceil(segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / 512);
  const io = rig.finish(
    rig.disk.passthrough({
      opcode,
      fixed,
      buffer: { segments },
      dwords: { 10: 8, 12: blocks - 1 },
    }),
  );
  const seen = io.requests[0]?.bios.flatMap(({ vecs }) => vecs) ?? [];
  return { status: io.status, seen, lies: seen.every((each) => segments.includes(each)) };
}

const lengths = (vecs: readonly BioVec[]) =>
  vecs.map(({ phys, sizeBytes }) => [phys % 4096, sizeBytes]);

Deno.test("an address or a length that is not DMA-aligned is copied into pages, each used from its start (block.md 1.8)", () => {
  for (const kernel of RELEASES) {
    const rig = new DriverRig({ machine: { kernel } });
    const start = sent(rig, [vec(0x200_0001, 512)]);
    assertEquals([start.status, start.lies, lengths(start.seen)], ["OK", false, [[0, 512]]]);
    const length = sent(rig, [vec(0x200_0000, 8191)], WRITE);
    assertEquals([length.lies, lengths(length.seen)], [false, [[0, 4096], [0, 4095]]]);
    assert(sent(rig, [vec(0x200_0004, 512)]).lies);
  }
});

Deno.test("what is copied is written and read as it lies in the user's memory (block.md 1.8)", () => {
  const rig = new DriverRig();
  const { hostMemory } = rig.machine;
  const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index * 7);
  const [first, second, into] = [vec(0x200_0001, 500), vec(0x300_0000, 524), vec(0x400_0003, 1024)];
  hostMemory.write(first.phys, bytes, 0, 500);
  hostMemory.write(second.phys, bytes, 500, 524);
  const found = new Uint8Array(1024);
  assertEquals(sent(rig, [first, second], WRITE).status, "OK");
  assertEquals(sent(rig, [into]).status, "OK");
  hostMemory.read(into.phys, found, 0, 1024);
  assertEquals(found, bytes);
});

Deno.test("what the virtual boundary forbids is copied, its first start and last end do not count (block.md 1.8)", () => {
  for (const kernel of RELEASES) {
    const rig = new DriverRig({ machine: { kernel } });
    const gapped = sent(rig, [vec(0x200_0000, 512), vec(0x200_3000, 512)]);
    assertEquals([gapped.status, lengths(gapped.seen)], ["OK", [[0, 1024]]]);
    const [first, rest] = [vec(0x200_0200, 0xe00), vec(0x200_3000, 512)];
    assertEquals(sent(rig, [first, rest]), { status: "OK", seen: [first, rest], lies: true });
    assert(sent(rig, [vec(0x200_0000, 4096), vec(0x200_3000, 512)]).lies);
  }
  const sgl = new DriverRig({ sgl: true, machine: { kernel: "7.2.13" } });
  assert(sent(sgl, [vec(0x200_0000, 512), vec(0x200_3000, 512)]).lies);
});

Deno.test("copied pages are freed when the command ends, and when there is no memory for them all", () => {
  const rig = new DriverRig();
  sent(rig, pages(3)); // The driver's pools have their pages.
  const before = rig.machine.pages.takenBytes;
  const odd = [vec(0x200_0001, 3 * 4096 + 1)];
  const events = rig.record(() => sent(rig, odd), ["mem.alloc", "mem.free"]).filter(({ fields }) =>
    "what" in fields && fields.what === "user_copy"
  );
  const cost = { what: "user_copy", size_bytes: 12289, from: "pages" } as const;
  assertEquals(events.map(({ fields }) => fields), [cost, cost]);
  assertEquals(events[0]!.why, { rule: "block.1.8", inputs: { reason: "alignment", pages: 4 } });
  rig.machine.armInjection(new ArmedInjection(INJECTION.alloc_pages, 2));
  const refused = sent(rig, odd);
  assertEquals([refused.status, refused.seen], ["RESOURCE", []]);
  assertEquals(rig.machine.pages.takenBytes, before);
});

Deno.test("a fixed buffer is mapped as it lies, or copied where it would have to be split (block.md 1.8)", () => {
  const rig = new DriverRig({ sgl: true, mdtsExponent: 2, machine: { kernel: "7.3.4" } });
  assert(sent(rig, pages(2), READ, true).lies);
  const gapped = [vec(0x200_0000, 512), vec(0x200_3000, 512)];
  assert(sent(rig, gapped, READ, true).lies);
  const older = new DriverRig({ machine: { kernel: "6.12.117" } });
  const statuses = [gapped, pages(2)].map((each) => sent(older, each, READ, true).status);
  assertEquals(statuses, ["INVAL", "OK"]);
  const split = sent(new DriverRig({ machine: { kernel: "7.3.4" } }), gapped, READ, true);
  assertEquals([split.status, lengths(split.seen)], ["OK", [[0, 1024]]]);
  assertEquals(sent(rig, [vec(0x200_0000, 5 * 4096)], READ, true).status, "INVAL");
  assertEquals(sent(rig, [], READ, true).status, "INVAL");
});

Deno.test("a copy of more pages than the queue takes segments is refused, and leaves nothing", () => {
  for (const kernel of RELEASES) {
    const rig = new DriverRig({ sgl: true, machine: { kernel } });
    const before = rig.machine.pages.takenBytes;
    const refused = sent(rig, [vec(0x200_0001, 257 * 4096)]);
    assertEquals([refused.status, refused.seen], ["INVAL", []]);
    assertEquals(rig.machine.pages.takenBytes, before);
  }
});

Deno.test("6.12 warns of the first user's command with data for a controller without SGLs, and goes on (block.md 1.8)", () => {
  const warnings = (kernel: typeof RELEASES[number], sgl: boolean) => {
    const rig = new DriverRig({ sgl, machine: { kernel } });
    const send = (blocks: number) => assertEquals(sent(rig, pages(blocks)).status, "OK");
    // A command without data does not use up the warning.
    rig.finish(rig.disk.passthrough({ opcode: 0 }));
    const events = rig.record(() => {
      send(1);
      send(2);
    }, ["kernel.warn"]);
    return events.map(({ device, fields }) => [device, "at" in fields && fields.at]);
  };
  const one = [["ssd", "nvme_map_user_request"]];
  assertEquals(RELEASES.map((kernel) => warnings(kernel, false)), [one, [], []]);
  assertEquals(RELEASES.map((kernel) => warnings(kernel, true)), [[], [], []]);
});
