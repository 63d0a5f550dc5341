import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { recordRun, runsOf } from "@dmalab/recording";
import type { ExportRun } from "./command_target.ts";
import { Repl } from "./repl.ts";
import { complete, MACHINE, NO_FILES, talk, talkWith } from "./_talk.ts";

Deno.test(":save writes what was typed as a scenario, without what failed, and names a leak", async () => {
  const saved = new Map<string, string>();
  const lines = [
    "let early = 1",
    MACHINE,
    "let page = alloc_pages(1)",
    "1 / 0",
    "fn twice(x) {\n  return 2 * x\n}",
    "let m = dma_map_phys(ssd, page.phys, twice(2KiB), to_device)",
    "assert iommu.live_mappings == 7",
    ":save nowhere",
    ":save lab.dma",
  ];
  let output = "";
  const repl = new Repl({
    lines: (async function* () {
      yield* lines;
    })(),
    write: (text) => void (output += text),
    prompt: () => {},
  }, {
    loader: NO_FILES,
    colour: false,
    columns: 80,
    save: (path, text) => {
      saved.set(path, text);
      return true;
    },
  });
  await repl.run();
  assertStringIncludes(output, '"nowhere" is not the name of a scenario');
  const left =
    "left out: 1 / 0 (only a value)\nleft out: assert iommu.live_mappings == 7 (it fails)\n";
  assertStringIncludes(output, left);
  assertStringIncludes(output, `lab.dma: 4 inputs, ${repl.timeTravel.recording.last.seq} events\n`);
  assertMatch(output.replaceAll("\n", " "), /its run fails: device "ssd": mapping of 4096 bytes/);
  const kept = [lines[1]!, lines[2]!, lines[4]!, lines[5]!];
  assertEquals(
    saved.get("lab.dma"),
    `# Saved by dmalab repl.\n\n${kept.map((line) => `${line}\n`).join("")}`,
  );
});

Deno.test(":save counts a file's text apart from the inputs, and says why inputs are left out", async () => {
  const { last, repl } = await talkWith(
    {
      entry: new SourceFile("lab.dma", `${MACHINE}\ntest "t" { assert 1 == 1 }\n`),
      save: () => true,
    },
    "let page = alloc_pages(1)",
    "page.phys",
    "assert 1 == 2",
    "page.free()",
    ":save out.dma",
  );
  assertEquals(
    last,
    "left out: page.phys (only a value)\nleft out: assert 1 == 2 (it fails)\n" +
      `out.dma: the text of lab.dma, 2 inputs, ${repl.timeTravel.recording.last.seq} events\n`,
  );
});

/** Runs the statements of a text and records them. */
function runText(text: string) {
  const { program } = loadForDebugging(new SourceFile("lab.dma", text), NO_FILES);
  const [main] = runsOf(program!);
  return recordRun(program!, main!);
}

Deno.test(":save FILE expect writes a scenario that passes, and fails when anything else happens", async () => {
  const saved = new Map<string, string>();
  const { answers, repl } = await talkWith(
    { save: (path, text) => Boolean(saved.set(path, text)) },
    MACHINE,
    "let page = alloc_pages(1)",
    "let m = dma_map_phys(ssd, page.phys, 2KiB, to_device)",
    "dma_unmap_phys(ssd, m, 2KiB, to_device)",
    "ssd.read(lba: 0, into: alloc_pages(3, contiguous: false))",
    "let big = 2KiB",
    "dma_map_phys(ssd, page.phys, 0B, to_device)",
    ":save lab.dma expected",
    ":save lab.dma expect",
  );
  const message =
    '"lab.dma expected" is not the name of a scenario, such as lab.dma, or lab.dma expect\n';
  assertEquals(answers[7], message);
  const text = saved.get("lab.dma")!;
  const { failure, log: { count } } = runText(text);
  assertEquals(failure, null);
  assert(count > 60 && count < repl.timeTravel.recording.last.seq);
  const line = `lab.dma: 6 inputs, ${count} events, all of them expected\n`;
  assertStringIncludes(answers[8]!, line);
  assertEquals([...text.matchAll(/^ {2}[a-z]/gm)].length, count);
  assertMatch(text, /^ {2}# let m = .*\n {2}dma_map_phys\(.*size: 2KiB, dir: "to_device"/m);
  const changes = [
    // Three changes of the scenario: another size, one call fewer, and an additional fault.
    [", 2KiB, to_device)\ndma", ", 1KiB, to_device)\ndma", "E0906"],
    ["dma_unmap_phys(ssd, m, 2KiB, to_device)\n", "\n", "E0906"],
    ["let big", "ssd.dma_read(0x1000 as dma, 4B) faults not_present\nlet big", "E0901"],
  ] as const;
  for (const [from, to, code] of changes) {
    assertStringIncludes(text, from);
    assertEquals(runText(text.replace(from, to)).failure?.code, code, to);
  }
  assertEquals(complete(repl, ":save lab.dma e"), [["expect"], "e"]);
  assertEquals(complete(repl, ":save e"), [[], "e"]);
});

Deno.test(":save writes reports and faults as expected, and the saved file passes", async () => {
  const saved = new Map<string, string>();
  const unmap = "dma_unmap_phys(ssd, m, 8KiB, to_device)";
  const { answers } = await talkWith(
    { save: (path, text) => Boolean(saved.set(path, text)) },
    MACHINE,
    "let m = dma_map_phys(ssd, 0x10_0000, 8KiB, to_device)",
    unmap,
    unmap,
    `${unmap}   # again`,
    "ssd.dma_read(m, 4B)",
    "repeat 2 { ssd.dma_read(m, 4B) }",
    `fn both(m) {\n  ${unmap}\n  ssd.dma_read(m, 4B)\n}`,
    "both(m)",
    ":save lab.dma",
    ":save all.dma expect",
    "let value = ssd.dma_read(m, 4B)",
    ":save other.dma",
    "print value",
    ":save used.dma",
  );
  const lines = [
    `let m = dma_map_phys(ssd, 0x10_0000, 8KiB, to_device)`,
    unmap,
    `${unmap} warns unmap_unknown`,
    `expect warning unmap_unknown {\n  ${unmap}   # again\n}`,
    "ssd.dma_read(m, 4B) faults not_present",
    "expect fault not_present {\n  repeat 2 { ssd.dma_read(m, 4B) }\n}",
    `fn both(m) {\n  ${unmap}\n  ssd.dma_read(m, 4B)\n}`,
    "expect fault not_present {\n  both(m) warns unmap_unknown\n}",
  ];
  const text = saved.get("lab.dma")!;
  assertEquals(text, ["# Saved by dmalab repl.\n", MACHINE, ...lines, ""].join("\n"));
  for (const path of ["lab.dma", "all.dma", "other.dma"]) {
    assertEquals(runText(saved.get(path)!).failure, null, path);
  }
  assertMatch(answers[9]!, /^lab\.dma: 9 inputs, \d+ events\n$/);
  // A later input uses the value, so that no block can be around the `let`.
  assertMatch(answers[14]!, /its run fails: unexpected fault not_present\n$/);
  assertEquals(runText(saved.get("used.dma")!).failure?.code, "E0908");
});

Deno.test(":save FILE expect of nothing that happened expects nothing", async () => {
  const saved = new Map<string, string>();
  const save = (path: string, text: string) => Boolean(saved.set(path, text));
  await talkWith({ save }, "let a = 2", ":save a.dma expect");
  assertEquals(
    saved.get("a.dma"),
    "# Saved by dmalab repl.\n\nlet a = 2\n\nassert events.length == 0\n",
  );
  const many =
    "repeat 700 { dma_unmap_phys(ssd, dma_map_phys(ssd, alloc_pages(1).phys, 4KiB, to_device), 4KiB, to_device) }";
  const { answers } = await talkWith({ save }, MACHINE, many, ":save b.dma expect");
  assertMatch(answers[2]!, /^It has [\d_]+ events: 5_000 events can be expected\n$/);
  assertEquals([...saved.keys()], ["a.dma"]);
});

Deno.test(":export hands over all of the run, and says what is wrong", async () => {
  const asked: (readonly [string, number, boolean])[] = [];
  const exportRun: ExportRun = (path, { log }, isOver) => {
    asked.push([path, log.count, isOver]);
    return path === "" ? "a file has a name" : null;
  };
  const { answers } = await talkWith(
    { exportRun },
    MACHINE,
    "let m = dma_map_phys(ssd, alloc_pages(1).phys, 4KiB, to_device)",
    ":back",
    ":export lab.json",
    ":export",
  );
  assertEquals(answers.slice(3, 5), ["lab.json: 6 events\n", "a file has a name\n"]);
  assertEquals(asked, [["lab.json", 6, false], ["", 6, false]]);
  const { last } = await talk(":export lab.json");
  assertStringIncludes(last, "There is no command :export");
});

Deno.test(":edit hands the last input or all declarations to an editor, and in a pipe says why not", async () => {
  const { answers } = await talk("let a = 40", ":edit", ":edit everything");
  assertEquals(answers.slice(1, 3), [
    "There is no terminal for an editor here: lines come from a pipe\n",
    '"everything" cannot be edited: use declarations, or no argument for the last input\n',
  ]);
  const edited: string[] = [];
  let output = "";
  const lines = [
    "fn gone() {\n  return 1\n}",
    MACHINE,
    "# Twice as much.\nfn twice(x) {\n  return 2 * x\n}\nlet a = twice(2)",
    "const PIECE = 4KiB",
    "fn twice(x) {\n  return x + x\n}",
    "let b = 3",
    ":edit",
    ":edit declarations",
  ];
  const repl = new Repl({
    lines: (async function* () {
      yield* lines;
    })(),
    write: (text) => void (output += text),
    prompt: () => {},
    edit: (text) => {
      edited.push(text);
      return Promise.resolve(edited.length === 1 ? null : "The editor ended with 3");
    },
  }, { loader: NO_FILES, colour: false, columns: 80 });
  await repl.run();
  const declared = [MACHINE, "const PIECE = 4KiB", "fn twice(x) {\n  return x + x\n}"];
  assertEquals(edited, ["let b = 3", declared.join("\n")]);
  assert(output.endsWith("The editor ended with 3\n"));
  assertEquals(repl.exitCode, 2);
  assertEquals(complete(repl, ":edit d"), [["declarations"], "d"]);
});
