/** Which memory of a user a passthrough command copies. @see rules/block.md 1.8 */
import { assert, assertEquals } from "@std/assert";
import type { BioVec } from "@dmalab/runtime/block";
import { ArmedInjection, INJECTION } from "@dmalab/runtime";
import { DriverRig, pages, vec } from "./_driver_rig.ts";

const READ = 2;
const WRITE = 1;
const RELEASES = ["6.12.117", "7.2.13", "7.3.4"] as const;

/** The segments that the device reads or writes for a command of 512 bytes a block. */
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

Deno.test("a copied write carries the user's bytes, a copied read comes back whole, zeroed where nothing was written", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const { memory } = rig.machine;
  const user = [vec(0x200_0001, 512), vec(0x200_2003, 512)];
  user.forEach(({ phys, sizeBytes }, index) => {
    memory.write(phys, new Uint8Array(sizeBytes).fill(0x31 + index), 0, sizeBytes);
  });
  assertEquals(sent(rig, user, WRITE).status, "OK");
  const into = [vec(0x300_0002, 1000), vec(0x300_4001, 25)];
  const bytes = new Uint8Array(1025).fill(0xee);
  memory.write(into[0]!.phys, bytes, 0, 1000);
  memory.write(into[1]!.phys, bytes, 0, 25);
  const io = rig.finish(
    rig.disk.passthrough({ opcode: READ, buffer: { segments: into }, dwords: { 10: 8, 12: 1 } }),
  );
  assertEquals(io.status, "OK");
  memory.read(into[0]!.phys, bytes, 0, 1000);
  memory.read(into[1]!.phys, bytes, 1000, 25);
  const expected = new Uint8Array(1025);
  expected.fill(0x31, 0, 512);
  expected.fill(0x32, 512, 1024);
  assertEquals(bytes, expected);
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
  assertEquals(
    sent(new DriverRig({ machine: { kernel: "6.12.117" } }), gapped, READ, true).status,
    "INVAL",
  );
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

/** A command for one block whose metadata lies in these segments. */
function withMetadata(rig: DriverRig, metadata: readonly BioVec[], blocks = 1, admin = false) {
  const io = rig.finish(
    rig.disk.passthrough({
      opcode: READ,
      admin,
      ...blocks === 0 ? {} : { buffer: { segments: [vec(0x200_0000, blocks * 512)] } },
      metadata: { segments: metadata },
      dwords: { 10: 8, 12: Math.max(0, blocks - 1) },
    }),
  );
  const seen = io.requests[0]?.bios.flatMap(({ metadata }) => metadata) ?? [];
  return { status: io.status, reason: io.refusal?.inputs.reason ?? null, seen };
}

Deno.test("metadata of a user: none without a format, not too long, copied where it does not fit as it lies (block.md 1.8)", () => {
  for (const kernel of RELEASES) {
    const options = { metadataBytes: 8, machine: { kernel } } as const;
    const rig = new DriverRig(options);
    sent(rig, pages(1)); // The driver's pools have their pages.
    const before = rig.machine.pages.takenBytes;
    const [whole, odd] = [vec(0x300_0000, 8), vec(0x300_0002, 8)];
    assertEquals(withMetadata(rig, [whole]), { status: "OK", reason: null, seen: [whole] });
    const copied = withMetadata(rig, [odd]);
    assertEquals([copied.status, lengths(copied.seen)], ["OK", [[0, 8]]]);
    const halves = [vec(0x300_0000, 4), vec(0x300_2000, 4)];
    assertEquals(lengths(withMetadata(rig, halves).seen), [[0, 8]]);
    const lists = new DriverRig({ ...options, sgl: true, metadataSgl: true });
    assertEquals(withMetadata(lists, halves).seen, halves);
    assertEquals(withMetadata(rig, [vec(0x300_0000, 8), odd], 0).seen, []);
    assertEquals(rig.machine.pages.takenBytes, before);

    const refused = (each: DriverRig, size: number, admin = false) => {
      const { reason, seen, status } = withMetadata(each, [vec(0x300_0000, size)], 1, admin);
      return [status, reason, seen.length];
    };
    assertEquals(refused(new DriverRig({ machine: { kernel } }), 8), ["INVAL", "no_metadata", 0]);
    assertEquals(refused(rig, 8, true), ["INVAL", "no_metadata", 0]);
    assertEquals(refused(rig, 257 * 4096), ["IOERR", "long_metadata", 0]);
    const small = new DriverRig({ ...options, mdtsExponent: 1 });
    assertEquals(refused(small, 8196), ["IOERR", "long_metadata", 0]);
  }
});

Deno.test("copied metadata has a write's bytes, and a read's are the user's when it ends (block.md 1.8)", () => {
  const rig = new DriverRig({ metadataBytes: 8, iommu: { mode: "strict" } });
  const { hostMemory } = rig.machine;
  const user = [vec(0x300_0001, 3), vec(0x300_2003, 5)];
  const tags = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  hostMemory.write(user[0]!.phys, tags, 0, 3);
  hostMemory.write(user[1]!.phys, tags, 3, 5);
  const send = (opcode: number, metadata: readonly BioVec[]) =>
    rig.finish(rig.disk.passthrough({
      opcode,
      buffer: { segments: [vec(0x200_0000, 512)] },
      metadata: { segments: metadata },
      dwords: { 10: 8 },
    })).status;
  assertEquals(send(WRITE, user), "OK");
  assertEquals(send(READ, [vec(0x310_0001, 8)]), "OK");
  const read = new Uint8Array(8);
  hostMemory.read(vec(0x310_0001, 8).phys, read, 0, 8);
  assertEquals(read, tags);
});

Deno.test("6.12 warns of the first user's command with data for a controller without SGLs, and goes on (block.md 1.8)", () => {
  const warnings = (kernel: typeof RELEASES[number], sgl: boolean) => {
    const rig = new DriverRig({ sgl, machine: { kernel } });
    const send = (blocks: number) => assertEquals(sent(rig, pages(blocks)).status, "OK");
    const events = rig.record(() => {
      rig.finish(rig.disk.passthrough({ opcode: 0 }));
      send(1);
      send(2);
    }, ["kernel.warn"]);
    return events.map(({ device, fields }) => [device, "at" in fields && fields.at]);
  };
  const one = [["ssd", "nvme_map_user_request"]];
  assertEquals(RELEASES.map((kernel) => warnings(kernel, false)), [one, [], []]);
  assertEquals(RELEASES.map((kernel) => warnings(kernel, true)), [[], [], []]);
});
