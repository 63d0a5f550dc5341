/**
 * Scripts with mistakes, and the exact words they are answered with.
 *
 * Each `tests/bad/NAME.dma` has a `NAME.txt`: everything the program says about the file before it
 * runs. `deno test -A tests/bad_test.ts -- --update` writes the texts anew; read them then.
 */
import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { DIAGNOSTIC_CODES } from "../lang/diagnostics/codes.ts";
import { renderDiagnostics } from "../lang/diagnostics/render.ts";
import { LoadError } from "../lang/run/load_files.ts";
import { loadProgram } from "../lang/run/program.ts";
import { SourceFile } from "../lang/source.ts";

const FOLDER = "tests/bad";
const UPDATE = Deno.args.includes("--update");

/** Loads a script as `dmalab run` does; files that it uses are looked for beside it. */
function answer(name: string): string {
  const path = `${FOLDER}/${name}`;
  const entry = new SourceFile(path, Deno.readTextFileSync(path));
  const { diagnostics } = loadProgram(entry, { load });
  return `${renderDiagnostics(diagnostics)}\n`;
}

function load(path: string, from: SourceFile | null): SourceFile | LoadError {
  const file = join(from === null ? "." : dirname(from.name), path);
  try {
    return new SourceFile(file, Deno.readTextFileSync(file));
  } catch {
    return new LoadError("not_found", `Cannot find the file "${path}"`);
  }
}

const names = [...Deno.readDirSync(FOLDER)]
  .map((entry) => entry.name)
  .filter((name) => name.endsWith(".dma"))
  .sort();

Deno.test("tests/bad holds scripts, and each has its answer", () => {
  assert(names.length >= 18, `only ${names.length} scripts`);
});

for (const name of names) {
  Deno.test(`tests/bad/${name} is answered as written`, () => {
    const path = join(FOLDER, name.replace(/\.dma$/, ".txt"));
    const said = answer(name);
    if (UPDATE) Deno.writeTextFileSync(path, said);
    assertEquals(said, Deno.readTextFileSync(path));
    assert(/^(?:error|warning)\[/.test(said), "no diagnostic at all");
  });
}

Deno.test("every code of text and syntax has a script that shows it", () => {
  const said = names
    .map((name) => Deno.readTextFileSync(join(FOLDER, name.replace(/\.dma$/, ".txt"))))
    .join("\n");
  // A file of 4 MiB and one of 200 brackets would show nothing worth reading.
  const tooLong = ["E0115", "E0214"];
  const missing = Object.keys(DIAGNOSTIC_CODES).filter((code) =>
    /^E0[12]/.test(code) && !tooLong.includes(code) && !said.includes(`[${code}]`)
  );
  assertEquals(missing, []);
});
