import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formatAddress } from "@dmalab/lang/text";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import { runProgram } from "@dmalab/lang/program";
import type { EventName } from "@dmalab/runtime";
import { keptTraces, type RecordedRun, recordRun, runsOf, START, TraceLineWriter } from "../mod.ts";
import {
  addressPieces,
  addressUses,
  changedRows,
  eventView,
  leaksByStatement,
  pageLife,
  type PageState,
  pictureDrawing,
  pictureFile,
  pictureSubjects,
  pictureView,
  RunIndex,
  svgText,
  timelineDrawing,
  timelineFile,
  TimelineScale,
  timelineView,
  verdictOf,
  verdictTitle,
  whyView,
} from "./mod.ts";

const DISK = "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }\n";

function recordingOf(text: string, index = 0) {
  const { diagnostics, program } = loadForDebugging(new SourceFile("lab.dma", text), memoryFiles());
  assert(program !== null, diagnostics[0]?.message);
  return recordRun(program, runsOf(program)[index]!);
}

/** A run with the runner's outcome and the verdict on the first screen. */
function judged(text: string) {
  const run = recordingOf(text);
  const { program } = loadForDebugging(new SourceFile("lab.dma", text), memoryFiles());
  const outcome = runProgram(program!).outcomes.find(({ kind }) => kind !== "main")!;
  const index = new RunIndex(run);
  return { run, index, verdict: verdictOf(index, outcome) };
}

const READ = recordingOf(`${DISK}test "read" {
  let buf = alloc_pages(10, contiguous: false)
  wait ssd.submit(read, lba: 0, into: buf)
}`);

Deno.test("a page of a request is reserved, mapped, moved and unmapped, each from its event on", () => {
  const index = new RunIndex(READ);
  const [subject] = pictureSubjects(index, READ.last);
  const order: readonly PageState[] = ["none", "reserved", "mapped", "moved", "unmapped"];
  const before: PageState[] = [];
  for (let seq = 1; seq <= READ.log.count; seq++) {
    const view = pictureView(index, READ.afterEvent(seq), subject!, new Set());
    if (view === null) continue;
    assertEquals(view.pages.length, 10);
    view.pages.forEach(({ entry, mappedSeq, movedSeq, state, unmappedSeq, writtenSeq }, page) => {
      assert(
        Math.max(movedSeq ?? 0, unmappedSeq ?? 0, writtenSeq ?? 0, entry?.fetched ?? 0) <= seq,
      );
      assert(order.indexOf(state) >= order.indexOf(before[page] ?? "none"), `${seq} ${state}`);
      if (before[page] !== undefined && before[page] !== state) {
        const event =
          { mapped: mappedSeq, moved: movedSeq, unmapped: unmappedSeq }[state as "mapped"];
        assert(event === undefined || event === seq, `${state} at ${seq}, not ${event}`);
      }
      before[page] = state;
    });
  }
  assertEquals(new Set(before), new Set(["unmapped"]));
});

Deno.test("a picture has a box for each page and for each entry, and its file says the same as the page", () => {
  const index = new RunIndex(READ);
  const [subject] = pictureSubjects(index, READ.last);
  const moved = READ.afterEvent(READ.find("nvme.complete")!);
  const view = pictureView(index, moved, subject!, new Set())!;
  const drawing = pictureDrawing(view, moved.seq, 500);
  const boxes = (look: string) =>
    drawing.shapes.filter((shape) => shape.tag === "rect" && shape.look === look).length;
  assertEquals([boxes("moved"), boxes("read")], [20, 11]);
  const file = svgText(drawing);
  for (const { text } of drawing.shapes) assertStringIncludes(file, text ?? "");
  assertStringIncludes(file, "IOVA");
  assertEquals(pictureFile(READ, READ.afterEvent(0)), null);
  assertStringIncludes(pictureFile(READ, moved)!, "PRP2 list 0x");
  assertStringIncludes(timelineFile(READ), ">request 1</text>");
});

Deno.test("the verdict on an injected failure says what leaks, and marks the mapping that does", () => {
  const { run, verdict } = judged(`${DISK}test "two maps" {
  inject each {
    let a = try dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
    let b = try dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)
    if a.ok and b.ok {
      dma_unmap_phys(ssd, a.value, 4KiB, to_device)
      dma_unmap_phys(ssd, b.value, 4KiB, to_device)
    }
  }
}`);
  assertEquals(verdict.what, "Leak when `dma_map_phys` at lab.dma:4 fails the 1st time");
  assertEquals(verdict.why, [
    "It leaks: ssd: page-table entries of 4096 bytes at 0xffff_d000 not cleared, allocated at lab.dma:5:17",
    "It leaks: ssd: 4096-byte IOVA range at 0xffff_d000 not freed, allocated at lab.dma:5:17",
    "It leaks: 1 more mapping live than before",
    "4 of 4 places leak",
    "9 events of this run; the test's own run has 24",
  ]);
  assertEquals(verdict.leaked.map((seq) => run.event(seq).name), ["dma.map"]);
});

Deno.test("the verdict on a failed property has the smallest case and the defect that causes it", () => {
  const { verdict } = judged(`machine {
  kernel = "7.2.6"
  region area { at = 0x5000_0000, size = 2MiB }
  pci { root_port rp0 { nvme ssd { sgl = true, mdts = 128KiB } } }
}
property "a read fills every piece" forall count in [1, 34], size in [512B] {
  let parts = []
  for n in 0..count { parts = parts + [{ phys: area.at + n * 8KiB, size: size }] }
  let buf = buffer(segments: parts)
  ssd.read(lba: 0, into: buf)
  assert buf == ssd.media(lba: 0, bytes: buf.size)
}`);
  assertEquals(verdict.why.slice(-3, -1), [
    "minimal failing case: count = 34, size = 512B",
    "fixed by `quirks = [not gap_bit_lost_on_split]`",
  ]);
  assertStringIncludes(verdict.why.at(-1)!, " events of this case; all ");
});

Deno.test("a mapping that nothing unmaps is a verdict with its event, a lane and a red strip", () => {
  const { index, run, verdict } = judged(`${DISK}test "leak" {
  let buf = alloc_pages(1)
  let d = dma_map_phys(ssd, buf, 4KiB, to_device)
}`);
  const seq = run.find("dma.map")!;
  assertEquals([verdict.state, verdict.place, verdict.cause], ["failed", "lab.dma:4", seq]);
  assertEquals(verdict.leaked, [seq]);
  assertStringIncludes(verdictTitle(verdict, "lab.dma"), "✕ lab.dma:4 · ");
  const lanes = timelineView(run, verdict.leaked).lanes.filter(({ kind }) => kind === "mapping");
  assertEquals(lanes.flatMap(({ rows }) => rows.flat()).map(({ first }) => first), [seq]);
  const moment = { recording: run, position: run.last };
  const pieces = addressPieces(run, run.last, changedRows(moment, moment));
  const leaked = addressUses(run, pieces, new Set(verdict.leaked), 800)
    .flatMap(({ drawing }) => drawing.shapes).filter(({ look }) => look === "leaked");
  assertEquals(leaked.length, 2);
  const view = pictureView(index, run.last, { kind: "mappings", device: "ssd" }, new Set([seq]))!;
  const { dma } = view.pages[0]!;
  assert(dma > 0);
  assertStringIncludes(view.facts.find(({ isWrong }) => isWrong)!.text, "dma_unmap_phys(ssd, 0x");
});

Deno.test("an IOVA range that nothing frees is in the verdict, and red beside a mapping of its own", () => {
  const { run, verdict } = judged(`${DISK}test "leak" {
  let state = iova_state()
  dma_iova_try_alloc(ssd, state, phys: 0x4000_0000, size: 8KiB)
  let d = dma_map_phys(ssd, 0x4000_0000, 4KiB, to_device)
}`);
  assertEquals(verdict.leaked.map((seq) => run.event(seq).name), ["iova.alloc", "dma.map"]);
  const range = run.find("iova.alloc")!;
  const said = [verdict.what, ...verdict.why].join("\n");
  assertStringIncludes(said, `not freed; made in lab.dma:4, event ${range}`);
  assertStringIncludes(said, "not unmapped; made in lab.dma:5, event ");
  const moment = { recording: run, position: run.last };
  const pieces = addressPieces(run, run.last, changedRows(moment, moment));
  const red = addressUses(run, pieces, new Set(verdict.leaked), 800)
    .find(({ owner }) => owner === "ssd IOVA")!.drawing.shapes
    .filter(({ look }) => look === "leaked");
  assertEquals(red.length, 2);
});

Deno.test("what stays mapped is told in bytes, because each link of a range is a row", () => {
  const ended = (settings: string, live: number) =>
    judged(`${DISK}test "two pages of a range, and a third" ${settings} {
  let state = iova_state()
  dma_iova_try_alloc(ssd, state, phys: 0x4000_0000, size: 8KiB)
  dma_iova_link(ssd, state, 0x4000_0000, 0, 4KiB, to_device)
  dma_iova_link(ssd, state, 0x4000_8000, 4KiB, 4KiB, to_device)
  dma_iova_sync(ssd, state, 0, 8KiB)
  let d = dma_map_phys(ssd, 0x4000_0000, 4KiB, to_device)
  assert iommu.live_mappings == ${live}
}`).verdict.why.at(-1)!;
  assertStringIncludes(
    ended("with { leaks = allow }", 2),
    "; streaming mappings at the end: 12KiB in 3 pieces",
  );
  assertEquals(ended("", 3), "It stopped before it unmapped 12KiB in 2 pieces");
});

Deno.test("a list that is one range at the device is drawn where its memory lies", () => {
  const { run } = judged(`${DISK}test "three pages" with { leaks = allow } {
  let sg = scatterlist(buffer(pieces: 3, piece: 4KiB, stride: 8KiB))
  dma_map_sg(ssd, sg, from_device)
}`);
  const index = new RunIndex(run);
  const [subject] = pictureSubjects(index, run.last);
  const view = pictureView(index, run.last, subject!, new Set())!;
  const base = 0x4000_0000;
  const memory = [base, base + 0x2000, base + 0x4000];
  assertEquals(view.pages.map(({ phys, sizeBytes }) => [phys, sizeBytes]), [
    ...memory.map((phys) => [phys, 4096]),
  ]);
  const facts = new Map(view.facts.map(({ name, text }) => [name, text]));
  assertEquals(
    facts.get("mapped by"),
    "dma_map_sg(), 12KiB of memory 0x4000_0000 and 2 more places",
  );
  assertEquals(facts.get("page-table entries"), "12KiB, not cleared");
  const moment = { recording: run, position: run.last };
  const strip = addressPieces(run, run.last, changedRows(moment, moment))
    .filter(({ owner }) => owner === "memory");
  assertEquals(strip.map(({ start, end }) => [start, end - start]), [
    ...memory.map((phys) => [phys, 4096]),
  ]);
});

const SHORT_UNMAP = `${DISK}test "wrong size" {
  let mapping = dma_map_phys(ssd, 0x4000_0000, 8KiB, to_device)
  dma_unmap_phys(ssd, mapping, 4KiB, to_device)
}`;

Deno.test("a page opens at the report that its heading names, and not at what leaks beside it", () => {
  const { run, verdict } = judged(SHORT_UNMAP);
  assertEquals(verdict.what, "Unexpected report unmap_size");
  assert(verdict.leaked.length > 0);
  assertEquals(verdict.cause, run.find("dma.report"));
});

const DESTROYED_SHORT = `machine {
  kernel = "7.2.6"
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } }
}
test "the list allocation fails once" {
  let buf = buffer(size: 64KiB, fill: 0xaa)
  inject dma_pool_alloc nth 1 { ssd.read(lba: 0, into: buf) }
}`;

Deno.test("the leaks of a verdict are those of the leak report, with its numbers and its events", () => {
  for (
    const [text, said] of [
      [SHORT_UNMAP, [
        "page-table entries of 4096 bytes at 0xfffd_f000 not cleared; made in lab.dma:3, event 3",
        "4096-byte IOVA range at 0xfffd_f000 not freed",
      ]],
      [DESTROYED_SHORT, [
        "page-table entries of 61440 bytes at 0xfffd_1000 not cleared; made in lab.dma:8, event 6",
        "61440-byte IOVA range at 0xfffd_1000 not freed",
      ]],
    ] as const
  ) {
    const { run, verdict } = judged(text);
    const [leak, held] = said;
    assertEquals(verdict.why.filter((each) => /leak|held/i.test(each)), [
      `Leak: device "ssd": ${leak}`,
      `Also held: ${held}`,
    ]);
    assertEquals(verdict.leaked.map((seq) => run.event(seq).name), ["iommu.map"]);
    assertStringIncludes(leak, `event ${verdict.leaked[0]}`);
  }
});

/** The device address, the size and the state of each part of a picture, and its facts by name. */
function drawn(text: string, event: EventName | null) {
  const { index, run, verdict } = judged(text);
  const at = event === null ? run.last : run.afterEvent(run.find(event)!);
  const [subject] = pictureSubjects(index, at);
  const view = pictureView(index, at, subject!, new Set(verdict.leaked))!;
  const facts = new Map(view.facts.map(({ name, text }) => [name, text]));
  const parts = view.pages.map(({ dma, sizeBytes, state }) =>
    [dma, sizeBytes, state as string] as const
  );
  return { about: view.about, facts, parts };
}

Deno.test("of a mapping that is unmapped in part, the rest is drawn as never unmapped, in words, too", () => {
  const { about, facts, parts } = drawn(SHORT_UNMAP, null);
  assertEquals(parts, [[0xfffd_e000, 4096, "unmapped"], [0xfffd_f000, 4096, "leaked"]]);
  assertEquals(about, "0 mapped, 1 in part, 0 mappings gone");
  const rest = "4KiB from 0xfffd_f000 on";
  assertEquals(facts.get("IOVA range"), `4KiB freed, ${rest} not freed`);
  assertEquals(facts.get("page-table entry"), `4KiB cleared, ${rest} not cleared`);
  assertEquals([facts.get("unmapped"), facts.get("never unmapped")], [
    "in part",
    "4KiB at 0xfffd_f000",
  ]);
  // A later call may unmap the rest.
  const mended = SHORT_UNMAP.replace(
    "\n}",
    "\n  dma_unmap_phys(ssd, mapping.addr + 4KiB, 4KiB, to_device)\n}",
  );
  assertEquals(drawn(mended, "dma.unmap").parts.map(([, , state]) => state), [
    "unmapped",
    "mapped",
  ]);
  assertEquals(drawn(mended, "dma.unmap").facts.get("still mapped"), "4KiB at 0xfffd_f000");
  assertEquals(drawn(mended, null).parts.map(([, , state]) => state), ["unmapped", "unmapped"]);
  assertEquals(drawn(mended, null).facts.get("page-table entry"), "8KiB, cleared");
});

Deno.test("the strip is red where a part stays mapped, before the unmap of the other part, too", () => {
  const { run, verdict } = judged(SHORT_UNMAP);
  for (const event of ["dma.report", "dma.unmap"] as const) {
    const position = run.afterEvent(run.find(event)!);
    const pieces = addressPieces(run, position, []);
    const red = addressUses(run, pieces, new Set(verdict.leaked), 800)
      .flatMap(({ drawing }) => drawing.shapes).filter(({ look }) => look === "leaked");
    assertEquals(red.map(({ tip }) => tip), [
      // Memory is only mapped until its mapping is undone.
      ...event === "dma.report" ? [] : ["0x4000_1000 to 0x4000_1fff, 4KiB, line 3, leaked"],
      "0xfffd_f000 to 0xfffd_ffff, 4KiB, line 3, leaked",
    ]);
  }
});

Deno.test("of a range that is destroyed in part, the pages that stay linked are not drawn as unmapped", () => {
  const states = drawn(DESTROYED_SHORT, "nvme.unmap").parts.map(([, , state]) => state);
  assertEquals(states, ["unmapped", ...Array.from({ length: 15 }, () => "leaked")]);
  const before = drawn(DESTROYED_SHORT, "nvme.prp").parts.map(([, , state]) => state);
  assertEquals(new Set(before), new Set(["mapped"]));
});

Deno.test("the strip keeps what of a range is reserved and not linked beside the links, and what a short destroy leaves", () => {
  const text = `machine { iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { } } } }
test "links" with { leaks = allow } {
  let st = iova_state()
  assert dma_iova_try_alloc(nic, st, phys: 0x4000_0000, size: 16KiB)
  dma_iova_link(nic, st, 0x4000_0000, 0B, 4KiB, to_device)
  dma_iova_link(nic, st, 0x4000_8000, 8KiB, 4KiB, to_device)
  expect warning destroy_short { dma_iova_destroy(nic, st, mapped: 4KiB, dir: to_device) }
}`;
  const at = (event: EventName, nth: number) =>
    stripAt(text, event, nth).find(({ title }) => title.startsWith("nic"))!.tips;
  assertEquals(at("iommu.map", 0), ["4KiB, line 6, mapped", "12KiB, line 5, reserved"]);
  const both = ["4KiB, line 6, mapped", "4KiB, line 5, reserved", "4KiB, line 7, mapped"];
  assertEquals(at("iommu.map", 1), [...both, "4KiB, line 5, reserved"]);
  assertEquals(at("iova.free", 0), ["4KiB, line 8, freed", ...both.slice(1), both[1]]);
});

Deno.test("what failed, and which line: the verdict has the statement, its values and where they differ", () => {
  const { verdict } = judged(`${DISK}test "sizes" {
  let req = ssd.submit(read, lba: 0, into: alloc_pages(2, contiguous: false))
  step until req.mapped
  assert req.segments.map(s => s.size) == [4KiB, 8KiB]
}`);
  assertEquals([verdict.state, verdict.place], ["failed", "lab.dma:5"]);
  assertStringIncludes(verdict.what, "assert req.segments.map(s => s.size) == [4KiB, 8KiB]");
  assertStringIncludes(verdict.why[0]!, "map = [4KiB, 4KiB]");
  assertEquals(verdict.why.slice(1), ["they differ at [1]: 4KiB is not 8KiB"]);
});

Deno.test("which page leaked: the verdict names it, and only its own addresses are red", () => {
  const { run, verdict } = judged(`machine { iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } root_port rp1 { endpoint nic { } } } }
test "leak" {
  let mapped = [0x4000_0000, 0x4000_2000].map(page => dma_map_phys(nic, page, 4KiB, to_device))
  dma_unmap_phys(nic, mapped[0], 4KiB, to_device)
}`);
  assertEquals(verdict.place, "lab.dma:4");
  assertStringIncludes(verdict.what, "(physical 0x4000_2000, to_device, dma_map_phys())");
  assertStringIncludes(verdict.what, "not unmapped; made in lab.dma:4, event ");
  const moment = { recording: run, position: run.last };
  const uses = addressUses(
    run,
    addressPieces(run, run.last, changedRows(moment, moment)),
    new Set(verdict.leaked),
    800,
  );
  const red = uses.filter(({ drawing }) => drawing.shapes.some(({ look }) => look === "leaked"));
  assertEquals(red.map(({ owner }) => owner), ["memory", "nic IOVA"]);
});

Deno.test("who wrote this PRP: its box leads to the event, with the request and the line", () => {
  const index = new RunIndex(READ);
  const [subject] = pictureSubjects(index, READ.last);
  const view = pictureView(index, READ.last, subject!, new Set())!;
  const { shapes } = pictureDrawing(view, READ.last.seq, 500);
  const boxes = shapes.filter(({ look, tag }) => tag === "rect" && look === "read");
  assertEquals(boxes.length, 11);
  for (const { seq } of boxes) {
    const { name, request, span } = eventView(READ, seq!);
    assertEquals([name, request, span?.source.position(span.start).line], ["nvme.prp", 1, 4]);
  }
  const { writtenSeq } = view.pages[1]!;
  assertStringIncludes(pageLife(view.pages[1]!), `entry 0 written #${writtenSeq}`);
});

Deno.test("what did the device read after the unmap: the verdict has the bytes, the picture says unmapped", () => {
  const { index, run, verdict } = judged(`machine { iommu { mode = lazy }
  pci { root_port rp0 { endpoint nic { } } } }
test "after" {
  let page = alloc_pages(1)
  let addr = dma_map_phys(nic, page, 4KiB, to_device)
  nic.dma_read(addr, 2B)
  dma_unmap_phys(nic, addr, 4KiB, to_device)
  page.fill(0xc3)
  let seen = nic.dma_read(addr, 2B)
  assert seen == bytes"00 00"
}`);
  assertEquals(verdict.why[0], 'seen = bytes"c3 c3"');
  const at = run.afterEvent(verdict.cause!);
  assertEquals(eventView(run, at.seq).name, "dma.report");
  const view = pictureView(index, at, { kind: "mappings", device: "nic" }, new Set())!;
  assertEquals(view.pages.map(({ state }) => state), ["unmapped"]);
});

Deno.test("a timeline of many events is drawn with as many shapes as it has pixels", () => {
  const run = recordingOf(`${DISK}let buf = alloc_pages(1)
for n in 0..3000 {
  let a = dma_map_phys(ssd, buf, 4KiB, to_device)
  dma_unmap_phys(ssd, a, 4KiB, to_device)
}`);
  const view = timelineView(run);
  for (const sight of [{ from: 0, to: 1 }, { from: 0.4, to: 0.401 }]) {
    const scale = new TimelineScale(run, "events", sight, 1000);
    const { shapes } = timelineDrawing(view, scale, []);
    assert(shapes.length < 1000, `${shapes.length} shapes`);
    for (const x of [100, 500, 999]) {
      const seq = scale.eventAt(x);
      assert(scale.xOf(seq) <= x && scale.xOf(seq + 1) > x - 0.001);
    }
  }
});

Deno.test("calls fold: a closed one hides what is inside, and every event is in exactly one row or call", () => {
  const index = new RunIndex(READ);
  const shut = index.rows(() => false);
  const open = index.rows(() => true);
  const calls = [...open].filter((seq) => eventView(READ, seq).name.startsWith("call."));
  assertEquals(open.length + calls.length, READ.log.count);
  let next = 1;
  for (const seq of shut) {
    assertEquals(seq, next);
    next = Math.max(seq, index.partners[seq]!) + 1;
  }
  assertEquals(next, READ.log.count + 1);
  for (const call of calls) {
    const [first, last] = [call + 1, index.partners[call]! - 1];
    if (first <= last) assertEquals(index.depths[first], index.depths[call]! + 1);
    for (let seq = first; seq <= last; seq++) {
      const around = index.callAround(seq)!;
      assert(around >= call && index.partners[around]! > seq);
    }
  }
});

Deno.test("entries in no mapping of their request are in its picture, in red, with a fact", () => {
  const run = recordingOf(`machine {
    kernel = "7.2.6"
    region area { at = 0x5000_0000, size = 2MiB }
    pci { root_port rp0 { nvme ssd { sgl = true, mdts = 128KiB } } }
  }
  let parts = []
  for n in 0..34 { parts = parts + [{ phys: area.at + n * 8KiB, size: 512B }] }
  ssd.read(lba: 0, into: buffer(segments: parts))`);
  const index = new RunIndex(run);
  const [subject] = pictureSubjects(index, run.last);
  const view = pictureView(index, run.last, subject!, new Set())!;
  assertEquals(view.outside.map(({ dma }) => dma), [
    0x5000_1000,
    0x5000_2000,
    0x5000_3000,
    0x5000_4000,
  ]);
  const red = pictureDrawing(view, run.last.seq, 800).shapes
    .filter(({ look, tag }) => tag === "text" && look === "bad").map(({ text }) => text);
  assertEquals(red, [
    ...Array.from({ length: 32 }, () => "not mapped"),
    "0    0x5000_1000, in no mapping",
    ...[1, 2, 3].map((n) => `${n}    0x5000_${n + 1}000, in no mapping`),
  ]);
  assertEquals(view.facts.map(({ isWrong, text }) => [isWrong, text]), [
    [
      true,
      'device_outside_buffer: Device "ssd" writes 4096 bytes at 0x5000_0000, from 0x5000_0200 on outside every mapped buffer',
    ],
    [true, "4 entries in no mapping of the request, from 0x5000_1000 on"],
    [true, "32 segments not mapped, from 0x5000_2000 on"],
  ]);
  assertEquals(view.about, "ssd, prp, 33 segments, OK");
  assertEquals(view.pages.map(({ isMissing, state }) => [isMissing, state]), [
    [false, "unmapped"],
    ...Array.from({ length: 32 }, () => [true, "none"]),
  ]);
  // Nothing is missing before the command is sent.
  const before = pictureView(index, run.afterEvent(9), subject!, new Set())!;
  assertEquals(before.pages.some(({ isMissing }) => isMissing), false);
  const sound = new RunIndex(READ);
  const [own] = pictureSubjects(sound, READ.last);
  assertEquals(pictureView(sound, READ.last, own!, new Set())!.outside, []);
});

Deno.test("the verdict of an unexpected report says what happened, and not the last statement of the test", () => {
  const { index, run, verdict } = judged(`machine {
  kernel = "7.2.6"
  checker = fail
  pci { root_port rp0 { nvme ssd { metadata = 64B } } }
}
test "metadata in two pieces" {
  let buf = buffer(size: 512B)
  let meta = buffer(pieces: 2, piece: 32B, stride: 32B)
  let io = ssd.submit(read, lba: 0, into: buf, metadata: meta)
  wait io
  assert io.status == OK
}`);
  const what =
    'Device "ssd" writes 64 bytes at 0x4000_1000, from 0x4000_1020 on outside every mapped buffer: nothing is ' +
    "translated, so nothing stops the device, and no kernel sees it, next to the mapping of 32 bytes at " +
    "0x4000_1000 (physical 0x4000_1000, from_device, dma_map_phys())";
  assertEquals([verdict.what, verdict.why[0]], [
    "Unexpected report device_outside_buffer",
    what,
  ]);
  const at = run.afterEvent(verdict.cause!);
  const [subject] = pictureSubjects(index, at);
  assertEquals(pictureView(index, at, subject!, new Set())!.facts, [{
    name: "incident",
    text: `device_outside_buffer: ${what.split(": ")[0]}`,
    seq: verdict.cause,
    isWrong: true,
  }]);
});

Deno.test("a fault that was injected is said to be, and not that its memory is missing", () => {
  const { index, run, verdict } = judged(`${DISK}test "read" {
  let io = ssd.submit(write, lba: 0, from: alloc_pages(2, contiguous: false))
  inject device.read nth 2 { wait io }
}`);
  const fault = run.find("iommu.fault")!;
  assertEquals(verdict.cause, fault);
  assertMatch(verdict.why[0]!, /^iommu\.fault +dma 0x\w+ read unreachable: injected$/);
  assertMatch(whyView(run, run.afterEvent(fault))!.why, /^the access was made to fail/);
  const view = pictureView(
    index,
    run.afterEvent(fault),
    pictureSubjects(index, run.last)[0]!,
    new Set(),
  )!;
  assertMatch(view.facts[0]!.text, /^fault: read of 0x\w+, unreachable: injected$/);
});

Deno.test("a warning of the kernel is no fault and no report", () => {
  const said = (body: string) =>
    judged(`machine { iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } endpoint gpu { bar = 16MiB } } root_port rp1 { endpoint nic { } } } }
test "t" { ${body} }`).verdict.why;
  const route = "pci_p2pdma_add_resource(gpu, 0, 4MiB); print pci_p2pdma_map_type(gpu, nic)";
  assertEquals(said(route).slice(1), ["1 kernel warning"]);
  assertEquals(
    said(`${route}; nic.dma_write(0x5000 as dma, bytes"de") faults not_present`).slice(1),
    [
      "1 fault, all expected; 1 kernel warning",
    ],
  );
});

Deno.test("a further report is not told as one before the report that the heading names", () => {
  const { verdict } = judged(
    `machine { iommu { mode = strict } pci { root_port rp0 { endpoint nic { } } } }
test "two reports" {
  let mapped = dma_map_phys(nic, 0x4000_0000, 8KiB, to_device)
  dma_unmap_phys(nic, mapped, 4KiB, to_device)
  dma_unmap_phys(nic, mapped.addr + 4KiB, 4KiB, to_device)
}`,
  );
  assertEquals(verdict.what, "Unexpected report unmap_size");
  assertEquals(verdict.why.filter((line) => line.includes("no statement expects")), [
    'Also, a report that no statement expects: unmap_unknown, in lab.dma:5: dma_unmap_phys() on device "nic" of ' +
    "4096 bytes at 0xffff_f000: no mapping begins there; the one around it, of 8192 bytes at 0xffff_e000, has been " +
    "unmapped (mapped at lab.dma:3:3)",
  ]);
});

const LAZY = `machine { iommu { mode = lazy }
  pci { root_port rp0 { endpoint nic { } } } }
test "lazy" {
  let page = alloc_pages(1)
  let one = dma_map_phys(nic, page, 4KiB, to_device)
  let other = dma_map_phys(nic, page, 4KiB, to_device)
  dma_unmap_phys(nic, other, 4KiB, to_device)
  advance 20ms
  dma_unmap_phys(nic, one, 4KiB, to_device)
}`;

/** The facts of the last mapping of a test after an event, with the name of the event that each leads to. */
function undone(text: string, event: EventName, nth = 0) {
  const { index, run, verdict } = judged(text);
  const seqs = run.log.between(0, run.log.count).filter(({ name }) => name === event).map((
    { seq },
  ) => seq);
  const at = run.afterEvent(seqs[nth]!);
  const view = pictureView(
    index,
    at,
    { kind: "mappings", device: text.includes("nic") ? "nic" : "ssd" },
    new Set(verdict.leaked),
  )!;
  const of = (wanted: string) => {
    const fact = view.facts.find(({ name }) => name === wanted)!;
    return [fact.text, run.log.nameAt(fact.seq!), fact.seq] as const;
  };
  return { run, range: of("IOVA range"), entry: of("page-table entry") };
}

Deno.test("a fact that a mapping is undone leads to the event that undid it, and not to its allocation", () => {
  const text = LAZY.replace("lazy", "strict");
  const { entry, range, run } = undone(text, "dma.unmap");
  assertEquals(range, ["4KiB, freed", "iova.free", run.find("iova.free")!]);
  assertEquals(entry, ["4KiB, cleared", "iommu.unmap", run.find("iommu.unmap")!]);
  const before = undone(text, "iommu.unmap");
  assertEquals(before.range.slice(0, 2), ["4KiB, not freed", "iova.alloc"]);
  const part = undone(SHORT_UNMAP, "dma.unmap");
  assertEquals(part.range.slice(0, 2), [
    "4KiB freed, 4KiB from 0xfffd_f000 on not freed",
    "iova.free",
  ]);
});

Deno.test("the range of a lazy unmap is told as freed when the flush queue drains, and not before", () => {
  const queued = undone(LAZY, "dma.unmap");
  const wait = "4KiB, in the flush queue, not freed until it drains";
  assertEquals(queued.range, [wait, "iova.free", queued.run.find("iova.free")!]);
  assertEquals(queued.entry.slice(0, 2), ["4KiB, cleared", "iommu.unmap"]);
  assertEquals(undone(LAZY, "flush_queue.flush").range[0], wait);
  const drained = undone(LAZY, "iova.free", 1);
  const [, second] = drained.run.log.between(0, drained.run.log.count).filter(({ name }) =>
    name === "iova.free"
  );
  assertEquals(drained.range, ["4KiB, freed", "iova.free", second!.seq]);
});

/** The titles and the labels of the strips after an event, with the changes of that event. */
function stripAt(text: string, event: EventName, nth = 0) {
  const { run } = judged(text);
  const { seq } = run.log.between(0, run.log.count).filter(({ name }) => name === event)[nth]!;
  const [before, at] = [run.afterEvent(seq - 1), run.afterEvent(seq)].map((position) => ({
    recording: run,
    position,
  }));
  const pieces = addressPieces(run, at!.position, changedRows(before!, at!));
  return addressUses(run, pieces, new Set(), 800).map(({ drawing, title }) => ({
    title,
    tips: drawing.shapes.flatMap(({ tip }) =>
      tip === undefined ? [] : [tip.replace(/^\S+ to \S+ /, "")]
    ),
  }));
}

Deno.test("a strip keeps a range in the flush queue, and calls memory unmapped, not freed", () => {
  const queued = stripAt(LAZY, "iova.free").find(({ title }) => title.startsWith("nic"))!.tips;
  assert(queued.includes("4KiB, line 7, in the flush queue, reserved"), queued.join("\n"));
  const still = stripAt(LAZY, "dma.unmap").find(({ title }) => title.startsWith("nic"))!.tips;
  assert(still.includes("4KiB, line 7, in the flush queue, reserved"), still.join("\n"));
  const drained = stripAt(LAZY, "iova.free", 1).find(({ title }) => title.startsWith("nic"))!.tips;
  assert(drained.some((tip) => tip.endsWith(", freed")), drained.join("\n"));
  const memory = stripAt(LAZY, "dma.unmap", 1).find(({ title }) => title.startsWith("memory"))!;
  assert(memory.tips.includes("4KiB, line 9, unmapped"), memory.tips.join("\n"));
});

Deno.test("memory that is mapped twice counts once in what a strip says is mapped", () => {
  const titles = stripAt(LAZY, "dma.map", 1).map(({ title }) => title);
  assertEquals(titles, ["memory, 4KiB mapped", "nic IOVA, 8KiB mapped"]);
});

Deno.test("a verdict has all of the terminal's message: sizes, what is already unmapped, and the other line", () => {
  const text = (body: string) =>
    `machine { iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { } } } }
fn release(device, m) {
  dma_unmap_phys(device, m, 4KiB, to_device)
}
test "t" {
  let m = dma_map_phys(nic, 0x4000_0000, 4KiB, to_device)
  ${body}
}`;
  const mapping = "mapping of 4096 bytes at 0xffff_f000";
  const unmap = "dma_unmap_phys(nic, m, 4KiB, to_device)";
  for (
    const [body, what, why] of [
      [`${unmap}\n  ${unmap}`, "Unexpected report unmap_unknown", [
        `dma_unmap_phys() on device "nic" of 4096 bytes at 0xffff_f000: already unmapped: the ${mapping}`,
        "mapped here: line 7",
      ]],
      ["dma_unmap_phys(nic, m, 4KiB, from_device)", "Unexpected report unmap_direction", [
        'dma_unmap_phys() direction mismatch on device "nic": from_device passed, to_device mapped, for the ' +
        `${mapping} (physical 0x4000_0000, to_device, dma_map_phys())`,
        "mapped here: line 7",
      ]],
      [`${unmap}\n  nic.dma_read(m.addr, 4B)`, "Unexpected fault not_present", [
        "iommu.fault  dma 0xffff_f000 read not_present",
        "unmapped here: line 8",
      ]],
      [`${unmap}\n  inject each { print "x" }`, "Nothing in this block can fail", [
        "0 places tried",
      ]],
    ] as const
  ) {
    const { verdict } = judged(text(body));
    assertEquals([verdict.what, verdict.why], [what, why]);
  }
  // What does not fail is told, too.
  const clean = text(`${unmap}\n  ${unmap}`).replace(
    "machine {",
    "machine {\n  checker = report\n ",
  );
  const { verdict } = judged(clean);
  assertEquals([verdict.state, verdict.why.slice(-2)], ["warned", [
    "1 finding that no statement expects",
    'unmap_unknown, in lab.dma:11: dma_unmap_phys() on device "nic" of 4096 bytes at 0xffff_f000: already unmapped: ' +
    `the ${mapping} (mapped at lab.dma:9:3)`,
  ]]);
});

Deno.test("a page opens at the statement that failed, with what led to it beside it", () => {
  const at = (text: string) => {
    const { run, verdict } = judged(text);
    const span = run.statement(verdict.failedAt!)!.span;
    return [
      verdict.cause,
      span.source.position(span.start).line,
      verdict.failedAt!.seq === run.last.seq,
    ];
  };
  const mapped = "let m = dma_map_phys(ssd, 0x4000_0000, 4KiB, to_device)";
  const unmapped = "dma_unmap_phys(ssd, m, 4KiB, to_device)";
  // No event belongs to the assertion: the last event is not what failed.
  assertEquals(
    at(`${DISK}test "t" {\n  ${mapped}\n  ${unmapped}\n  let n = 3\n  assert n == 4\n}`),
    [null, 6, true],
  );
  // A report came before; the assertion is what failed.
  const [cause, line, isEnd] = at(
    `${DISK}test "t" {\n  ${mapped}\n  ${unmapped}\n  ${unmapped}\n  assert 3 == 4\n}`,
  );
  assert(cause !== null);
  assertEquals([line, isEnd], [6, true]);
  // An incident and a leak are judged at the end, and lie before it.
  assertEquals(
    at(
      `${DISK}test "t" {\n  ${mapped}\n  ${unmapped}\n  ${unmapped}\n  print "x"\n  ssd.read(lba: 0, into: alloc_pages(1))\n}`,
    )
      .slice(1),
    [5, false],
  );
  assertEquals(
    at(`${DISK}test "t" {\n  ${mapped}\n  ssd.read(lba: 0, into: alloc_pages(1))\n}`).slice(1),
    [
      3,
      false,
    ],
  );
});

Deno.test("what one statement leaks is listed once, as the leak report lists it, with the number of the others", () => {
  const { index, run, verdict } = judged(`machine { pci { root_port rp0 { endpoint nic { } } } }
test "list" {
  dma_map_phys(nic, 0x2000_0000, 4KiB, to_device)
  dma_map_sg(nic, scatterlist([
    { phys: 0x1000_0000, size: 4KiB },
    { phys: 0x1000_2000, size: 4KiB },
    { phys: 0x1000_4000, size: 4KiB },
  ]), to_device)
}`);
  const said = [verdict.what, ...verdict.why].join("\n");
  assertEquals(said.match(/^Leak: /gm)!.length, 2);
  assertStringIncludes(said, "and 2 more by the same statement");
  assertEquals(verdict.leaked.length, 4);
  const [single, list, ...others] = leaksByStatement(run, verdict.leaked);
  assertEquals([single!.more, list!.more, others], [0, 2, []]);
  const lanes = timelineView(run, verdict.leaked).lanes.filter(({ kind }) => kind === "mapping");
  assertEquals(lanes.flatMap(({ rows }) => rows.flat()).map(({ text }) => text), [
    "never unmapped",
    "never unmapped ×3",
  ]);
  const view = pictureView(
    index,
    run.last,
    { kind: "mappings", device: "nic" },
    new Set(verdict.leaked),
  )!;
  assertEquals(view.facts.at(-1)!.text, "dma_unmap_sg(nic, sg, to_device)");
});

Deno.test("a verdict says why its run has fewer events than the terminal counts, and how many runs were tried", () => {
  const nic = "machine { pci { root_port rp0 { endpoint nic { } } } }\n";
  const once =
    "dma_unmap_phys(nic, dma_map_phys(nic, 0x1000_0000, 4KiB, to_device), 4KiB, to_device)";
  const cases = judged(`${nic}property "p" forall n in [1, 2] { repeat n { ${once} } }`);
  assertEquals(cases.verdict.why[1], "12 events of this case; all 2 cases have 18");
  assertEquals(cases.run.log.count, 12);
  const sweep = judged(`${nic}test "t" {
  inject each {
    let a = try dma_map_phys(nic, 0x1000_0000, 4KiB, to_device)
    if a.ok { dma_unmap_phys(nic, a.value, 4KiB, to_device) }
  }
  race { print 1 } and { print 2 }
}`);
  assertStringIncludes(sweep.verdict.why[0]!, "; 1 place tried; 2 orders tried; ");
  assertEquals(sweep.verdict.why.length, 1);
});

const BOUNCED = `machine {
  swiotlb { size = 1MiB }
  iommu { mode = strict }
  pci {
    root_port rp0 { nvme ssd { metadata = 8B, untrusted = true } }
    root_port rp1 { endpoint nic { untrusted = true } }
  }
}
`;

Deno.test("a picture has the metadata with MPTR, and the bounce buffers to which the addresses lead", () => {
  const run = recordingOf(`${BOUNCED}test "t" {
  let meta = buffer(size: 16B)
  wait ssd.submit(read, lba: 0, into: buffer(size: 1KiB), metadata: meta)
}`);
  const index = new RunIndex(run);
  const [subject] = pictureSubjects(index, run.last);
  const view = pictureView(index, run.last, subject!, new Set())!;
  assertEquals(
    view.pages.map(({ entry, sizeBytes, state }) => [sizeBytes, entry!.label.trim(), state]),
    [
      [1024, "PRP1", "unmapped"],
      [16, "MPTR", "unmapped"],
    ],
  );
  assertEquals(view.about, "ssd, simple_prp, 1 segment, OK");
  // MPTR is empty until its memory is mapped.
  const mapped = view.pages[1]!.entry!.seq!;
  assertEquals(run.event(mapped).name, "dma.map");
  const looks = [mapped - 1, mapped].map((seq) =>
    pictureDrawing(view, seq, 800).shapes.findLast(({ tag }) => tag === "rect")!.look
  );
  assertEquals(looks, ["none", "plain"]);
  const copies = run.log.between(0, run.log.count)
    .flatMap((event) => event.name === "swiotlb.map" ? [Number(event.fields.tlb_phys)] : []);
  assertEquals(view.pages.map(({ bounce }) => bounce), copies);
  const file = svgText(pictureDrawing(view, run.last.seq, 800));
  for (const copy of copies) assertStringIncludes(file, ` ⇄ ${formatAddress(copy)}`);
  assertStringIncludes(file, "physical memory ⇄ bounce buffer");
  assertEquals(view.addressTitle, "IOVA");
});

Deno.test("a bounced mapping has its bounce buffer, and without an IOMMU the device has that address itself", () => {
  const view = (mode: string) => {
    const run = recordingOf(`${BOUNCED.replace("strict", mode)}test "t" {
  dma_map_phys(nic, 0x4000_0200, 512B, to_device)
}`);
    return pictureView(
      new RunIndex(run),
      run.last,
      { kind: "mappings", device: "nic" },
      new Set(),
    )!;
  };
  const [page] = view("strict").pages;
  assert(page!.bounce !== null && page!.bounce !== page!.dma);
  const forced = recordingOf(`machine {
  swiotlb { size = 1MiB, force = true }
  pci { root_port rp1 { endpoint nic { } } }
}
test "t" { dma_map_phys(nic, 0x4000_0200, 512B, to_device) }`);
  const own = pictureView(
    new RunIndex(forced),
    forced.last,
    { kind: "mappings", device: "nic" },
    new Set(),
  )!;
  assertEquals([own.path, own.addressTitle, own.pages[0]!.bounce], [
    "swiotlb",
    "bounce buffer",
    null,
  ]);
});

Deno.test("a mapping that bounces in part has each part where its address leads", () => {
  const run = recordingOf(`machine { iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { untrusted = true, min_align = 4KiB } } } }
test "head and tail" with { leaks = allow } {
  let st = iova_state()
  let b = buffer(size: 10000B, offset: 1000B)
  assert dma_iova_try_alloc(nic, st, phys: b.phys, size: 10000B)
  dma_iova_link(nic, st, b.phys, 0B, 10000B, from_device)
}`);
  const index = new RunIndex(run);
  const view = pictureView(index, run.last, { kind: "mappings", device: "nic" }, new Set())!;
  const copies = run.log.between(0, run.log.count)
    .flatMap((event) => event.name === "swiotlb.map" ? [Number(event.fields.tlb_phys)] : []);
  assertEquals(view.pages.map(({ bounce, phys, sizeBytes }) => [phys, sizeBytes, bounce]), [
    [0x4000_03e8, 3096, copies[0]],
    [0x4000_1000, 4096, null],
    [0x4000_2000, 2808, copies[1]],
  ]);
  assertEquals(view.addressTitle, "IOVA");
  // Memory that bounces is not what the device reaches.
  const titles = addressUses(run, addressPieces(run, run.last, []), new Set(), 800)
    .map(({ title }) => title);
  assertEquals(titles[0], "memory, 10000B mapped");
});

Deno.test("addresses of several kinds each say what they are", () => {
  const said = (text: string) => {
    const run = recordingOf(text);
    const index = new RunIndex(run);
    const view = pictureView(index, run.last, pictureSubjects(index, run.last)[0]!, new Set())!;
    const texts = pictureDrawing(view, run.last.seq, 900).shapes.flatMap(({ text = "" }) => text);
    return {
      title: view.addressTitle,
      shown: texts.filter((text) => / (?:bounce|physical|PCI|IOVA)/.test(text)),
      lives: view.pages.map((page) => /, ([\w ]+) 0x[\w]+: /.exec(pageLife(page))![1]),
    };
  };
  const bounced = `machine {
  ram { size = 8GiB }
  region high { at = 0x1_8000_0000, size = 16MiB }
  swiotlb { size = 1MiB }
  pci { root_port rp0 { endpoint nic { dma_mask_bits = 32, coherent = true } } }
}
test "t" with { leaks = allow } {
  let sg = scatterlist([{ phys: high.at, size: 4KiB }, { phys: 0x1000_0000, size: 4KiB }])
  dma_map_sg(nic, sg, to_device)
}`;
  assertEquals(said(bounced), {
    title: "DMA address",
    shown: ["0x7ff0_0000 bounce buffer", "0x1000_0000 physical address"],
    lives: ["bounce buffer", "physical address"],
  });
  const peer = `machine { iommu { mode = strict }
  pci { root_port rp0 { switch sw0 { nvme ssd { } endpoint gpu { bar = 16MiB } } } } }
test "t" with { leaks = allow } {
  pci_p2pdma_add_resource(gpu, 0, 4MiB)
  let sg = scatterlist([pci_alloc_p2pmem(gpu, 8KiB), alloc_pages(1)])
  dma_map_sg(ssd, sg, from_device)
}`;
  assertEquals(said(peer), {
    title: "DMA address",
    shown: ["0xc000_0000 PCI bus address", "0xffff_d000 IOVA"],
    lives: ["PCI bus address", "IOVA"],
  });
  const ranged = `machine {
  ram { size = 4GiB }
  pci { root_port rp0 { endpoint soc { ranges = [{ cpu: 0x4000_0000, dma: 0, size: 1GiB }] } } }
}
test "t" with { leaks = allow } { dma_map_phys(soc, 0x4100_0000, 4KiB, from_device) }`;
  assertEquals(said(ranged), {
    title: "bus address",
    shown: [],
    lives: ["bus address"],
  });
});

Deno.test("of a trace, whose mappings are one event each, the strip has the IOVAs, and the verdict says so", () => {
  const { run } = judged(`${DISK}test "t" {
  let m = dma_map_phys(ssd, 0x4000_0000, 8KiB, to_device)
  dma_map_phys(ssd, 0x4100_0000, 4KiB, to_device)
  dma_unmap_phys(ssd, m, 8KiB, to_device)
}`);
  const index = new RunIndex(run);
  assertEquals(verdictOf(index, null).why.some((each) => each.includes("page table")), false);
  let text = "";
  const writer = new TraceLineWriter((part) => void (text += part), "test");
  const machine = run.timeline.at(START, ({ vm }) => vm.lab.config);
  writer.run("lab.dma", { ...run.name, machine }, () => "lab.dma:3:1");
  const events = run.log.between(0, run.log.count)
    .filter(({ name }) => name === "dma.map" || name === "dma.unmap");
  events.forEach((event, index) => writer.event({ ...event, seq: index + 1 }));
  writer.end();
  const [traced] = keptTraces(text, { name: "t", textOf: () => null }) as readonly RecordedRun[];
  const view = verdictOf(new RunIndex(traced!), null);
  assertEquals(view.why.slice(0, 2), [
    "3 events",
    "each with the lines of its page table and IOVA",
  ]);
  const titles = addressUses(traced!, addressPieces(traced!, traced!.last, []), new Set(), 800)
    .map(({ title }) => title);
  assertEquals(titles, ["memory, 4KiB mapped", "ssd IOVA, 4KiB mapped"]);
});

const RETRIED = `${DISK}test "retried" {
  let io = ssd.submit(read, lba: 0, into: alloc_pages(2, contiguous: false))
  step until io.mapped
  expect warning range_unmapped { dma_unmap_phys(ssd, io.iova.start, 8KiB, from_device) }
  wait io
}`;

Deno.test("a picture of a request that is attempted again has the attempt at its position alone", () => {
  const { index, run } = judged(RETRIED);
  const seqs = (name: EventName) =>
    run.log.between(0, run.log.count).flatMap((event) => event.name === name ? [event.seq] : []);
  const at = (seq: number) =>
    pictureView(index, run.afterEvent(seq), { kind: "request", request: 1 }, new Set())!;
  const [again] = seqs("nvme.unmap");
  const moved = seqs("nvme.data").at(-1)!;
  const second = at(moved);
  assertEquals(second.phases.map(({ phase, seq }) => [phase, seq]), [
    ["mapped", seqs("nvme.choose")[1]],
    ["sent", seqs("nvme.submit")[1]],
    ["fetched", seqs("nvme.fetch")[1]],
  ]);
  assertEquals(second.about, "ssd, prp, 2 segments, attempt 2");
  assertEquals(second.facts, []);
  for (const { entry, mappedSeq, movedSeq, state, unmappedSeq, writtenSeq } of second.pages) {
    assertEquals([state, unmappedSeq], ["moved", null]);
    for (const seq of [entry!.fetched, mappedSeq, movedSeq, writtenSeq]) assert(seq! > again!);
  }
  // Between the attempts, the position is in the first one: nothing of the second one is in its picture.
  const first = at(again! + 1);
  assertEquals(run.log.requestAt(again! + 1), null);
  assertEquals(first.phases.map(({ phase }) => phase), [
    "mapped",
    "sent",
    "fetched",
    "completed",
    "unmapped",
  ]);
  assertEquals(first.about, "ssd, prp, 2 segments");
  for (const { entry, mappedSeq, movedSeq, state, writtenSeq } of first.pages) {
    assertEquals([state, movedSeq], ["unmapped", null]);
    for (const seq of [entry!.fetched, mappedSeq, writtenSeq]) assert(seq! < again!);
  }
  assertEquals(first.facts.map(({ name, text }) => [name, text.split(" ")[0]]), [
    ["1 of 2", "fault:"],
  ]);
});

Deno.test("a request whose memory could not be mapped at first has the segments of one attempt", () => {
  const { index, run } = judged(`${DISK}test "mapped again" {
  inject dma_iova_link nth 2 { ssd.read(lba: 0, into: alloc_pages(2, contiguous: false)) }
}`);
  const at = (seq: number) => {
    const { about, pages } = pictureView(index, run.afterEvent(seq), {
      kind: "request",
      request: 1,
    }, new Set())!;
    return [about, ...pages.map(({ state }) => state)];
  };
  assertEquals(at(run.find("block.status")!), ["ssd, 2 segments", "unmapped", "none"]);
  assertEquals(at(run.find("nvme.complete")!), [
    "ssd, prp, 2 segments, attempt 2",
    "moved",
    "moved",
  ]);
  // The end of an iterator is not that of the attempt: the metadata is mapped after the data.
  const whole = recordingOf(`machine {
  pci { root_port rp0 { nvme ssd { metadata = 8B, sgl = true, sgl_threshold = 4KiB } } }
}
test "t" {
  wait ssd.submit(read, lba: 0, into: alloc_pages(4, contiguous: false), metadata: buffer(size: 256B))
}`);
  const mapped = whole.log.between(0, whole.log.count).filter(({ name }) => name === "dma.map");
  assert(mapped.at(-1)!.seq > whole.find("block.status")!);
  const [subject] = pictureSubjects(new RunIndex(whole), whole.last);
  const view = pictureView(new RunIndex(whole), whole.last, subject!, new Set())!;
  assert(!view.about.includes("attempt"), view.about);
});

Deno.test("memory of a mapping that is gone stays mapped where its entries still lead to it", () => {
  const memory = (text: string, event: EventName, nth = 0) =>
    stripAt(text, event, nth).find(({ title }) => title.startsWith("memory"))!;
  const short = memory(SHORT_UNMAP, "dma.unmap");
  assertEquals(short.title, "memory, 4KiB mapped");
  assertEquals(short.tips, ["4KiB, line 4, unmapped", "4KiB, line 3, mapped"]);
  assertEquals(memory(SHORT_UNMAP, "ret.dma_unmap_phys").tips, ["4KiB, line 3, mapped"]);
  // Entries of another device at the same IOVA are not those of the mapping, nor do they hide its own.
  const machine = "machine { iommu { mode = strict } pci { root_port rp0 { endpoint nic { } } " +
    "root_port rp1 { endpoint hba { } } } }\n";
  const two = memory(
    `${machine}test "two" {
  let one = dma_map_phys(nic, 0x4000_0000, 8KiB, to_device)
  let other = dma_map_phys(hba, 0x5000_0000, 8KiB, to_device)
  assert one.addr == other.addr
  dma_unmap_phys(nic, one, 4KiB, to_device)
}`,
    "dma.unmap",
  );
  assertEquals(two.title, "memory, 12KiB mapped");
  // The pages of a list that is one range for the device are in several places.
  const { run } = judged(`${machine}test "list" {
  dma_map_sg(nic, scatterlist([
    { phys: 0x4000_0000, size: 4KiB },
    { phys: 0x4800_0000, size: 4KiB },
  ]), to_device)
  dma_unmap_phys(nic, 0xffff_e000, 4KiB, to_device)
}`);
  assertEquals(
    addressPieces(run, run.last, []).filter(({ space }) => space === "phys")
      .map(({ end, kind, start }) => [kind, start, end]),
    [["mapped", 0x4800_0000, 0x4800_1000]],
  );
  const destroyed = memory(
    `${machine}test "destroyed short" {
  let st = iova_state()
  assert dma_iova_try_alloc(nic, st, phys: 0x4000_0000, size: 8KiB)
  dma_iova_link(nic, st, phys: 0x4000_0000, offset: 0, size: 8KiB, dir: to_device)
  dma_iova_sync(nic, st, offset: 0, size: 8KiB)
  dma_iova_destroy(nic, st, mapped: 4KiB, dir: to_device)
}`,
    "ret.dma_iova_destroy",
  );
  assertEquals([destroyed.title, destroyed.tips], ["memory, 4KiB mapped", [
    "4KiB, line 5, mapped",
  ]]);
  // What a later call unmaps is no longer mapped.
  const mended = SHORT_UNMAP.replace(
    "\n}",
    "\n  dma_unmap_phys(ssd, mapping.addr + 4KiB, 4KiB, to_device)\n}",
  );
  assertEquals(memory(mended, "iommu.unmap").title, "memory, 8KiB mapped");
  const titles = stripAt(mended, "ret.dma_unmap_phys", 1).map(({ title }) => title);
  assertEquals(titles.filter((title) => title.startsWith("memory")), []);
});

Deno.test("a request that is only queued says so, and has no addresses", () => {
  const { index, run } = judged(`machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { mdts = 8KiB } } }
}
test "queued" {
  ssd.submit(read, lba: 0, into: alloc_pages(6, contiguous: false))
}`);
  const subjects = pictureSubjects(index, run.last);
  assertEquals(
    subjects.map((subject) => {
      const { about, addressTitle, facts, pages } = pictureView(
        index,
        run.last,
        subject,
        new Set(),
      )!;
      return [about, addressTitle, facts.map(({ name, text }) => `${name} ${text}`), pages];
    }),
    subjects.map(() => [
      "ssd, not mapped yet: its segments are in no event",
      "DMA address",
      ["split after 8KiB, max_sectors: the rest continues as its own bio"],
      [],
    ]),
  );
  assertEquals(subjects.length, 2);
});

Deno.test("memory whose mapping failed has no address, and a request without data has no segments", () => {
  const at = (body: string) => {
    const { index, run } = judged(`${DISK}test "t" {\n  ${body}\n}`);
    const [subject] = pictureSubjects(index, run.last);
    return pictureView(index, run.last, subject!, new Set())!;
  };
  const failed = at("inject dma_map_phys { ssd.read(lba: 0, into: alloc_pages(1)) }");
  assertEquals(failed.addressTitle, "DMA address");
  const file = svgText(pictureDrawing(failed, 99, 500));
  assertEquals(file.match(/>0x[0-9a-f_]+<|>not mapped</g), [">0x4000_0000<", ">not mapped<"]);
  assertEquals(pageLife(failed.pages[0]!), "4KiB of memory 0x4000_0000: not mapped yet");
  assertEquals(at("ssd.flush()").about, "ssd, 0 segments, OK");
});
