/** Files that are too large, files that become too large when unpacked, and full disks. */
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";
import { makeSparse } from "./inputs.ts";
import { doAll } from "./places.ts";

const MIB = 2 ** 20;
const TRACE = "examples/traces/data/leaky-driver.trace.txt";

async function makePacked(path: string, sizeBytes: number, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text.repeat(Math.ceil(MIB / text.length)));
  const whole = new ReadableStream({
    start(controller) {
      for (let at = 0; at < sizeBytes; at += bytes.length) controller.enqueue(bytes);
      controller.close();
    },
  });
  const file = await Deno.create(path);
  await whole.pipeThrough(new CompressionStream("gzip")).pipeTo(file.writable);
}

Deno.test("what is too large is refused by its size before it is read, and what unpacks to too much soon after", async (context) => {
  using folder = new TempFolder({ "a.dma": 'test "prints" { print 1 }\n' });
  Deno.mkdirSync(folder.at(".dmalab"));
  for (const name of [".dmalab/failed", ".dmalab/history", "a.dma.snap", "large.dma"]) {
    makeSparse(folder.at(name), 300 * MIB);
  }
  // A single line without a line end.
  makeSparse(folder.at("line.txt"), 300 * MIB);
  await makePacked(folder.at("bomb.txt.gz"), 128 * MIB, "\0");
  await makePacked(folder.at("trace.txt.gz"), MIB, Deno.readTextFileSync(join(ROOT, TRACE)));
  const cases: readonly (readonly [words: readonly string[], exitCode: number, said: RegExp])[] = [
    [
      ["test", "--failed", "a.dma"],
      2,
      /^error\[E1102\]: Cannot read "\.dmalab\/failed": it has/m,
    ],
    [["test", "a.dma"], 2, /^error\[E1102\]: Cannot read "\.dmalab\/failed"/m],
    [[":history"], 0, /^error\[E1102\]: Cannot read "\.dmalab\/history"/m],
    [
      ["test", "--snapshot", "check", "a.dma"],
      2,
      /^error\[E1102\]: Cannot read "a\.dma\.snap"/m,
    ],
    [["run", "large.dma"], 2, /Cannot read "large\.dma": it has more than 33554432 bytes/],
    [
      ["trace", "summary", "bomb.txt.gz"],
      2,
      /"bomb\.txt\.gz": it unpacks to more than 100 times/,
    ],
    [
      ["trace", "check", "bomb.txt.gz"],
      2,
      /"bomb\.txt\.gz": it unpacks to more than 100 times/,
    ],
    [["trace", "summary", "line.txt"], 2, /no line of a trace or a log/],
    [["trace", "summary", "trace.txt.gz"], 0, /dma_map_phys/],
    [["trace", "check", "line.txt"], 2, /no line of a trace/],
  ];
  const done = await doAll(cases.map(([words]) => ({ folder: folder.path, words })), folder.path);
  for (const [index, [words, code, said]] of cases.entries()) {
    await context.step(words.join(" "), () => {
      const { errors, exitCode, output } = done[index]!;
      assertMatch(`${output}${errors}`, said);
      assertEquals(exitCode, code);
    });
  }
});

/**
 * Starts dmalab with a limit of the size of files, in blocks of 512 bytes. A write beyond the limit
 * fails, as on a full disk.
 */
async function withRoom(blocks: number, folder: string, words: readonly string[]) {
  const script = `trap "" XFSZ; ulimit -f ${blocks}; exec "$0" "$@"`;
  const main = join(ROOT, "bin/main.ts");
  const { code, stderr, stdout } = await new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), "run", "-A", "--no-check", "--quiet", main, ...words],
    cwd: folder,
  }).output();
  const decoder = new TextDecoder();
  return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
}

const LINES = Array.from({ length: 4000 }, (_, line) => `print   "${line}"\n`).join("");
const SOURCES: Readonly<Record<string, string>> = {
  "a.dma": LINES,
  "print.dma": `test "prints" {\n${LINES}}\n`,
};
const FIRST_LOOK = join(ROOT, "examples/start/01-first-look.dma");
/**
 * Commands that write, each with the file that the command replaces. One module writes all of these
 * files. Therefore the short suite tests only the first command.
 */
const WRITERS: readonly (readonly [name: string, file: string, words: readonly string[]])[] = [
  ["fmt", "a.dma", ["fmt", "a.dma"]],
  ["snapshots (long)", "print.dma.snap", ["test", "--snapshot", "update", "print.dma"]],
  ["an export as JSON (long)", "out.json", ["run", FIRST_LOOK, "--export", "out.json"]],
  [
    "an export line by line (long)",
    "out.dmatrace.jsonl",
    ["run", FIRST_LOOK, "--export", "out.dmatrace.jsonl"],
  ],
  ["vectors (long)", "v.json", ["vectors", "--count", "20", "--out", "v.json"]],
];
const MUCH_ROOM = 1 << 20;

for (const [name, file, words] of WRITERS) {
  Deno.test({
    name:
      `a full disk leaves every old file whole, has its own exit code, leaves no draft: ${name}`,
    ignore: Deno.build.os === "windows",
    async fn() {
      const old: Record<string, string> = { ...SOURCES };
      using folder = new TempFolder(old);
      if (!(file in old)) {
        // A result replaces an earlier result of the same command, even if the earlier result is
        // incomplete.
        assertEquals((await withRoom(MUCH_ROOM, folder.path, words)).code, 0);
        const text = Deno.readTextFileSync(folder.at(file));
        old[file] = text.slice(0, text.length / 2);
        folder.write(file, old[file]!);
      }
      const { code, said } = await withRoom(16, folder.path, words);
      assertEquals(code, 4, said);
      assertStringIncludes(said, `error: Cannot write "${file}": `);
      const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
      assertEquals(left, Object.keys(old).sort());
      for (const [name, text] of Object.entries(old)) {
        assertEquals(Deno.readTextFileSync(folder.at(name)), text);
      }
      // With enough room the file must be written: otherwise the test would also pass for a command
      // that writes nothing.
      assertEquals((await withRoom(MUCH_ROOM, folder.path, words)).code, 0);
      assertNotEquals(Deno.readTextFileSync(folder.at(file)), old[file]);
    },
  });
}
