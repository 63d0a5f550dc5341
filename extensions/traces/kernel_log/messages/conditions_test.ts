/**
 * Every form whose condition is known is read by a row of its own: the texts `conditions-*.txt` have
 * a line of each form, of releases from 4.x to 7.3.
 */
import { assert, assertEquals } from "@std/assert";
import { readKernelLog } from "../kernel_log_reader.ts";

const TEXTS = new URL("../../tests/texts/", import.meta.url);
const NAMES = [...Deno.readDirSync(TEXTS)].map(({ name }) => name)
  .filter((name) => /^conditions-.*\.txt$/.test(name)).sort();

Deno.test("each line of the forms with a known condition is read by a row of its own", () => {
  let lines = 0;
  const others: string[] = [];
  for (const name of NAMES) {
    const text = Deno.readTextFileSync(new URL(name, TEXTS));
    lines += text.trimEnd().split("\n").length;
    const { entries, states, unreadable } = readKernelLog(text);
    for (const { row, text: line } of [...entries, ...states]) {
      if (row?.isGeneral === true) others.push(`${name}: ${line}`);
    }
    for (const { text: line } of unreadable) others.push(`${name}: ${line}`);
  }
  assertEquals(others, []);
  assert(lines > 250, `${lines} lines`);
});

Deno.test("no line of the forms with a known condition is passed over", () => {
  const passed = NAMES.flatMap((name) =>
    Deno.readTextFileSync(new URL(name, TEXTS)).trimEnd().split("\n").filter((line) => {
      const { entries, states } = readKernelLog(line);
      return entries.length + states.length === 0;
    }).map((line) => `${name}: ${line.replace(/^\[[^\]]*\] /, "")}`)
  );
  // Lines that only continue the record above them.
  const isContinuation =
    /: (?:arm-smmu[^:]*: )?(?:arm-smmu-v3 [^:]*: *\t?0x[0-9a-f]{16}|arm-smmu [^:]*: *\tGFSR|\{1\}\[Hardware Error\]: |.*to disable ACS redirect for this path|arm-smmu-v3 [^:]*: event 0x10 received:)/;
  assertEquals(passed.filter((line) => !isContinuation.test(line)), []);
});
