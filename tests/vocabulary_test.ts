import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { isTableRow, readTable } from "../cli/markdown.ts";
import { BUILTINS } from "../lang/builtins/mod.ts";
import { REPORT_CLASSES } from "../runtime/dma/checker/report_classes.ts";
import { EVENT_TABLE, KERNEL_CALLS } from "../runtime/event_vocabulary.ts";
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

Deno.test("docs/events.md names every event of the vocabulary with its fields, and no other", () => {
  const rows = readTable(chapter("Events").filter(isTableRow)).slice(1);
  const inPage = new Map(rows.map(([name, fields]) => [namesIn(name!)[0]!, namesIn(fields!)]));
  // One line for what differs reads better than two whole vocabularies.
  const line = (name: string, fields: readonly string[]) => `${name}: ${fields.join(", ")}`;
  const expected = Object.entries(EVENT_TABLE).map(([name, { fields }]) =>
    line(name, Object.keys(fields))
  );
  const found = [...inPage].map(([name, fields]) => line(name, fields));
  assertEquals(found.filter((each) => !expected.includes(each)), [], "in the page alone");
  assertEquals(expected.filter((each) => !found.includes(each)), [], "in the code alone");
});

Deno.test("docs/events.md names every kernel call that is an event, and no other", () => {
  const [, list] = chapter("Calls of the kernel's API").join("\n").split("\n\n");
  assertEquals(namesIn(list!), [...KERNEL_CALLS]);
});

Deno.test("docs/events.md names every class of dma.report, those of 8.2 with their rows", () => {
  const text = chapter("Classes of `dma.report`").join("\n");
  const isRow = (name: string) => /^[a-z]+(?:_[a-z]+)+$/.test(name) && !/kernel/.test(name);
  assertEquals(namesIn(text).filter(isRow).sort(), Object.keys(REPORT_CLASSES).sort());
  const rows = [...text.matchAll(/`(\w+)` \((\d+)\)/g)].map(([, name, row]) => [name, row]);
  const inCode = Object.entries(REPORT_CLASSES)
    .filter(([, { rule }]) => rule.startsWith("dma.8.2."))
    .map(([name, { rule }]) => [name, rule.slice("dma.8.2.".length)]);
  assertEquals(rows, inCode);
});

Deno.test("every class of dma.report is a word that `warns` takes, and no other is", () => {
  assertEquals([...BUILTINS.reportClasses].sort(), Object.keys(REPORT_CLASSES).sort());
});
