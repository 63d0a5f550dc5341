import { assertEquals } from "@std/assert";
import { eventId, KIB, ResourceTracker } from "@dmalab/runtime";
import { testBench } from "@dmalab/runtime/testing";
import { VFIO_TABLES } from "./vfio_tables.ts";

Deno.test("pages of migration buffers are held by buffer and device, and reported by the event that took the first", () => {
  const { machine: { events }, machine } = testBench();
  const held = new ResourceTracker(machine, VFIO_TABLES);
  const tell = (
    name: "vfio.add_pages" | "vfio.free_pages",
    device: string,
    buffer: number,
    pages: number,
  ) => {
    events.context.enterDevice(device);
    const id = eventId(name);
    if (events.tick(id)) events.emit(id, { buffer, pages, wanted_pages: pages });
  };
  const leaks = () => held.leaks().map(({ amount, device, taken }) => [amount, device, taken?.seq]);
  tell("vfio.add_pages", "vf0", 1, 3);
  tell("vfio.add_pages", "vf1", 1, 2);
  tell("vfio.add_pages", "vf0", 2, 1);
  tell("vfio.add_pages", "vf0", 2, 4);
  const [first] = held.leaks();
  assertEquals([first?.kind, first?.span], ["memory", null]);
  assertEquals(leaks(), [[8 * 4 * KIB, "vf0", 1], [2 * 4 * KIB, "vf1", 2]]);
  tell("vfio.free_pages", "vf0", 1, 3);
  assertEquals(leaks(), [[2 * 4 * KIB, "vf1", 2], [5 * 4 * KIB, "vf0", 3]]);
  tell("vfio.free_pages", "vf1", 1, 1);
  tell("vfio.free_pages", "vf0", 2, 5);
  assertEquals(leaks(), [[4 * KIB, "vf1", 2]]);
});
