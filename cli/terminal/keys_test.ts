import { assertEquals } from "@std/assert";
import { painter } from "@dmalab/lang/text";
import { KeyDecoder, type KeyPress } from "./keys.ts";
import { fitLine } from "./styled.ts";

/** The keys that are recognised in chunks of bytes. */
async function keysOf(...chunks: (string | Uint8Array)[]): Promise<readonly KeyPress[]> {
  const keys: KeyPress[] = [];
  const decoder = new KeyDecoder((key) => keys.push(key));
  for (const chunk of chunks) {
    decoder.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
  }
  // An Escape counts as a key if no byte follows it for a while.
  await new Promise((resolve) => setTimeout(resolve, 80));
  return keys;
}

const names = async (...chunks: string[]) => (await keysOf(...chunks)).map(({ name }) => name);

Deno.test("keys have names, with what was held beside them", async () => {
  assertEquals(await names("\x1b[A\x1b[1;5C\x1bb\x12\t\r\n\x7f\x1b[Z\x1b[5~\x1bOP"), [
    ..."up ctrl-right alt-b ctrl-r tab enter enter backspace shift-tab pageup f1".split(" "),
  ]);
  assertEquals(await names("\x03\x1a\x04\x1b"), ["ctrl-c", "ctrl-z", "ctrl-d", "escape"]);
});

Deno.test("what is typed is text, in whatever pieces its bytes come", async () => {
  assertEquals((await keysOf("aé漢:")).map(({ text }) => text), ["a", "é", "漢", ":"]);
  const bytes = new TextEncoder().encode("漢");
  assertEquals(await keysOf(bytes.slice(0, 1), bytes.slice(1)), [{ name: "text", text: "漢" }]);
});

Deno.test("what is pasted is one text, however its marks are cut", async () => {
  const pasted = { name: "paste", text: "let a = [\n  1\x1b[A]\n" };
  assertEquals(await keysOf("\x1b[200~let a = [\r\n  1\x1b[A]\r\x1b[201~x"), [
    pasted,
    { name: "text", text: "x" },
  ]);
  const whole = "\x1b[200~let a = [\r\n  1\x1b[A]\n\x1b[201~";
  for (let at = 4; at < whole.length; at++) {
    assertEquals(await keysOfNow(whole.slice(0, at), whole.slice(at)), [pasted], `cut at ${at}`);
  }
});

function keysOfNow(...chunks: string[]): readonly KeyPress[] {
  const keys: KeyPress[] = [];
  const decoder = new KeyDecoder((key) => keys.push(key));
  for (const chunk of chunks) decoder.push(new TextEncoder().encode(chunk));
  return keys;
}
Deno.test("fitLine() fills or cuts to its columns, by how wide characters are", () => {
  const plain = painter(false);
  assertEquals(fitLine(["ab", ["bad", "cd"]], 6, plain), "abcd  ");
  assertEquals(fitLine(["ab", ["bad", "cd"]], 3, plain), "ab…");
  assertEquals(fitLine(["漢字"], 4, plain), "漢字");
  assertEquals(fitLine(["漢字"], 3, plain), "漢…");
  assertEquals(fitLine(["漢字"], 2, plain), "… ");
  assertEquals(fitLine(["a\x1b[2Jb\tc"], 12, plain), "a␛[2Jb  c   ");
  assertEquals(fitLine([["bad", "x"]], 2, painter(true)), "\x1b[31mx\x1b[0m ");
  assertEquals(fitLine(["abc"], 0, plain), "");
});
