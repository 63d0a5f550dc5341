/**
 * For each row of the tables of settings, there is code that reads the setting. A setting that no
 * code reads would be accepted and explained, but would have no effect.
 */
import { assert, assertEquals } from "@std/assert";
import { CPU_SETTINGS, DEVICE_KINDS, DEVICES, LAB_TABLES } from "@dmalab/devices";
import { BUILT_IN_KINDS, BUILTINS, FUNCTIONS, GROUPS, TYPES } from "@dmalab/lang/builtins";
import { MACHINE_SCHEMA } from "@dmalab/lang";

import {
  EVENT_TABLE,
  IOMMU_SETTINGS,
  KERNEL_CALLS,
  LATENCY_SETTINGS,
  MACHINE_SETTINGS,
  RAM_SETTINGS,
  REGION_SETTINGS,
  type SettingRows,
  SWIOTLB_SETTINGS,
} from "@dmalab/runtime";
import { blankOut } from "./tidy.ts";
import { readSources, type SourceText } from "./source_text.ts";

const CODE = readSources(["devices", "lang", "runtime"])
  .filter(({ path }) => !path.endsWith("_test.ts"))
  .map(({ path, text }) => ({ path, text: blankOut(text) }));

/** Whether a property is read: as `.name`, or by destructuring, as `{ name }` or `{ name = 1 }`. */
function isRead(property: string, sources: readonly SourceText[]): boolean {
  const member = new RegExp(String.raw`\.${property}\b(?!\s*=[^=])`);
  const taken = new RegExp(String.raw`[{,]\s*${property}\s*[,}=]`);
  return sources.some(({ text }) => member.test(text) || taken.test(text));
}

/**
 * The rows of every block. The key of a row is the property that has the row's value. Latencies are
 * not listed, because the code reads all of them together.
 */
const ROWS: readonly (readonly [block: string, rows: SettingRows])[] = [
  ["machine", { ...MACHINE_SETTINGS, ...CPU_SETTINGS }],
  ["ram", RAM_SETTINGS],
  ["region", REGION_SETTINGS],
  ["iommu", IOMMU_SETTINGS],
  ["swiotlb", SWIOTLB_SETTINGS],
  ...[...DEVICES.blocks].map(([keyword, { settings }]) => [keyword, settings] as const),
];
/** Keys of the machine that are not rows: `resolveKernel` and other code read them. */
const OTHER_KEYS = [
  "kernel",
  "quirks",
  "preset",
  "strict",
  ...Object.values(LATENCY_SETTINGS).map(({ key }) => key),
];

Deno.test("every key of a machine's blocks is read by what is built from it", () => {
  for (const [block, rows] of ROWS) {
    for (const property of Object.keys(rows)) {
      assert(isRead(property, CODE), `${block}: nothing reads "${property}"`);
    }
  }
  const seen = new Set<unknown>(ROWS.flatMap(([, rows]) => Object.values(rows)));
  for (const { keyword, settings } of MACHINE_SCHEMA.blocks.values()) {
    for (const row of settings) {
      assert(seen.has(row) || OTHER_KEYS.includes(row.key), `${keyword}: ${row.key} is in no rows`);
    }
  }
});

Deno.test("isRead() tells a key that is declared and given from one that is read", () => {
  const given = {
    path: "a.ts",
    text: "const ROWS = { keyBytes: setting(x) }; f({ keyBytes: 1 });",
  };
  assertEquals(isRead("keyBytes", [given]), false);
  for (const text of ["x.keyBytes", "const { keyBytes } = x;", "({ a: { keyBytes, b } }) => 1"]) {
    assert(isRead("keyBytes", [given, { path: "b.ts", text }]), text);
  }
});

Deno.test("the type of every device is in a page of the reference, on the one its record names", () => {
  assertEquals(BUILT_IN_KINDS.map(({ kind }) => kind), DEVICE_KINDS.map(({ kind }) => kind));
  for (const { kind, page, type } of BUILT_IN_KINDS) {
    const group = GROUPS.find((each) => each.page === page);
    assert(group?.types.includes(type), `${kind}: docs/builtins/ has no page "${page}"`);
  }
});

Deno.test("every type and function of lang/builtins/ is in a page of the reference", async () => {
  const types = new Set<unknown>(TYPES.values());
  const functions = new Set<unknown>(FUNCTIONS.values());
  const found = new Set<unknown>(BUILT_IN_KINDS.map(({ type }) => type));
  for (const folder of ["calls", "types", "values"]) {
    for (const { path } of readSources([`lang/builtins/${folder}`])) {
      if (path.endsWith("_test.ts")) continue;
      for (const [name, value] of Object.entries(await import(`../${path}`))) {
        for (const entry of Array.isArray(value) ? value : [value]) {
          if (typeof entry !== "object" || entry === null || !("doc" in entry)) continue;
          if ("fields" in entry || "format" in entry) {
            assert(types.has(entry), `${path}: ${name} is on no page`);
          } else if (folder === "calls" && "run" in entry) {
            assert(functions.has(entry), `${path}: ${name} is on no page`);
          }
          found.add(entry);
        }
      }
    }
  }
  for (const entry of [...types, ...functions]) assert(found.has(entry), "not found by its file");
  assertEquals(BUILTINS.types, TYPES);
});

Deno.test("every event of a device's record is in the vocabulary, and its folder emits it", () => {
  for (const { events, kind } of DEVICE_KINDS) {
    const sources = readSources([`devices/${kind}`]).filter(({ path }) =>
      !path.endsWith("_test.ts")
    );
    for (const name of Object.keys(events)) {
      assert(Object.hasOwn(EVENT_TABLE, name), `${kind}: ${name} is not in the vocabulary`);
      const emits = sources.some(({ text }) => text.includes(`eventId("${name}")`));
      assert(emits, `${kind}: nothing below devices/${kind}/ emits ${name}`);
    }
  }
});

Deno.test("every kernel function with events emits them: a layer that implements it names it", () => {
  const layers = readSources([
    "devices",
    "lang/builtins/calls",
    "runtime/block",
    "runtime/dma",
    "runtime/mm",
  ])
    .filter(({ path }) => !path.endsWith("_test.ts"));
  for (const name of KERNEL_CALLS) {
    const emits = layers.some(({ path, text }) =>
      text.includes(`callOf("${name}")`) || text.includes(`"ret.${name}"`) ||
      !path.startsWith("lang/") && text.includes(`"${name}"`)
    );
    assert(
      emits,
      `nothing emits call.${name}: make it quiet() in runtime/vocabulary/kernel_calls.ts`,
    );
  }
});

Deno.test("every table of a recording has a name of its own, and its list has every table", () => {
  const names = LAB_TABLES.map(({ name }) => name);
  assertEquals(names.length, new Set(names).size);
  const folders = [
    "runtime/recording/tables",
    ...DEVICE_KINDS.map(({ kind }) => `devices/${kind}`),
  ];
  const declared = readSources(folders).filter(({ path }) => /\/recording\//.test(path))
    .flatMap(({ text }) => [...text.matchAll(/HistoryTableSpec<[^>]+, "(\w+)">/g)])
    .map(([, name]) => name!);
  assertEquals(names.toSorted(), declared.sort());
});
