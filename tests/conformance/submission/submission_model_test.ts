import { assert, assertEquals } from "@std/assert";
import { deriveLimits, KIB, type LimitsInput, MIB, type PhysAddr } from "@dmalab/runtime";
import { type KernelProfile, resolveKernel } from "@dmalab/runtime/kernels";
import { type CapturedCall, CapturedMemory } from "./submission_data.ts";
import { type QueueSetup, SubmissionModel } from "./submission_model.ts";

const LARGE_PAGES = 0x1_0280_0000;
function noPages(): PhysAddr {
  throw new Error("no memory of the kernel is needed here");
}

type Extents = readonly (readonly [number, number])[];

function call(pieces: readonly Extents[], more: Partial<CapturedCall> = {}): CapturedCall {
  const bytes = pieces.flat().reduce((sum, [, size]) => sum + size, 0);
  return {
    submission: 1,
    kind: "pages",
    how: "preadv",
    op: "read",
    slba: 0,
    bytes,
    result: bytes,
    errno: 0,
    pieces,
    ...more,
  };
}

function page(index: number, offset = 0, sizeBytes = 4096): Extents {
  return [[LARGE_PAGES + index * 8192 + offset, sizeBytes]];
}

function model(
  input: LimitsInput = {},
  kernel: KernelProfile = "7.2.12",
  setup: Omit<QueueSetup, "wholeBlocks"> = { nomerges: 0, scheduled: false },
): SubmissionModel {
  const limits = deriveLimits({
    maxHwSectors: 1024,
    maxSegments: 129,
    maxSegmentSizeBytes: 2 ** 32 - 1,
    dmaAlignmentMask: 3,
    virtBoundaryMask: kernel === "6.12.117" ? 4095 : 0,
    ...input,
  }, 8192);
  assert(typeof limits !== "number");
  return new SubmissionModel(
    limits,
    resolveKernel({ kernel, quirks: new Set(["gap_of_next_piece_counts"]) }),
    { wholeBlocks: kernel === "6.12.117", ...setup },
  );
}

function run(target: SubmissionModel, calls: readonly CapturedCall[]): readonly boolean[] {
  const memory = new CapturedMemory(calls);
  return target.run(calls, (one) => memory.piecesOf(one), () => noPages);
}

/** Calls of 4 KiB each, at consecutive places of the disk. */
function burst(count: number): CapturedCall[] {
  return Array.from(
    { length: count },
    (_, index) => call([page(index)], { how: "aio", slba: index * 8, submission: index + 1 }),
  );
}

Deno.test("three calls submitted together are merged, two are not (captured)", () => {
  for (const [count, requests] of [[1, 1], [2, 2], [3, 1], [8, 1]] as const) {
    const target = model();
    run(target, burst(count));
    assertEquals(target.sent.length, requests, `${count} calls`);
  }
});

Deno.test("a scheduler has two calls merged too, nomerges 2 none (block.md ch. 1, assertion 13)", () => {
  for (
    const [setup, two, three] of [
      [{ nomerges: 0, scheduled: true }, 1, 1],
      [{ nomerges: 2, scheduled: true }, 2, 3],
      [{ nomerges: 2, scheduled: false }, 2, 3],
    ] as const
  ) {
    for (const [count, requests] of [[2, two], [3, three]] as const) {
      const target = model({}, "7.2.12", setup);
      run(target, burst(count));
      assertEquals(target.sent.length, requests, `${count} calls`);
    }
  }
});

Deno.test("a call that needs several bios holds them back by itself (captured)", () => {
  const calls = [call(Array.from({ length: 257 }, (_, index) => page(index)))];
  const full = model();
  run(full, calls);
  assertEquals(full.sent.map(({ bytes }) => bytes / KIB), [512, 512, 4]);
  // The second request is as long as a request may be, so the last page becomes a request of its
  // own. If a request has room for one more page, the last page is added to that request.
  const roomy = model({ maxSegments: 100 });
  run(roomy, calls);
  assertEquals(roomy.sent.map(({ nrPhysSegments }) => nrPhysSegments), [100, 100, 57]);
  assertEquals(roomy.sent.at(-1)!.bios.length, 2);
});

Deno.test("6.12 refuses a buffer that is not a multiple of the block long (captured)", () => {
  const odd = call([page(0, 0, 2920), page(1, 0, 4096 - 2920)]);
  assertEquals(run(model({}, "6.12.117"), [odd]), [true]);
  const target = model();
  assertEquals(run(target, [odd]), [false]);
  assertEquals(target.sent.length, 1);
});

Deno.test("a gap inside a block ends a call after what came before it (captured)", () => {
  const target = model({ virtBoundaryMask: 4095 });
  assertEquals(run(target, [call([page(0, 0, 972), page(1, 0, 2048 - 972)])]), [true]);
  assertEquals(target.sent.map(({ bytes }) => bytes), [512]);
});

Deno.test("passthrough is refused above the hardware limit (captured)", () => {
  const pieces = [[[LARGE_PAGES, 512 * KIB]]] as Extents[];
  const fits = call(pieces, { how: "passthru" });
  const target = model();
  assertEquals(run(target, [fits]), [false]);
  assertEquals([target.sent[0]!.userCommand, target.sent[0]!.op], [true, "drv_in"]);
  const tooLong = call([...pieces, [[LARGE_PAGES + MIB, 4096]]], { how: "passthru_vec" });
  assertEquals(run(model(), [tooLong]), [true]);
});

Deno.test("what one bio leaves goes through the page cache: read at once, written by page (captured)", () => {
  const mixed = [page(0), [[0xfb00_0000, 4096]], page(1)] as Extents[];
  const cached = (op: "read" | "write", second: number) => {
    const target = model();
    const free = [0x1_0dc0_0000, second] as PhysAddr[];
    const calls = [call(mixed, { op })];
    const memory = new CapturedMemory(calls);
    target.run(calls, (one) => memory.piecesOf(one), () => () => free.shift()!);
    return target.sent.map(({ bytes, bios, nrPhysSegments, gapBit }) => [
      bytes,
      bios.length,
      nrPhysSegments,
      gapBit,
    ]);
  };
  assertEquals(cached("read", 0x1_0dd0_0000), [[4096, 1, 1, 0], [8192, 1, 2, 13]]);
  assertEquals(cached("write", 0x1_0dd0_0000), [[4096, 1, 1, 0], [8192, 2, 2, 13]]);
  assertEquals(cached("write", 0x1_0dc0_1000), [[4096, 1, 1, 0], [8192, 2, 2, 0]]);
  assertEquals(cached("read", 0x1_0dc0_1000), [[4096, 1, 1, 0], [8192, 1, 1, 0]]);
});

Deno.test("single pages are distinguished from large ones by what lies around them", () => {
  const anon = 0x1_0e20_0000;
  const calls = [
    call([[[anon + 0x3000, 8192]]], { kind: "anon_run" }),
    call([[[LARGE_PAGES + 0x3000, 8192]]], { kind: "single" }),
    call([[[anon + 0x8000, 8192]], [[LARGE_PAGES + 0x8000, 8192]]], { kind: "mix" }),
    call([[[0xfb00_0000, 8192]]], { kind: "p2p" }),
  ];
  const memory = new CapturedMemory(calls);
  const folios = (index: number) =>
    memory.piecesOf(calls[index]!).flat().map(({ folioBytes, provider }) => [folioBytes, provider]);
  assertEquals(folios(2), [[4096, null], [2 * MIB, null]]);
  assertEquals(folios(3), [[4096, "peer"]]);
});
