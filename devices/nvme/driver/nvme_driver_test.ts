import { assertEquals } from "@std/assert";
import type { PhysAddr } from "@dmalab/runtime";
import { DriverRig, pages } from "../_driver_rig.ts";

Deno.test("events of a request carry its number, its device and its place in the script", () => {
  const rig = new DriverRig();
  const { events } = rig.machine;
  Object.assign(events.context, { cpu: 1, site: 17 });
  const io = rig.disk.submit("read", { buffer: { segments: pages(2) } });
  Object.assign(events.context, { cpu: 0, site: 23 });
  const recorded = rig.record(() => rig.run());
  assertEquals(io.requests[0]!.id, 1);
  const { context } = events;
  assertEquals([context.site, context.request, context.device], [23, null, null]);
  // Even the work of the device is attributed to the call that rang the doorbell (line 17), not to
  // the call that waits for the request (line 23).
  const places = recorded.map(({ cpu, device, site }) => ({ cpu, device, site }));
  assertEquals(places, recorded.map(() => ({ cpu: 1, device: "ssd", site: 17 })));
  for (const event of recorded) {
    if (event.name === "nvme.doorbell" && event.seq !== recorded[0]!.seq) continue;
    if (event.name.startsWith("call.dma") || event.name.startsWith("nvme.unmap")) {
      assertEquals([event.request, event.device, event.site], [1, "ssd", 17], event.name);
    }
  }
  const fetch = recorded.find(({ name }) => name === "nvme.fetch")!;
  assertEquals(fetch.request, 1);
});

/**
 * Changes each completion between controller and driver, so that it has the status that the test
 * wants.
 */
function answerWith(rig: DriverRig, status: () => number): void {
  const queue = rig.driver.queues.io[0]!;
  let head = 0;
  rig.controller.interrupt = {
    raise: (vector) => {
      const at = (queue.cq.physOf((head++ % queue.depthEntries) * 16) + 12) as PhysAddr;
      const entry = rig.machine.memory.readU32(at);
      rig.machine.memory.writeU32(at, (entry & 0x1_ffff) + status() * 0x2_0000);
      rig.driver.raise(vector);
    },
    cpuOfVector: (vector) => rig.driver.cpuOfVector(vector),
  };
}

Deno.test("a command that fails once is mapped again from scratch (nvme.md 4.2)", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const answers = [0x0004, 0x0004];
  answerWith(rig, () => answers.shift() ?? 0);
  const rq = rig.read(pages(4));
  assertEquals([rq.status, rq.retries], ["OK", 2]);
  assertEquals(rig.calls("dma_iova_try_alloc"), 3);
  assertEquals(rig.calls("dma_iova_destroy"), 3);
  assertEquals(rig.machine.iommu.liveMappings, 0);
});

Deno.test("passthrough commands are not tried again (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  answerWith(rig, () => 0x0004);
  const io = rig.finish(
    rig.disk.passthrough({ opcode: 2, buffer: { segments: pages(1) }, dwords: { 12: 7 } }),
  );
  assertEquals([io.status, io.requests[0]!.retries, io.requests[0]!.nvmeStatus], ["IOERR", 0, 4]);
});
