import { assert, assertEquals } from "@std/assert";
import { BUILTINS } from "../builtins/mod.ts";
import { loadProgram } from "../run/program.ts";
import { SourceFile } from "../source.ts";
import { memoryFiles } from "../syntax/load_files.ts";
import { History } from "./history.ts";
import { LookError } from "./look.ts";
import { recordRun, runsOf } from "./open.ts";
import { nextMoment } from "./machines/way.ts";
import { type Position, START } from "./position.ts";
import { prepareLooks } from "./prepare_looks.ts";
import type { Recording } from "./recording.ts";
import { type ExpressionChange, rewind } from "./search.ts";
import { positionAt, wayOf } from "./machines/way.ts";

const MACHINE = "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd {} } } }\n";

const SOURCE = `${MACHINE}
let page = alloc_pages(1)
let kept = dma_map_phys(ssd, page.phys, 4KiB, to_device)
fn twice(phys) {
  let inner = dma_map_phys(ssd, phys, 4KiB, to_device)
  dma_unmap_phys(ssd, inner, 4KiB, to_device)
  return inner
}
let all = [1, 2].map(n => twice(page.phys))
let total = 0
for turn in 0..30 {
  total += turn % 3
  let mapping = twice(page.phys)
}
dma_unmap_phys(ssd, kept, 4KiB, to_device)
wait ssd.submit(read, lba: 0, into: buffer(size: 64KiB))
`;

function recorded(text: string): Recording {
  const { program } = loadProgram(new SourceFile("lab.dma", text), memoryFiles({}), BUILTINS, true);
  return recordRun(program!, runsOf(program!)[0]!);
}

/** The last change up to each moment, computed by one rerun that evaluates the expression at each. */
function* changesOf(recording: Recording, text: string): Generator<ExpressionChange | null> {
  const question = recording.looker.question(text);
  const last: (ExpressionChange | null)[] = [];
  let known: string | null = null;
  recording.reruns.visit(START, (seen) => {
    let change = last.at(-1) ?? null;
    try {
      const { text: value } = question.ask(seen);
      if (value !== known && last.length > 0) change = { at: seen.at, before: known, after: value };
      known = value;
    } catch (error) {
      if (!(error instanceof LookError)) throw error;
    }
    last.push(change);
    return nextMoment(recording, seen.at);
  });
  yield* last;
}

function canBeAsked(recording: Recording, at: Position, text: string): boolean {
  const question = recording.looker.question(text);
  return recording.reruns.look(at, (seen) => {
    try {
      question.ask(seen);
      return true;
    } catch {
      return false;
    }
  });
}

Deno.test("who changed an expression is known from its history as a run tells that is asked at each moment", () => {
  for (
    const text of ["iommu.live_mappings", "total", "inner", "turn % 2", "kept", "counters.dma"]
  ) {
    const recording = recorded(SOURCE);
    const expected = [...changesOf(recording, text)];
    const { known } = recording.reruns;
    assertEquals(expected.length, wayOf(recording.last) + 1);
    for (const isKnown of [false, true]) {
      const history = recording.histories.of(text);
      while (isKnown && recording.histories.grow());
      assertEquals(history.covers(recording.last), isKnown);
      // In no order, with changes close before each and far before it.
      for (let index = 0; index < expected.length; index += 19) {
        const at = positionAt(known, (index * 7) % expected.length);
        if (!canBeAsked(recording, at, text)) continue;
        const question = recording.looker.question(text);
        assertEquals(rewind(recording, at, question), expected[wayOf(at)], `${text} ${at.seq}`);
      }
    }
  }
});

Deno.test("where nothing has changed for long, a history spares going through the run again", () => {
  const recording = recorded(`${MACHINE}
let page = alloc_pages(1)
let early = 1
early += 1
for turn in 0..3000 { dma_unmap_phys(ssd, dma_map_phys(ssd, page.phys, 4KiB, to_device), 4KiB, to_device) }
`);
  assert(recording.log.count > 20_000);
  const question = recording.looker.question("early");
  const near = recording.afterEvent(recording.log.count - 5);
  const found = rewind(recording, near, question);
  assertEquals([found?.before, found?.after], ["1", "2"]);
  // What is known of the beginning is enough.
  assert(recording.histories.grow());
  assertEquals(rewind(recording, near, question), found);
  while (prepareLooks(recording, recording.last, near));
  for (const back of [100, 5000, 15_000]) {
    const before = recording.reruns.moments;
    const at = recording.afterEvent(recording.log.count - back);
    assertEquals(rewind(recording, at, question), found);
    // What it is there, and the change, with what it was before.
    assertEquals(recording.reruns.moments - before, 3);
  }
});

Deno.test("what a machine passes that cannot be paused, as in a builtin's lambda, is asked of another", () => {
  const recording = recorded(`${MACHINE}
let page = alloc_pages(1)
fn twice(phys) {
  dma_unmap_phys(ssd, dma_map_phys(ssd, phys, 4KiB, to_device), 4KiB, to_device)
  return phys
}
let all = (0..1200).map(n => twice(page.phys))
let end = 0
`);
  const text = "iommu.live_mappings";
  const expected = [...changesOf(recording, text)];
  const history = recording.histories.of(text);
  while (recording.histories.grow());
  assert(history.covers(recording.last));
  const question = recording.looker.question(text);
  for (let index = 0; index < 40; index++) {
    const way = (index * 4999) % expected.length;
    const at = positionAt(recording.reruns.known, way);
    assertEquals(rewind(recording, at, question), expected[way], `${way}`);
  }
});

Deno.test("what takes long at each moment has no history, and is searched for all the same", () => {
  const recording = recorded(`${MACHINE}
fn slow(n) {
  let sum = 0
  for each in 0..n { sum += each }
  return sum
}
let n = 40000
n = 40001
let end = 0
`);
  const question = recording.looker.question("slow(n)");
  const history = new History(recording.reruns, question);
  history.grow();
  assert(history.isWhole && !history.covers(START));
  const found = rewind(recording, recording.atStatement(recording.statements.count), question)!;
  assertEquals([found.before, found.after], ["799980000", "800020000"]);
});
