import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { keyName, MACHINE_KEYS } from "@dmalab/lang";
import { DIAGNOSTIC_CODES } from "@dmalab/lang/explain";
import { REPORT_CLASSES } from "@dmalab/runtime/vocabulary";
import { KERNEL_NAMES, NOT_SIMULATED, QUIRK_NAMES } from "@dmalab/runtime/kernels";
import { allNames, explain } from "./lookup.ts";
import { RULE_PAGES } from "@dmalab/lang/editor";
import { RulePage } from "./rule_book.ts";
import { readRulePage } from "../places.ts";

function text(question: string): string {
  const answer = explain(question, readRulePage);
  assert(answer.found, question);
  return answer.lines.join("\n");
}

function problem(question: string): string {
  const answer = explain(question, readRulePage);
  assert(!answer.found, question);
  return answer.message;
}

Deno.test("explain() prints a rule with its table", () => {
  const rule = text("dma.3.3");
  assertStringIncludes(rule, "dma.3.3  link(phys, offset, size, dir, attrs)");
  assertStringIncludes(rule, "off(phys) ≠ 0 and offset > 0");
  assert(!rule.includes("Bounced link"), "the next rule is not part of it");
});

Deno.test("explain() prints a chapter with all its rules", () => {
  const chapter = text("dma.3");
  for (const part of ["3.1 Design intent", "3.7 Users", "Assertions"]) {
    assertStringIncludes(chapter, part);
  }
  assert(!chapter.includes("## 4."));
});

Deno.test("explain() finds a row of a rule's table, an assertion, a defect by its number", () => {
  assertEquals(text("dma.3.3.1").split("\n").length, 5);
  assertStringIncludes(text("dma.8.2.13"), "invalid linear address; vmalloc");
  assertStringIncludes(text("dma.3.6.5"), "link beyond allocation");
  assertStringIncludes(text("dma.3.assertions.2"), "2. link(");
  assertStringIncludes(text("defects.M5"), "sg_bus_length_missing");
  assertStringIncludes(text("defects.gap_bit_lost_on_split"), "a fresh clone whose gap bit is 0");
  assertStringIncludes(
    text("gap_bit_lost_on_split"),
    "The profiles 7.0.13, 7.1.13, 7.2.6 have it on.",
  );
  assertStringIncludes(
    text("no_two_step"),
    "| yes | yes | – | – | – | – | – | – | – | – | – | There is no two-step API",
  );
  assertStringIncludes(text("block.1.assertions"), "1. max_hw_sectors");
  assertStringIncludes(text("nvme.5.assertions"), "PRP1 = 0x10200");
  assertStringIncludes(text("captured.limits"), "preferred mapping size");
});

Deno.test("explain() finds the rules of a release on the page that its name has a dot in (v7.3.md 1.4, 6.1)", () => {
  assertStringIncludes(text("v7.3.1.4"), "A destroy frees the whole reservation");
  assertStringIncludes(text("v7.3.md 6.1"), "range_reused_while_mapped");
  assertStringIncludes(text("v7.3.6.stale_iova_state_p2p"), "14 anomalies");
  assertStringIncludes(text("V7.3.7"), 'What a "7.3-rc7" profile must change');
  assertStringIncludes(problem("v7.3.9"), "docs/rules/v7.3.md has no such rule");
});

Deno.test("explain() prints a rule about traces by its number, and nothing of the next", () => {
  for (const form of ["trace.T.45", "traces.T.45", "traces.md T.45", "trace T.45"]) {
    const rule = text(form);
    assertStringIncludes(rule, "The address is page-aligned by the register");
    assertStringIncludes(rule, "page table not present at level 0");
    assert(!rule.includes("T.46"), form);
  }
  // The last rule of a chapter ends where the next chapter begins.
  assert(!text("trace.T.8").includes("Three dialects"));
  for (let number = 1; number <= 69; number++) text(`trace.T.${number}`);
});

Deno.test("explain() finds what a defect does in one release by its name", () => {
  assertStringIncludes(text("range_reused_while_mapped"), "by `partial_destroy_on_list_failure`");
  assertStringIncludes(text("M5"), "sg_bus_length_missing");
});

Deno.test("explain() understands a citation the way comments write it", () => {
  for (const form of ["dma.md 3.3", "dma 3.3", "rules/dma.md 3.3", "dma.md §3.3", "DMA.3.3"]) {
    assertStringIncludes(text(form), "dma.3.3  link(");
  }
  assertStringIncludes(text("dma.md 3.3 row 1"), "WARN1, −EIO");
  assertStringIncludes(text("dma.md 3 assertion 1"), "1. try-alloc");
});

Deno.test("explain() tells what a key of the machine takes, by its block or by a name of one's own", () => {
  for (const question of ["nvme.mdts", "ssd.mdts"]) {
    assertEquals(text(question).split("\n").slice(0, 6), [
      "## nvme.mdts",
      "",
      "Longest transfer of one command.",
      "",
      "- takes: size, 8KiB to 4096TiB, a power of two, or none",
      "- default: none",
    ]);
  }
  assertStringIncludes(
    text("iommu.mode"),
    "- takes: off, passthrough, strict, lazy\n- default: off",
  );
  assertStringIncludes(text("cpus"), "- takes: int, 1 to 64\n- default: 1");
  assertStringIncludes(text("endpoint.min_align"), "- default: 1B");
  assertStringIncludes(text("swiotlb.areas"), "- default: from cpus");
  assertEquals(problem("iommu.modus").includes('did you mean "iommu.mode"?'), true);
  // `explain` looks up codes, leaks, releases, defect switches and the like before keys. Therefore
  // no key may have the name of one of these.
  for (const key of MACHINE_KEYS) assertStringIncludes(text(keyName(key)), `## ${keyName(key)}\n`);
});

Deno.test("explain() lists the defect switches, and tells of each what the page on defects does", () => {
  const list = text("quirks");
  for (const name of QUIRK_NAMES) {
    assertStringIncludes(list, `| \`${name}\` |`);
    assertStringIncludes(text(name), `## ${name}`);
  }
  assertStringIncludes(
    text("gap_bit_lost_on_split"),
    "The profiles 7.0.13, 7.1.13, 7.2.6 have it on.",
  );
  assertStringIncludes(text("gap_bit_lost_on_split"), "silent corruption, the call succeeds");
  assertStringIncludes(text("vectors_leaked_p2p"), "M11 `vectors_leaked_p2p`");
  assertStringIncludes(text("odp_populate_error_exit"), "left a lock held");
  assertStringIncludes(problem("gap_bit_lost_on_splt"), 'did you mean "gap_bit_lost_on_split"?');
});

Deno.test("explain() knows every diagnostic, and events with their fields", () => {
  for (const code of Object.keys(DIAGNOSTIC_CODES)) assertStringIncludes(text(code), code);
  assertStringIncludes(text("iova.alloc"), "| `start` | dma |");
  assertStringIncludes(text("dma_iova_link"), "call.dma_iova_link");
});

Deno.test("explain() says what may have been meant", () => {
  assertStringIncludes(problem("dma.3.33"), 'did you mean "dma.3.3"?');
  assertStringIncludes(problem("iova.aloc"), 'did you mean "iova.alloc"?');
  assertStringIncludes(problem("quite unknown"), "ask for a rule (dma.3.3)");
});

Deno.test("every heading of every page of docs/rules can be asked for", () => {
  for (const page of RULE_PAGES) {
    const rules = new RulePage(page, readRulePage(page));
    assert(rules.names.length >= 3, page);
    for (const name of rules.names) text(name);
  }
  for (const name of allNames()) text(name);
});

Deno.test("explain() finds each numbered row of each table, and says just that row", () => {
  let rows = 0;
  for (const page of RULE_PAGES) {
    let chapter = "";
    for (const line of readRulePage(page).split("\n")) {
      chapter = /^## (\d+)\. /.exec(line)?.[1] ?? chapter;
      const number = /^\| (\d+)(?:\.\d+)+ \|/.exec(line);
      if (number === null || number[1] !== chapter) continue;
      rows++;
      const name = `${page}.${line.split(" ")[1]}`;
      assertEquals(text(name).split("\n").at(-1), line, name);
    }
  }
  // Chapters 7 and 8 of hmm-rdma-vfio.md alone have 44.
  assert(rows >= 44, String(rows));
  assertStringIncludes(text("hmm-rdma-vfio.7.24"), "`VFIO_GROUP_SET_CONTAINER`");
});

Deno.test("explain() finds every rule that the code and the recorded outputs cite", () => {
  const pages = RULE_PAGES.map((page) => page.replaceAll(".", "\\.")).join("|");
  const cited = new Set<string>();
  const read = (folder: string) => {
    for (const entry of Deno.readDirSync(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) read(path);
      else if (/\.(?:expected|snap)$|(?<!_test)\.ts$/.test(entry.name)) {
        // In code a rule is a string of its own; elsewhere it is a word.
        const ends = entry.name.endsWith(".ts") ? ['"', '"'] : ["(?<![\\w.])", "(?![\\w-])"];
        const found = new RegExp(`${ends[0]}((?:${pages})\\.\\d+(?:\\.\\w+)*)${ends[1]}`, "g");
        // A transcript has commands and errors, too, with names that nobody has.
        const own = Deno.readTextFileSync(path).replace(/^(?:\$|! error).*$/gm, "");
        for (const [, rule] of own.matchAll(found)) cited.add(rule!);
      }
    }
  };
  for (const folder of ["lang", "runtime", "devices", "examples", "tests"]) {
    read(`${import.meta.dirname}/../../${folder}`);
  }
  assert(cited.size >= 150, String(cited.size));
  const unknown = [...cited].filter((rule) => !explain(rule, readRulePage).found);
  assertEquals(unknown, []);
});

Deno.test("explain() finds the rule of every class of report", () => {
  for (const { rule } of Object.values(REPORT_CLASSES)) text(rule);
  assertStringIncludes(text(REPORT_CLASSES.iova_leak_at_unbind.rule), "state leaked at unbind");
  assertStringIncludes(text(REPORT_CLASSES.sync_for_device_write_only.rule), "device-write-only");
});

Deno.test("a release says what changed with it, and what of that no machine follows (v7.3.md)", () => {
  const last = text("7.3.4");
  assertEquals(text("7.3"), last);
  assertStringIncludes(last, "| fixed defect | A list's padded length wraps");
  assertStringIncludes(last, "`dmalab explain list_length_wraps`");
  assertStringIncludes(text("7.2.12"), "| no longer | Unaligned MMIO cannot be mapped");
  const all = text("releases");
  for (const { after, doc, in: release } of NOT_SIMULATED) {
    assert(KERNEL_NAMES.indexOf(after) < KERNEL_NAMES.indexOf(release), doc);
    assertStringIncludes(text(release), doc);
    assertStringIncludes(all, doc);
  }
});
