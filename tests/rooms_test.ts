import { assert, assertEquals } from "@std/assert";
import { findCircle, readExcused, readRooms, roomOf, roomViolations } from "./rooms.ts";
import { importsOf } from "./layers.ts";
import { readSources, ROOT, type SourceText } from "./source_text.ts";

const PAGE = Deno.readTextFileSync(`${ROOT}docs/dev/architecture.md`);
const HOUSE = readSources(["cli", "c_drivers", "instruments", "lang", "devices", "runtime"])
  .filter(({ path }) => !path.endsWith("_test.ts"));

const picture = (...arrows: string[]) =>
  readRooms(`\`\`\`mermaid\ngraph TD\n  ${arrows.join("\n  ")}\n\`\`\``);

Deno.test("the imports in lang/ and extensions/c_drivers/ keep to the picture in docs/dev/architecture.md", () => {
  const rooms = readRooms(PAGE);
  const pictured = new Set(rooms.arrows.flatMap(({ from, to }) => [from, to]));
  const built = new Set(HOUSE.flatMap(({ path }) => roomOf(path) ?? []));
  assertEquals([...pictured].sort(), [...built].sort());
  assertEquals(roomViolations(HOUSE, rooms), []);
});

Deno.test("roomViolations() sees a room import one that no arrow leads to", () => {
  const rooms = picture("run --> vm", "vm --> values");
  const planted = (path: string, text: string) =>
    roomViolations([
      { path: "lang/run/a.ts", text: 'import "../vm/a.ts";' },
      { path: "lang/vm/a.ts", text: 'import "../values/a.ts";' },
      { path, text },
    ], rooms);
  assertEquals(planted("lang/run/x.ts", 'import { a } from "../values/value.ts";'), []);
  assertEquals(planted("lang/values/x.ts", '\nimport { a } from "../vm/vm.ts";'), [
    "lang/values/x.ts:2: values may not load vm",
  ]);
  assertEquals(planted("lang/vm/x.ts", 'import type { A } from "../run/a.ts";'), [
    "lang/vm/x.ts:1: vm may not name a type of run",
  ]);
  assertEquals(planted("lang/vm/x_test.ts", 'import { a } from "../run/a.ts";'), []);
});

Deno.test("roomViolations() lets a dotted arrow name types, and nothing else", () => {
  const rooms = picture("values -.-> syntax");
  const text = 'import type { A } from "../syntax/a.ts";';
  assertEquals(roomViolations([{ path: "lang/values/x.ts", text }], rooms), []);
  assertEquals(
    roomViolations([{ path: "lang/values/x.ts", text: text.replace("type ", "") }], rooms),
    [
      "lang/values/x.ts:1: values may not load syntax",
    ],
  );
});

Deno.test("roomViolations() sees arrows that lead in a circle, and those that nothing needs", () => {
  assertEquals(roomViolations([], picture("a --> b", "b -.-> a")), [
    "The arrows lead from a back to it",
    "No file of a imports b",
    "No file of b imports a",
  ]);
});

Deno.test("no circle of files but those that docs/dev/architecture.md gives a reason for", () => {
  const excused = readExcused(PAGE);
  assert(HOUSE.length > 300, `Only ${HOUSE.length} files found`);
  const imports = HOUSE.flatMap(importsOf);
  assertEquals(findCircle(imports, excused), null);
  for (const path of excused.keys()) {
    const others = new Set(excused.keys());
    others.delete(path);
    assert(findCircle(imports, others) !== null, `${path} closes no circle: it needs no excuse`);
  }
});

Deno.test("findCircle() finds circles of types too, unless they are excused, and loaded ones always", () => {
  const one = { path: "lang/a.ts", text: 'import { b } from "./b.ts";' };
  const other = { path: "lang/b.ts", text: 'import type { A } from "./a.ts";' };
  const circle = (sources: readonly SourceText[], ...excused: string[]) =>
    findCircle(sources.flatMap(importsOf), new Set(excused));
  assertEquals(circle([one, other]), ["lang/a.ts", "lang/b.ts", "lang/a.ts"]);
  assertEquals(circle([one, other], "lang/a.ts"), null);
  const loaded = { ...other, text: 'import { a } from "./a.ts";' };
  assertEquals(circle([one, loaded], "lang/a.ts", "lang/b.ts")?.length, 3);
});
