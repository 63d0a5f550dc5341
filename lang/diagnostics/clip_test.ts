import { assertEquals } from "@std/assert";
import { clipped, clippedMessage } from "./clip.ts";

Deno.test("clipped() leaves 200 characters, and no half of one", () => {
  assertEquals(clipped("a".repeat(200)), "a".repeat(200));
  assertEquals(clipped("a".repeat(201)), `${"a".repeat(199)}…`);
  assertEquals(clipped(`${"a".repeat(198)}😀😀`), `${"a".repeat(198)}…`);
});

Deno.test("clippedMessage() cuts what is quoted and what has no blank, and keeps its own words", () => {
  const own = "write one of ".padEnd(400, "iommu, ");
  assertEquals(clippedMessage(own), own);
  assertEquals(
    clippedMessage(`Nothing is called \`${"x".repeat(5000)}\` here`),
    `Nothing is called \`${"x".repeat(197)}…\` here`,
  );
  assertEquals(
    clippedMessage(`There is no "${"a b ".repeat(500)}"; write "c"`),
    `There is no "${"a b ".repeat(500).slice(0, 197)}…"; write "c"`,
  );
  assertEquals(clippedMessage("a b ".repeat(9000)).length, 600);
});
