import { assert, assertEquals } from "@std/assert";
import { readRulePage } from "@dmalab/cli";
import { citedRules } from "./rule_recorder.ts";
import { ruleLines, ruleReport } from "./rule_report.ts";
import { allExits, allRules, ruleOf } from "./rule_report.ts";

Deno.test("citations are understood in the forms that people write", () => {
  assertEquals(citedRules("refuses it (dma.md 3.3 row 1)"), ["dma.3.3"]);
  assertEquals(citedRules("@see rules/nvme.md 2.6, 2.7 and block.md 1.3"), [
    "nvme.2.6",
    "nvme.2.7",
    "block.1.3",
  ]);
  assertEquals(citedRules("dma.3.6.2 and p2p.9.4"), ["dma.3.6.2", "p2p.9.4"]);
  assertEquals(citedRules("dma.md ch. 6"), ["dma.6"]);
  assertEquals(citedRules("cdma.3.3, dma.map, a size of 3.3, dma.md"), []);
});

Deno.test("rules are the numbered sections without numbered sections in them", () => {
  const rules = allRules(readRulePage);
  const names = rules.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  assert(names.length >= 80, `only ${names.length}`);
  for (const name of ["dma.3.3", "block.2.3", "nvme.2.6", "p2p.9.4"]) assert(names.includes(name));
  for (const name of ["dma.3", "dma.3.assertions"]) assert(!names.includes(name));
  for (const { title } of rules) assert(/^[\w"`]/.test(title) && !title.includes("["), title);
  const [split] = rules.filter(({ name }) => name === "block.1.3");
  assertEquals(split!.title, "Bio splitting (read/write)");
});

Deno.test("a row of a rule's table counts for the rule; an unknown number for none", () => {
  const rules = new Map(allRules(readRulePage).map((rule) => [rule.name, rule]));
  assertEquals(ruleOf("dma.3.6.2", rules)?.name, "dma.3.6");
  assertEquals(ruleOf("nvme.2.1.C", rules)?.name, "nvme.2.1");
  assertEquals(ruleOf("dma.99.1", rules), null);
});

Deno.test("exits are errors of calls, block status, faults, reports and injection points, each once", () => {
  const names = allExits().map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (
    const name of [
      "dma_iova_link EADDRINUSE",
      "status RESOURCE",
      "fault not_present",
      "report unmap_size",
      "point iova.alloc",
    ]
  ) assert(names.includes(name), name);
});

Deno.test("a rule that was decided and cited is exercised once; the rest is listed", () => {
  const report = ruleReport({
    decided: ["dma.2.1.8", "dma.2.1.3"],
    cited: ["dma.2.1", "nvme.2.6"],
    exits: ["dma_iova_link EIO", "no such exit"],
  }, readRulePage);
  const dma = report.pages.find(({ page }) => page === "dma")!;
  assertEquals([dma.decided, dma.cited, dma.exercised], [1, 1, 1]);
  const open = report.openRules.map(({ name }) => name);
  assert(!open.includes("dma.2.1") && !open.includes("nvme.2.6") && open.includes("dma.3.3"));
  assertEquals(report.exits.map(({ reached }) => reached), [1, 0, 0, 0, 0]);
  const lines = ruleLines(report);
  assert(lines.at(-1)!.startsWith(`rule coverage 2 of ${allRules(readRulePage).length} (`));
  assert(lines.some((line) => line.startsWith("  dma.3.3")));
});
