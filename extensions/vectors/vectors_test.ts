import { assert, assertEquals, assertThrows } from "@std/assert";
import { joined, walkRequest } from "./_walker.ts";
import { VECTOR_KERNELS } from "./edge_shapes.ts";
import { makeVectorFile, randomInputs, vectorFileText } from "./vector_file.ts";
import type { Range, Vector, VectorFile } from "./vector.ts";

const FILE = makeVectorFile(150, 1);
const SECTOR = 512;

/** The part of a vector's memory that belongs to a request. */
function memoryOf({ controller, segments }: Vector, lba: number, bytes: number): Range[] {
  const part: Range[] = [];
  let at = 0;
  const first = lba * controller.block_bytes;
  for (const [start, sizeBytes] of segments) {
    const from = Math.max(first, at);
    const to = Math.min(first + bytes, at + sizeBytes);
    if (from < to) part.push([start + from - at, to - from]);
    at += sizeBytes;
  }
  return joined(part);
}

function edge(about: string, kernel: string, iommu: string, sgl: boolean): Vector {
  const found = FILE.vectors.find((vector) =>
    vector.about.startsWith(about) && vector.kernel === kernel && vector.iommu === iommu &&
    vector.controller.sgl === sgl
  );
  assert(found !== undefined, about);
  return found;
}

Deno.test("every vector of a written file is walked by the controller to the memory that was asked for", () => {
  const file: VectorFile = JSON.parse(vectorFileText(FILE));
  assertEquals(file, JSON.parse(JSON.stringify(FILE)));
  let walked = 0;
  for (const vector of file.vectors) {
    const { limits } = vector;
    let next = vector.lba;
    for (const request of vector.requests) {
      const where = `vector ${vector.id}, ${vector.about}`;
      const { memory, status } = walkRequest(vector, request);
      assertEquals(status, 0, where);
      assertEquals(memory, memoryOf(vector, request.lba, request.bytes), where);
      // The requests are cut in order and within the limits.
      assertEquals(request.lba, next, where);
      next += request.bytes / vector.controller.block_bytes;
      assert(request.bytes <= limits.max_sectors * SECTOR, where);
      assert(request.segments <= limits.max_segments, where);
      assertEquals(request.status, "OK", where);
      walked++;
    }
    const all = vector.segments.reduce((sum, [, bytes]) => sum + bytes, 0);
    const done = vector.requests.reduce((sum, { bytes }) => sum + bytes, 0);
    assertEquals(done === all, vector.status === "OK", `vector ${vector.id}`);
  }
  assert(walked > 2000, `${walked} requests`);
});

Deno.test("a vector whose list is wrong by one entry is not walked to its memory", () => {
  const vector = edge("one run of 8192 bytes at page offset 512", "7.2.12", "off", false);
  const [request] = vector.requests;
  const command = request!.command;
  assert(command.format === "prp");
  const [first, second] = command.entries[0]!;
  const swapped = { ...request!, command: { ...command, entries: [[second!, first!]] } };
  assertEquals(walkRequest(vector, request!).memory, [[2 ** 30 + 512, 8192]]);
  assertThrows(() => walkRequest(vector, swapped), Error, "is mapped nowhere");
  const stray = { ...request!, command: { ...command, prp1: 0x1000 } };
  assertThrows(() => walkRequest(vector, stray), Error, "0x1000 is mapped nowhere");
});

Deno.test("list entries and pages are those of the table of lengths and offsets (nvme.md 2.3)", () => {
  const counts = (sizeBytes: number, offset: number): number[] => {
    const about = `one run of ${sizeBytes} bytes at page offset ${offset}`;
    const { command } = edge(about, "7.2.12", "off", false).requests[0]!;
    assert(command.format === "prp");
    return command.entries.map((entries) => entries.length);
  };
  assertEquals(counts(4096, 0x200), []);
  assertEquals(counts(8192, 0x200), [2]);
  assertEquals(counts(131072, 0), [31]);
  assertEquals(counts(131072, 0x200), [32]);
  assertEquals(counts(135168, 0x200), [33]);
  assertEquals(counts(2097152, 0), [511]);
  assertEquals(counts(2097152, 0x200), [512]);
  // 513 entries: the first list has 511 entries and a link to the second list, which has 2 entries.
  assertEquals(counts(2101248, 0x200), [512, 2]);
  assertEquals(counts(4194304, 0x200), [512, 512, 2]);
});

Deno.test("scattered pages are one IOVA range behind an IOMMU, and one SGL data block from 32 KiB on (nvme.md 2.1)", () => {
  const [prp] = edge("2 scattered pieces of 4096", "7.2.12", "strict", true).requests;
  assertEquals([prp!.iova![1], prp!.command.format], [8192, "prp"]);
  const [sgl] = edge("16 scattered pieces of 4096", "7.2.12", "strict", true).requests;
  assertEquals(sgl!.command, {
    format: "sgl",
    sgl: [0, sgl!.iova![0], 65536],
    entries: [],
  });
  // The 16 links are one contiguous range for the device.
  assertEquals(sgl!.mapped.length, 16);
  assertEquals(joined(sgl!.mapped), [[sgl!.iova![0], 65536]]);
});

Deno.test("pieces with gaps go out as one SGL, or as a request each (block.md 1.3)", () => {
  const about = "17 scattered pieces of 512";
  const [sgl] = edge(about, "7.2.12", "off", true).requests;
  assert(sgl!.command.format === "sgl");
  assertEquals([sgl!.gap_bit, sgl!.command.sgl[0], sgl!.command.sgl[2]], [10, 0x30, 17 * 16]);
  assertEquals(edge(about, "7.2.12", "off", false).requests.length, 17);
  assertEquals(edge(about, "6.12.117", "off", true).requests.length, 17);
});

Deno.test("what the limits exclude is rejected with INVAL and sent nowhere (block.md 1.3)", () => {
  for (const kernel of ["6.12.117", "7.2.12"]) {
    for (
      const about of ["rejected: an offset", "rejected: a length", "rejected: no whole blocks"]
    ) {
      const { requests, status } = edge(about, kernel, "lazy", true);
      assertEquals([status, requests.length], ["INVAL", 0]);
    }
  }
  assertEquals(edge("a gap inside a block", "7.2.12", "strict", false).status, "INVAL");
  assertEquals(edge("a gap inside a block", "7.2.12", "strict", true).status, "OK");
});

Deno.test("every shape is there for every release in every mode; a seed is a file, another another", () => {
  const kinds = new Set(
    FILE.vectors.map(({ controller, iommu, kernel }) => `${kernel} ${iommu} ${controller.sgl}`),
  );
  assertEquals(VECTOR_KERNELS, ["6.1.192", "6.12.117", "6.17.13", "7.2.12"]);
  assertEquals(kinds.size, VECTOR_KERNELS.length * 4 * 2);
});

Deno.test("the same seed gives the same random requests, another one others", () => {
  assertEquals(randomInputs(20, 3), randomInputs(20, 3));
  assert(JSON.stringify(randomInputs(20, 3)) !== JSON.stringify(randomInputs(20, 4)));
  assertEquals(randomInputs(33, 1).length, 33);
});

Deno.test("the example in docs/vectors.md is a vector as it is written", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/vectors.md", import.meta.url));
  const text = /```json\n(.*?)```/s.exec(page)![1]!;
  const shown: Vector = JSON.parse(text);
  const name = ({ about, controller, iommu, kernel }: Vector) =>
    [about, kernel, iommu, controller.sgl].join();
  const written = FILE.vectors.find((vector) => name(vector) === name(shown))!;
  // The address of the list and the id are replaced: the allocator decides the address, and the id
  // depends on the other vectors.
  const form = (vector: Vector) =>
    JSON.stringify({ ...vector, id: 0 }).replaceAll(String(vector.requests[0]!.lists[0]), "LIST");
  assertEquals(form(shown), form(written));
  // The page has a row for every field.
  for (const field of text.matchAll(/"(\w+)":/g)) {
    assert(page.includes(`\`${field[1]}\``), `docs/vectors.md does not say what ${field[1]} is`);
  }
});
