/** docs/dev/one-read.md shows the frames of a real run, and states the correct number of files. */
import "@dmalab/bin/provide";
import { MemoryScreen } from "@dmalab/cli";
import { main } from "@dmalab/cli/program";
import { loadForDebugging } from "@dmalab/lang";
import { inspectTest } from "@dmalab/lang/program";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { openScenario } from "./examples.ts";
import { ROOT } from "./source_text.ts";

const PAGE = Deno.readTextFileSync(join(ROOT, "docs/dev/one-read.md"));
/** Width of the column with a frame's name in the page. */
const NAME_COLUMNS = 29;
/** Matches frames that record an event. These frames are left out. */
const NOTES = /^(?:EventStream|CallEvents)\.|emitMapped$/;
/** The outermost frame of a list: an activity, or the method of a value. */
const OUTERMOST = /^(?:NvmeDriver\.runActivity|run)$/;
/** The frame of the VM, and the one of the command line. */
const [INNERMOST, MAIN] = ["Vm.run", /^main$/];

/** The frames of the caller, innermost first; consecutive frames of one file name the file once. */
function frames(outermost = OUTERMOST, innermost: string | null = null): string[] {
  const lines: string[] = [];
  let file = "";
  for (
    const [, called, url] of new Error().stack!.matchAll(
      /^ +at (?:async )?(?:Object\.)?(\S+) \((file:\S+?):\d+:\d+\)$/gm,
    )
  ) {
    const name = called!;
    const path = decodeURI(url!).slice(decodeURI(new URL("../", import.meta.url).href).length);
    if (NOTES.test(name) || path.startsWith("tests/")) continue;
    if (innermost === null ? path.startsWith("lang/run/") : file === "" && name !== innermost) {
      continue;
    }
    lines.push(path === file ? name : `${name.padEnd(NAME_COLUMNS)} ${path}`);
    file = path;
    if (outermost.test(name)) break;
  }
  return lines;
}

/** Keeps the frames at the first line that a scenario prints. */
class StackScreen extends MemoryScreen {
  stack: string[] = [];

  override out(text: string): void {
    if (this.stack.length === 0) this.stack = frames(MAIN, INNERMOST);
    super.out(text);
  }
}

/** The lists of stack frames in the page, by the name of the event that precedes each list. */
const LISTS = new Map(
  [...PAGE.matchAll(/^(\S+):\n\n```text\n([^`]*)\n```/gm)]
    .map(([, event, list]) => [event!, list!.split("\n")]),
);

Deno.test("each list of frames in docs/dev/one-read.md is that of a real run", () => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const seen = new Map<string, string[]>();
  try {
    const { entry, loader } = openScenario("examples/start/01-first-look.dma");
    const { program } = loadForDebugging(entry, loader);
    const [test] = program!.tests;
    inspectTest(program!, test!, {
      onVm({ machine: { lab } }) {
        const device = lab.devices.get("ssd")!;
        assert(device.kind === "nvme");
        device.disk.onSubmission = () => seen.set("submission", frames());
      },
      onEvent({ name, request }) {
        if (request !== null && LISTS.has(name) && !seen.has(name)) seen.set(name, frames());
      },
    });
  } finally {
    Error.stackTraceLimit = limit;
  }
  const { main: _, ...lists } = Object.fromEntries(LISTS);
  assertEquals(lists, Object.fromEntries(seen));
});

Deno.test("five frames in four files lie between `main` and the VM, as docs/dev/one-read.md lists them", async () => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const screen = new StackScreen();
  try {
    assertEquals(await main(["run", join(ROOT, "examples/start/01-first-look.dma")], screen), 0);
  } finally {
    Error.stackTraceLimit = limit;
  }
  assertEquals(LISTS.get("main"), screen.stack);
  const between = screen.stack.slice(1, -1);
  assertEquals(between.length, 5);
  assertEquals(between.filter((line) => line.includes("/")).length, 4);
});

Deno.test("docs/dev/one-read.md names nine files, besides two of the VM and this test", () => {
  const [walk] = PAGE.split("\n## `dmalab run`");
  const named = new Set(walk!.match(/[\w/]+\.ts\b/g));
  for (const path of named) Deno.statSync(join(ROOT, path));
  const onTheWay = [...named].filter((path) => !/^(?:lang\/vm|tests)\//.test(path));
  assertEquals(onTheWay.length, 9);
});
