import { assertEquals } from "@std/assert";
import { BUILTINS } from "@dmalab/lang/builtins";
import { loadProgram } from "@dmalab/lang/run";
import { SourceFile, spanText } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import type { StepUnit } from "../step.ts";
import { recordRun, runsOf } from "../open.ts";
import { START } from "../position.ts";
import { BreakpointSet } from "../breakpoints/breakpoint_set.ts";
import { compareRunPositions, linesBefore } from "./walk.ts";
import { Cursor } from "../cursor.ts";
import type { RunPosition } from "../recorded_run.ts";
import type { Recording } from "../recording.ts";

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

/** Each printing statement is on a separate line. */
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

function recorded(index: number, script = SCRIPT): RunPosition<Recording> {
  const { program } = loadProgram(
    new SourceFile("lab.dma", script),
    memoryFiles({}),
    BUILTINS,
    true,
  );
  const recording = recordRun(program!, runsOf(program!)[index]!, { sides: true });
  return { recording, position: START };
}

/** Every position that steps visit. */
function spots(
  from: RunPosition<Recording>,
  unit: StepUnit,
  direction: "forward" | "back",
  breakpoints = new BreakpointSet(),
) {
  const all: RunPosition<Recording>[] = [];
  for (let runPosition = from;;) {
    const cursor = new Cursor(runPosition.recording, breakpoints);
    cursor.goTo(runPosition.position);
    const { reason } = cursor.move({ unit, direction });
    if (reason !== "arrived" && reason !== "stop") return all;
    all.push(runPosition = cursor.here);
  }
}

function lineOf({ position, recording }: RunPosition<Recording>): number {
  const { source, start } = recording.statement(position)!.span;
  return source.position(start).line;
}

Deno.test("steps into blocks lead through all of them in order, and back through the same", () => {
  const start = recorded(0);
  const forward = spots(start, "into", "forward");
  const machine = [8, 9, 10, 11, 3, 13, 3, 15, 16, 18, 20, 20];
  // Both orders have the same result, so one is kept.
  const orders = [22, 23, 25];
  assertEquals(forward.map(lineOf), [6, 7, ...machine, ...machine, ...orders, 27]);
  forward.slice(1).forEach((runPosition, index) =>
    assertEquals(compareRunPositions(forward[index]!, runPosition) < 0, true)
  );
  const { recording } = start;
  const back = spots({ recording, position: recording.last }, "into", "back");
  assertEquals(back.reverse().map(lineOf), forward.map(lineOf));
});

Deno.test("at each spot the lines that its blocks have written by then are known", () => {
  const start = recorded(0, PRINTS);
  const { output } = start.recording;
  const forward = spots(start, "into", "forward");
  const prints = forward.filter(({ position, recording }) =>
    spanText(recording.statement(position)!.span).startsWith("print")
  );
  const texts = prints.map(({ position, recording }) =>
    spanText(recording.statement(position)!.span).at(-2)
  );
  assertEquals(texts.join(""), "abcdefbcdefghijk");
  assertEquals(output.map(({ text }) => text), texts);
  assertEquals(prints.map(linesBefore), texts.map((_text, index) => index));
});

Deno.test("a search finds the same breakpoints backwards as forwards, conditions and events too", () => {
  const start = recorded(0);
  const { recording } = start;
  const breakpoints = new BreakpointSet();
  for (const line of [3, 10, 20, 23, 27]) breakpoints.add({ cause: { kind: "line", line } });
  breakpoints.add({ cause: { kind: "line", line: 25 }, condition: "list.length == 2" });
  breakpoints.add({ cause: { kind: "event", names: ["dma.map"] } });
  const forward = spots(start, "run", "forward", breakpoints);
  assertEquals(forward.length, 15);
  const back = spots({ recording, position: recording.last }, "run", "back", breakpoints).reverse();
  assertEquals(back.length, forward.length);
  back.forEach((runPosition, index) =>
    assertEquals(compareRunPositions(runPosition, forward[index]!), 0)
  );
});
