import { assertEquals } from "@std/assert";
import { EVENT_TABLE, type FieldKind } from "../../runtime/event_vocabulary.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { fieldReading } from "../render/field_kinds.ts";
import type { Run } from "../values/run.ts";
import { ListValue, Quantity, RecordValue, Word } from "../values/value.ts";
import { eventFields, fieldKind, fieldValue } from "./event_values.ts";

const NO_RUN = { siteSpan: () => null } as unknown as Run;

Deno.test("fieldReading() agrees with the vocabulary on every address and every size", () => {
  const units = ["dma", "phys", "size"];
  for (const [event, { fields }] of Object.entries(EVENT_TABLE)) {
    for (const [field, kind] of Object.entries(fields as Record<string, FieldKind>)) {
      if (kind === "value") continue;
      const reading: string = fieldReading(event, field);
      if (units.includes(kind)) assertEquals(reading, kind, `${event} ${field}`);
      else assertEquals(units.includes(reading), false, `${event} ${field} reads as ${reading}`);
    }
  }
});

Deno.test("eventFields() knows the fields of events, calls and their results", () => {
  assertEquals([...eventFields("iova.free").keys()], ["start", "size_bytes", "to"]);
  assertEquals([...eventFields("call.dma_iova_sync").keys()], ["dev", "offset", "size"]);
  assertEquals([...eventFields("ret.dma_iova_sync").keys()], ["result", "error"]);
  assertEquals(eventFields("no.such").size, 0);
  assertEquals(eventFields("dma_iova_sync").size, 0, "only a pattern's bare name means the call");
});

Deno.test("fieldValue() makes addresses, sizes and words of raw fields", () => {
  const event = {
    name: "iommu.map",
    fields: { iova: 0x1000, phys: 0x2000, size_bytes: 4096, prot: "rw", leaves: [[4096, 1]] },
  } as unknown as MachineEvent;
  assertEquals(fieldValue(event, "iova", NO_RUN), new Quantity("dma", 0x1000));
  assertEquals(fieldValue(event, "size_bytes", NO_RUN), new Quantity("size", 4096));
  assertEquals((fieldValue(event, "prot", NO_RUN) as Word).name, "rw");
  assertEquals((fieldValue(event, "leaves", NO_RUN) as ListValue).items.length, 1);
  assertEquals(fieldValue(event, "absent", NO_RUN), null);
});

Deno.test("fieldValue() makes records of the entries of a scatterlist", () => {
  const event = {
    name: "call.dma_map_sg",
    fields: { dev: "ssd", sg: [[0x1000, 512]], nents: 1 },
  } as unknown as MachineEvent;
  const { items } = fieldValue(event, "sg", NO_RUN) as ListValue;
  const { entries } = items[0] as RecordValue;
  assertEquals(entries.get("phys"), new Quantity("phys", 0x1000));
  assertEquals(entries.get("size"), new Quantity("size", 512));
});

Deno.test("fieldKind() tells the checker what a field will be", () => {
  assertEquals(fieldKind("iova.alloc", "start"), "dma");
  assertEquals(fieldKind("iova.alloc", "source"), "word");
  assertEquals(fieldKind("ret.dma_map_phys", "result"), "dma");
});
