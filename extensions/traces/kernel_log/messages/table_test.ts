/**
 * Tests the message table. Each row reads samples of its own forms. The prefixes of logs change no
 * result. Each line that is an error has a next step. Nothing is proved without a condition.
 */
import { assert, assertEquals } from "@std/assert";
import { readKernelLog } from "../kernel_log_reader.ts";
import { entryStory } from "../entry_story.ts";
import { formOf } from "./form.ts";
import { causesOf, certaintyOf } from "./message.ts";
import { MESSAGE_AREAS, MessageFinder } from "./table.ts";
import { aboutKind } from "../../ledger/finding_kinds.ts";

const sampleOf = (form: string) => formOf(form).sample();

const ROWS = MESSAGE_AREAS.flatMap(({ name, rows }) => rows.map((row) => ({ area: name, row })));

Deno.test("a line of each form is read by its own row, with and without the parts that may be missing", () => {
  const finder = new MessageFinder();
  const wrong: string[] = [];
  for (const { area, row } of ROWS) {
    if (row.isDecoded) continue;
    for (const text of row.forms) {
      for (const isWhole of [true, false]) {
        const line = formOf(text).sample(isWhole);
        const found = finder.find(line);
        if (found?.row === row) continue;
        // Another row of the same kind may have a more exact form for this line.
        if (found !== null && found.row.kind === row.kind && found.row.role === row.role) continue;
        wrong.push(`${area}: ${line} is ${found?.row.kind ?? "not read"}, ${found?.row.forms[0]}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("a line of each form says the same behind the prefixes of logs", () => {
  const prefixes = [
    "[ 4711.128456] ",
    "<3>[    7.000001] ",
    "[   12.123456][  T345] ",
    "Mar  4 10:12:07 host kernel: ",
    "Nov 21 05:00:00.123456 my-host.lan kernel: [ 6205.751130] ",
    "2024-05-15T00:37:53.595431+01:00 kvmhost kernel: ",
    "kern  :err   : [    1.234567] ",
    "> ",
  ];
  const tell = (line: string) => {
    const { entries, states } = readKernelLog(line);
    return [...entries, ...states].map(({ facts, kind }) => ({ kind, facts }));
  };
  const wrong: unknown[] = [];
  for (const line of ROWS.flatMap(({ row }) => row.isDecoded ? [] : row.forms.map(sampleOf))) {
    const plain = tell(line);
    for (const prefix of prefixes) {
      const found = tell(prefix + line);
      if (JSON.stringify(found) !== JSON.stringify(plain)) {
        wrong.push([prefix + line, found, plain]);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("each text of a row is a sentence, and each line that is an error has a next step", () => {
  const stepless = new Set<string>();
  for (const { area, row } of ROWS) {
    for (const form of row.forms) {
      if (row.isDecoded) continue;
      const { entries, states } = readKernelLog(formOf(form).sample());
      for (const entry of [...entries, ...states]) {
        const story = entryStory(entry).join("\n");
        assert(!/undefined|NaN|\bnull\b/.test(story), `${area}: ${story}`);
      }
    }
    for (const cause of row.causes ?? [null]) {
      const steps = cause?.next ?? row.next ?? aboutKind(row.finding ?? "access_allowed").next ??
        [];
      // The steps of a consequence can be those of the line that it follows.
      const hasOwnSteps = row.role === "fault" || row.role === "report";
      if (hasOwnSteps && row.isDecoded !== true && steps.length === 0) {
        stepless.add(`${row.kind}: ${row.forms[0]} ${cause?.id ?? ""}`);
      }
    }
  }
  assertEquals([...stepless], []);
});

Deno.test("nothing is proved of a line without its condition, but by a test of its numbers", () => {
  const wrong: string[] = [];
  let proved = 0;
  for (const { row } of ROWS) {
    if (row.isDecoded) continue;
    for (const line of row.forms.map(sampleOf)) {
      for (const { facts, row: found } of readKernelLog(line).entries) {
        if (found === null) continue;
        const causes = causesOf(found, facts);
        const sure = causes.filter((cause) => certaintyOf(found, facts, cause) === "proved");
        proved += sure.length;
        const isKnown = found.condition !== undefined ||
          sure.every(({ when }) => when !== undefined);
        if (sure.length > 0 && (causes.length > 1 || !isKnown)) wrong.push(line);
      }
    }
  }
  assertEquals(wrong, []);
  assert(proved > 20, `${proved} samples have a proved cause`);
});

Deno.test("a form searches a line for at most three texts, one within another", () => {
  const deep = ROWS.flatMap(({ row }) => row.forms).filter((form) => {
    // A lookahead is not entered again, and any text at the end of a form costs nothing.
    const searches = formOf(form).pattern.source
      .replaceAll(/\(\?=\(\?<skipped\d+>\.\*\?/g, "").replace(/\.\*\?$/, "").match(/\.\*\?/g);
    return (searches?.length ?? 0) > 3;
  });
  assertEquals(deep, []);
  assertEquals(
    formOf("{device}: {...}fails{...}map{...}DMA").pattern.source.match(/\(\?=/g)?.length,
    2,
  );
});
