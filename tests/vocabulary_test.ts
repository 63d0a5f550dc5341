import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import {
  REFERENCE_COMMAND,
  withEventTables,
  withFindingTables,
  withMessageAreas,
  withMessages,
} from "@dmalab/tools/developers";
import { BUILTINS } from "@dmalab/lang/builtins";
import { DEVICES, NVME_TABLES, RDMA_TABLES, STATUS_CODES, VFIO_TABLES } from "@dmalab/devices";
import { FAULT_REASONS, REPORT_CLASSES } from "@dmalab/runtime/vocabulary";
import {
  COMMON_FIELDS,
  EVENT_TABLE,
  INJECTION_POINTS,
  IOMMU_MODELS,
  LATENCY_SETTINGS,
  LEAK_KINDS,
} from "@dmalab/runtime";
import { BEHAVIOURS, NOT_SIMULATED } from "@dmalab/runtime/kernels";
import { RUNTIME_TABLES } from "@dmalab/runtime/recording";
import { ROOT } from "./source_text.ts";

const PAGE = Deno.readTextFileSync(join(ROOT, "docs/events.md"));

Deno.test("docs/events.md has the tables of the vocabulary", () => {
  assert(PAGE === withEventTables(PAGE), `docs/events.md is old: ${REFERENCE_COMMAND}`);
});

Deno.test("docs/traces.md and docs/kernel-messages.md have the table of kernel messages", () => {
  const pages = { "docs/traces.md": withMessageAreas, "docs/kernel-messages.md": withMessages };
  for (const [file, made] of Object.entries(pages)) {
    const page = Deno.readTextFileSync(join(ROOT, file));
    assert(page === made(page), `${file} is old: ${REFERENCE_COMMAND}`);
  }
});

Deno.test("docs/what-fails-a-test.md has every report, fault and leak, and where each is found", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/what-fails-a-test.md"));
  assert(
    page === withFindingTables(page),
    `docs/what-fails-a-test.md is old: ${REFERENCE_COMMAND}`,
  );
  const rows = [...page.matchAll(/^\| `(\w+)` (?:\|[^|]+){3,5}\|$/gm)].map(([, name]) => name!);
  const names = [REPORT_CLASSES, LEAK_KINDS, FAULT_REASONS].flatMap((each) => Object.keys(each));
  assertEquals(rows.toSorted(), names.toSorted());
});

Deno.test("what a device does takes its own time, and nothing else does", () => {
  const { events } = DEVICES;
  const ofDevices = [
    ...[
      "device_tlb.request",
      "iommu.translate",
      "iommu.fault",
      "nvme.fetch",
      "nvme.walk",
      "nvme.data",
    ],
    ...["nvme.host_memory", "nvme.complete", "irq", "pci.tlp", "vfio.data", "vfio.dirty"],
    "odp.fault",
  ];
  const found = events.names.filter((name) => events.entry(name)?.byDevice === true);
  assertEquals<readonly string[]>(found, ofDevices);
});

Deno.test("every class of dma.report is a word that `warns` takes, and no other is", () => {
  assertEquals([...BUILTINS.reportClasses].sort(), Object.keys(REPORT_CLASSES).sort());
});

Deno.test("every word, table, quirk, injection point and page-table level says what it is", () => {
  const tables = [...RUNTIME_TABLES, ...NVME_TABLES, ...RDMA_TABLES, ...VFIO_TABLES];
  const fields = [
    COMMON_FIELDS,
    ...[...Object.values(EVENT_TABLE), ...tables].map((each) => each.fields),
  ]
    .flatMap((each) => Object.values(each));
  const sets = new Set(fields.flatMap((field) => field.sets));
  const models = Object.values(IOMMU_MODELS);
  const lists: readonly (readonly string[])[] = [
    ...[...sets].map(({ docs }) => Object.values(docs)),
    [...sets].map(({ title }) => title),
    tables.map(({ doc }) => doc),
    Object.values(BEHAVIOURS).map(({ doc }) => doc),
    INJECTION_POINTS.map(({ doc }) => doc),
    Object.values(STATUS_CODES).map(([, says]) => says),
    NOT_SIMULATED.map(({ doc }) => doc),
    NOT_SIMULATED.map(({ because }) => because),
    Object.values(LEAK_KINDS).map(({ doc }) => doc),
    Object.values(LATENCY_SETTINGS).map(({ doc }) => doc),
    models.map(({ doc }) => doc),
    models.map(({ root }) => root),
    ...models.flatMap(({ entries }) => entries === null ? [] : [entries.names]),
    ...models.flatMap(({ entries }) =>
      entries === null ? [] : [entries.fields.map(({ means }) => means)]
    ),
  ];
  for (const texts of lists) {
    assert(texts.length > 0);
    assertEquals(texts.filter((text) => text.trim() === ""), [], texts.join("\n"));
  }
});
