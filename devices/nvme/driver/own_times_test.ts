/** Completions on machines where each CPU and each device has a separate clock. */
import { assertEquals } from "@std/assert";
import { DriverRig, pages } from "../_driver_rig.ts";

const TIMED = { machine: { cpus: 2, latenciesNs: { doorbell: 100 } } };

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
    const events = rig.record(() => rig.driver.takeAll(rig.driver.queues.io[1]!), ["nvme.unmap"]);
    assertEquals(events.map(({ at_ns, cpu, request, site }) => [at_ns, cpu, request, site]), [
      [endedNs, 1, 1, 71],
    ]);
  }
});

Deno.test("with latencies a request keeps when it ended, for those who wait for it", () => {
  const rig = new DriverRig(TIMED);
  const { requests: [request] } = rig.finish(
    rig.disk.submit("read", { buffer: { segments: pages(1) } }),
  );
  assertEquals([request!.endedNs > 0, request!.endedNs], [true, rig.machine.clock.nowNs - 100]);
});
