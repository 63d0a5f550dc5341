/**
 * Tests the message table. Each row reads samples of its own forms. The prefixes of logs change no
 * result. Each cause that can be a finding has a next step.
 */
import { assert, assertEquals } from "@std/assert";
import { readKernelLog } from "../kernel_log_reader.ts";
import { entryStory } from "../entry_story.ts";
import { formOf } from "./form.ts";
import { MESSAGE_AREAS, MessageFinder } from "./table.ts";

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

Deno.test("each cause that can be a finding or a report has a next step, and each text is a sentence", () => {
  for (const { area, row } of ROWS) {
    for (const form of row.forms) {
      if (row.isDecoded) continue;
      const { entries, states } = readKernelLog(formOf(form).sample());
      for (const entry of [...entries, ...states]) {
        const story = entryStory(entry).join("\n");
        assert(!/undefined|NaN|\bnull\b/.test(story), `${area}: ${story}`);
      }
    }
    for (const { certainty, id, next } of row.causes ?? []) {
      const isActionable = row.finding !== undefined && certainty !== "unknown";
      if (isActionable && certainty !== "proved") {
        assert(
          (next ?? row.next ?? []).length > 0 || row.finding === "iommu_error" ||
            row.finding === "invalidation_error" || row.finding === "hardware_error",
          `${area}: ${row.kind} ${id} has no step`,
        );
      }
    }
  }
});
