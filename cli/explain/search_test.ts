import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describeLanguage, languageNames, membersLike } from "@dmalab/lang/editor";
import { MACHINE_SCHEMA } from "@dmalab/lang";
import { readRulePage } from "../places.ts";
import { allNames, explain } from "./lookup.ts";
import { KINDS, search, searchMost } from "./search.ts";
import { userWordsIn } from "./user_words.ts";

function isExplained(name: string): boolean {
  return describeLanguage(name, 80) !== null || userWordsIn(name).length > 0 ||
    explain(name, readRulePage, { otherNames: [...languageNames(), ...membersLike(name)] }).found;
}

Deno.test("search() lists rules, functions, defects, keys and diagnostics, the exact name first", () => {
  const { found, more } = search("PRP", readRulePage);
  assertEquals(found.length, 15);
  assert(more > 0);
  assertEquals(found[0]![0], "prp");
  const names = found.map(([name]) => name);
  for (const name of ["nvme.prp", "nvme.2.3", "prp_single_page"]) {
    assert(names.includes(name), name);
  }
  const first = (words: string) => search(words, readRulePage).found.map(([name]) => name);
  assert(first("iommu passthrough").includes("iommu.mode"));
  assert(first("unknown name").some((name) => /^E\d+$/.test(name)));
});

Deno.test("search() finds what has all the words, in any order", () => {
  const both = search("full pool swiotlb", readRulePage).found.map(([name]) => name);
  assertEquals(
    both.toSorted(),
    search("swiotlb full pool", readRulePage).found.map(([name]) => name)
      .toSorted(),
  );
  assert(both.length > 0);
  assertEquals(search("swiotlb qqqq", readRulePage), { found: [], more: 0 });
});

Deno.test("searchMost() finds what has most of a question's words, and says which", () => {
  const rows = [
    ["my device writes to the wrong address", ["device", "address"]],
    ["the swiotlb pool is full again qqqq", ["swiotlb", "pool", "full"]],
    ["why is coherent memory bounced twice qqqq", ["coherent", "memory"]],
    ["how does a PRP list continue qqqq", ["prp", "list"]],
    ["unmap with another direction qqqq", ["unmap", "direction"]],
  ] as const;
  for (const [question, expected] of rows) {
    assertEquals(search(question, readRulePage).found, [], question);
    const { found, words } = searchMost(question, readRulePage);
    assert(found.length > 0, question);
    for (const word of expected) assert(words.includes(word), `${question}: ${words}`);
  }
  // One matching word of several is not enough.
  assertEquals(searchMost("swiotlb qqqq", readRulePage), { found: [], words: [] });
  assertEquals(searchMost("zzzz qqqq", readRulePage), { found: [], words: [] });
});

Deno.test("words of a person lead to what no capture had shown (audit A.1 to A.11)", () => {
  const places: Readonly<Record<string, string>> = {
    "read permission": "dma.1.6",
    "47-bit": "dma.4.2",
    "caching mode": "dma.1.3",
    "unaligned mmio": "7.2.12",
    "list 4 GiB": "dma.7.2",
    "BAR 2 MiB": "p2p.9.3",
    "CMB 2 MiB": "nvme.5.4",
    "emptied tables": "dma.5.1",
    "device-TLB": "7.3.4",
    "flush queue memory": "dma.1.3",
    inbound: "dma.4.6",
    "slot alignment": "dma.6.2",
    "review posting": "dma.3.1",
  };
  for (const [words, place] of Object.entries(places)) {
    const names = search(words, readRulePage).found.map(([name]) => name);
    assert(names.includes(place), `${words}: ${names}`);
  }
});

Deno.test("search() takes signs as they are and words from their begin", () => {
  for (const sign of ["dma(", "a[", "*", "dma\\"]) search(sign, readRulePage);
  assertEquals(search("wiotlb", readRulePage).found, []);
});

Deno.test("every name that search() lists can be explained", () => {
  for (const words of ["swiotlb", "prp", "map", "a", "leak", "driver", "iommu", "device", "P2P"]) {
    for (const [name, title] of search(words, readRulePage).found) {
      assert(isExplained(name), name);
      assert(title !== "", name);
    }
  }
});

Deno.test("every example of a kind is explained, decoded or found", () => {
  for (const [example] of KINDS) {
    // Examples of lines, messages and files are skipped, because extensions explain them.
    if (/^'|\.txt$/.test(example)) continue;
    assert(isExplained(example) || search(example, readRulePage).found.length > 0, example);
  }
});

Deno.test("what explain suggests for a misspelt name can be explained, and is of the same owner", () => {
  const asked = [
    ...allNames(),
    ...languageNames(),
    ...membersLike("iommu."),
    ...membersLike("buf."),
  ];
  const wrong = asked.filter((_, index) => index % 31 === 0).flatMap((name, index) => {
    const at = 1 + index % Math.max(1, name.length - 1);
    return [`${name}s`, name.slice(0, at) + name.slice(at + 1)];
  });
  let suggested = 0;
  for (const name of wrong.filter((each) => !isExplained(each))) {
    const answer = explain(name, readRulePage, {
      otherNames: [...languageNames(), ...membersLike(name)],
    });
    const [, meant] = answer.found ? [] : answer.message.match(/did you mean "(.*)"\?$/) ?? [];
    if (meant === undefined) continue;
    suggested++;
    assert(isExplained(meant), `${name}: ${meant}`);
  }
  assert(suggested > 40, `${suggested} suggestions`);
  for (const name of ["group", "groups", "hops", "copy"]) {
    const answer = explain(`iommu.${name}`, readRulePage, {
      otherNames: [...languageNames(), ...membersLike(name)],
    });
    assert(!answer.found);
    assertStringIncludes(answer.message, "`dmalab explain iommu` lists what it has");
  }
});

Deno.test("the name of a block explains its keys and the blocks in it, that of the machine all blocks", () => {
  const text = (name: string) => {
    const answer = explain(name, readRulePage);
    return answer.found ? answer.lines.join("\n") : "";
  };
  for (const { children, keyword, settings } of MACHINE_SCHEMA.blocks.values()) {
    for (const name of [...settings.map(({ key }) => key), ...children]) {
      assertMatch(text(keyword), new RegExp(`^- \`${name}\\b`, "m"));
    }
    if (keyword !== "machine") assertMatch(text("machine"), new RegExp(`^- \`${keyword}\\b`, "m"));
  }
  // The whole page with the name `nvme` is not printed after the lines of the block.
  assertStringIncludes(text("nvme"), "- nvme.2: Data mapping");
  assert(text("nvme").split("\n").length < 80);
});
