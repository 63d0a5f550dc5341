import { assert, assertEquals } from "@std/assert";
import { readExpected, readGolden, runsOf } from "../tests/golden_traces.ts";
import type { Fact } from "./log_facts.ts";
import { entryStory } from "./entry_story.ts";
import { readKernelLog } from "./kernel_log_reader.ts";

interface CorpusEntry {
  readonly id: string;
  readonly kind: string;
  readonly lines: readonly string[];
  readonly expect: Readonly<Record<string, Fact>>;
}

const CORPUS: readonly CorpusEntry[] = Deno.readTextFileSync(
  new URL("../../../tests/golden/traces/corpus.jsonl", import.meta.url),
).trim().split("\n").map((line) => JSON.parse(line));

Deno.test("every line of the corpus is found as its kind, with every field that is asked for", () => {
  let fields = 0;
  let others = 0;
  for (const { expect, id, kind, lines } of CORPUS) {
    const { entries, unreadable } = readKernelLog(lines.join("\n"));
    assertEquals(unreadable, [], id);
    const [entry, ...more] = entries.filter((each) => each.kind === kind);
    assertEquals([entry?.kind ?? "none", more.length], [kind, 0], id);
    others += entries.length - (entry === undefined ? 0 : 1);
    for (const [name, value] of Object.entries(expect)) {
      assertEquals(entry!.facts[name], value, `${id}: ${name}`);
      fields++;
    }
  }
  assertEquals(others, 1, "an NVMe controller that is down, between the words of an SMMU");
  assert(CORPUS.length > 100 && fields > 700, `${CORPUS.length} entries, ${fields} fields`);
});

Deno.test("in the logs of real runs every line about DMA is found, and no other", async () => {
  let lines = 0;
  let unmaps = 0;
  for (const name of runsOf("real")) {
    const text = await readGolden(`real/${name}.dmesg.txt.gz`);
    const { kernel_log: expected } = readExpected(`real/${name}`);
    if (text === null || expected === undefined) continue;
    const log = readKernelLog(text);
    assertEquals(log.unreadable, [], name);
    // The expected lists contain no `unmap_warning`, but the checker's own line about the same
    // unmap.
    const listed = log.entries.filter(({ kind }) => kind !== "unmap_warning");
    unmaps += log.entries.length - listed.length;
    const found = listed.map(({ facts, kind, line }) => ({
      line,
      kind,
      ...kind === "dma_debug" ? { class: facts.class } : {},
    }));
    assertEquals(found as unknown[], expected as unknown[], name);
    lines += found.length;
  }
  assertEquals([lines, unmaps], [44, 3]);
});

Deno.test("all of the corpus in one log gives the same records, whatever stands beside them", () => {
  const alone = CORPUS.flatMap(({ lines }) => readKernelLog(lines.join("\n")).entries);
  const found = readKernelLog(CORPUS.flatMap(({ lines }) => lines).join("\r\n")).entries;
  assertEquals(
    found.map(({ facts, kind }) => ({ facts, kind })),
    alone.map(({ facts, kind }) => ({ facts, kind })),
  );
});

/** Prefixes of lines in logs, journals and mails. @see rules/traces.md T.56 */
const PREFIXES = [
  "",
  "[ 4711.128456] ",
  "<3>[    7.000001] ",
  "[   12.123456][  T345] ",
  "Mar  4 10:12:07 host kernel: ",
  "Nov 21 05:00:00.123456 my-host.lan kernel: [ 6205.751130] ",
  "2024-05-15T00:37:53.595431+01:00 kvmhost kernel: ",
  "> ",
  ">> > [  382.135232] ",
  "| ",
  "\t",
] as const;
const OWN_PREFIX =
  /^[>\s]*(?:<\d+>)?(?:[A-Z][a-z]{2} +\d+ [\d:]+ \S+ |\d{4}-\S+ \S+ )?(?:kernel: )?(?:\[ *\d+\.\d+\] )?/;

Deno.test("every line of the corpus says the same behind every prefix, and with other devices", () => {
  for (const { id, kind, lines } of CORPUS) {
    const bare = lines.map((line) => line.replace(OWN_PREFIX, ""));
    const tell = (prefix: string) =>
      readKernelLog(bare.map((line) => prefix + line).join("\r\n")).entries
        .map(({ facts, kind }) => ({ facts, kind }));
    const plain = tell("");
    assertEquals(plain.length > 0, kind !== "none", id);
    for (const prefix of PREFIXES) assertEquals(tell(prefix), plain, `${id} behind "${prefix}"`);
    const place = plain.map(({ facts }) => facts.source).find((each) => typeof each === "string");
    if (place === undefined || !bare.join("\n").includes(place)) continue;
    const other = place.replace(/[0-9a-f]{2}:[0-9a-f]{2}\.\d$/, "9d:1e.3");
    const moved = readKernelLog(bare.join("\n").replaceAll(place, other)).entries;
    assertEquals(
      moved.map(({ facts }) => facts.source),
      plain.map(({ facts }) => facts.source === place ? other : facts.source),
      id,
    );
  }
});

/** A message from a public report, or a message whose form is known. */
type PublicLines = Omit<CorpusEntry, "id"> & {
  readonly area: string;
  readonly thread: string | null;
};

Deno.test("lines as bug reports have them are decoded, most of them by rows", () => {
  const file = new URL("../../../tests/golden/traces/public_lines.jsonl", import.meta.url);
  const rows: readonly PublicLines[] = Deno.readTextFileSync(file).trim().split("\n")
    .map((line) => JSON.parse(line));
  for (const { area, expect, kind, lines } of rows) {
    const { entries, unreadable } = readKernelLog(lines.join("\n"));
    const [entry, ...more] = entries;
    assertEquals([unreadable, entry?.kind ?? "none", more], [[], kind, []], lines[0]);
    for (const [name, value] of Object.entries(expect)) {
      assertEquals(entry!.facts[name], value, `${area}: ${lines[0]}: ${name}`);
    }
    // What is printed has no register or identifier in decimal.
    const story = entryStory(entry!).join("\n");
    assert(!/^ {2}(?:stream|status|csts|value|cons|prod) +\d+$/m.test(story), story);
  }
  const seen = rows.filter(({ thread }) => thread !== null);
  const byRows = seen.filter(({ lines }) => {
    const { entries: [entry] } = readKernelLog(lines.join("\n"));
    return entry === undefined || entry.row === null || entry.row.forms.length > 0;
  });
  assert(seen.length >= 150 && byRows.length >= 145, `${byRows.length} of ${seen.length}`);
});
