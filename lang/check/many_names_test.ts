/**
 * A check compares names to suggest the intended name; after very many comparisons it suggests
 * nothing more.
 */
import { assert } from "@std/assert";
import { cpuUsage } from "node:process";
import { loadProgram } from "../language.ts";
import { SourceFile } from "../source.ts";
import { LoadError } from "../syntax/load_files.ts";

const MANY = 2_000;

const lines = (line: (number: number) => string) =>
  Array.from({ length: MANY }, (_, number) => line(number)).join("\n");

Deno.test("thousands of names, each misspelled once: checked in seconds", () => {
  const texts = [
    `let r = {\n${lines((n) => `name${n}: ${n},`)}\n}\n${lines((n) => `print r.nam${n}`)}\n`,
    `${lines((n) => `fn name${n}() { return ${n} }`)}\n${lines((n) => `let x${n} = nam${n}()`)}\n`,
    `test "t" {\n${lines((n) => `  expect events [ iova${n}.alloc ] in 3`)}\n}\n`,
  ];
  for (const text of texts) {
    const before = cpuUsage();
    const { diagnostics } = loadProgram(new SourceFile("many.dma", text), {
      load: () => new LoadError("not_found", "no such file"),
    });
    const { system, user } = cpuUsage(before);
    assert(diagnostics.length > 0);
    // Comparing each name with each other would take seven seconds.
    assert(system + user < 3_000_000, `${(system + user) / 1e6} s for ${text.slice(0, 40)}`);
  }
});
