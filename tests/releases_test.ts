/** `dmalab releases`: the releases at which a scenario's outcome changes, and the causes. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import {
  explain,
  releasesJson,
  releasesText,
  type TestOutcomeChanges,
  turnsOf,
} from "@dmalab/cli/scenario";
import { readRulePage } from "@dmalab/cli";
import { painter } from "@dmalab/lang/text";
import { SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { differencesOf, KERNEL_NAMES, NOT_SIMULATED } from "@dmalab/runtime/kernels";
import { dmalab } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";

function turns(text: string, ...matches: readonly string[]): readonly TestOutcomeChanges[] {
  const result = turnsOf({
    entry: new SourceFile("a.dma", text),
    loader: { load: (path) => new LoadError("not_found", `There is no file "${path}"`) },
    limits: DEFAULT_LIMITS,
    matches,
  });
  assert("tests" in result);
  return result.tests;
}

function example(name: string): string {
  return Deno.readTextFileSync(join(ROOT, "examples", `${name}.dma`));
}

/**
 * All changes of outcome, as `release: A or B` if each of several causes is enough alone, and as
 * `release: A with B` if the causes are needed together.
 */
function reasons(tests: readonly TestOutcomeChanges[]): string[] {
  return tests.flatMap((test) =>
    test.turns.map(({ at, causes }) => {
      const undoing = causes.filter(({ seenIn }) => seenIn === "newer");
      const shown = undoing.length > 0 ? undoing : causes;
      return `${at}: ${
        shown.map(({ differences }) => differences.map(({ name }) => name).join(" with "))
          .join(" or ")
      }`;
    })
  );
}

/** All releases, as a sentence lists them. */
const RELEASES = KERNEL_NAMES.join(", ").replace(/, ([^,]*)$/, " and $1");

/** The releases with outcomes that the tests below check. */
const NAMED = ["6.12.117", "7.2.6", "7.2.12", "7.3-rc7"] as const;
const ends = ([test]: readonly TestOutcomeChanges[]) => NAMED.map((name) => test!.ends[name].end);

Deno.test("a scenario that is the same everywhere says so in one line", () => {
  const tests = turns(example("start/01-first-look"));
  assertEquals(ends(tests), ["ok", "ok", "ok", "ok"]);
  assertEquals(
    releasesText("first.dma", tests, painter(false)),
    `first.dma: 1 test, the same on ${RELEASES}\n` +
      `${NOT_SIMULATED.length} changes between them are not simulated: dmalab explain releases\n`,
  );
});

Deno.test("07: a range is lost up to 7.2, and not by 7.3, whose destroy frees the reservation (v7.3.md 1.4) (long)", () => {
  const tests = turns(example("api/04-two-step-unwind"), "dma_iova_destroy() frees");
  assertEquals(ends(tests), ["absent", "ok", "ok", "line 139"]);
  assertEquals(reasons(tests), ["6.17.13: no_two_step", "7.3-rc7: destroy_frees_mapped_length"]);
});

Deno.test("28: unmapping one range turns at the first release with the two-step API (hmm-rdma-vfio.md 6.9) (long)", () => {
  const tests = turns(example("nvme/04-unmap-modes"), "one range, one call");
  assertEquals(ends(tests).slice(1), ["ok", "ok", "ok"]);
  assertEquals(reasons(tests), ["6.17.13: nvme_scatterlists"]);
});

Deno.test("41: the state that a tag keeps shows from the first release whose queue keeps gaps (long)", () => {
  const tests = turns(example("museum/04-stale-state"), "three requests, one tag");
  assertEquals(reasons(tests), ["7.0.13: virt_boundary_with_sgl"]);
});

Deno.test("43: a list that fails turns at 7.2.6, by the defect, and at 7.3, by what a destroy frees (v7.3.md 6.1) (long)", () => {
  const tests = turns(example("museum/06-prp-alloc-fails"), "one range, and 31 of 32");
  assertEquals(ends(tests), ["line 39", "ok", "ok", "line 27"]);
  assertEquals(reasons(tests), [
    "6.17.13: partial_destroy_on_list_failure or nvme_scatterlists",
    "7.3-rc7: destroy_frees_mapped_length",
  ]);
});

Deno.test("48: the lost gap bit reproduces on 7.2.6 alone (defects.md) (long)", () => {
  const tests = turns(example("museum/11-gap-bit"), "7.2.6 behind an IOMMU");
  assertEquals(ends(tests), ["line 115", "ok", "line 115", "line 115"]);
  assertEquals(reasons(tests), [
    "7.0.13: gap_bit_lost_on_split or virt_boundary_with_sgl",
    "7.2.12: gap_bit_lost_on_split",
  ]);
});

Deno.test("examples/releases turn at the releases that they name, by the rows that they are about", () => {
  const rows = [
    ["01-what-maps", "data is linked", ["6.17.13: nvme_scatterlists"]],
    ["01-what-maps", "one segment is mapped", ["6.18.15: no_physical_calls"]],
    ["02-list-format", "a range of 64 KiB", ["6.12.117: sgl_chosen_before_mapping"]],
    ["02-list-format", "a user's command of four", ["6.12.117: user_commands_not_by_sgl"]],
    ["02-list-format", "one of a single page", ["6.17.13: nvme_scatterlists"]],
    ["03-limits", "a transfer is cut", ["6.12.117: transfers_not_cut_to_iova_caches"]],
    ["03-limits", "with SGLs pieces", ["7.0.13: virt_boundary_with_sgl"]],
    ["04-lost-gap", "every piece arrives", [
      "7.0.13: gap_bit_lost_on_split or virt_boundary_with_sgl",
      "7.2.12: gap_bit_lost_on_split",
    ]],
  ] as const;
  for (const [file, name, expected] of rows) {
    assertEquals(
      reasons(turns(example(`releases/${file}`), name)),
      [...expected],
      `${file} ${name}`,
    );
  }
});

Deno.test("67: reads that fail for ever turn at 7.3 (v7.3.md 6.1) (long)", () => {
  const tests = turns(example("museum/15-range-reused"), "31 pages stay open");
  assertEquals(ends(tests)[3], "ok");
  assertEquals(reasons(tests).at(-1), "7.3-rc7: destroy_frees_mapped_length");
});

Deno.test("what only two things together undo is named as both", () => {
  const both = turns(`machine { kernel = "7.2.12"
    iommu { mode = lazy }
    pci { root_port rp0 { nvme ssd { } } } }
  test "all of it goes back, and at once" {
    let state = iova_state()
    dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 8KiB)
    dma_iova_link(ssd, state, 0x10_0000, 0, 4KiB, to_device)
    dma_iova_destroy(ssd, state, 4KiB, to_device)
    let freed = events.last(iova.free).size_bytes == 8KiB
    assert freed == (counters.flush_queue.add == 0), "either both, or neither"
    assert freed
  }`);
  assertEquals(ends(both)[3], "ok");
  assertEquals(
    reasons(both).at(-1),
    "7.3-rc7: destroy_waits_for_flush with destroy_frees_mapped_length",
  );
});

Deno.test("a test that names its release stays on it; one whose machine block does is tried on all", () => {
  const reads = "{ assert try dma_use_iova(iova_state()) }";
  const text = (kernel: string, own: string) =>
    `machine { ${kernel} pci { root_port rp0 { nvme ssd { } } } }\ntest "t" ${own} ${
      reads.replace("try ", "not ")
    }`;
  const absent = "absent";
  assertEquals(ends(turns(text('kernel = "6.12.117";', ""))), [absent, "ok", "ok", "ok"]);
  assertEquals(
    ends(turns(text("", 'with { kernel = "6.12.117" }'))),
    [absent, absent, absent, absent],
  );
  // Defects in `quirks` are added to those of the tried release; defects with `not` are removed
  // from those of the release.
  const quirks = turns('machine { quirks = [not gap_bit_lost_on_split] }\ntest "t" { }');
  assertEquals(ends(quirks), ["ok", "ok", "ok", "ok"]);
});

Deno.test("the rule of everything that two releases differ in can be explained", () => {
  const all = [
    ...differencesOf("6.12.117", "7.2.6"),
    ...differencesOf("7.2.6", "7.3-rc7"),
  ];
  assert(all.length > 20);
  for (const { name, rule } of all) assert(explain(rule, readRulePage).found, `${name}: ${rule}`);
});

const TURNS_BETWEEN_POINT_RELEASES = `
machine {
  ram { size = 16GiB }
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } root_port rp1 { external = true, endpoint nic { } } }
}
test "a list of 5 GiB" with { leaks = allow } {
  let sg = scatterlist([{ phys: 0x1_0000_0000, size: 3GiB }, { phys: 0x2_0000_0000, size: 2GiB }])
  dma_map_sgtable(ssd, sg, bidirectional) fails EINVAL
  assert iommu.page_table(ssd).filter(leaf => leaf.phys == 0x2_0000_0000) == []
}
test "unaligned registers" {
  let m = dma_map_resource(nic, 0xe000_0200, 8B, bidirectional)
  dma_unmap_resource(nic, m, 8B, bidirectional)
}`;

Deno.test("point releases differ: 7.3.4 fixed lists, 7.2.12 maps unaligned MMIO (dma.md 7.2, 1.6)", () => {
  assertEquals(reasons(turns(TURNS_BETWEEN_POINT_RELEASES, "5 GiB")), ["7.3.4: list_length_wraps"]);
  const mmio = turns(TURNS_BETWEEN_POINT_RELEASES, "registers");
  assertEquals(reasons(mmio).at(-1), "7.2.12: unaligned_mmio_refused");
});

Deno.test("the text is a table and reasons of at most 80 columns, and the JSON has all of it", () => {
  const tests = turns(example("api/04-two-step-unwind"), "dma_iova_destroy() frees");
  const text = releasesText("07.dma", tests, painter(false));
  for (const line of text.split("\n")) assert(line.length <= 80, line);
  assertStringIncludes(text, "07.dma: 1 of 1 test changes outcome\n");
  assertStringIncludes(
    text,
    "\nchanges between 7.2.13 and 7.3-rc7\n  destroy_frees_mapped_length (1)\n",
  );
  assertStringIncludes(text, "dmalab explain v7.3.1.4\n");
  const [test] = releasesJson("07.dma", tests).tests;
  assertEquals(test!.turns.map(({ at, from }) => [from, at]), [["6.12.117", "6.17.13"], [
    "7.2.13",
    "7.3-rc7",
  ]]);
  assertEquals(test!.turns[1]!.causes[0]!.differences[0]!.rule, "v7.3.1.4");
  showsWhatChanges(tests);
});

/**
 * The text shows the changes in lines that are at most as wide as the screen, with full names if
 * they fit.
 */
function showsWhatChanges(tests: readonly TestOutcomeChanges[]): void {
  const linesAt = (columns: number) =>
    releasesText("07.dma", tests, painter(false), columns).split("\n")
      .filter((line) => !line.trimStart().startsWith("dmalab explain"));
  for (const columns of [64, 80, 120]) {
    for (const line of linesAt(columns)) assert(line.length <= columns, `${columns}: ${line}`);
  }
  const [{ name }] = tests as [TestOutcomeChanges];
  assert(name.length > 40 && linesAt(120).some((line) => line.includes(name)), name);
  assert(!linesAt(64).some((line) => line.includes(name)));
  assert(linesAt(64).length > linesAt(120).length);
}

Deno.test("the command refuses what it cannot run, and says what it cannot find", async () => {
  const missing = await dmalab("releases", "nowhere.dma");
  assertEquals(missing.code, 2);
  const unmatched = await dmalab("releases", "examples/start/01-first-look.dma", "--match", "xyz");
  assertEquals([unmatched.code, unmatched.errors.includes("no name contains")], [2, true]);
  using folder = new TempFolder({ "endless.dma": 'test "t" { while true { } }\n' });
  const stopped = await dmalab("releases", folder.at("endless.dma"), "--limit", "steps=1000");
  assertEquals(stopped.code, 0);
  assertStringIncludes(stopped.output, `the same on ${RELEASES}, where 1 fails`);
  const json = await dmalab("releases", "examples/start/01-first-look.dma", "--json");
  assertEquals(JSON.parse(json.output).releases, KERNEL_NAMES);
});
