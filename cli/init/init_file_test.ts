import { assertEquals } from "@std/assert";
import { mergeTexts } from "./init_file.ts";

Deno.test("mergeTexts() adds what is missing, and changes nothing else", () => {
  const keys = (text: string, existing: string) =>
    mergeTexts(existing, { path: "x.json", text, merge: "keys" });
  assertEquals(
    keys('{"a":{"c":2},"d":[2,3]}', '{"a":{"b":1},"d":[1,2]}'),
    `{
  "a": {
    "b": 1,
    "c": 2
  },
  "d": [
    1,
    2,
    3
  ]
}
`,
  );
  assertEquals(keys('{"a":{"b":2}}', '{ "a": {"b":1} }'), '{ "a": {"b":1} }');
  const lines = (text: string, existing: string) =>
    mergeTexts(existing, { path: ".gitignore", text, merge: "lines" });
  assertEquals(lines("a\nb\n", "b\nc"), "b\nc\na\n");
  assertEquals(lines("a\n", "a\r\n"), "a\r\n");
  assertEquals(mergeTexts("mine", { path: "x", text: "yours", merge: "none" }), "mine");
});
