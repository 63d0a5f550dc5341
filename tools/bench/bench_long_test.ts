import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { formatResult } from "./benchmark.ts";
import { median, rounded } from "@dmalab/cli/bench";
import { BENCHMARKS } from "./mod.ts";
import {
  longFile,
  LOOP,
  loopHere,
  loopInScript,
  measureLoop,
  measureParse,
  readProgram,
  TURNS,
} from "./language.ts";
import { layOut, measurePairs } from "./iova_pair.ts";
import { measureReads } from "./nvme_read.ts";
import { loadCalls } from "./c_driver.ts";
import { measureDriverHunt } from "./driver_hunt.ts";
import { askAll, largeTree, measureMatrix } from "./p2p_matrix.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("median() is the middle, or between the two middle ones", () => {
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([4, 1, 3, 2]), 2.5);
});

Deno.test("formatResult() shows value, unit and what it is compared with", () => {
  const result = { name: "a.b", value: 1234567, unit: "requests/s", ratio: 0.5, to: "a.c" };
  assertEquals(formatResult(result, 5), "a.b       1,234,567 requests/s   0.5 × a.c");
  assertEquals(rounded(1234567), 1_235_000);
});

Deno.test("measureReads() drives requests through the whole path in every mode", () => {
  for (const mode of ["off", "strict", "lazy", "passthrough"] as const) {
    assert(measureReads({ mode }, 1, 0) > 0, mode);
  }
});

Deno.test("layOut() leaves as many ranges in use as it is asked for, and holes between them", () => {
  const { ranges, cache } = layOut(10_000);
  // `ranges.count` also counts the cached ranges, which stay in the tree, and the interrupt window,
  // which is a range, too.
  let cached = 0;
  for (let sizeClass = 0; sizeClass < 6; sizeClass++) {
    const [loaded, previous] = cache.fills(0, sizeClass);
    cached += loaded + previous + 127 * cache.depotSize(sizeClass);
  }
  assertEquals(ranges.count - cached - 1, 10_000);
  assert(cached > 1000);
});

Deno.test("measurePairs() has a time for every size, with no, some and many ranges live", () => {
  const pairs = measurePairs(1, 0);
  assertEquals(pairs.length, 4);
  for (const times of pairs) {
    assertEquals(times.length, 3);
    assert(times.every((ns) => ns > 0), `${times}`);
  }
});

Deno.test("longFile() has exactly the lines it is asked for, and is right", () => {
  const text = longFile(1000);
  assertEquals(text.split("\n").length, 1000);
  assertEquals(readProgram(text).tests.length, 33);
  assertEquals(longFile().split("\n").length, 10_000);
  assert(measureParse(1, 0) > 0);
});

Deno.test("the loop of lang.loop has the same result in a script and in TypeScript", () => {
  assertEquals(loopInScript(readProgram(LOOP)), loopHere(TURNS));
  assert(measureLoop("script", 1, 0) > 0);
});

Deno.test("the scenario of c.* loads with its driver in C", async () => {
  assertEquals((await loadCalls()).tests.length, 4);
});

Deno.test("256 functions reach each other as their tree says (p2p.md 9.4)", () => {
  // Below a normal switch, each device reaches all other devices below the switch. Below a switch
  // that redirects, each device reaches only itself.
  const ofBridge = 3 * 16 * 16 + 16;
  // The refused routes are those between functions of the host bridge that is not listed and other
  // functions, in both directions, and those among the functions of this bridge.
  const refused = 2 * 64 * 192 + 64 * 64 - ofBridge;
  assertEquals(askAll(largeTree()), {
    bus_addr: 4 * ofBridge,
    thru_host_bridge: 256 * 256 - 4 * ofBridge - refused,
    not_supported: refused,
  });
  assert(measureMatrix(1, 0) > 0);
});

Deno.test("a driver is hunted, every case of it right: a wrong one ends the measurement", () => {
  assert(measureDriverHunt(1, 0) > 0);
});

Deno.test("benchmarks have names of their own, among them those that must be there", () => {
  const names = BENCHMARKS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (
    const name of [
      "start.cold",
      "lang.parse10k",
      "lang.loop",
      "nvme.read4k.off",
      "nvme.read4k.strict",
      "mapping.bytes_per_live",
      "p2p.matrix256",
      ...["1p", "32p", "33p", "256p"].flatMap((size) =>
        ["0", "10k", "1m"].map((live) => `iova.pair.${size}.live${live}`)
      ),
    ]
  ) {
    assert(names.includes(name), name);
  }
});

Deno.test("deno task bench --json prints one object a line; a live mapping takes at most 64 bytes, its part of the page tables included", async () => {
  const run = async (...words: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "-R",
        "-W",
        "--allow-env",
        "--allow-run",
        "tools/bench_main.ts",
        ...words,
      ],
      cwd: PROJECT,
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, output: text(stdout), errors: text(stderr) };
  };
  const name = "mapping.bytes_per_live";
  const { code, output } = await run("--json", name);
  assertEquals(code, 0);
  const { value, ...result } = JSON.parse(output);
  assertEquals(Object.keys(JSON.parse(output)), ["name", "value", "unit", "ratio", "to"]);
  assertEquals(result, { name, unit: "bytes", ratio: null, to: null });
  assert(value > 20 && value <= 64, `${value}`);
  const wrong = await run("zebra");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.errors, 'no benchmark has "zebra" in its name');
});
