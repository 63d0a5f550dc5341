/** How completions reach the host: by interrupts, by polling, and when an interrupt is lost. */
import { assertEquals } from "@std/assert";
import { ArmedInjection, INJECTION } from "@dmalab/runtime";
import { DriverRig, vec } from "../_driver_rig.ts";
import type { Io } from "../io.ts";

function submit(rig: DriverRig, count: number, queue = 0): readonly Io[] {
  return Array.from({ length: count }, (_, index) =>
    rig.disk.submit("read", {
      lba: index * 8,
      queue,
      buffer: { segments: [vec(0x200_0000 + index * 8192, 4096)] },
    }));
}

const done = (ios: readonly Io[]): number => ios.filter((io) => io.done).length;

Deno.test("a polled queue survives a reset at any moment", () => {
  for (let moment = 0; moment < 24; moment++) {
    const rig = new DriverRig({ pollQueues: 1, depth: 4, iommu: { mode: "strict" } });
    const ios = submit(rig, 6, 2);
    for (let count = 0; count < moment; count++) rig.machine.runNextActivity();
    rig.driver.life.reset();
    rig.run();
    assertEquals(done(ios), 6, `reset after ${moment}`);
    assertEquals(rig.driver.queues.io.map(({ polled }) => polled), [false, true]);
    assertEquals(rig.machine.iommu.liveMappings, 0);
  }
});

Deno.test("no vector's interrupt takes what a polled queue has completed (nvme.md 5.2)", () => {
  const rig = new DriverRig({ pollQueues: 1 });
  const ios = submit(rig, 1, 2);
  const [, polled] = rig.driver.queues.io;
  while (polled!.completionAt(0).phase === 0) rig.machine.runNextActivity();
  for (const vector of [0, 1, 2, 3]) rig.driver.raise(vector);
  assertEquals([done(ios), rig.driver.takeAll(polled!), done(ios)], [0, 1, 1]);
});

Deno.test("a completion without its interrupt is found when the controller is reset or pulled", () => {
  for (const pulled of [false, true]) {
    const rig = new DriverRig({ iommu: { mode: "strict" } });
    rig.machine.armInjection(new ArmedInjection(INJECTION["device.interrupt"], 1, 2));
    const ios = submit(rig, 2);
    rig.run();
    assertEquals(done(ios), 0);
    const cancels = rig.record(() => {
      if (!pulled) return rig.driver.life.reset();
      rig.controller.unplug();
      rig.driver.life.remove();
    }, ["nvme.cancel"]);
    assertEquals([cancels.length, ios.map((io) => io.status)], [0, ["OK", "OK"]]);
    assertEquals(rig.machine.iommu.liveMappings, 0);
  }
});
