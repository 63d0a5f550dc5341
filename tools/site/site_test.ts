/** Tests how the site's pages are built, and that the site's link check finds dead links. */
import { TempFolder } from "../temp_folder.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkSite, incompletePages, unlinkedRules } from "./check_site.ts";
import { doorPages, notationPage, releasesPage } from "./made_pages.ts";
import { changeProse } from "./site_pages.ts";
import { addressOfRule, linkRules, rulePages } from "./rules.ts";
import { withRunnable } from "./runnable.ts";

Deno.test("each rule has its name in its heading and as its address", () => {
  const dma = rulePages().get("dma")!;
  assert(/^### dma\.3\.3 link\(.*\{#dma\.3\.3\}$/m.test(dma));
  assert(/^### dma\.3\.assertions .*\{#dma\.3\.assertions\}$/m.test(dma));
  assertStringIncludes(rulePages().get("traces")!, '<a id="traces.T.45"></a>**traces.T.45**');
  for (const text of rulePages().values()) {
    const addresses = [...text.matchAll(/\{#([\w.-]+)\}$/gm)].map(([, name]) => name);
    assert(addresses.length > 0);
    for (const name of addresses) assert(addressOfRule(name!)?.endsWith(`#${name}`), name);
  }
});

Deno.test("cited rules are links, to the rule that a row belongs to", () => {
  const text = "By dma.3.3, block.md 1.6 and traces.T.45; not 7.3.4, dma.99 or dma_map.3.3.";
  assertEquals(
    linkRules(text),
    "By [dma.3.3](/rules/dma.md#dma.3.3), [block.md 1.6](/rules/block.md#block.1.6) and " +
      "[traces.T.45](/rules/traces.md#traces.T.45); not 7.3.4, dma.99 or dma_map.3.3.",
  );
  assertEquals(addressOfRule("dma.3.3.1"), "/rules/dma.md#dma.3.3");
  assertEquals(addressOfRule("dma"), null);
  const releases = "defects.which-release-does-what";
  assertEquals(addressOfRule(releases), `/rules/defects.md#${releases}`);
});

Deno.test("code, headings and fences keep their words, and links change as a whole", () => {
  const page = "# dma\n`dma` dma [a `dma`](b.md)\n```\ndma [x](y)\n```\n";
  const changed = changeProse(page, {
    link: (text, target) => `<${text}|${target}>`,
    words: (text) => text.toUpperCase(),
  });
  assertEquals(changed, "# dma\n`dma` DMA <a `dma`|b.md>\n```\ndma [x](y)\n```\n");
});

Deno.test("a block gets the playground, a quiz its questions, and C neither", async () => {
  const quiz = '```dma quiz\ntest "q" {\n  let n = random(0..100)\n' +
    '  quiz("What is {n}<?", n, [{ answer: n + 1, rule: "dma.1.6", hint: "one" }])\n}\n```';
  const made = await withRunnable(quiz, 1);
  assertStringIncludes(made, 'src="../playground.html#d1=');
  assert(/<p><strong>What is \d+&lt;\?<\/strong><\/p>/.test(made));
  assertStringIncludes(made, 'No: one (<a href="../rules/dma.html#dma.1.6">dma.1.6</a>).');
  // The source, which has the answers, is folded below the questions.
  const places = [
    "What is ",
    '<details class="run"><summary>The quiz',
    "```dma quiz",
    "</details>\n\n<details",
  ]
    .map((part) => made.indexOf(part));
  assertEquals(places, places.toSorted((a, b) => a - b));
  assertEquals(places.includes(-1), false, made);
  const drawn = await withRunnable('```dma\nshow ["<a>", 2]\n```', 0);
  const [, source, alt] = drawn.match(
    /<img class="picture" src="data:image\/svg\+xml;base64,(\S+)" alt="([^"]*)">/,
  )!;
  assertStringIncludes(atob(source!), "&quot;&lt;a&gt;&quot;");
  assert(alt!.startsWith("show [&quot;&lt;a&gt;&quot;, 2]   scenario.dma:1:1&#10;"), alt);
  const plain = '```dma fragment\nlet a\n```\n```dma\ndriver ring = c "ring.c"\n```\n';
  assertEquals(await withRunnable(plain, 0), plain);
});

Deno.test("the doors, the releases and the notation come from their records", () => {
  const readme =
    "# x\n\n## Three doors\n\n**A.**\n\n- one\n\n**B.**\n\n- two\n\n## Where to read on\n";
  assertEquals(doorPages(readme).map(({ text }) => text), [
    "# A\n\n\n- one\n\n",
    "# B\n\n\n- two\n",
  ]);
  assertStringIncludes(
    releasesPage(),
    "`gap_bit_lost_on_split` | – | – | – | – | yes | yes | yes | – | – | – | – |",
  );
  assertStringIncludes(notationPage(), "`off(x)=x mod G`");
});

Deno.test("a dead link, a dead place on a page and a page that needs scripts are found, and a rule without a link", () => {
  using folder = new TempFolder({
    "a.html": '<main><h1 id="x">A</h1></main><a href="b.html#y">b</a><a href="/b#z">b</a>',
    "b.html": '<a class="k" href="./c.html">c</a><h2 id="y">B</h2><img src="no.png">',
  });
  const { dead, links, pages } = checkSite(folder.path);
  assertEquals([pages, links], [2, 4]);
  assertEquals(dead, ["a.html: /b#z", "b.html: ./c.html", "b.html: no.png"]);
  const made = new Map([["a.md", "# A\n```\n# no\n```\n"], ["b.md", "# B\n"]]);
  assertEquals(incompletePages(folder.path, made), ["b.md"]);
  folder.write(
    "a.html",
    '<main><h1>dma.3.3</h1><a href="x">dma.3.3</a><code>dma.99 x.dma.3.3</code></main>',
  );
  folder.write("b.html", "<main><pre><span># by dma.3.3</span></pre></main>");
  assertEquals(unlinkedRules(folder.path), ["b.html"]);
});
