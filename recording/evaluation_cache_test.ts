import { assert, assertEquals } from "@std/assert";
import { BUILTINS } from "@dmalab/lang/builtins";
import { loadProgram } from "@dmalab/lang/run";
import { memoryFiles } from "@dmalab/lang/syntax";
import { SourceFile } from "@dmalab/lang";
import { recordRun, runsOf } from "./open.ts";
import { nextPosition, type Position, START } from "./position.ts";
import { evaluate, machineNamesAt, partsOf, readMemory, variablesAt } from "./evaluate.ts";
import type { Recording } from "./recording.ts";
import { Timeline } from "./machines/timeline.ts";

const SOURCE = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd {} } } }

let page = alloc_pages(1)
let sizes = [4KiB, 8KiB]
fn slow(n) {
  let sum = 0
  for turn in 0..n { sum += turn }
  return sum
}
for turn in 0..40 {
  let mapping = dma_map_phys(ssd, page.phys, 4KiB, to_device)
  dma_unmap_phys(ssd, mapping, 4KiB, to_device)
}
`;

function recorded(): Recording {
  const { program } = loadProgram(
    new SourceFile("lab.dma", SOURCE),
    memoryFiles({}),
    BUILTINS,
    true,
  );
  return recordRun(program!, runsOf(program!)[0]!);
}

/** Positions after events in the middle of statements, where a machine can evaluate only once. */
function places(recording: Recording): readonly Position[] {
  return [60, 200, 130, 300].map((seq) => recording.afterEvent(seq));
}

/** Every kind of evaluation that a debugger requests at a position. */
function askAll(recording: Recording, position: Position): unknown {
  return [
    variablesAt(recording, position),
    [...machineNamesAt(recording, position)],
    evaluate(recording, position, "iommu.live_mappings"),
    evaluate(recording, position, "page"),
    partsOf(recording, position, "page"),
    partsOf(recording, position, "sizes"),
    [...readMemory(recording, position, 0x4000_0000, 16)],
  ];
}

Deno.test("questions asked at one place are prefetched at the next: one machine answers all of them", () => {
  const recording = recorded();
  const { known, start } = recording.timeline;
  const visits = places(recording).map((position) => {
    const before = recording.timeline.visits;
    const answers = askAll(recording, position);
    // Repeated evaluations are answered from the cache, without a replay.
    const after = recording.timeline.visits;
    assertEquals(askAll(recording, position), answers);
    assertEquals(recording.timeline.visits, after);
    // A fresh recording has no cached results.
    const fresh = recorded();
    assertEquals(askAll(fresh, position), answers);
    assert(
      new Timeline(known, start).at(position, (paused) => paused.position.seq === position.seq),
    );
    return after - before;
  });
  assertEquals(visits, [7, 1, 1, 1]);
});

Deno.test("an answer that stays unused at several places is prefetched no longer", () => {
  const recording = recorded();
  const visitsOf = (seq: number, text: string) => {
    const before = recording.timeline.visits;
    evaluate(recording, recording.afterEvent(seq), text);
    return recording.timeline.visits - before;
  };
  assertEquals([visitsOf(50, "page"), visitsOf(50, "sizes")], [1, 1]);
  // While `page` is evaluated, `sizes` is prefetched: at 60, 70 and 80 without use, and once more
  // at 90.
  for (const seq of [60, 70, 80]) assertEquals(visitsOf(seq, "page"), 1);
  assertEquals([visitsOf(90, "page"), visitsOf(90, "sizes")], [1, 0]);
  for (const seq of [60, 100, 110, 120, 130]) visitsOf(seq, "page");
  assertEquals([visitsOf(140, "page"), visitsOf(140, "sizes")], [1, 1]);
});

Deno.test("an expression that is asked at many moments says at each what it says when asked once", () => {
  const recording = recorded();
  for (const text of ["iommu.live_mappings", "mapping", "turn + 1", "unknown_name", "slow(turn)"]) {
    const many = recording.evaluator.question(text);
    const answers: string[] = [];
    recording.timeline.from(START, (paused) => {
      const once = (ask: () => string) => {
        try {
          return ask();
        } catch (error) {
          return (error as Error).message;
        }
      };
      answers.push(once(() => many.format(paused)));
      assertEquals(
        answers.at(-1),
        once(() => recording.evaluator.question(text).evaluate(paused).text),
      );
      assertEquals(paused.innermost()?.statement, paused.frames()[0]?.statement);
      return nextPosition(recording, paused.position);
    });
    assertEquals(answers.length, recording.log.count + recording.statements.count + 2);
  }
});
