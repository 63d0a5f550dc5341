/** Tests are selected by their names, their machines, and their settings of `with`. */
import { assertEquals } from "@std/assert";
import { loadProgram } from "../language.ts";
import { SourceFile } from "../source.ts";
import { LoadError } from "../syntax/load_files.ts";
import { isNamed, type NameMatch } from "./name_match.ts";
import { displayName } from "./report.ts";

const TEXT = `test "plain" { now() }
test "forced" with { swiotlb.force = true, cpus = 2 } { now() }
test "modes" matrix { iommu.mode = [strict, lazy] } { now() }
`;

Deno.test("a match finds a name, a machine of a matrix, and a setting of `with`", () => {
  const { program } = loadProgram(new SourceFile("t.dma", TEXT), {
    load: () => new LoadError("not_found", "no such file"),
  });
  const rows: readonly (readonly [NameMatch, readonly string[]])[] = [
    ["plain", ["plain"]],
    ["mode = lazy", ["modes [iommu.mode = lazy]"]],
    ["swiotlb.force", ["forced"]],
    ["force = true, cpus = 2", ["forced"]],
    [/cpus = [0-9]$/, ["forced"]],
    [/^force/, ["forced"]],
    ["force = false", []],
  ];
  for (const [match, names] of rows) {
    const found = program!.tests.filter((test) => isNamed(test, [match]));
    assertEquals(found.map(displayName), names, String(match));
  }
});
