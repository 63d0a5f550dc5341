import { assert, assertEquals } from "@std/assert";
import { PendingInput } from "./pending_input.ts";
import { talk } from "../repl/_talk.ts";

/** The number of characters that are read in total while lines arrive. */
function readChars(lines: readonly string[]): number {
  const pending = new PendingInput();
  return lines.reduce((sum, line) => sum + (pending.add(line) ? pending.text.length : 0), 0);
}

/**
 * The number of characters that are read in total if each line is typed at the end of an edited
 * text.
 */
function editedChars(lines: readonly string[]): number {
  const pending = new PendingInput();
  let text = "";
  return lines.reduce((sum, line) => {
    text += `${line}\n`;
    return sum + (pending.edit(text) ? text.length : 0);
  }, 0);
}

Deno.test("PendingInput: what is read of an unfinished block grows with its length only", () => {
  for (const line of ["  let x = f(1, 2) + 3", "1 +", "f(", "{ }"]) {
    const block = (lines: number) => ['test "a" {', ...Array<string>(lines).fill(line)];
    for (const read of [readChars, editedChars]) {
      const [short, long] = [read(block(1_000)), read(block(4_000))];
      assert(long < 5 * short, `${line}: ${short} and ${long} characters`);
    }
  }
});

Deno.test("PendingInput: an edited input is worth reading when its brackets close", () => {
  const pending = new PendingInput();
  const block = `repeat 2 {\n${"  sum += 1\n".repeat(500)}`;
  assert(pending.edit(block));
  assert(!pending.edit(`${block}  sum += 2\n`));
  assert(pending.edit(`${block}  sum += 2\n}`));
  assert(pending.edit("other"), "what stood there before is gone");
});

Deno.test("a long block is done when its brackets close, and a mistake in it is shown", async () => {
  const lines = Array<string>(200).fill("  sum += 1");
  const { answers } = await talk("let sum = 0", "repeat 2 {", ...lines, "}", "sum");
  assertEquals(answers.at(-1), "400\n");
  const wrong = await talk("repeat 2 {", ...lines, "  let = 1", ...lines, "1 + 1");
  assertEquals(wrong.answers.filter((text) => text.includes("a name")).length, 1);
});
