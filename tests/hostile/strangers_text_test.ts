/**
 * Text of strangers with sequences that clear a terminal, or that hide or reverse the text after
 * them. All output and exports of commands must show these sequences as visible symbols, or in JSON
 * as numbers.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { startClient } from "@dmalab/editor/tests";
import { ROOT } from "../source_text.ts";
import { doAll } from "./places.ts";
import { UNCLEAN } from "./hold_cases.ts";
import { ESCAPES } from "./inputs.ts";

const SCENARIO = `machine { pci { root_port rp0 { nvme ssd { } } } }
test "${ESCAPES}" {
  let b = alloc_pages(1)
  let m = dma_map_phys(ssd, b.phys, 4KiB, from_device)
  print "${ESCAPES}"
  assert "${ESCAPES}" == "x", "${ESCAPES}"
}
`;
const LISTING = `00:00.0 Host bridge: ${ESCAPES} Host bridge (rev 01)\n`;
const LOG = `[   12.0] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xffffe000 ` +
  `[fault reason 0x06] ${ESCAPES}\n[   12.1] nvme nvme0: I/O tag 1 ${ESCAPES} timeout, aborting\n`;
const TRACE = Deno.readTextFileSync(join(ROOT, "examples/traces/data/leaky-driver.trace.txt"))
  .replaceAll("rx-poll", `rx${ESCAPES}`)
  .replaceAll("0000:01:00.0", `0000:01:00.0${ESCAPES}`)
  .replaceAll("attrs=", `attrs=${ESCAPES}`);
const OTHER_LINES =
  `${ESCAPES}\n  8,0 1 1 0.0 1 Q R 8 + 8 [${ESCAPES}]\nCPU:0 [LOST 5 EVENTS]${ESCAPES}\n`;

const FILES: Readonly<Record<string, string>> = {
  "a.dma": SCENARIO,
  [`n${ESCAPES}.dma`]: SCENARIO,
  "wrong.dma": `let a = "${ESCAPES}" + ${ESCAPES}\n`,
  "bench.dma": `bench "${ESCAPES}" { loop { advance 1ns } }\n`,
  "lspci.txt": LISTING,
  "dmesg.txt": LOG,
  "trace.txt": `${TRACE}${OTHER_LINES}`,
  [`t${ESCAPES}.txt`]: TRACE,
};

/** The commands, and whether their output is JSON: one value, or one per line. */
const COMMANDS: readonly (readonly [words: readonly string[], json?: "whole" | "lines"])[] = [
  [["run", "a.dma"]],
  [["run", "."]],
  [["run", "a.dma", "--trace"]],
  [["run", "a.dma", "--trace", "json"], "lines"],
  [["run", "wrong.dma"]],
  [["test", "."]],
  [["test", "a.dma", "--reporter", "json"], "whole"],
  [["test", "a.dma", "--reporter", "junit"]],
  [["test", "a.dma", "--list"]],
  [["test", "a.dma", "--snapshot", "check"]],
  [["check", "."]],
  [["check", ".", "--format", "json"], "whole"],
  [["check", ".", "--format", "sarif"], "whole"],
  [["fmt", "--check", "."]],
  [["bench", "bench.dma"]],
  [["bench", "bench.dma", "--json"], "lines"],
  [["releases", "a.dma"]],
  [["releases", "a.dma", "--json"], "whole"],
  [["topology", "lspci.txt"]],
  [["topology", "lspci.txt", "--json"], "whole"],
  [["topology", "lspci.txt", "--as", "dma"]],
  [["explain", LOG.split("\n")[0]!]],
  [["explain", ESCAPES]],
  [["trace", "check", "trace.txt", "dmesg.txt"]],
  [["trace", "check", `t${ESCAPES}.txt`]],
  [["trace", "check", "trace.txt", "dmesg.txt", "--json"], "whole"],
  [["trace", "summary", "trace.txt", "dmesg.txt"]],
  [["trace", "summary", `t${ESCAPES}.txt`, "--json"], "whole"],
  [["trace", "summary", "trace.txt", "dmesg.txt", "--events"], "lines"],
  [["trace", "summary", `t${ESCAPES}.txt`, "--events"], "lines"],
  [["trace", "show", "trace.txt", "--at", "0xffffe000"]],
  [["trace", "script", "trace.txt", "dmesg.txt"]],
  [["trace", "script", `t${ESCAPES}.txt`]],
  [["trace", "export", `t${ESCAPES}.txt`], "lines"],
  [[":repl", `print "${ESCAPES}"`, `let ${ESCAPES} = 1`, `:${ESCAPES}`, `?${ESCAPES}`]],
];

/** How an escape character is shown. */
const PICTURE = /␛|\\u001b|\\x1b|\\u\{1b\}/;
/**
 * Number of commands whose output contains nothing of the text: they print only counts, or the
 * rules of a fault.
 */
const SILENT = 6;

/** Files that commands write, and the commands. */
const WRITTEN: readonly (readonly [file: string, words: readonly string[]])[] = [
  ["pass.dma.snap", ["test", "pass.dma", "--snapshot", "update"]],
  ["out.json", ["run", "a.dma", "--export", "out.json"]],
  ["out.dmatrace.jsonl", ["run", "a.dma", "--export", "out.dmatrace.jsonl"]],
  [".dmalab/failed", ["test", "a.dma"]],
];

Deno.test("text of strangers is escaped in all that the commands print, export and keep", async (context) => {
  using folder = new TempFolder(FILES);
  const own = folder.at("own");
  folder.write("own/a.dma", SCENARIO);
  const unmap = "  dma_unmap_phys(ssd, m, 4KiB, from_device)\n";
  folder.write("own/pass.dma", SCENARIO.replace(/ *assert.*\n/, unmap));
  const todo = [
    ...COMMANDS.map(([words]) => ({ folder: folder.path, words })),
    ...WRITTEN.map(([, words]) => ({ folder: own, words })),
  ];
  const done = await doAll(todo, folder.path);
  let shown = 0;
  for (const [index, [words, json]] of COMMANDS.entries()) {
    await context.step(words.join(" ").replaceAll(ESCAPES, "ESC"), () => {
      const { errors, exitCode, output } = done[index]!;
      assertEquals(`${output}${errors}`.match(UNCLEAN), null);
      assert(exitCode < 4, `${exitCode}: ${errors}`);
      if (PICTURE.test(`${output}${errors}`)) shown++;
      if (json === "whole") JSON.parse(output);
      if (json === "lines") { for (const line of output.trim().split("\n")) JSON.parse(line); }
    });
  }
  // Otherwise the test would pass for commands that print nothing.
  assert(shown >= COMMANDS.length - SILENT, `${shown} of ${COMMANDS.length} show some of it`);
  for (const [file] of WRITTEN) {
    const path = join(own, file);
    await context.step(file, () => {
      const text = Deno.readTextFileSync(path);
      assertEquals(text.match(UNCLEAN), null);
      assert(PICTURE.test(text), text);
    });
  }
});

Deno.test("text of a script is escaped on its way to a client of the adapter", async () => {
  using folder = new TempFolder();
  const program = folder.write("lab.dma", `print "${ESCAPES}"\n`);
  await using client = await startClient();
  await client.body("launch", { program });
  await client.event("initialized");
  await client.move("configurationDone");
  assertStringIncludes(client.output("stdout"), "␛[2J");
  assertEquals(client.output("stdout").match(UNCLEAN), null);
});
