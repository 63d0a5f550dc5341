import { assert, assertEquals } from "@std/assert";
import { BUILTINS } from "@dmalab/lang/builtins";
import { RunSession } from "@dmalab/lang/program";
import { memoryFiles } from "@dmalab/lang/syntax";
import { evaluate } from "./evaluate.ts";
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

Deno.test("a step goes as far as asked, and what its activity did beyond is the future", () => {
  const { ask, timeTravel, say } = workbench();
  say(MACHINE);
  say("let req = ssd.submit(read, lba: 0, into: alloc_pages(2))");
  const before = timeTravel.position.seq;
  const outcome = timeTravel.move({ unit: "event", direction: "forward", count: 5 });
  assertEquals([timeTravel.position.seq, outcome.reason], [before + 5, "arrived"]);
  assert(timeTravel.recording.last.seq > before + 5);
  assertEquals(say("req.mapped"), "false");
  // The activity runs to its end before the input, so no branch is needed.
  assertEquals(say("let mapped = req.mapped"), "");
  assertEquals(say("mapped"), "true");
  assert(!timeTravel.isPast);
  timeTravel.move({ unit: "event", direction: "forward", count: 1_000 });
  assertEquals(ask("req.done"), "true");
  timeTravel.move({ unit: "event", direction: "back", count: 25 });
  assertEquals(ask("req.done"), "false");
  assertEquals(say("print req.done"), "b1: ");
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
