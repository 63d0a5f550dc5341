import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { REFERENCE_COMMAND } from "../tools/reference/builtins_page.ts";
import { eventsPage } from "../tools/reference/events_page.ts";
import { BUILTINS } from "../lang/builtins/mod.ts";
import { REPORT_CLASSES } from "../runtime/dma/checker/report_classes.ts";
import { ROOT } from "./source_text.ts";

const PAGE = Deno.readTextFileSync(join(ROOT, "docs/events.md"));

/** The lines under a heading of the page. */
function chapter(title: string): string[] {
  const lines = PAGE.split("\n");
  const start = lines.indexOf(`## ${title}`);
  const end = lines.findIndex((line, index) => index > start && line.startsWith("## "));
  return lines.slice(start + 1, end < 0 ? lines.length : end);
}

/** Names in backticks, those in parentheses left out. */
const namesIn = (text: string) =>
  [...text.replace(/\([^)]*\)/g, "").matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

Deno.test("docs/events.md has the tables of the vocabulary", () => {
  assert(PAGE === eventsPage(PAGE), `docs/events.md is old: ${REFERENCE_COMMAND}`);
});

Deno.test("docs/events.md names every class of dma.report, with its rule", () => {
  const text = chapter("Classes of `dma.report`").join("\n");
  const isRow = (name: string) => /^[a-z]+(?:_[a-z]+)+$/.test(name) && !/kernel/.test(name);
  assertEquals(namesIn(text).filter(isRow).sort(), Object.keys(REPORT_CLASSES).sort());
  const rows = [...text.matchAll(/^\| `(\w+)` \| [^|]* \| ([\w.-]+) \| [^|]*\|[^|]*\|$/gm)]
    .map(([, name, rule]) => [name, rule]);
  assertEquals(rows, Object.entries(REPORT_CLASSES).map(([name, { rule }]) => [name, rule]));
});

Deno.test("every class of dma.report is a word that `warns` takes, and no other is", () => {
  assertEquals([...BUILTINS.reportClasses].sort(), Object.keys(REPORT_CLASSES).sort());
});
