import { assertEquals } from "@std/assert";
import { CORE_EVENTS, eventFields, type MachineEvent } from "@dmalab/runtime";
import type { ExecutionContext } from "../values/execution_context.ts";
import { type ListValue, Quantity, type RecordValue } from "../values/value.ts";
import { fieldType } from "../values/event_fields.ts";
import { fieldValue } from "./event_values.ts";

const NO_RUN = { siteSpan: () => null } as unknown as ExecutionContext;

Deno.test("eventFields() knows the fields of events, calls and their results", () => {
  assertEquals(Object.keys(eventFields("iova.free")), ["start", "size_bytes", "to"]);
  assertEquals(Object.keys(eventFields("call.dma_iova_sync")), ["dev", "offset", "size"]);
  assertEquals(Object.keys(eventFields("ret.dma_iova_sync")), ["result", "error"]);
  assertEquals(eventFields("no.such"), {});
  assertEquals(eventFields("dma_iova_sync"), {}, "only a pattern's bare name means the call");
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

Deno.test("fieldType() tells the checker what a field will be", () => {
  assertEquals(fieldType(CORE_EVENTS.field("iova.alloc", "start")!), "dma");
  assertEquals(fieldType(CORE_EVENTS.field("iova.alloc", "source")!), "word");
  assertEquals(fieldType(CORE_EVENTS.field("ret.dma_map_phys", "result")!), "dma");
});
