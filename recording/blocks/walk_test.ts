import { assertEquals } from "@std/assert";
import { BUILTINS } from "@dmalab/lang/builtins";
import { loadProgram } from "@dmalab/lang/run";
import { SourceFile, spanText } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import type { StepUnit } from "../moves.ts";
import { recordRun, runsOf } from "../open.ts";
import { START } from "../position.ts";
import { evaluate } from "../questions.ts";
import { Stops } from "../stops/stops.ts";
import { compareSpots, failureSpot, inWholeRun, linesBefore, type Spot, walk } from "./walk.ts";

const SCRIPT =
  `machine { leaks = allow, iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
fn wait_for(time) {
  advance time
}
test "blocks in blocks" {
  let list = [1]
  let table = compare { iommu.mode = [off, strict] } {
    dma_map_phys(ssd, alloc_pages(1).phys, 4KiB, to_device)
    let both = fork {
      list.push(2)
      wait_for(1us)
    } and {
      wait_for(2us)
    }
    race {
      list.push(3)
    } and {
      list.push(4)
    }
    let empty = fork { } and { list.push(5) }
  }
  let order = race {
    list.push(6)
  } and {
    list.push(7)
  }
  list.push(8)
}
test "a block fails" {
  let list = [1]
  let both = fork { list.push(2) } and {
    assert list.length == 2
  }
}
`;

/** Each statement that prints is a line of its own. */
const PRINTS = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
test "prints" {
  print "a"
  let table = compare { iommu.mode = [off, strict] } {
    print "b"
    let both = fork {
      advance 1us
      print "c"
      print "d"
    } and {
      print "e"
    }
    print "f"
  }
  let more = fork {
    race {
      print "g"
    } and {
      advance 1us
    }
    print "h"
  } and {
    print "i"
  }
  race {
    print "j"
  } and {
    advance 1us
  }
  print "k"
}
`;

function recorded(index: number, script = SCRIPT): Spot {
  const { program } = loadProgram(
    new SourceFile("lab.dma", script),
    memoryFiles({}),
    BUILTINS,
    true,
  );
  const recording = recordRun(program!, runsOf(program!)[index]!, { sides: true });
  return { recording, at: START };
}

/** Every spot that steps lead to. */
function spots(from: Spot, unit: StepUnit, way: "forward" | "back", stops: Stops | null = null) {
  const all: Spot[] = [];
  for (let spot = from;;) {
    const walked = walk(spot, { unit, way }, stops);
    if (walked.reason !== "arrived" && walked.reason !== "stop") return all;
    spot = { recording: walked.recording, at: walked.at };
    all.push(spot);
  }
}

function lineOf({ at, recording }: Spot): number {
  const { source, start } = recording.statement(at)!.span;
  return source.position(start).line;
}

Deno.test("steps into blocks lead through all of them in order, and back through the same", () => {
  const start = recorded(0);
  const forward = spots(start, "into", "forward");
  const machine = [8, 9, 10, 11, 3, 13, 3, 15, 16, 18, 20, 20];
  // Both orders come to the same end: one is kept.
  const orders = [22, 23, 25];
  assertEquals(forward.map(lineOf), [6, 7, ...machine, ...machine, ...orders, 27]);
  forward.slice(1).forEach((spot, index) =>
    assertEquals(compareSpots(forward[index]!, spot) < 0, true)
  );
  const { recording } = start;
  const back = spots({ recording, at: recording.last }, "into", "back");
  assertEquals(back.reverse().map(lineOf), forward.map(lineOf));
});

Deno.test("at each spot the lines that its blocks have written by then are known", () => {
  const start = recorded(0, PRINTS);
  const { output } = start.recording;
  const forward = spots(start, "into", "forward");
  const prints = forward.filter(({ at, recording }) =>
    spanText(recording.statement(at)!.span).startsWith("print")
  );
  const texts = prints.map(({ at, recording }) => spanText(recording.statement(at)!.span).at(-2));
  assertEquals(texts.join(""), "abcdefbcdefghijk");
  assertEquals(output.map(({ text }) => text), texts);
  assertEquals(prints.map(linesBefore), texts.map((_text, index) => index));
});

Deno.test("values in a block are those of its machine, and what the code changed later is not in it", () => {
  const forward = spots(recorded(0), "into", "forward");
  const said = forward.map(({ at, recording }) => evaluate(recording, at, "list").text);
  assertEquals(forward.filter((spot) => lineOf(spot) === 15).length, 2);
  forward.forEach((spot, index) => {
    if (lineOf(spot) === 11) assertEquals(said[index], "[1, 2]");
    if (lineOf(spot) === 13 || lineOf(spot) === 15) assertEquals(said[index], "[1]");
  });
  const mapped = forward.filter((spot) => lineOf(spot) === 9)
    .map(({ at, recording }) => evaluate(recording, at, "iommu.live_mappings").text);
  assertEquals(mapped, ["0", "1"]);
});

Deno.test("a search finds the same breakpoints backwards as forwards, conditions and events too", () => {
  const start = recorded(0);
  const { recording } = start;
  const stops = new Stops();
  for (const line of [3, 10, 20, 23, 27]) stops.add({ cause: { kind: "line", line } });
  stops.add({ cause: { kind: "line", line: 25 }, condition: "list.length == 2" });
  stops.add({ cause: { kind: "event", names: ["dma.map"] } });
  const forward = spots(start, "run", "forward", stops);
  assertEquals(forward.length, 15);
  const back = spots({ recording, at: recording.last }, "run", "back", stops).reverse();
  assertEquals(back.length, forward.length);
  back.forEach((spot, index) => assertEquals(compareSpots(spot, forward[index]!), 0));
});

Deno.test("steps over and out leave a block for what follows in the run; a failure is in its block", () => {
  const start = recorded(0);
  const inner = spots(start, "into", "forward").find((spot) => lineOf(spot) === 10)!;
  const after = walk(inner, { unit: "out", way: "forward" }, null);
  assertEquals(lineOf(after), 15);
  const left = walk(after, { unit: "out", way: "forward" }, null);
  assertEquals([lineOf(left), left.recording === start.recording], [22, true]);
  const failed = failureSpot(recorded(1).recording)!;
  assertEquals(lineOf(failed), 32);
  assertEquals(lineOf(inWholeRun(failed)), 31);
});
