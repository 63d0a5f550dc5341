import { assert, assertEquals } from "@std/assert";
import { BUILTINS } from "@dmalab/lang/builtins";
import { RunSession } from "@dmalab/lang/run/session";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { memoryFiles } from "@dmalab/lang/syntax";
import { evaluate } from "./evaluate.ts";
import { firstDifferentEvent } from "./diff.ts";
import { TimeTravelSession } from "./time_travel_session.ts";

const MACHINE =
  "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { queues = 1, depth = 32 } } } }";

function workbench() {
  const lines: string[] = [];
  const timeTravel = new TimeTravelSession(
    (hooks) => new RunSession({ loader: memoryFiles({}), registry: BUILTINS, ...hooks }),
    (line) => lines.push(line),
  );
  const say = (text: string) => {
    const { branch, diagnostics, failure, values } = timeTravel.feed(text);
    assertEquals(diagnostics.map(({ message }) => message), []);
    const answer = failure?.code ?? values.map((value) => value.text).join(" ");
    return branch === null ? answer : `${branch.name}: ${answer}`;
  };
  const ask = (text: string) => evaluate(timeTravel.recording, timeTravel.position, text).text;
  return { timeTravel, say, ask, lines };
}

Deno.test("looking back is free, and typing there begins a branch that leaves the future", () => {
  const { ask, timeTravel, lines, say } = workbench();
  say(MACHINE);
  say("let buf = alloc_pages(1)");
  say("let n = 1");
  say("let m = dma_map_phys(ssd, buf.phys, 4KiB, to_device)");
  const mapped = timeTravel.recording.last;
  say("n = 2");
  say("dma_unmap_phys(ssd, m, 4KiB, to_device)");
  say("print n");
  const { last } = timeTravel.recording;
  assertEquals(ask("iommu.live_mappings"), "0");
  timeTravel.goTo(mapped);
  assert(timeTravel.isPast);
  assertEquals([ask("iommu.live_mappings"), ask("n")], ["1", "1"]);
  assertEquals([say("n"), timeTravel.branches.length], ["1", 1], "an expression only looks");
  assertEquals(say("let kept = n"), "b1: ");
  assertEquals(timeTravel.session.summary().seq, mapped.seq);
  assertEquals([say("iommu.live_mappings"), say("n + 1")], ["1", "2"]);
  say("n = 7");
  say("print n");
  assertEquals(say("n"), "7");
  assert(timeTravel.switchTo("main"));
  assertEquals(timeTravel.recording.last, last);
  assertEquals(say("n"), "2");
  assertEquals(lines, ["2", "7"]);
  assertEquals(timeTravel.branches.map(({ name }) => name), ["main", "b1"]);
});

Deno.test("a branch tries out its own `fork`, and keeps its own lines", () => {
  const { timeTravel, say } = workbench();
  say(MACHINE);
  say("let n = 1");
  const before = timeTravel.recording.last;
  say("print n");
  say("let both = fork { advance 1us } and { advance 2us }");
  assertEquals(say("both.second.time"), "2us");
  timeTravel.goTo(before);
  assertEquals(say("let both = fork { advance 3us } and { advance 4us }"), "b1: ");
  assertEquals(say("both.second.time"), "4us");
  say("print 7");
  const linesOf = () => timeTravel.recording.output.map(({ text }) => text);
  assertEquals(linesOf(), ["7"]);
  assert(timeTravel.switchTo("main"));
  assertEquals(linesOf(), ["1"]);
});

Deno.test("a branch and what it came from have the same past, event by event and row by row", () => {
  const { timeTravel, say } = workbench();
  say(MACHINE);
  say("let buf = alloc_pages(4)");
  for (let turn = 0; turn < 5; turn++) say("ssd.read(lba: 0, into: buf)");
  const main = timeTravel.recording;
  const middle = main.afterEvent(Math.floor(main.last.seq / 2));
  timeTravel.goTo(middle);
  assertEquals(say("let here = 1"), "b1: ");
  const { origin } = timeTravel.branch;
  const branch = timeTravel.recording;
  // The read in whose midst it was is whole: it has not begun.
  assert(origin!.position.seq <= middle.seq && origin!.position.seq > 0);
  assertEquals(branch.last.seq, origin!.position.seq);
  for (const table of main.tables) {
    const rows = (of: typeof main) =>
      of.table(table.spec.name).rowsAt(origin!.position.seq)
        .map((row) => of.table(table.spec.name).row(row))
        .map(({ endedSeq: _, ...row }) => JSON.stringify(row)).sort();
    assertEquals(rows(branch), rows(main), table.spec.name);
  }
  for (let turn = 0; turn < 3; turn++) say("ssd.read(lba: 0, into: buf)");
  const seq = firstDifferentEvent(main, branch);
  assert(seq === null || seq > origin!.position.seq);
  // What goes on from there does as if it had been typed at once.
  const other = workbench();
  for (const { kind, ...move } of timeTravel.session.history) {
    assertEquals(kind, "input");
    other.say((move as { source: { text: string } }).source.text);
  }
  assertEquals(firstDifferentEvent(branch, other.timeTravel.recording), null);
  assertEquals(branch.last.seq, other.timeTravel.recording.last.seq);
});

Deno.test("a step goes as far as asked, and what its activity did beyond is the future", () => {
  const { ask, timeTravel, say } = workbench();
  say(MACHINE);
  say("let req = ssd.submit(read, lba: 0, into: alloc_pages(2))");
  const before = timeTravel.position.seq;
  const outcome = timeTravel.move({ unit: "event", direction: "forward", count: 5 });
  assertEquals([timeTravel.position.seq, outcome.reason], [before + 5, "arrived"]);
  assert(timeTravel.recording.last.seq > before + 5);
  assertEquals(say("req.mapped"), "false");
  // The activity goes on to its end before anything else is done: no branch.
  assertEquals(say("let mapped = req.mapped"), "");
  assertEquals(say("mapped"), "true");
  assert(!timeTravel.isPast);
  timeTravel.move({ unit: "event", direction: "forward", count: 1_000 });
  assertEquals(ask("req.done"), "true");
  timeTravel.move({ unit: "event", direction: "back", count: 25 });
  assertEquals(ask("req.done"), "false");
  assertEquals(say("print req.done"), "b1: ");
});

Deno.test("a branch may branch, fork, and be ended in the middle of an input", () => {
  const { timeTravel, say, ask } = workbench();
  say(`${MACHINE}\nlet a = 1\nlet buf = alloc_pages(1)\na = 2\nlet b = 5`);
  const seq = timeTravel.position.seq;
  timeTravel.goTo(timeTravel.recording.atStatement(4));
  assertEquals(timeTravel.position, { seq, statement: 4 });
  assertEquals(ask("a"), "2");
  timeTravel.goTo(timeTravel.recording.atStatement(3));
  assertEquals(ask("a"), "1");
  assertEquals(say("a += 0"), "b1: ");
  assertEquals(
    timeTravel.session.summary().variables.map(({ name }) => name),
    ["a", "buf"],
  );
  say("a = 10");
  say("let both = fork { a = 11\nassert a == 11 } and { assert a == 10 }");
  say("a = 12");
  timeTravel.goTo(timeTravel.recording.atStatement(timeTravel.recording.last.statement - 1));
  assertEquals(say("a += 3"), "b2: ");
  assertEquals(say("a"), "13");
  assertEquals(timeTravel.branch.origin?.branch.name, "b1");
  timeTravel.switchTo("main");
  assertEquals(say("a + b"), "7");
});

Deno.test("what is wrong or not whole begins no branch", () => {
  const { timeTravel, say } = workbench();
  say("let a = 1");
  say("a = 2");
  timeTravel.goTo(timeTravel.recording.atStatement(2));
  assertEquals(timeTravel.feed("let c = [").incomplete, true);
  assertEquals(timeTravel.feed("unknown_name").diagnostics.length, 1);
  assert(timeTravel.isPast);
  assertEquals(timeTravel.branches.length, 1);
  assertEquals([say("a"), timeTravel.branches.length], ["1", 1]);
  assertEquals(say("a = 3"), "b1: ");
});

Deno.test("a long loop in a session ends with its turns: events beyond those that are kept cost nothing", () => {
  const limits = { ...DEFAULT_LIMITS, events: 1000, memoryBytes: 8 * 2 ** 20 };
  const options = { loader: memoryFiles({}), registry: BUILTINS, limits };
  const timeTravel = new TimeTravelSession(
    (hooks) => new RunSession({ ...options, ...hooks }),
    () => {},
  );
  timeTravel.feed("machine { iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd { } } } }");
  const { failure } = timeTravel.feed(
    "repeat 5_000 { let p = alloc_pages(1); dma_unmap_phys(ssd, dma_map_phys(ssd, p, 4KiB, to_device), 4KiB, to_device); p.free() }",
  );
  assertEquals(failure?.code, undefined);
});
