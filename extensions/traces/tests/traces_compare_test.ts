/** Two traces of one workload: the same requests, and what was mapped differently for them. */
import { assert, assertEquals } from "@std/assert";
import { runCompare } from "../cli/compare.ts";
import { runDevices } from "../cli/devices.ts";
import { MemoryScreen } from "@dmalab/cli";
import { goldenPath, readExpected, readGolden } from "./golden_traces.ts";

async function outputOf(run: (screen: MemoryScreen) => Promise<number>) {
  const screen = new MemoryScreen();
  const code = await run(screen);
  return { code, text: screen.errors + screen.output };
}

const OLD = goldenPath("real/612-lazy-2cpu-small.trace.txt.gz")!;
const NEW = goldenPath("real/72-lazy-2cpu-mistakes.trace.txt.gz")!;

Deno.test("the same reads on 6.12 and 7.2 are matched, and mapped as lists before and ranges after", async () => {
  const { code, text } = await outputOf((screen) => runCompare([OLD, NEW], true, screen));
  assertEquals(code, 0);
  const { devices, requests } = JSON.parse(text);
  assertEquals([requests.same, requests.only_before, requests.mapped_differently], [90, 4, 80]);
  const [way] = requests.ways;
  assertEquals([way.count, way.before, way.after], [
    79,
    "1 list of 4 entries",
    "1 two-step range of 4 links",
  ]);
  // The example has one line of each trace: the setup of the same command.
  for (const [path, line] of [[OLD, way.before_line], [NEW, way.after_line]] as const) {
    const lines = (await readGolden(`real/${path.split("/").at(-1)}`))!.split("\n");
    assert(lines[line - 1]!.includes("nvme_setup_cmd") && lines[line - 1]!.includes("slba=32,"));
  }
  const { devices: expected } = readExpected("real/612-lazy-2cpu-small");
  for (const [name, { maps = 0, allocs = 0, sg_maps: lists = 0 }] of Object.entries(expected)) {
    const all = Number(maps) + Number(allocs) + Number(lists);
    assertEquals(devices[name]?.before.maps ?? 0, all, name);
  }
});

Deno.test("a trace compared with itself differs in nothing, and other counts of files are refused", async () => {
  const { text } = await outputOf((screen) => runCompare([NEW, NEW], true, screen));
  const { devices, requests } = JSON.parse(text);
  assertEquals([requests.only_before, requests.only_after, requests.mapped_differently], [0, 0, 0]);
  assert(requests.same > 300);
  for (const { after, before } of Object.values<{ after: unknown; before: unknown }>(devices)) {
    assertEquals(after, before);
  }
  const { code, text: refused } = await outputOf((screen) => runCompare([OLD], false, screen));
  assertEquals(code, 2);
  assert(refused.includes("needs two traces"), refused);
});

Deno.test("an index has each request with the lines of its maps", async () => {
  const { text } = await outputOf((screen) => runDevices([OLD], true, screen));
  const { requests } = JSON.parse(text);
  const lines = (await readGolden("real/612-lazy-2cpu-small.trace.txt.gz"))!.split("\n");
  const ofNvme = requests.filter(({ request }: { request: string }) => request.includes(" lba "));
  assertEquals([requests.length, ofNvme.length], [94, 80]);
  for (const { bytes, line, map_lines: maps, mapped } of ofNvme) {
    assert(lines[line - 1]!.includes("nvme_setup_cmd"));
    for (const map of maps) assert(/dma_map_sg|dma_alloc/.test(lines[map - 1]!), mapped);
    assert(bytes >= 16384);
  }
});
