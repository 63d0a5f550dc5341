/**
 * Every numbered assertion of the rules has a test with the assertion's number in its name. Every
 * corner case into which a kernel can be brought has such a test, too.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { filesBelow, readSources, ROOT, SOURCE_FOLDERS } from "./source_text.ts";
import { blankOut } from "./tidy.ts";

/** Pages with assertions that are tested one by one. */
const PAGES = ["block", "nvme", "dma", "p2p", "hmm-rdma-vfio"];
/** Where tests stand. */
const FOLDERS = [...SOURCE_FOLDERS, "tests"];
/** Corner cases of nvme.md 7 that no system call can cause, as the page says. */
const UNREACHABLE_CASES = [7, 14, 16, 17, 18, 19];

interface Assertion {
  readonly page: string;
  readonly chapter: string;
  readonly number: number;
}

/** The assertions of a page: the items of the lists below headings about assertions. */
function assertionsOf(page: string): Assertion[] {
  const assertions: Assertion[] = [];
  let chapter = "";
  let listed = false;
  for (const line of pageLines(page)) {
    const heading = line.match(/^(#+) (.*)$/);
    if (heading !== null) {
      const [, , title] = heading;
      chapter = title!.match(/^(\d+)\. /)?.[1] ?? chapter;
      listed = /assertions/i.test(title!);
      continue;
    }
    const item = line.match(/^(\d+)\. /);
    if (listed && item !== null) assertions.push({ page, chapter, number: Number(item[1]) });
  }
  return assertions;
}

function pageLines(page: string): string[] {
  return Deno.readTextFileSync(join(ROOT, "docs/rules", `${page}.md`)).split("\n");
}

/** The names of all tests that are written as literals in the sources. */
function testNames(): string[] {
  const files = FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder)))
    .filter((path) => path.endsWith("_test.ts"));
  return files.flatMap((path) =>
    [...Deno.readTextFileSync(path).matchAll(/Deno\.test\(\s*(["`])(.*?)\1/gs)]
      .map(([, , name]) => name!)
  );
}

/** The numbers in `assertion 4` or `cases 1 and 2`. */
function numbersIn(text: string): number[] {
  return [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

/** Whether a name cites an assertion: `(block.md ch. 2, assertion 3)`. */
function cites(name: string, { page, chapter, number }: Assertion): boolean {
  const citation = new RegExp(
    String.raw`\b${page}\.md(?:[^()]*ch\. ([\d-]+)| ([\d.]+))?,? assertions? ([\d, and]+)`,
    "g",
  );
  return [...name.matchAll(citation)].some(([, ch, section, numbers]) => {
    const first = (ch ?? section ?? chapter).split(".")[0]!;
    const [from, to] = first.includes("-") ? first.split("-") : [first, first];
    const inChapter = Number(chapter) >= Number(from) && Number(chapter) <= Number(to);
    return inChapter && numbersIn(numbers!).includes(number);
  });
}

Deno.test("every numbered assertion of the rules has a test that names it", () => {
  const names = testNames();
  assert(names.length > 1000, `${names.length} tests`);
  const all = PAGES.flatMap(assertionsOf);
  assert(all.length > 80, `${all.length} assertions`);
  const untested = all.filter((assertion) => !names.some((name) => cites(name, assertion)));
  assertEquals(
    untested.map(({ page, chapter, number }) => `${page}.md ch. ${chapter} assertion ${number}`),
    [],
  );
});

Deno.test("every corner case of nvme.md 7 that can be reached has a test that names it", () => {
  const lines = pageLines("nvme");
  const chapter = lines.slice(lines.findIndex((line) => line.startsWith("## 7.")));
  const cases = chapter.flatMap((line) => line.match(/^(\d+)\. \*\*/)?.[1] ?? []).map(Number);
  assertEquals(cases.length, 20);
  const tested = new Set(
    testNames().flatMap((name) =>
      [...name.matchAll(/nvme\.md [^()]*?\b7,? cases? ([\d, and]+)/g)]
        .flatMap(([, numbers]) => numbersIn(numbers!))
    ),
  );
  const reachable = cases.filter((number) => !UNREACHABLE_CASES.includes(number));
  assertEquals(reachable.filter((number) => !tested.has(number)), []);
});

Deno.test("every corner case of hmm-rdma-vfio.md 4 has a test that names it", () => {
  const lines = pageLines("hmm-rdma-vfio");
  const chapter = lines.slice(
    lines.findIndex((line) => line.startsWith("## 4.")),
    lines.findIndex((line) => line.startsWith("## 5.")),
  );
  const cases = chapter.flatMap((line) => line.match(/^(\d+)\. \*\*/)?.[1] ?? []).map(Number);
  assertEquals(cases.length, 9);
  const tested = new Set(
    testNames().flatMap((name) =>
      [...name.matchAll(/hmm-rdma-vfio\.md [^()]*?(?:\bch\. 4, case |\b4\.)(\d+)/g)]
        .map(([, number]) => Number(number))
    ),
  );
  assertEquals(cases.filter((number) => !tested.has(number)), []);
});

/** Rows of hmm-rdma-vfio.md 5 that have no test, with the reason. */
const UNTESTED_ROWS: Readonly<Record<number, string>> = {
  22: "addresses of the model end below 2^53: docs/dev/choices.md says what is left out",
};

Deno.test("every row of hmm-rdma-vfio.md 5 has a test that names it, or a reason why it has none", () => {
  const rows = pageLines("hmm-rdma-vfio")
    .flatMap((line) => line.match(/^\| 5\.(\d+) \|/)?.[1] ?? []).map(Number);
  assertEquals(rows, Array.from({ length: 22 }, (_, index) => index + 1));
  const tested = new Set(
    testNames().flatMap((name) =>
      [...name.matchAll(/hmm-rdma-vfio\.md [^()]*?\b5\.(\d+)/g)].map(([, number]) => Number(number))
    ),
  );
  const untested = rows.filter((number) => !tested.has(number));
  assertEquals(untested.map(String), Object.keys(UNTESTED_ROWS));
});

Deno.test("where state changes hands, both sides assert: 67 invariants in 10,000 lines of code of runtime/ and devices/", () => {
  for (const folder of ["runtime", "devices"]) {
    // Readers of logs, the texts of a tree, and lists of exports are left out: they have no state.
    const sources = readSources([folder]).filter(({ path }) =>
      !/_test\.ts$|\/fault_log\/|\/mod\.ts$|\/kernel_tree\.ts$/.test(path)
    );
    const count = (what: RegExp) =>
      sources.reduce((sum, { text }) => sum + [...text.matchAll(what)].length, 0);
    const lines = sources.reduce(
      (sum, { text }) => sum + blankOut(text).split("\n").filter((line) => /\S/.test(line)).length,
      0,
    );
    const invariants = count(/\binvariant\(|new InvariantError\(/g);
    assert(invariants * 10_000 >= 67 * lines, `${folder}/: ${invariants} in ${lines} lines`);
  }
});
