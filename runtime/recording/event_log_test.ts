import { assertEquals, assertThrows } from "@std/assert";
import type { MachineEvent } from "../events.ts";
import { EventLog } from "./event_log.ts";

function event(seq: number, parts: Partial<Record<keyof MachineEvent, unknown>>): MachineEvent {
  const common = { seq, at_ns: 0, cpu: 0, device: null, request: null, site: null, why: null };
  return { ...common, ...parts } as MachineEvent;
}

Deno.test("an event comes back as it was: places, words, lists, reasons and what is not there", () => {
  const log = new EventLog();
  const events = [
    event(1, {
      name: "iommu.map",
      at_ns: 12.5,
      cpu: 3,
      device: "ssd",
      request: 7,
      site: 0,
      fields: {
        iova: 2 ** 48,
        phys: 0x4000_0000,
        size_bytes: 8192,
        prot: "read_write",
        leaves: [[4096, 2]],
      },
    }),
    event(2, {
      name: "ret.dma_map_phys",
      fields: { result: null, error: "ENOMEM" },
      why: {
        rule: "dma.4.3",
        inputs: { cpu: 1, limit: null, cached: false, words: ["mmio"], pairs: [[1, 2], [3, 4]] },
      },
    }),
    event(3, {
      name: "ret.dma_iova_free",
      fields: { result: null, error: null },
      why: { rule: "dma.4.3", inputs: { cpu: 2, limit: 9, cached: true, words: [], pairs: [] } },
    }),
  ];
  for (const each of events) log.append(each);
  assertEquals(log.count, 3);
  assertEquals([1, 2, 3].map((seq) => log.event(seq)), events);
  assertEquals([log.atNs(1), log.siteAt(1), log.siteAt(2), log.requestAt(1)], [12.5, 0, null, 7]);
});

Deno.test("a log has no holes and nothing behind its end", () => {
  const log = new EventLog();
  log.append(event(1, { name: "irq", fields: { vector: 1, cpu: 0 } }));
  assertThrows(
    () => log.append(event(3, { name: "irq", fields: { vector: 1, cpu: 0 } })),
    RangeError,
    "Event 3 comes after 1",
  );
  for (const seq of [0, 2, 1.5]) assertThrows(() => log.event(seq), RangeError, "no event");
});

Deno.test("equal words and lists are kept once, however many events have them", () => {
  const log = new EventLog();
  for (let seq = 1; seq <= 1000; seq++) {
    log.append(event(seq, {
      name: "iommu.unmap",
      device: "ssd",
      fields: { iova: 4096 * seq, size_bytes: 4096, unmapped_bytes: 4096, leaves: [[4096, 1]] },
    }));
  }
  // 28 bytes of head, 8 of time and 32 of fields, in arrays of a power of two; one name, one list.
  assertEquals(log.hostBytes, 1024 * (28 + 8) + 4096 * 8 + (64 + 2 * 3) + (64 + 2 * 10));
});
