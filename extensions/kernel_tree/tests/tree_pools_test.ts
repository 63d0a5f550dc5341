/** Pages taken from a tree's page_pool: the calls that took them, and their present owners. */
import { assertEquals } from "@std/assert";
import { loadPatched } from "@dmalab/c_drivers";
import { runProgram } from "@dmalab/lang/program";

const SCENARIO = "extensions/kernel_tree/tests/tree/pools.dma";
const [loaded] = await loadPatched(SCENARIO, [null]);

/** The output of each test, without addresses. */
const printed: string[][] = [];
const { outcomes } = runProgram(loaded!.program!, {
  onRun: () => printed.push([]),
  onLine: (line) => printed.at(-1)!.push(line.replace(/0x[0-9a-f]+/g, "ADDRESS")),
});

const C = "extensions/kernel_tree/tests/tree/pools.c";
const TAKEN = [
  `info: taken by refill() at ${C}:11:9`,
  `info:   called by takes() at ${C}:16:16`,
];

Deno.test("pages of a tree's pool: each test of the scenario passes", () => {
  assertEquals(outcomes.map(({ failure }) => failure?.message), Array(4).fill(undefined));
});

const LINES: readonly (readonly [name: string, test: number, lines: readonly string[]])[] = [
  ["a pool with all pages back says nothing", 0, []],
  ["a stalled shutdown names its own pages, by holder", 1, [
    "info: page_pool_release_retry() stalled pool shutdown: id 0, 3 inflight 61 sec",
    "info: 1 page of a page_pool out: ADDRESS",
    ...TAKEN,
    "info: held by the driver",
    "info: 2 pages of a page_pool out: ADDRESS, ADDRESS",
    ...TAKEN,
    `info: held by the network since hands_on() at ${C}:21:2`,
  ]],
  ["pages that are out are shown when asked for", 2, [
    "info: 1 page of a page_pool out: ADDRESS",
    ...TAKEN,
    "info: held by the driver",
  ]],
  ["a page that was back has no earlier holder", 3, [
    "info: 1 page of a page_pool out: ADDRESS",
    ...TAKEN,
    "info: held by the driver",
  ]],
];

for (const [name, test, lines] of LINES) {
  Deno.test(`pages of a tree's pool: ${name}`, () => assertEquals(printed[test], lines));
}
