/**
 * The bench examples, counted in a second way. If one run has more iterations than another, the two
 * runs differ only by the additional iterations. The events of these iterations, and the sizes in
 * the events' fields, are counted.
 */
import "@dmalab/bin/provide";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { type BenchOutcome, loadProgram, type Program, type TestEntry } from "@dmalab/lang/run";
import { runBench } from "@dmalab/lang/program";
import { BUILTINS } from "@dmalab/lang/builtins";
import { LoadError } from "@dmalab/lang/syntax";
import { SourceFile } from "@dmalab/lang";
import type { MachineEvent } from "@dmalab/runtime";
import { MemoryScreen } from "@dmalab/cli";
import { main } from "@dmalab/cli/program";
import { ROOT } from "./source_text.ts";

const FOLDER = join(ROOT, "examples/bench");
const FILES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) =>
  name.endsWith(".dma")
)
  .sort();
const PAGE_BYTES = 4096;
/**
 * `TURNS`: number of counted iterations. `BEFORE`: number of iterations before the counted ones.
 */
const TURNS = 8;
const BEFORE = 5;

function load(name: string): Program {
  const text = Deno.readTextFileSync(join(FOLDER, name));
  const load = () => new LoadError("not_found", "benches use no files");
  const { program } = loadProgram(new SourceFile(name, text), { load }, BUILTINS);
  assert(program !== null, name);
  return program;
}

/** Sums over the events of a run, beginning with its first event. */
interface EventSums {
  readonly counts: Map<string, number>;
  entries: number;
  copiedBytes: number;
  memoryBytes: number;
  walks: number;
}

function sumsOf(program: Program, cell: TestEntry, turns: number): EventSums {
  const sums: EventSums = {
    counts: new Map(),
    entries: 0,
    copiedBytes: 0,
    memoryBytes: 0,
    walks: 0,
  };
  const onEvent = (event: MachineEvent) => {
    sums.counts.set(event.name, (sums.counts.get(event.name) ?? 0) + 1);
    if (event.name === "iommu.map") sums.entries += event.fields.size_bytes / PAGE_BYTES;
    if (event.name === "iommu.unmap") sums.entries += event.fields.unmapped_bytes / PAGE_BYTES;
    if (event.name === "swiotlb.copy") sums.copiedBytes += event.fields.size_bytes;
    if (event.name === "mem.alloc") sums.memoryBytes += event.fields.size_bytes;
    if (event.name === "iommu.translate" && event.fields.hit === "walk") sums.walks++;
  };
  const { outcome } = runBench(program, cell, { warmup: turns - 1, iterations: 1, onEvent });
  assert(outcome !== "skipped");
  return sums;
}

function assertCounted(cell: BenchOutcome, less: EventSums, more: EventSums): void {
  const counts = Object.fromEntries(
    [...more.counts].map(([name, count]) => [name, count - (less.counts.get(name) ?? 0)] as const)
      .filter(([, count]) => count > 0).sort(),
  );
  assertEquals(Object.fromEntries(Object.entries(cell.counts).sort()), counts);
  const of = (key: Exclude<keyof EventSums, "counts">) => more[key] - less[key];
  assertEquals(
    [cell.copiedBytes, cell.memoryBytes, cell.iotlbMisses],
    [of("copiedBytes"), of("memoryBytes"), of("walks")],
  );
  // A leaf of 2 MiB would be one entry for many pages; no example has one.
  assertEquals(cell.entries, of("entries"));
}

for (const name of FILES) {
  Deno.test(`the counts of examples/bench/${name} are those of all its events`, () => {
    const program = load(name);
    const cells = program.tests.filter(({ kind }) => kind === "bench");
    assert(cells.length >= 3);
    for (const cell of cells) {
      const counted = runBench(program, cell, { warmup: BEFORE, iterations: TURNS });
      assertCounted(
        counted,
        sumsOf(program, cell, BEFORE),
        sumsOf(program, cell, BEFORE + TURNS),
      );
    }
  });
}

Deno.test("docs/bench.md has the table of each example", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/bench.md"));
  const missing = FILES.filter((name) => !page.includes(`$ dmalab bench examples/bench/${name}`));
  assertEquals([FILES.length >= 8, missing], [true, []]);
});

/** How a value breaks a JSON schema of the kind of docs/bench.schema.json: paths and reasons. */
function violations(value: unknown, schema: Record<string, unknown>, path: string): string[] {
  const types = [schema["type"] ?? []].flat();
  const type = value === null
    ? "null"
    : Array.isArray(value)
    ? "array"
    : Number.isInteger(value) && types.includes("integer")
    ? "integer"
    : typeof value;
  if (Array.isArray(schema["enum"])) {
    return schema["enum"].includes(value) ? [] : [`${path} is ${value}`];
  }
  if (!types.includes(type)) return [`${path} is of type ${type}, not ${types}`];
  if (type === "array") {
    const items = schema["items"] as Record<string, unknown>;
    return (value as unknown[]).flatMap((item, index) =>
      violations(item, items, `${path}[${index}]`)
    );
  }
  if (type !== "object") return [];
  const properties = (schema["properties"] ?? {}) as Record<string, Record<string, unknown>>;
  const more = schema["additionalProperties"] as Record<string, unknown> | false;
  const lacks = ((schema["required"] ?? []) as string[]).filter((key) =>
    !(key in (value as object))
  );
  return [
    ...lacks.map((key) => `${path} has no ${key}`),
    ...Object.entries(value as object).flatMap(([key, inner]) => {
      const of = properties[key] ?? more;
      return of === false
        ? [`${path}.${key} is not described`]
        : violations(inner, of, `${path}.${key}`);
    }),
  ];
}

Deno.test("--json is what docs/bench.schema.json says, with and without the host's time", async () => {
  const schema = JSON.parse(Deno.readTextFileSync(join(ROOT, "docs/bench.schema.json")));
  for (
    const more of [[], ["--host-time", "--filter", "iommu.mode=lazy", "--filter", "size=4KiB"]]
  ) {
    const screen = new MemoryScreen();
    await main(["bench", join(FOLDER, FILES[0]!), "--json", ...more], screen);
    const lines = screen.output.trim().split("\n");
    assertEquals(lines.flatMap((line) => violations(JSON.parse(line), schema, "$")), []);
    assertEquals(screen.output.includes('"host_time":{'), more.length > 0);
  }
  assertEquals(violations({ bench: 1 }, schema, "$").length, 6);
});
