/** `dmalab review` on a small tree: differences, code that was not run, and inputs that cannot be reviewed. */
import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HostTree, MemoryScreen } from "@dmalab/cli";
import { withMarks } from "@dmalab/c_drivers/tree";
import { openTree } from "../diff_scenario.ts";
import { TreeCoverage } from "../tree_coverage.ts";
import { changedFilesIn, unreachedLines } from "../review/changed_lines.ts";
import { BrokenChange } from "../oracles.ts";
import {
  defectOf,
  deviceDifference,
  isSameFailure,
  ScenarioDifferences,
} from "../review/differences.ts";
import type { KeptOutcome } from "../review/kept_runs.ts";
import { exitCodeOf, reviewText, verdictOf } from "../review/print_review.ts";
import { changeOf } from "../review/reached_change.ts";
import { Review, type ReviewedStep } from "../review/review.ts";
import { changeInWords, openAhead } from "../review/run_ahead.ts";
import { runReview } from "../review/run_review.ts";
import { readSteps } from "../review/series.ts";
import { jobCount, startWorkersAlways } from "@dmalab/cli/extend";

const ALONE = { jobs: jobCount(1) };

const MINI = "extensions/kernel_tree/tests/tree/mini";
const TOY = "drivers/toy/toy.c";
const SCENARIO = 'machine { kernel = "6.12"\n pci { root_port rp0 { endpoint nic { } } } }\n' +
  `driver toy = c "${TOY}" { tree = "mini" }\n` +
  'test "it starts and stops" { assert toy.toy_start(nic) == 0\n toy.toy_stop(nic) }\n';

/** Changes of one file, each based on the one before it. */
const CHANGES: readonly (readonly [subject: string, from: string, to: string])[] = [
  ["harmless", "if (!buf)", "if (buf == NULL)"],
  [
    "wrong length",
    "dma_unmap_single(dev, dma, TOY_BYTES",
    "dma_unmap_single(dev, dma, TOY_BYTES / 2",
  ],
  ["rare \x1b[31mred", "to_pci_dev(dev), 1)", "to_pci_dev(dev), 2)"],
];

async function run(folder: string, program: string, ...args: string[]): Promise<string> {
  const { code, stderr, stdout } = await new Deno.Command(program, { args, cwd: folder }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** A copy of the small tree, and a scenario for it. */
class TreeFolder extends TempFolder {
  readonly scenario = this.write("toy.dma", SCENARIO);
  readonly tree = this.at("mini");
  readonly mailbox = this.at("series.mbox");
}

async function copyTree(): Promise<TreeFolder> {
  const folder = new TreeFolder();
  await run(".", "cp", "-r", MINI, folder.path);
  return folder;
}

/** A repository with a commit for each change, and a mailbox with all of them. */
async function makeSeries(): Promise<TreeFolder> {
  const folder = await copyTree();
  const { tree } = folder;
  const git = (...args: string[]) =>
    run(tree, "git", "-c", "user.name=a", "-c", "user.email=a@example.org", ...args);
  await git("init", "-q");
  await git("add", "-A");
  await git("commit", "-qm", "base");
  for (const [subject, from, to] of CHANGES) {
    const text = Deno.readTextFileSync(`${tree}/${TOY}`);
    assert(text.includes(from));
    Deno.writeTextFileSync(`${tree}/${TOY}`, text.replace(from, to));
    await git("commit", "-qam", subject);
  }
  folder.write("series.mbox", await git("format-patch", "--stdout", "HEAD~3"));
  return folder;
}

interface Asked {
  readonly allowsUnreached?: boolean;
  readonly jobs?: number;
  readonly page?: string | null;
}

async function review(
  words: readonly string[],
  scenario: string | readonly string[],
  { allowsUnreached = false, jobs = 1, page = null }: Asked = {},
) {
  const screen = new MemoryScreen();
  const request = {
    scenarios: [scenario].flat(),
    matches: [],
    allowsUnreached,
    page,
    jobs: jobCount(jobs),
  };
  const code = await runReview(words, request, screen);
  return { code, output: screen.output, errors: screen.errors };
}

Deno.test("a review in workers prints what one thread prints", async () => {
  using folder = await makeSeries();
  const texts = [1, 2, 3, 4].map((number) =>
    SCENARIO.replace('"it starts', `"${number}: it starts`)
  );
  const scenarios = texts.map((text, at) => folder.write(`${at}.dma`, text));
  const words = [MINI, folder.mailbox];
  startWorkersAlways(true);
  try {
    // The first run begins without the tests in the cache: their names are new.
    const shared = await review(words, scenarios, { jobs: 3 });
    assertEquals(shared, await review(words, scenarios));
    assertEquals(shared.code, 1);
    for (const at of scenarios.keys()) assertStringIncludes(shared.output, `${at}.dma`);
  } finally {
    startWorkersAlways(false);
  }
});

Deno.test("a review runs nothing again that a job has run ahead", async () => {
  using folder = await makeSeries();
  const name = `ahead, of ${folder.path}`;
  const scenario = folder.write("ahead.dma", SCENARIO.replace("it starts and stops", name));
  const [step] = await readSteps([MINI, folder.mailbox], folder.at("work"));
  const ran: string[] = [];
  const onProgress = (text: string) => void (text.startsWith("running ") && ran.push(text));
  const isC = ({ path }: { readonly path: string }) => path.endsWith(".c");
  const change = changeInWords(changeOf(step!, step!.files.filter(isC)));
  const job = { kind: "review", number: 0, path: scenario, step: 1, change, matches: [] } as const;
  // What a worker gets is a copy.
  await openAhead().run(structuredClone(job), () => {});
  const ahead = new Review({
    scenarios: [scenario],
    oracles: [],
    matches: [],
    ...ALONE,
    onProgress,
  });
  const reviewed = await ahead.step(step!);
  assertEquals([ran, reviewed.scenarios.map(({ path }) => path)], [[], [scenario]]);
  // Another name is another scenario, which nobody has run.
  Deno.writeTextFileSync(scenario, SCENARIO.replace("it starts and stops", `not ${name}`));
  await new Review({ ...ahead.options }).step(step!);
  assertEquals(ran.length, 2);
});

Deno.test("each patch has its verdict, from a mailbox, a range and two trees", async () => {
  using folder = await makeSeries();
  const { mailbox, scenario, tree } = folder;
  for (
    const words of [[MINI, mailbox], [tree, "HEAD~3..HEAD"]]
  ) {
    const { code, errors, output } = await review(words, scenario);
    assertEquals([code, errors], [1, ""], output);
    const parts = output.split(/^patch /m).slice(1);
    const verdicts = parts.map((part) => /^ {2}verdict \| (.*)$/m.exec(part)?.[1]);
    assertEquals(verdicts, [
      "no difference, and every changed line with code ran",
      "1 defect",
      "2 changed lines not known to have run",
    ]);
    const wrong = parts[1]!;
    assert(wrong.includes("checker unmap_size, "), wrong);
    assert(wrong.includes("call    dma_unmap_page()"), wrong);
    assert(wrong.includes("NEW     dma_unmap_page(dma 0x4000_0000, 1KiB, to_device)"), wrong);
    assert(
      /^ {12}drivers\/toy\/toy\.c:\d+ {2}dma_unmap_single\(dev, dma, TOY_BYTES \/ 2/m.test(wrong),
      wrong,
    );
    assert(wrong.includes("again   dmalab review "), wrong);
    assert(wrong.includes(`--scenario ${scenario} --match "it starts and stops"`), wrong);
    const rare = parts[2]!;
    assert(
      /new \d+ {2}not executed +return pci_find_capability\(to_pci_dev\(dev\), 2\);/.test(rare),
      rare,
    );
    assert(
      /old \d+ {2}not executed +return pci_find_capability\(to_pci_dev\(dev\), 1\);/.test(rare),
      rare,
    );
  }
  const { code, output } = await review([MINI, tree], scenario);
  assertEquals(code, 1, output);
  assert(output.includes("verdict | 1 defect, 2 changed lines not known to have run"), output);
  const range = [tree, "HEAD~1..HEAD"];
  const page = folder.at("review.html");
  await review([MINI, mailbox], scenario, { page });
  const html = Deno.readTextFileSync(page);
  assertEquals(html.match(/<section>/g)?.length, 3);
  assertEquals([html.includes("\x1b"), html.includes("rare ␛[31mred")], [false, true]);
  assertEquals(html.match(/class="(?:add|del) open" title="not executed"/g)?.length, 2);
  assert(html.includes('<span class="add">+\tdma_unmap_single(dev, dma, TOY_BYTES / 2'), html);
  assertEquals((await review(range, scenario)).code, 2);
  assertEquals((await review(range, scenario, { allowsUnreached: true })).code, 0);
  assertEquals((await review([tree, "HEAD~3..HEAD~2"], scenario)).code, 0);
});

Deno.test("an assertion that fails is the first reason, and another length of both sides fails without a report", async () => {
  using folder = await copyTree();
  const { path, scenario } = folder;
  const changed = async (from: string, to: string, ...more: readonly [string, string][]) => {
    await run(".", "rm", "-rf", `${path}/changed`);
    await run(".", "cp", "-r", MINI, `${path}/changed`);
    const file = `${path}/changed/${TOY}`;
    let text = Deno.readTextFileSync(file);
    for (const [old, now] of [[from, to], ...more] as const) text = text.replace(old, now);
    Deno.writeTextFileSync(file, text);
    const page = folder.at("page.html");
    const found = await review([MINI, `${path}/changed`], scenario, { page });
    return { ...found, html: Deno.readTextFileSync(page) };
  };
  // The mapping that remains is a consequence of the stopped test.
  const stopped = await changed("\treturn 0;", "\treturn 7;");
  assertEquals(stopped.code, 1, stopped.output);
  assert(
    /^ {4}test {4}Assertion failed at toy\.dma:4:\d+: toy_start is 7/m.test(stopped.output),
    stopped.output,
  );
  assert(stopped.html.includes('<h1 class="failed">✕ 1 defect'), stopped.html);
  const half = "TOY_BYTES / 2, DMA_TO";
  const shorter = await changed(
    "map_single(dev, buf, TOY_BYTES, DMA_TO",
    `map_single(dev, buf, ${half}`,
    ["unmap_single(dev, dma, TOY_BYTES, DMA_TO", `unmap_single(dev, dma, ${half}`],
  );
  assertEquals(shorter.code, 1, shorter.output);
  assert(
    shorter.output.includes("verdict | 1 difference in data, lengths, addresses or commands"),
    shorter.output,
  );
  assert(shorter.html.includes('<h1 class="failed">✕ 1 difference in data'), shorter.html);
  const open = await changed("to_pci_dev(dev), 1)", "to_pci_dev(dev), 2)");
  assertEquals(open.code, 2, open.output);
  assert(open.html.includes('<h1 class="warned">! 2 changed lines not known'), open.html);
});

Deno.test("a review reports what leaks with the new tree only, not what a patch moves or mends", async () => {
  using folder = await copyTree();
  const scenario = folder.write(
    "each.dma",
    SCENARIO.replace(
      /test [^]*/,
      'test "each fails" { inject each { if toy.toy_start(nic) == 0 { toy.toy_stop(nic) } } }\n',
    ),
  );
  const forgets = Deno.readTextFileSync(`${MINI}/${TOY}`).replace("\t\tkfree(buf);\n", "");
  const tree = async (name: string, text: string) => {
    await run(".", "cp", "-r", MINI, folder.at(name));
    folder.write(`${name}/${TOY}`, text);
    return folder.at(name);
  };
  const old = await tree("old", forgets);
  const stop = "\tdma_unmap_single(";
  const moved = forgets.replace("int toy_start", "\n\nint toy_start")
    .replace(stop, `\tdma_sync_single_for_cpu(dev, dma, TOY_BYTES, DMA_TO_DEVICE);\n${stop}`);
  const same = await review([old, await tree("moved", moved)], scenario);
  assertEquals(same.code, 0, same.output);
  assert(same.output.includes("  differs | "), same.output);
  assertEquals(same.output.includes("defect"), false, same.output);
  const twice = moved.replace(
    "\tspin_lock(&lock);",
    "\tdma_addr_t other = dma_map_single(dev, buf, 8, DMA_TO_DEVICE);\n" +
      "\tif (dma_mapping_error(dev, other))\n\t\treturn -5;\n" +
      "\tdma_unmap_single(dev, other, 8, DMA_TO_DEVICE);\n$&",
  );
  const more = await review([old, await tree("twice", twice)], scenario);
  assertEquals(more.code, 1, more.output);
  assert(
    /^ {4}checker Leak when `dma_map_single` .*\(2 times, with the old tree 1\)$/m.test(
      more.output,
    ),
    more.output,
  );
  // The place is known. There, the mapping leaks, too.
  const unmaps = twice.replace(
    "\t\treturn -5;\n\tdma_unmap_single(dev, other",
    "\t\tgoto unmap;\n\tdma_unmap_single(dev, other",
  ).replace(
    /(int toy_start[^]*?return 0;)/,
    "$1\nunmap:\n\tdma_unmap_single(dev, dma, TOY_BYTES, DMA_TO_DEVICE);\n\treturn -5;",
  );
  const before = await tree("unmaps", unmaps);
  const forgotten = unmaps.replace(
    "unmap:\n\tdma_unmap_single(",
    "unmap:\n\tif (0) dma_unmap_single(",
  );
  const worse = await review([before, await tree("forgotten", forgotten)], scenario);
  assertEquals(worse.code, 1, worse.output);
  assert(/^ {4}checker Leak when .*mapping of/m.test(worse.output), worse.output);
  const better = await review([folder.at("forgotten"), before], scenario);
  assert(better.output.includes("  differs | "), better.output);
  assertEquals(better.output.includes("defect"), false, better.output);
});

Deno.test("an assertion that fails with both trees, but with another value, is a difference in data", async () => {
  using folder = await copyTree();
  const file = `mini/${TOY}`;
  const text = Deno.readTextFileSync(folder.at(file));
  folder.write(file, text.replace("\treturn 0;", "\treturn 7;"));
  await run(".", "cp", "-r", folder.tree, folder.at("other"));
  folder.write(`other/${TOY}`, text.replace("\treturn 0;", "\treturn 8;"));
  const { code, output } = await review([folder.tree, folder.at("other")], folder.scenario);
  assertEquals(code, 1, output);
  assert(output.includes("1 difference in data, lengths, addresses or commands"), output);
});

/** An outcome of a failed test. */
function outcome(given: Partial<KeptOutcome>): KeptOutcome {
  const counts = { leaks: 0, unexpectedReports: 0, unexpectedFaults: 0 };
  const failed = { code: "E0921", place: "t.dma:1:1" };
  const none = { incidents: [], leaking: [], assertion: null, isLimit: false };
  return { ...counts, ...none, failure: "it fails", failed, ...given };
}

Deno.test("what both trees find is no defect, whatever its lines, numbers and first place", () => {
  const end = "\nwith the old tree the test fails, too: it fails";
  const leaking = (...found: readonly (string | readonly [text: string, count: number])[]) =>
    outcome({
      leaking: found.map((each) => {
        const [text, count] = typeof each === "string" ? [each, 1] as const : each;
        return { text: `${text}, allocated at a.c:${text.length}:3`, count };
      }),
    });
  const one = (line: number, nth: string) =>
    `\`kmalloc\` at a.c:${line} fails the ${nth} time: 8 bytes`;
  const map = "`dma_map_page` at a.c:3 fails the 1st time: a mapping";
  assertEquals(defectOf(leaking(one(1, "1st")), leaking(one(2, "2nd"))), null);
  assertEquals(defectOf(leaking(one(1, "3rd"), map), leaking(map)), null);
  const added = defectOf(leaking(map), leaking(one(1, "11th"), map));
  assertEquals(added, `Leak when ${one(1, "11th")}, allocated at a.c:47:3${end}`);
  const twice = defectOf(leaking(map), leaking(map, map));
  assertEquals(
    twice,
    `Leak when ${map}, allocated at a.c:${map.length}:3 (2 times, with the old tree 1)${end}`,
  );
  const mappings = (count: number) =>
    [`${map}; and ${count - 1} more by the same statement`, count] as const;
  assertEquals(defectOf(leaking(mappings(3)), leaking(mappings(2))), null);
  assertEquals(defectOf(leaking(mappings(2)), leaking(map)), null);
  assert(defectOf(leaking(map), leaking(mappings(9)))!.includes("(9 times, with the old tree 1)"));
});

Deno.test("incidents are counted by the places at which they happen, and not by the orders of a race", () => {
  const reports = (...places: readonly (readonly [count: number, when: string])[]) =>
    outcome({
      incidents: places.map(([count, when]) => ({
        name: "report unmap_size",
        text: `2KiB for 0x1000 (at ${count} of 5 places of \`inject each\`, such as when ${when})`,
      })),
      unexpectedReports: places.length,
    });
  assertEquals(defectOf(reports([2, "a"]), reports([1, "b"])), null);
  assertEquals(defectOf(reports([1, "a"], [3, "b"]), reports([3, "a"], [1, "b"])), null);
  const more = defectOf(reports([1, "a"], [3, "b"]), reports([3, "a"], [3, "b"]));
  assert(more!.includes(" (6 times, with the old tree 4)"), more!);
  // Of the old tree's reports only some are listed: the others may be the new tree's.
  const listed = { ...reports([1, "a"]), unexpectedReports: 21 };
  const other = { name: "report unmap_unknown", text: "other" };
  assertEquals(defectOf(listed, { ...listed, incidents: [other] }), null);
  const raced = (orders: string) =>
    outcome({
      incidents: [{ name: "leak mapping", text: `8 bytes (in ${orders} of the race, such as AB)` }],
    });
  assertEquals(defectOf(raced("3 of 6"), raced("5 of 10")), null);
});

Deno.test("a failure is the same with other line numbers, and not with another assertion or value", () => {
  const of = (code: string, failure: string, more: Partial<KeptOutcome> = {}) =>
    outcome({ failed: { code, place: "t.dma:1:1" }, failure, ...more });
  const passed = outcome({ failed: null, failure: null });
  const moved = [of("E0902", "EIO at a.c:1"), of("E0902", "EIO at a.c:27")] as const;
  assertEquals([isSameFailure(...moved), defectOf(...moved)], [true, null]);
  const other = of("E0902", "EINVAL at a.c:1");
  assertEquals(isSameFailure(moved[0], other), false);
  assertEquals(
    defectOf(moved[0], other),
    "EINVAL at a.c:1\nwith the old tree the test fails, too: EIO at a.c:1",
  );
  assertEquals([isSameFailure(passed, passed), defectOf(other, passed)], [true, null]);
  const crashes = ["0x10", "0x2018"].map((at) => of("E0930", `crash at ${at}`)) as [
    KeptOutcome,
    KeptOutcome,
  ];
  assertEquals([isSameFailure(...crashes), defectOf(...crashes)], [false, null]);
  const [seven, eight] = [7, 8].map((value) =>
    of("E0901", "Assertion failed", { assertion: [`Assertion failed: x is ${value}`] })
  ) as [KeptOutcome, KeptOutcome];
  assertEquals([isSameFailure(seven, eight), defectOf(seven, eight)], [false, null]);
  const later = { ...eight, failed: { code: "E0901", place: "t.dma:9:1" } };
  assertEquals(
    defectOf(seven, later),
    "Assertion failed: x is 8\nwith the old tree the test fails, too: Assertion failed: x is 7",
  );
});

Deno.test("a test whose data differ is shown beside a test in which only the order does", async () => {
  const write = "register write 0x1008 4B 0x00000001";
  const runsOf = (...tests: readonly (readonly string[])[]) => {
    const words = tests.map((lines) => ({
      lines,
      names: lines.map(() => null),
      placeOf: lines.map(() => -1),
      places: [],
      byDevice: lines.map((line, at) => ({ at, device: line === write ? null : line[0]! })),
    }));
    return {
      known: ({ number }: { number: number }) => ({
        hashes: tests[number],
        outcome: outcome({ failed: null, failure: null }),
      }),
      words: ({ number }: { number: number }) => words[number],
    };
  };
  const old = runsOf([write, "nvme.fetch 1"], [write, "nvme.fetch 1"], ["a 1", "b 2"]);
  const changed = runsOf(
    ["nvme.fetch 1", write],
    ["nvme.fetch 1", write, "nvme.fetch 2"],
    ["b 2", "a 1"],
  );
  const differences = new ScenarioDifferences("t.dma", {} as never, old as never, changed as never);
  for (const number of [0, 1, 2]) {
    await differences.compare({ number, name: `${number}`, options: {} });
  }
  assertEquals(
    differences.all.map(({ device, isSeen, reordered }) => [device, reordered, isSeen]),
    [
      [null, [write, "nvme.fetch 1"], false],
      [[null, "nvme.fetch 2"], null, true],
      [null, ["a 1", "b 2"], false],
    ],
  );
  const step = { subject: "s", files: [] };
  const none = { broken: [], notRun: [], scenarios: [], uncompiled: [], unexamined: [] };
  const reviewed = { step, ...none, unreached: [], lines: 0, differences: differences.all };
  const text = reviewText(reviewed as never, "patch 1 of 1", []);
  const order = "    device  has the same actions and stores, in another order\n" +
    `            OLD ${write}\n            NEW nvme.fetch 1\n`;
  assert(text.includes(order), text);
  assert(text.includes("    device  OLD nothing more\n            NEW nvme.fetch 2\n"), text);
});

Deno.test("a scenario that the compiler is stopped in accuses nobody, and clears nobody", () => {
  const clean = {
    broken: [],
    differences: [],
    uncompiled: [],
    notRun: [],
    unexamined: [],
    unreached: [],
  };
  const verdict = (found: Partial<ReviewedStep>) => verdictOf({ ...clean, ...found } as never);
  assertEquals(verdict({}), "no difference");
  assertEquals(verdict({ uncompiled: ["probe.dma"] }), "not reached");
  assertEquals(verdict({ uncompiled: ["probe.dma"], broken: ["error"] }), "defect");
});

/**
 * For each patch of the series: the number of changed lines that were not run, and the number of
 * differences.
 */
async function countsOf({ mailbox, path, scenario }: TreeFolder, onProgress = (_: string) => {}) {
  const review = new Review({
    scenarios: [scenario],
    oracles: [],
    matches: [],
    ...ALONE,
    onProgress,
  });
  const counts: (readonly [lines: number, differences: number])[] = [];
  for (const step of await readSteps([MINI, mailbox], Deno.makeTempDirSync({ dir: path }))) {
    const { differences, unreached } = await review.step(step);
    counts.push([unreached.length, differences.length]);
  }
  await review.close();
  return counts;
}

Deno.test("a test that runs no changed function runs on no other side, and what is kept does not run again", async () => {
  using folder = await makeSeries();
  // No other scenario has this text, so that no earlier result exists for it.
  folder.write(
    "toy.dma",
    `# ${crypto.randomUUID()}\n${SCENARIO}test "it looks" { let _ = toy.toy_capability(nic) }\n`,
  );
  const running = async () => {
    const told: string[] = [];
    const found = await countsOf(folder, (text) => {
      if (text.startsWith("running ")) told.push(text.replace(/^.*: /, ""));
    });
    return { found, told };
  };
  const starts = "it starts and stops";
  const looks = "it looks";
  const first = await running();
  assertEquals(first.found, [[0, 0], [0, 1], [0, 0]]);
  assertEquals(first.told, [
    // Both tests on the tree, and the test that runs code of the first patch.
    ...[starts, starts, looks],
    // The tests that run code of the second patch.
    ...[starts, looks],
    ...[looks, looks],
  ]);
  const again = await running();
  assertEquals(again.found, first.found);
  // To describe the differences, no new runs are needed either: the first review has run the tests
  // before and after each patch.
  assertEquals(again.told, []);
});

Deno.test("two tests of one name are two tests", async () => {
  using folder = await makeSeries();
  const other = 'test "it starts and stops" { assert 1 == 1 }\n';
  folder.write("toy.dma", SCENARIO.replace("test ", `${other}test `));
  assertEquals(await countsOf(folder), [[0, 0], [0, 1], [2, 0]]);
});

Deno.test("mapping code that a change breaks is a defect with a verdict, and no end of the review", async () => {
  using folder = await copyTree();
  const tree = openTree(new HostTree(folder.tree));
  const unused = () => Promise.reject(new Error("it compares with the model"));
  const oracle = {
    paths: [TOY],
    needs: [TOY],
    lacking: () => [],
    compare: unused,
    compareCovered: () =>
      Promise.reject(new BrokenChange(`${TOY} does not compile`, `${TOY}:3:9: undeclared`)),
  };
  const oracles = [oracle, oracle];
  const review = new Review({
    scenarios: [],
    oracles,
    matches: [],
    ...ALONE,
    onProgress: () => {},
  });
  const files = [{ path: TOY, removed: [3], added: [3] }];
  const reviewed = await review.step({ subject: "", old: tree, new: tree, files, diff: "" });
  await review.close();
  assertEquals(reviewed.broken, [`${TOY} does not compile\n${TOY}:3:9: undeclared`]);
  assertEquals([verdictOf(reviewed), exitCodeOf([reviewed], true)], ["defect", 1]);
  assert(reviewText(reviewed, "patch 1 of 1", []).includes("defect | it does not compile"));
});

Deno.test("what iterates requests concerns the drivers that call it", async () => {
  using folder = await copyTree();
  const path = "block/blk-mq-dma.c";
  const { tree: root } = folder;
  Deno.mkdirSync(`${root}/block`);
  Deno.writeTextFileSync(`${root}/${path}`, "int toy_iter(int at)\n{\n\treturn at;\n}\n");
  const compiled = async () => {
    const told: string[] = [];
    const tree = openTree(new HostTree(root));
    const onProgress = (text: string) => void told.push(text);
    const scenarios = [folder.scenario];
    const review = new Review({ scenarios, oracles: [], matches: [], ...ALONE, onProgress });
    const files = [{ path, removed: [3], added: [3] }];
    await review.step({ subject: "", old: tree, new: tree, files, diff: "" });
    await review.close();
    return told.filter((text) => text.startsWith("compiling ")).length;
  };
  assertEquals(await compiled(), 0);
  const toy = Deno.readTextFileSync(`${root}/${TOY}`);
  const caller = "\nint toy_iter(int at);\nint toy_next(void)\n{\n\treturn toy_iter(1);\n}\n";
  Deno.writeTextFileSync(`${root}/${TOY}`, toy + caller);
  assertEquals(await compiled(), 1);
});

Deno.test("what cannot be reviewed is an error of one sentence", async () => {
  using folder = await makeSeries();
  const { mailbox, scenario, tree } = folder;
  folder.write("letter.txt", "From: a@example.org\nSubject: hello\n\nNo patch.\n");
  folder.write("out.patch", "--- a/../secret.c\n+++ b/../secret.c\n@@ -1 +1 @@\n-a\n+b\n");
  const cases: readonly (readonly [words: readonly string[], said: string])[] = [
    [[tree, mailbox], 'Patch 1 of 3 ("harmless") does not apply: '],
    [[folder.path, mailbox], "The folder is not a kernel tree"],
    [[tree, folder.path], "The folder is not a kernel tree"],
    [[MINI, folder.at("letter.txt")], "has no patch"],
    [[MINI, folder.at("none.mbox")], "which is no folder and no range"],
    [[MINI, folder.at("out.patch")], "which is outside of the tree"],
    [[tree, "none..HEAD"], 'Cannot review "none..HEAD": '],
    [[tree, "HEAD..HEAD"], "it has no commit"],
  ];
  for (const [words, said] of cases) {
    const { code, errors, output } = await review(words, scenario);
    assertEquals([code, output], [2, ""], errors);
    assert(errors.startsWith("error: ") && errors.includes(said), errors);
    assert(errors.includes("\n  hint: "), errors);
  }
  // A file that is not C code changes nothing that is run.
  folder.write("words.patch", "--- /dev/null\n+++ b/words.txt\n@@ -0,0 +1 @@\n+words\n");
  const { code, output } = await review([MINI, folder.at("words.patch")], scenario);
  assertEquals(code, 0);
  assert(output.includes("verdict | no line of C with code changes"), output);
});

Deno.test("a diff's lines are counted on both sides, whatever they begin with", () => {
  const diff =
    "diff --git tmp/a/x.c tmp/b/x.c\n--- tmp/a/x.c\n+++ tmp/b/x.c\n@@ -3,4 +3,4 @@ int f()\n" +
    " one\n--- two\n+++ three\n four\n-five\n+six\n\\ No newline at end of file\n" +
    "diff --git tmp/b/new.c tmp/b/new.c\n--- /dev/null\n+++ tmp/b/new.c\n@@ -0,0 +1,2 @@\n+a\n+b\n";
  assertEquals(changedFilesIn(diff, ["/tmp/a", "/tmp/b"]), [
    { path: "x.c", removed: [4, 6], added: [4, 6] },
    { path: "new.c", removed: [], added: [1, 2] },
  ]);
});

Deno.test("each block of code with lines has a byte, which counts for the line that an inlined function is called at", () => {
  const ir = [
    "define i64 @f(i64 %0) !dbg !3 {",
    "  br i1 true, label %2, label %4, !dbg !5",
    "",
    "2:                                                ; preds = %1",
    "  %3 = call i64 @g(i64 1), !dbg !6",
    "  br label %4",
    "",
    "4:                                                ; preds = %2, %1",
    "  %5 = phi i64 [ 0, %1 ], [ %3, %2 ]",
    "  ret i64 %5, !dbg !7",
    "}",
    '!1 = !DIFile(filename: "tree/a.c", directory: "/")',
    '!2 = !DIFile(filename: "tree/include/a.h", directory: "/")',
    '!3 = distinct !DISubprogram(name: "f", scope: !1, file: !1, line: 1)',
    '!4 = distinct !DISubprogram(name: "h", scope: !2, file: !2, line: 7)',
    "!5 = !DILocation(line: 3, column: 1, scope: !3)",
    "!6 = !DILocation(line: 8, column: 1, scope: !4, inlinedAt: !9)",
    "!7 = !DILocation(line: 0, scope: !3)",
    "!9 = distinct !DILocation(line: 4, column: 1, scope: !3)",
  ].join("\n");
  const { ir: marked, marks } = withMarks(ir, "lab_marks0");
  assertEquals(marks.blocks, [[["tree/include/a.h", 8], ["tree/a.c", 4]], [["tree/a.c", 3]]]);
  assert(marked.includes("@lab_marks0 = global [2 x i8] zeroinitializer"), marked);
  const lines = marked.split("\n");
  assertEquals(lines[1], "  store i8 1, ptr getelementptr (i8, ptr @lab_marks0, i64 1)");
  const coverage = new TreeCoverage([marks]);
  // With two instances, a block counts as run if one of them ran it.
  for (const bytes of [[0, 1], [0, 0]]) coverage.follow(() => Uint8Array.from(bytes));
  assertEquals([...coverage.lines()], [
    ["include/a.h", { all: [8], run: [] }],
    ["a.c", { all: [3, 4], run: [3] }],
  ]);
});

Deno.test("a changed line without a proof that it ran is named, and what has no code is not", () => {
  const text = [
    "#define LIMIT 3", // 1
    "static int f(int a)", // 2
    "{", // 3
    "\tint b;", // 4
    "\t/* a comment", // 5
    "\t   of two lines */", // 6
    "\tif (a > LIMIT)", // 7
    "\t\tb = 1;", // 8
    "\telse", // 9
    "\t\tgoto out;", // 10
    "\tg(a,", // 11
    "\t  1);", // 12
    "out:", // 13
    "\treturn b;", // 14
    "}", // 15
  ].join("\n");
  const all = text.split("\n").map((_, index) => index + 1);
  const said = (run: Parameters<typeof unreachedLines>[2]) =>
    unreachedLines(text, all, run).map(({ line, reason }) => `${line} ${reason}`);
  assertEquals(said({ all: [7, 8, 11, 14], run: [7, 11, 14] }), [
    "1 outside of functions",
    "2 outside of functions",
    "8 not executed",
    "10 no code of its own",
  ]);
  assertEquals(said(null).length, 8);
  assert(said(null).every((each) => each.endsWith("not compiled")), said(null).join("\n"));
});

Deno.test("a dropped store to a register is a difference that the device sees, though no event tells of it", async () => {
  using folder = new TempFolder();
  const store = "\tlab_writel(0x4e564d65, window + 0x20);\n";
  for (const [name, text] of [["old", store], ["new", "\t;\n"]] as const) {
    await run(".", "cp", "-r", MINI, folder.at(name));
    const file = folder.at(`${name}/drivers/toy/card.c`);
    Deno.writeTextFileSync(
      file,
      `${Deno.readTextFileSync(file)}
void lab_writel(u32 value, volatile void *at);

void card_reset(struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	void *window = pci_iomap(pdev, 1, 0);

${text}	pci_iounmap(pdev, window);
}
`,
    );
  }
  const scenario = folder.write(
    "card.dma",
    'machine { kernel = "6.12"\n pci { root_port rp0 { endpoint nic {\n' +
      " bar = 4KiB\n bar_number = 1\n vendor = 0x1234\n device = 2\n vectors = 1 } } } }\n" +
      'driver card = c "drivers/toy/card.c" { tree = "old" }\n' +
      'test "it is reset" { assert card.load() == 0\n assert card.probe_as(nic, 0x1234, 2) == 0\n' +
      " card.card_reset(nic)\n card.remove(nic)\n card.unload() }\n",
  );
  const page = folder.at("page.html");
  const { code, errors, output } = await review([folder.at("old"), folder.at("new")], scenario, {
    page,
  });
  assertEquals(code, 1, output + errors);
  assert(/^ {4}device {2}OLD register write \S+20 4B 0x4e564d65$/m.test(output), output);
  assert(output.includes("NEW nothing more"), output);
  assert(Deno.readTextFileSync(page).includes('<h1 class="failed">✕ 1 difference in data'));
});

Deno.test("a device that acts earlier or later sees the same, but not what comes in another order or is missing", () => {
  const write = "register write 0x1008 4B 0x00000001";
  const words = (...lines: string[]) => ({
    lines: ["call.x", ...lines],
    names: [],
    placeOf: [],
    places: [],
    byDevice: lines.map((line, index) => ({
      at: index + 1,
      device: line === write ? null : line.replace(/:.*/, ""),
    })),
  });
  const of = (one: readonly string[], other: readonly string[]) =>
    deviceDifference(words(...one), words(...other));
  assertEquals(of([write, "a: 1"], [write, "a: 1"]), null);
  assertEquals(of([write, "a: 1"], ["a: 1", write]), null);
  assertEquals(of(["a: 1", "b: 2"], ["b: 2", "a: 1"]), null);
  assertEquals(of(["a: 1", "a: 2"], ["a: 2", "a: 1"]), ["a: 1", "a: 2"]);
  assertEquals(of(["a: 1"], ["a: 1", "b: 2"]), [null, "b: 2"]);
  assertEquals(of([write, "a: 1"], ["a: 1"]), [write, null]);
});
