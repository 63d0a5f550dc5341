/** Long commands on a terminal: one line says how far they are, and a reader that leaves ends them. */
import { assertEquals, assertMatch } from "@std/assert";
import { TempFolder } from "@dmalab/tools";
import { hasPty, Pty } from "./pty.ts";
import { programLine } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";

const ignore = !hasPty();

/** Each command that runs long, a line of its progress, and what its result begins with. */
const LONG_COMMANDS = [
  [
    "hunt examples/drivers/01-hunted-driver.dma --seconds 2",
    /^right: [\d_]+ cases, /,
    /^# ok \| /m,
  ],
  [
    "hunt --kernel 7.2.12 --cases 200",
    /^kernel 7.2.12: \d+ cases, \d+ machines?$/,
    /^# (?:ok|found) \| /m,
  ],
  ["hunt --cases 100 --seeds 2", /^seed 1: \d+ cases, \d+ machines?$/, /^# (?:ok|found) \| /m],
  ["releases examples/museum/11-gap-bit.dma", /^kernel \S+, \d+ of \d+$/, /^changes between/m],
  ["bench examples/bench/01-strict-over-lazy.dma", /dma: cell \d+ of \d+$/, /^expect .*ok/m],
  ["bench examples/bench/01-strict-over-lazy.dma --host-time", /: round \d+ of \d+$/, /^equal: /m],
] as const;

for (const [words, line, result] of LONG_COMMANDS) {
  Deno.test({
    name: `${words}: progress is one line that the result replaces`,
    ignore,
    async fn() {
      await using pty = new Pty(ROOT);
      await pty.see(/\$ /);
      await pty.press("stty cols 80 rows 24\n", /\$ /);
      let most = 0;
      const shown = () => pty.lines.filter((each) => line.test(each)).length;
      const watch = setInterval(() => most = Math.max(most, shown()), 5);
      await pty.press(`${programLine("-R")} ${words}; echo over $((20 + 3))\n`, /^over 23$/m);
      clearInterval(watch);
      const text = pty.lines.join("\n");
      assertEquals(most, 1, text);
      assertEquals(shown(), 0, text);
      assertMatch(text, result);
    },
  });
}

Deno.test("a command shows no progress in a pipe", async () => {
  const args = [
    "-c",
    `${programLine("-R")} bench examples/bench/01-strict-over-lazy.dma 2>&1 | cat`,
  ];
  const { stdout } = await new Deno.Command("sh", { args, cwd: ROOT }).output();
  assertEquals(/cell \d+ of/.test(new TextDecoder().decode(stdout)), false);
});

Deno.test("a closed pipe ends the command, and nothing that it has begun stays", async () => {
  using folder = new TempFolder();
  const lines = 'for i in 0..2000000000 { print "{i}" }\n';
  folder.write("endless.dma", lines);
  const limits = `--limit steps=${10 ** 14} --limit time-seconds=300`;
  const script =
    `${programLine("-R", "-W=.")} run endless.dma ${limits} --export t.perfetto.json ` +
    "| head -1; echo ${PIPESTATUS[0]}; ls -A";
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", script],
    cwd: folder.path,
    signal: AbortSignal.timeout(60_000),
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "0\n141\nendless.dma\n");
});

Deno.test("a closed pipe of both streams ends the command, too", async () => {
  using folder = new TempFolder();
  folder.write("endless.dma", 'for i in 0..2000000000 { print "{i}" }\n');
  const limits = `--limit steps=${10 ** 14} --limit time-seconds=300`;
  // The command's first output is a message on the error stream, whose reader has left.
  const script = `(sleep 1; ${programLine("-R")} run nothing.dma endless.dma ${limits}; ` +
    'echo "$?" > code) 2>&1 | head -c 0; cat code';
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", script],
    cwd: folder.path,
    signal: AbortSignal.timeout(60_000),
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "141\n");
});
