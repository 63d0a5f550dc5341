import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import { runProgram } from "@dmalab/lang/run/run_program";
import { recordRun, runsOf } from "../mod.ts";
import {
  addressPieces,
  addressUses,
  changedRows,
  eventView,
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
} from "./mod.ts";

const DISK = "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }\n";

function recordingOf(text: string, index = 0) {
  const { diagnostics, program } = loadForDebugging(new SourceFile("lab.dma", text), memoryFiles());
  assert(program !== null, diagnostics[0]?.message);
  return recordRun(program, runsOf(program)[index]!);
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
    view.pages.forEach(({ mappedSeq, movedSeq, state, unmappedSeq }, page) => {
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

Deno.test("a mapping that nothing unmaps is a verdict with its event, a lane and a red strip", () => {
  const run = recordingOf(`${DISK}test "leak" {
  let buf = alloc_pages(1)
  let d = dma_map_phys(ssd, buf, 4KiB, to_device)
}`);
  const { program } = loadForDebugging(
    new SourceFile("lab.dma", run.code.statements[0]!.span.source.text),
    memoryFiles(),
  );
  const [outcome] = runProgram(program!).outcomes;
  const index = new RunIndex(run);
  const verdict = verdictOf(index, outcome!);
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
