import { assertEquals } from "@std/assert";
import { SourceFile } from "../source.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { renderDiagnostic, renderDiagnostics } from "./render.ts";

function diagnostic(
  text: string,
  start: number,
  end: number,
  more: Partial<Diagnostic> = {},
): Diagnostic {
  const source = new SourceFile("examples/x.dma", text);
  return {
    code: "E0203",
    severity: "error",
    span: { source, start, end },
    message: "Expected `)` to close the call, found end of line",
    ...more,
  };
}

const rendered = (...args: Parameters<typeof diagnostic>) => renderDiagnostic(diagnostic(...args));

Deno.test("renderDiagnostic() underlines a span, and of a long one the first line", () => {
  const lines = (text: string, start: number, end: number) =>
    rendered(text, start, end).split("\n").slice(-2);
  assertEquals(lines("let abc = 4", 4, 7), [" 1 | let abc = 4", "   |     ^^^"]);
  assertEquals(lines("f(\n  a\n)", 0, 8), [" 1 | f(", "   | ^^"]);
  assertEquals(lines("f()", 3, 3), [" 1 | f()", "   |    ^"]);
  assertEquals(lines("", 0, 0), [" 1 |", "   | ^"]);
});

Deno.test("renderDiagnostic() copies tabs into the caret's line and counts wide characters twice", () => {
  const lines = (text: string, start: number, end: number) =>
    rendered(text, start, end).split("\n").slice(-2);
  assertEquals(lines("\tlet\tx = 4", 5, 6), [" 1 | \tlet\tx = 4", "   | \t   \t^"]);
  assertEquals(lines('"日本" x', 5, 6), [' 1 | "日本" x', "   |        ^"]);
  assertEquals(lines('"日本"', 1, 3), [' 1 | "日本"', "   |  ^^^^"]);
  // A combining accent takes no column.
  assertEquals(lines('"e\u0301" x', 5, 6), [' 1 | "e\u0301" x', "   |     ^"]);
});

Deno.test("renderDiagnostic() never sends control characters of a script to the terminal", () => {
  const shown = rendered("let \x1b[2J\x07\u202ex = 4", 0, 3);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\x00-\x08\x0b-\x1f\u202e]/.test(shown), false);
  assertEquals(shown.split("\n").at(-2), " 1 | let \u241b[2J\u2407\ufffdx = 4");
});

Deno.test("renderDiagnostic() cuts a long line around the caret", () => {
  const text = `${"a ".repeat(500)}MARK ${"b ".repeat(500)}`;
  const [line = "", caret = ""] = rendered(text, 1000, 1004).split("\n").slice(-2);
  assertEquals(line.length < 180, true);
  assertEquals(line.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1), "MARK");
});

Deno.test("renderDiagnostic() leaves names at the beginning of a message alone", () => {
  const head = (message: string) => rendered("x", 0, 1, { message }).split("\n")[0];
  assertEquals(head("Unknown name"), "error[E0203]: unknown name");
  assertEquals(head("A value alone"), "error[E0203]: a value alone");
  assertEquals(head("IOMMU mode"), "error[E0203]: IOMMU mode");
  assertEquals(head("EINVAL is raised"), "error[E0203]: EINVAL is raised");
  assertEquals(head("`x` is unknown"), "error[E0203]: `x` is unknown");
});

Deno.test("renderDiagnostic() gives every piece to the style, which changes nothing else", () => {
  const one = diagnostic("f(\n", 2, 2, { hint: "h", label: "l" });
  const roles = new Set<string>();
  const styled = renderDiagnostic(one, {
    style: (role, text) => {
      roles.add(role);
      return `<${text}>`;
    },
  });
  assertEquals([...roles].sort(), ["caret", "code", "error", "gutter", "hint", "place"]);
  assertEquals(styled.replace(/[<>]/g, ""), renderDiagnostic(one).replace(/[<>]/g, ""));
  assertEquals(renderDiagnostics([one, one]).split("\n\n").length, 2);
});
