import { assert, assertEquals } from "@std/assert";
import { EVENT_NAMES } from "@dmalab/runtime";
import { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { runScript } from "../testing/run_script.ts";
import { BUILTINS, FUNCTIONS, TYPES, WORDS, wordSpecs } from "../builtins/mod.ts";
import type { FunctionSpec, MethodSpec, Type } from "./spec.ts";

/** Every function and method, with its name in messages. */
const CALLABLES: readonly (readonly [string, FunctionSpec | MethodSpec])[] = [
  ...FUNCTIONS,
  ...[...TYPES.values()].flatMap((type) =>
    (type.methods ?? []).map((method) => [`${type.name}.${method.name}`, method] as const)
  ),
];

const PLAIN_KINDS: ReadonlySet<Type> = new Set<Type>([
  "any",
  "nothing",
  "int",
  "ratio",
  "size",
  "duration",
  "phys",
  "dma",
  "virt",
  "bytes",
  "bool",
  "string",
  "word",
  "list",
  "record",
  "range",
  "function",
]);

function isKnownKind(type: Type): boolean {
  return type.startsWith("@") ? TYPES.has(type.slice(1)) : PLAIN_KINDS.has(type);
}

for (const [name, spec] of CALLABLES) {
  Deno.test(`${name}() has a doc, and an example that runs`, () => {
    assert(/^[A-Z].*\.$/s.test(spec.doc), `"${spec.doc}" is no sentence`);
    assert(spec.example.includes(spec.name), "The example does not show the call");
    const { problems } = runScript(spec.example, spec.exampleFiles);
    assertEquals(problems, [], spec.example);
  });
}

Deno.test("every type has a doc, and fields with docs, known kinds and names of their own", () => {
  for (const type of TYPES.values()) {
    assert(/^[A-Z0-9].*[.”"]$/s.test(type.doc), `${type.name}: "${type.doc}"`);
    const names = type.fields().map((field) => field.name);
    assertEquals(new Set(names).size, names.length, `${type.name} has a field twice`);
    for (const field of type.fields()) {
      const where = `${type.name}.${field.name}`;
      assert(/^[A-Z0-9].*\.$/s.test(field.doc), `${where}: "${field.doc}"`);
      assert(isKnownKind(field.type), `${where}: ${field.type}`);
    }
  }
});

Deno.test("every word has a doc, and an alias means the very same word", () => {
  for (const spec of wordSpecs()) {
    assert(/^[A-Z].*\.$/s.test(spec.doc), spec.name);
    for (const alias of spec.aliases) {
      assert(WORDS.get(alias) === WORDS.get(spec.name), `${alias} is not ${spec.name}`);
    }
  }
  assertEquals(WORDS.get("DMA_TO_DEVICE")?.name, "to_device");
  assertEquals(WORDS.get("BLK_STS_INVAL")?.name, "INVAL");
  assertEquals(WORDS.get("DMA_ATTR_MMIO")?.name, "mmio");
});

Deno.test("counters have a field for every event", () => {
  const { problems } = runScript(
    EVENT_NAMES.map((event) => `assert counters.${event} == 0`).join("\n"),
  );
  assertEquals(problems, []);
});

Deno.test("machine keys named in language.md are all in the tables of names", () => {
  for (const name of ["iommu", "swiotlb", "counters", "events"]) {
    assert(BUILTINS.globalTypes(BUILTINS.buildConfig(null, [], () => undefined, bag())).has(name));
  }
});

function bag() {
  return new DiagnosticBag();
}
