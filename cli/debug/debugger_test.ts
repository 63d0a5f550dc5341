import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { recordRun, runsOf } from "@dmalab/recording";
import { memoryFiles } from "@dmalab/lang/syntax";
import { LEFT_MAPPED } from "./_left_mapped.ts";
import { Debugger } from "./debugger.ts";

const talk = (...lines: string[]) => talkAbout(LEFT_MAPPED, ...lines);

/** The debugger's answers to some lines about the first run of a text, each followed by the prompt. */
async function talkAbout(text: string, ...lines: string[]) {
  const { program } = loadForDebugging(new SourceFile("left.dma", text), memoryFiles({}));
  const recording = recordRun(program!, runsOf(program!)[0]!, { sides: true });
  const answers: string[] = [];
  let output = "";
  const tool = new Debugger(recording, {
    lines: (async function* () {
      for (const line of lines) {
        output = "";
        yield line;
        answers.push(output);
      }
    })(),
    write: (text) => void (output += text),
    prompt: (text) => void (output += text),
  }, { colour: false, columns: 80 });
  tool.start();
  const greeting = output;
  await tool.run();
  return { answers, greeting, tool };
}

Deno.test("the debugger opens where a test fails, with its variables in sight", async () => {
  const { answers, greeting } = await talk("left", "iommu.live_mappings", "buf.size * 2");
  assertMatch(greeting, /^left\.dma: "all is unmapped", \d+ events\nerror\[E0901\]/);
  assertMatch(greeting, /^event (\d+)\/\1 {2}left\.dma:11 {2}assert iommu/m);
  assertMatch(answers[0]!, /^mapping of 4KiB at .*\ndma\[18\/18\]> $/);
  assertMatch(answers[1]!, /^1\n/);
  assertMatch(answers[2]!, /^8KiB\n/);
});

Deno.test("a change of an expression stops, both ways", async () => {
  const { answers } = await talk(
    ":goto start",
    ":break changed iommu.live_mappings",
    ":continue",
    ":continue",
    ":rcontinue",
    ":break changed 1 +",
  );
  assertMatch(answers[1]!, /^breakpoint 1: changed iommu\.live_mappings\n/);
  assertMatch(answers[2]!, /^stopped by breakpoint 1\n/m);
  const eventOf = (answer: string) => /^event (\d+)\//m.exec(answer)![1];
  assertEquals(eventOf(answers[4]!), eventOf(answers[2]!));
  assert(Number(eventOf(answers[3]!)) > Number(eventOf(answers[2]!)));
  assertMatch(answers[5]!, /expected|expression/i);
});

Deno.test("blocks of `fork` are stepped into by order and by name; a breakpoint in one stops, both ways", async () => {
  const text = [
    'test "two" {',
    "  let both = fork {",
    "    let a = 1",
    "    print a",
    "  } and {",
    "    print 2",
    "  }",
    "  show both",
    "}",
  ].join("\n");
  const { answers, tool } = await talkAbout(
    text,
    ":goto start",
    ":break 4",
    ":continue",
    "a",
    ":mark here",
    ":into",
    ":out",
    ":rcontinue",
    ":goto start",
    ":into",
    ":into sec",
    ":into other",
    ":goto here",
    ":prev",
    ":prev",
  );
  const line = (answer: number) => answers[answer]!.match(/\.dma:(\d+) /)?.[1];
  assertStringIncludes(answers[2]!, "In fork: first\nstopped by breakpoint 1\n");
  assertEquals(answers[3]!.split("\n")[0], "1");
  assertStringIncludes(answers[5]!, "In fork: second\n");
  assertStringIncludes(answers[6]!, "Back in the run itself\n");
  assertStringIncludes(answers[7]!, "In fork: first\nstopped by breakpoint 1\n");
  assertStringIncludes(answers[10]!, "In fork: second\n");
  assertStringIncludes(answers[11]!, 'This statement has no block "other"');
  assertEquals([2, 5, 6, 7, 9, 10, 12, 13, 14].map(line), [..."468426432"]);
  assertEquals(tool.exitCode, 2);
});

Deno.test("the mapping that was left is found in three commands", async () => {
  const { answers, tool } = await talk(
    ":state mappings",
    ":who mapping left.addr",
    ":goto 11",
    ":state",
  );
  const [, address] = answers[0]!.match(/ssd +(0x[\da-f_]+)/)!;
  assertMatch(
    answers[1]!,
    /^event 11 {2}dma\.map: [^]*?\n {2}left\.dma:4 {2}let two = dma_map_phys/,
  );
  assertStringIncludes(answers[1]!, address!);
  assertMatch(answers[2]!, /^\+ mappings|^- mappings/m);
  assertStringIncludes(answers[3]!, "mapped   2 mappings, 8KiB");
  assertMatch(answers[3]!, /^one +mapping/m);
  assertEquals(tool.exitCode, 0);
});

Deno.test("an empty line does the last command again; what would change the run is refused", async () => {
  const { answers, tool } = await talk(
    ":goto start",
    ":step 2",
    "",
    "dma_map_phys(ssd, 0x1000, 4KiB, to_device)",
    ":switch main",
    ":into",
  );
  assertMatch(answers[1]!, /dma\[2\/18\]> $/);
  assertMatch(answers[2]!, /dma\[4\/18\]> $/);
  assertStringIncludes(answers[3]!, "would change the machine");
  assertStringIncludes(answers[4]!, "There is no command :switch");
  assertEquals(tool.exitCode, 2);
  const words = (text: string) => tool.suggest(text).all.map((each) => each.text);
  assertEquals(words(":re"), [":rewind"]);
  assertEquals(words(":goto st"), ["start"]);
});

Deno.test("where a test fails, at the end and at a statement :back and :step return to the same place", async () => {
  const { answers } = await talk(
    ":back",
    ":step",
    "left",
    ":goto line 10",
    ":step 2",
    ":back 2",
    ":bt",
    ":goto end",
    ":back 3",
    ":step",
    ":step 2",
    ":bt",
  );
  assertMatch(answers[1]!, /^event 18\/18 {2}left\.dma:11 {2}assert iommu/m);
  assertMatch(answers[2]!, /^mapping of 4KiB at /);
  assertMatch(answers[5]!, /^event 0\/18 {2}left\.dma:10 {2}let left = both\(buf\)/m);
  assertMatch(answers[6]!, /^left\.dma:10 {2}all is unmapped\n/);
  assertMatch(answers[10]!, /^event 18\/18 {2}end/m);
  assertMatch(answers[11]!, /^No statement runs here\n/);
});

Deno.test("a statement that fails when its calls have returned is where one stands, with its names", async () => {
  const text = [
    "fn more(than) {",
    "  let sum = than + 1",
    "  return sum",
    "}",
    'test "one too few" {',
    "  let own = 1",
    "  assert more(own) == 3",
    "}",
  ].join("\n");
  const { answers, greeting } = await talkAbout(text, ":bt", "own", "sum", ":state");
  assertMatch(greeting, /^event 0\/0 {2}left\.dma:7 {2}assert more/m);
  assertMatch(answers[0]!, /^left\.dma:7 {2}one too few\ndma/);
  assertEquals([1, 2].map((answer) => answers[answer]!.split("\n")[0]), [
    "1",
    "Nothing is called `sum`",
  ]);
  assertMatch(answers[3]!, /^own {2}1$/m);
});

Deno.test("the debugger opens at the report, the fault or the leak that fails a test, and not behind it", async () => {
  const text = (body: string) =>
    `machine { iommu { mode = strict } pci { root_port rp0 { endpoint nic { } } } }
test "t" {
  let m = dma_map_phys(nic, 0x4000_0000, 8KiB, to_device)
  ${body}
  let n = dma_map_phys(nic, 0x4001_0000, 8KiB, to_device)
  dma_unmap_phys(nic, n, 8KiB, to_device)
}`;
  for (
    const [body, place] of [
      ["dma_unmap_phys(nic, m, 4KiB, to_device)", /^event 8\/\d+ {2}left\.dma:4 /m],
      ["nic.dma_read(0x1000 as dma, 4B)", /^event 7\/\d+ {2}left\.dma:4 /m],
      ["", /^event 5\/\d+ {2}left\.dma:3 /m],
    ] as const
  ) {
    const { greeting } = await talkAbout(text(body));
    assertMatch(greeting, /^error\[E09(?:08|26)\]/m);
    assertMatch(greeting, place);
  }
});
