import { assert, assertEquals, assertThrows } from "@std/assert";
import { INT } from "@dmalab/runtime/vocabulary";
import { ENDPOINT } from "./endpoint/endpoint.ts";
import type { PciNodeConfig } from "./lab_config.ts";
import { LAB_TABLES } from "./lab_tables.ts";
import { DEVICE_KINDS, DEVICES } from "./registry.ts";

Deno.test("every kind of device is found by its keyword, and has every device's keys", () => {
  for (const kind of DEVICE_KINDS) {
    assertEquals<unknown>(DEVICES.kind(kind.kind), kind);
    for (const key of ["dmaMaskBits", "coherent", "ranges", "acs", "at"]) {
      assert(key in kind.settings, `${kind.kind}: ${key}`);
    }
  }
  assertEquals(DEVICES.kind("toaster"), undefined);
  assertEquals(DEVICES.kind("switch"), undefined);
});

Deno.test("every block has a sentence, names each key once, and holds blocks that there are", () => {
  for (const [word, { doc, holds, settings }] of DEVICES.blocks) {
    assert(doc.endsWith("."), word);
    for (const inner of holds) assert(DEVICES.blocks.has(inner), `${inner} in ${word}`);
    const rows = Object.values(settings);
    assertEquals(new Set(rows.map(({ key }) => key)).size, rows.length, word);
    for (const row of rows) assert(row.doc.endsWith("."), `${word}.${row.key}`);
  }
});

Deno.test("only an endpoint's block says what its registers do", () => {
  const described = [...DEVICES.blocks].filter(([, { hasRegisters }]) => hasRegisters);
  assertEquals(described.map(([word]) => word), ["endpoint"]);
});

Deno.test("a reader of recordings knows the tables that the kinds of devices have", () => {
  assertEquals(DEVICES.tables, LAB_TABLES);
});

Deno.test("what is added is in the new registry only, and a name that is taken is refused", () => {
  const toaster = { ...ENDPOINT, kind: "toaster", events: { "toast.done": SLICE } };
  const more = DEVICES.with({ devices: [toaster] });
  assertEquals(more.kind("toaster")?.doc, ENDPOINT.doc);
  assert(more.rootHolds.includes("toaster") && more.events.number("toast.done") >= 0);
  assert(!DEVICES.rootHolds.includes("toaster") && DEVICES.events.number("toast.done") < 0);

  const refused = (added: Parameters<typeof DEVICES.with>[0], message: string) =>
    assertThrows(() => more.with(added), RangeError, message);
  refused({ devices: [toaster] }, 'There is a block "toaster" already');
  refused({ devices: [{ ...toaster, kind: "switch" }] }, 'There is a block "switch" already');
  refused({ events: [{ "iommu.map": SLICE }] }, 'There is an event "iommu.map" already');
  refused({ events: [{ "toast.done": { ...SLICE } }] }, 'There is an event "toast.done" already');
  refused({ events: [{ "Toast": SLICE }] }, '"Toast" cannot be an event\'s name');
  refused({ events: [{ "call.toast": SLICE }] }, '"call.toast" cannot be an event\'s name');
  refused({ tables: [LAB_TABLES[0]!] }, `There is a table of a recording "${LAB_TABLES[0]!.name}"`);
});

const SLICE = { when: "a slice is done", fields: { slice: INT } };

Deno.test("a block takes the settings of its own kind only: the compiler says so", () => {
  const disk: PciNodeConfig = { kind: "nvme", name: "a", settings: { queues: 2 }, children: [] };
  // @ts-expect-error: an endpoint has no queues.
  const end: PciNodeConfig = { kind: "endpoint", name: "b", settings: { queues: 2 }, children: [] };
  assertEquals([disk.kind, end.kind], ["nvme", "endpoint"]);
});
