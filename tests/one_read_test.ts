/** docs/dev/one-read.md has the frames of a real run, and names as many files as it says. */
import "@dmalab/bin/provide";
import { loadForDebugging } from "@dmalab/lang";
import { inspectTest } from "@dmalab/lang/program";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { openScenario } from "./examples.ts";
import { ROOT } from "./source_text.ts";

const PAGE = Deno.readTextFileSync(join(ROOT, "docs/dev/one-read.md"));
/** Columns of a frame's name in the page. */
const NAME_COLUMNS = 29;
/** Frames that note an event are left out. */
const NOTES = /^(?:EventStream|CallEvents)\.|emitMapped$/;
/** The outermost frame of a list: an activity, or the method of a value. */
const OUTERMOST = /^(?:NvmeDriver\.runActivity|run)$/;

/** The frames of this call's caller, the innermost first; a file that goes on is named once. */
function frames(): string[] {
  const lines: string[] = [];
  let file = "";
  for (
    const [, name, url] of new Error().stack!.matchAll(/^ +at (\S+) \((file:\S+?):\d+:\d+\)$/gm)
  ) {
    const path = decodeURI(url!).slice(decodeURI(new URL("../", import.meta.url).href).length);
    if (NOTES.test(name!) || /^(?:tests|lang\/run)\//.test(path)) continue;
    lines.push(path === file ? name! : `${name!.padEnd(NAME_COLUMNS)} ${path}`);
    file = path;
    if (OUTERMOST.test(name!)) break;
  }
  return lines;
}

/** The lists of the page, by the event above each. */
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
  assertEquals(Object.fromEntries(LISTS), Object.fromEntries(seen));
});

Deno.test("docs/dev/one-read.md names nine files, besides two of the VM and this test", () => {
  const named = new Set(PAGE.match(/[\w/]+\.ts\b/g));
  for (const path of named) Deno.statSync(join(ROOT, path));
  const onTheWay = [...named].filter((path) => !/^(?:lang\/vm|tests)\//.test(path));
  assertEquals(onTheWay.length, 9);
});
