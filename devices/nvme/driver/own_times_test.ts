/** Completions where each CPU and each device has its own time. */
import { assertEquals } from "@std/assert";
import { DriverRig, pages } from "../_driver_rig.ts";

const TIMED = { machine: { cpus: 2, latenciesNs: { doorbell: 100 } } };

Deno.test("with latencies a completion runs for its request's CPU, number and statement, and no longer", () => {
  const rig = new DriverRig(TIMED);
  const { context } = rig.machine.events;
  for (const cpu of [1, 0]) {
    rig.machine.cpu = cpu;
    context.site = 70 + cpu;
    rig.disk.submit("read", { lba: 8 * cpu, buffer: { segments: pages(1) } });
  }
  context.site = 3;
  const events = rig.record(() => rig.run(), ["nvme.unmap", "nvme.doorbell"]);
  assertEquals(
    events.map(({ cpu, name, request, site }) => [name, cpu, request, site]).slice(-4),
    [
      ["nvme.unmap", 1, 1, 71],
      ["nvme.doorbell", 1, null, 71],
      ["nvme.unmap", 0, 2, 70],
      ["nvme.doorbell", 0, null, 70],
    ],
  );
  assertEquals([context.cpu, context.request, context.site], [0, null, 3]);
});

Deno.test("with latencies what one CPU polls is completed on its request's, not before it was found and the disk had done it", () => {
  for (const [polledNs, endedNs] of [[0, 600], [1000, 1000]] as const) {
    const latenciesNs = { doorbell: 100, "nvme.fetch": 500 };
    const rig = new DriverRig({ machine: { cpus: 2, latenciesNs }, pollQueues: 1 });
    const { clock, events: { context } } = rig.machine;
    rig.machine.cpu = 1;
    context.site = 71;
    rig.disk.submit("read", { queue: 2, buffer: { segments: pages(1) } });
    rig.machine.runNextActivity(); // the host: maps, rings
    rig.machine.runNextActivity(); // the device: all done
    rig.machine.cpu = 0;
    context.site = 3;
    clock.nowNs = polledNs;
    const events = rig.record(() => rig.driver.poll(rig.driver.ioQueues[1]!), ["nvme.unmap"]);
    assertEquals(events.map(({ at_ns, cpu, request, site }) => [at_ns, cpu, request, site]), [
      [endedNs, 1, 1, 71],
    ]);
  }
});

Deno.test("with latencies a completion has its status and its result", () => {
  const rig = new DriverRig(TIMED);
  // Get Features 08h returns what Set Features has set.
  const feature = (opcode: number, value = 0) =>
    rig.finish(rig.disk.passthrough({ opcode, admin: true, dwords: { 10: 0x08, 11: value } }));
  feature(0x09, 0x305);
  const { requests: [request], status } = feature(0x0a);
  assertEquals([status, request!.result], ["OK", 0x305]);
});

Deno.test("with latencies a request keeps when it ended, for those who wait for it", () => {
  const rig = new DriverRig(TIMED);
  const { requests: [request] } = rig.finish(
    rig.disk.submit("read", { buffer: { segments: pages(1) } }),
  );
  assertEquals([request!.endedNs > 0, request!.endedNs], [true, rig.machine.clock.nowNs - 100]);
});
