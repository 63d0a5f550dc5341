import { assertEquals } from "@std/assert";
import { InputHistory } from "./input_history.ts";
import { LineEditor } from "./line_editor.ts";

const WORDS = ["dma_map_phys", "dma_map_sg", "print"];

function editorWith(...inputs: string[]): LineEditor {
  return new LineEditor({
    history: new InputHistory(inputs),
    suggest(before) {
      const [part] = before.match(/\w*$/)!;
      const all = part === "" ? [] : WORDS.filter((word) => word.startsWith(part));
      return { part, all: all.map((text) => ({ text, doc: "" })) };
    },
    isWhole: (text) => text.split("[").length === text.split("]").length,
    pasted: (text) => text.replaceAll("> ", ""),
  });
}

/** Presses keys by their names; `'TEXT` types the text. */
function press(editor: LineEditor, keys: string): string {
  let last = "";
  for (const key of keys.split(" ")) {
    if (key.startsWith("'")) {
      for (const text of key.slice(1)) editor.press({ name: "text", text });
    } else last = editor.press({ name: key, text: "" });
  }
  const { cursor, text } = editor;
  return last === "" || last === "edited" ? `${text.slice(0, cursor)}|${text.slice(cursor)}` : last;
}

Deno.test("keys move by characters, words and lines, and what was cut comes back", () => {
  const editor = editorWith();
  assertEquals(press(editor, "'letx left left 'é"), "leé|tx");
  editor.set("one two.three");
  assertEquals(press(editor, "alt-b"), "one two.|three");
  assertEquals(press(editor, "ctrl-left ctrl-w"), "|two.three");
  assertEquals(press(editor, "end ctrl-y"), "two.threeone |");
  assertEquals(press(editor, "ctrl-a alt-d"), "|.threeone ");
  assertEquals(press(editor, "ctrl-k"), "|");
  editor.set("x漢e\u0301y");
  assertEquals(press(editor, "left left backspace"), "x|e\u0301y");
  assertEquals(press(editor, "delete delete delete"), "x|");
  assertEquals(press(editor, "backspace backspace ctrl-d"), "ended");
  editor.set("x");
  assertEquals(press(editor, "ctrl-c"), "dropped");
});

Deno.test("Enter goes on with a line until the text is whole, and the history has it in one piece", () => {
  const editor = editorWith();
  assertEquals(press(editor, "'let'= enter"), "entered");
  editor.drop();
  assertEquals(press(editor, "'a=[ enter '1, enter '2] up"), "a=[\n  1,|\n  2]");
  assertEquals(press(editor, "home 'x down end"), "a=[\nx  1,\n  2]|");
  assertEquals(press(editor, "enter"), "entered");
  assertEquals(editor.take(), "a=[\nx  1,\n  2]");
  assertEquals(press(editor, "'z up"), "a=[\nx  1,\n  2]|");
  assertEquals(press(editor, "up up down down down"), "z|");
  assertEquals(press(editor, "alt-enter 'y up"), "z|\ny");
});

Deno.test("Ctrl-R searches the history backwards, and Ctrl-G restores the line", () => {
  const editor = editorWith("let a = 1", "print a", "let b = 2", "a + b");
  editor.set("draft");
  assertEquals(press(editor, "ctrl-r 'let"), "|let b = 2");
  assertEquals(editor.search, { ...editor.search!, query: "let", isFound: true });
  assertEquals(press(editor, "ctrl-r"), "|let a = 1");
  assertEquals(press(editor, "ctrl-r"), "|let a = 1");
  assertEquals(editor.search!.isFound, false);
  assertEquals(press(editor, "ctrl-s"), "|let b = 2");
  assertEquals(press(editor, "ctrl-g"), "draft|");
  assertEquals(press(editor, "ctrl-r 'pritx backspace backspace 'n end"), "print a|");
  assertEquals(editor.search, null);
  assertEquals(press(editor, "up ctrl-r '+ enter"), "entered");
  assertEquals(editor.take(), "a + b");
});

Deno.test("Tab adds what all words have in common, and shows them; what is pasted is one piece", () => {
  const editor = editorWith();
  assertEquals(press(editor, "'dma tab"), "dma_map_|");
  assertEquals(editor.suggestions.map(({ text }) => text), ["dma_map_phys", "dma_map_sg"]);
  assertEquals(press(editor, "'p tab"), "dma_map_phys|");
  assertEquals(editor.suggestions, []);
  editor.drop();
  editor.press({ name: "paste", text: "> let a = [\n> \t1]" });
  assertEquals(editor.text, "let a = [\n  1]");
});
