import { assertEquals } from "@std/assert";
import { readCommand } from "./text_editor.ts";

Deno.test("an editor's name is words, and what has more than words in it is a shell's to read", () => {
  assertEquals(readCommand("vi", false), { command: "vi", args: [] });
  assertEquals(readCommand("code  --wait", false), { command: "code", args: ["--wait"] });
  assertEquals(readCommand("emacsclient -a ''", false), {
    command: "sh",
    args: ["-c", "emacsclient -a '' \"$@\"", "emacsclient -a ''"],
  });
  assertEquals(readCommand("C:\\bin\\edit.exe -w", true), {
    command: "C:\\bin\\edit.exe",
    args: ["-w"],
  });
});
