/** Doorbells in memory, in driver and controller: fewer register writes, and no endless wait. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ArmedInjection, INJECTION } from "@dmalab/runtime";
import { DriverRig, type DriverRigOptions, vec } from "../_driver_rig.ts";
import type { Io } from "../io.ts";

function submit(rig: DriverRig, count: number, first = 0, queue = 0): readonly Io[] {
  return Array.from({ length: count }, (_, index) =>
    rig.disk.submit("read", {
      lba: (first + index) * 8,
      queue,
      buffer: { segments: [vec(0x200_0000 + (first + index) * 8192, 4096)] },
    }));
}

/** Number of register writes for each doorbell while `work` runs. */
function rung(rig: DriverRig, work: () => void): { sq_tail: number; cq_head: number } {
  const counts = { sq_tail: 0, cq_head: 0 };
  for (const { fields } of rig.record(work, ["nvme.doorbell"])) {
    counts[(fields as { which: "sq_tail" | "cq_head" }).which]++;
  }
  return counts;
}

Deno.test("a full completion queue asks to be woken when there is room", () => {
  const rig = new DriverRig({ shadowDoorbells: true, depth: 4 });
  const fault = new ArmedInjection(INJECTION["device.interrupt"], 1, 3);
  rig.machine.armInjection(fault);
  const ios = submit(rig, 12);
  rig.run();
  assertEquals(ios.filter((io) => io.done).length, 0);
  // The interrupt of the host is lost; then the host polls.
  const counts = rung(rig, () => {
    assertEquals(rig.driver.takeAll(rig.driver.queues.io[0]!), 3);
    rig.run();
  });
  assert(counts.cq_head >= 1);
  assertEquals(ios.map((io) => io.status), new Array(12).fill("OK"));
});

const ENVIRONMENTS: readonly DriverRigOptions[] = [
  {},
  { iommu: { mode: "strict" } },
  { doorbellStride: 3 },
  { queues: 3, pollQueues: 1 },
];

Deno.test("whatever the order of submitting and running, every command is seen", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ENVIRONMENTS),
      fc.integer({ min: 2, max: 9 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 8 })), {
        minLength: 1,
        maxLength: 12,
      }),
      (options, depth, rounds) => {
        const rig = new DriverRig({ shadowDoorbells: true, depth, ...options });
        const ios: Io[] = [];
        for (const [count, pause] of rounds) {
          const queue = 1 + ios.length % rig.driver.queues.io.length;
          ios.push(...submit(rig, count, ios.length, queue));
          for (let step = 0; step < pause; step++) rig.machine.runNextActivity();
        }
        rig.run();
        // Requests of a polled queue complete without interrupts: their submitter polls until all
        // are done.
        while (
          rig.driver.queues.io.some((queue) => queue.polled && rig.driver.takeAll(queue) > 0)
        ) {
          rig.run();
        }
        for (const [index, io] of ios.entries()) {
          assertEquals(io.status, "OK");
          assert(rig.holdsFreshData([vec(0x200_0000 + index * 8192, 4096)], index * 8));
        }
        assertEquals(rig.machine.iommu.faults, []);
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("a reset at any moment begins with empty doorbells on both sides", () => {
  for (let moment = 0; moment < 30; moment++) {
    const rig = new DriverRig({ shadowDoorbells: true, depth: 4, iommu: { mode: "strict" } });
    const ios = submit(rig, 8);
    for (let count = 0; count < moment; count++) rig.machine.runNextActivity();
    rig.driver.life.reset();
    rig.run();
    assertEquals(ios.map((io) => io.status), new Array(8).fill("OK"), `reset after ${moment}`);
    assert(rig.driver.queues.io.every(({ shadows }) => shadows !== null));
    const late = submit(rig, 3, 20);
    rig.run();
    assertEquals(late.map((io) => io.status), ["OK", "OK", "OK"]);
  }
});

Deno.test("the buffers are freed when the disk is pulled, or when the controller refuses them", () => {
  const rig = new DriverRig({ shadowDoorbells: true, iommu: { mode: "strict" } });
  const reports = rig.record(() => {
    rig.controller.unplug();
    rig.driver.life.remove();
  }, ["dma.report"]);
  assertEquals(reports, []);
  const refused = new DriverRig({ shadowDoorbells: true });
  const { admin } = refusing(refused);
  refused.driver.life.reset();
  assertEquals([admin(), refused.driver.queues.io[0]!.shadows], [1, null]);
  const counts = rung(refused, () => {
    submit(refused, 2);
    refused.run();
  });
  assertEquals(counts.sq_tail, 2);
});

/**
 * Makes the address in each Doorbell Buffer Config command unaligned when the controller fetches
 * the command.
 */
function refusing(rig: DriverRig): { admin(): number } {
  let seen = 0;
  const original = rig.machine.bus.readWords.bind(rig.machine.bus);
  rig.machine.bus.readWords = (dev, dma, into, point) => {
    const read = original(dev, dma, into, point);
    if (into.length === 16 && (into[0]! & 0xff) === 0x7c) {
      seen++;
      into[6]! |= 8;
    }
    return read;
  };
  return { admin: () => seen };
}

Deno.test("buffers that the device cannot reach are fatal: it would never see another doorbell", () => {
  const rig = new DriverRig({ shadowDoorbells: true });
  const original = rig.machine.bus.readWords.bind(rig.machine.bus);
  const ios = submit(rig, 2);
  rig.machine.bus.readWords = (dev, dma, into, point) =>
    into.length === 1 ? false : original(dev, dma, into, point);
  rig.run();
  assertEquals([ios.map((io) => io.done), rig.controller.hasFailed], [[true, false], true]);
  rig.machine.bus.readWords = original;
  rig.machine.advance(30e9);
  rig.run();
  assertEquals(ios.map((io) => io.status), ["OK", "OK"]);
});
