/** How completions reach the host: by interrupts, by fewer of them, and without any. */
import { assert, assertEquals } from "@std/assert";
import { ArmedFault, FAULT } from "../../../../runtime/faults.ts";
import { DriverRig, pages, vec } from "../../_driver_rig.ts";
import type { Io } from "../../io.ts";

/** Feature 08h: so many completions, or so long (in units of 100 µs). */
function coalesce(rig: DriverRig, entries: number, time: number): void {
  const value = time * 256 + entries - 1;
  const io = rig.finish(
    rig.disk.passthrough({ opcode: 0x09, admin: true, dwords: { 10: 0x08, 11: value } }),
  );
  assertEquals(io.status, "OK");
}

/** Feature 09h: whether a vector is excepted. */
function except(rig: DriverRig, vector: number, excepted: boolean): string | null {
  const value = vector + (excepted ? 0x1_0000 : 0);
  return rig.finish(
    rig.disk.passthrough({ opcode: 0x09, admin: true, dwords: { 10: 0x09, 11: value } }),
  ).status;
}

function submit(rig: DriverRig, count: number, queue = 0): readonly Io[] {
  return Array.from({ length: count }, (_, index) =>
    rig.disk.submit("read", {
      lba: index * 8,
      queue,
      buffer: { segments: [vec(0x200_0000 + index * 8192, 4096)] },
    }));
}

const done = (ios: readonly Io[]): number => ios.filter((io) => io.done).length;

Deno.test("a polled queue: created without interrupts, and who submits looks (nvme.md 5.2)", () => {
  const created: string[] = [];
  const rig = new DriverRig({ queues: 2, pollQueues: 2 }, (events) => {
    for (const { name, fields } of events) {
      if (name === "nvme.submit") created.push(String((fields as { opcode: number }).opcode));
    }
  });
  // Four queue pairs: Create CQ, Create SQ each.
  assertEquals(created.filter((opcode) => opcode === "5" || opcode === "1").length, 8);
  assertEquals(rig.driver.ioQueues.map(({ polled }) => polled), [false, false, true, true]);
  const io = rig.disk.submit("read", { queue: 3, buffer: { segments: pages(3) } });
  const irqs = rig.record(() => {
    rig.machine.runNextActivity(); // the host: maps, rings
    rig.machine.runNextActivity(); // the device: all done
    assertEquals([io.done, rig.driver.ioQueues[2]!.inFlight], [false, 1]);
    rig.machine.runNextActivity(); // the host again: looks
  }, ["irq"]);
  assertEquals([io.status, io.done, irqs.length], ["OK", true, 0]);
  assert(rig.holdsFreshData(pages(3)));
  assert(!rig.machine.runNextActivity());
});

Deno.test("CPUs are served by interrupting queues; polled ones are for those who ask", () => {
  const rig = new DriverRig({ machine: { cpus: 4 }, queues: 2, pollQueues: 3 });
  const queues = [0, 1, 2, 3].map((cpu) => {
    rig.machine.cpu = cpu;
    const io = rig.finish(rig.disk.submit("read", { buffer: { segments: pages(1) } }));
    return io.requests[0]!.queue;
  });
  assertEquals(queues, [1, 2, 1, 2]);
  assertEquals(rig.driver.ioQueues.map(({ cpu }) => cpu), [0, 1, 0, 1, 2]);
});

Deno.test("where fewer queues are granted, it is polled ones that are missing", () => {
  const rig = new DriverRig({ queues: 2, driver: { pollQueues: 5 } });
  assertEquals(rig.driver.ioQueues.map(({ polled }) => polled), [false, false]);
  const some = new DriverRig({ queues: 2, pollQueues: 1, driver: { pollQueues: 5 } });
  assertEquals(some.driver.ioQueues.map(({ polled }) => polled), [false, false, true]);
});

Deno.test("polled queues wrap, fill up and wait for tags as others do", () => {
  const rig = new DriverRig({ pollQueues: 1, depth: 3 });
  for (let round = 0; round < 7; round++) {
    const ios = submit(rig, 5, 2);
    rig.run();
    assertEquals(ios.map((io) => io.status), ["OK", "OK", "OK", "OK", "OK"]);
  }
  assertEquals(rig.driver.ioQueues[1]!.inFlight, 0);
});

Deno.test("a polled queue survives a reset at any moment", () => {
  for (let moment = 0; moment < 24; moment++) {
    const rig = new DriverRig({ pollQueues: 1, depth: 4, iommu: { mode: "strict" } });
    const ios = submit(rig, 6, 2);
    for (let count = 0; count < moment; count++) rig.machine.runNextActivity();
    rig.driver.reset();
    rig.run();
    assertEquals(done(ios), 6, `reset after ${moment}`);
    assertEquals(rig.driver.ioQueues.map(({ polled }) => polled), [false, true]);
    assertEquals(rig.machine.iommu.liveMappings, 0);
  }
});

Deno.test("the smallest queue has two entries and one tag; its phase flips every second time", () => {
  const rig = new DriverRig({ depth: 2 });
  const ios = submit(rig, 9);
  rig.run();
  assertEquals(ios.map((io) => io.status), new Array(9).fill("OK"));
  assertEquals(
    ios.map((io) => io.requests[0]!.cid),
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => n << 12),
  );
});

Deno.test("coalesced: one interrupt and one doorbell for four completions, across the ring's end", () => {
  for (const depth of [5, 6, 7]) {
    const rig = new DriverRig({ depth, iommu: { mode: "strict" } });
    coalesce(rig, 4, 10);
    for (let round = 0; round < 6; round++) {
      const ios = submit(rig, 4);
      const events = rig.record(() => rig.run(), ["irq", "nvme.doorbell", "nvme.complete"]);
      const heads = events.filter(({ fields }) =>
        (fields as Record<string, unknown>).which === "cq_head"
      );
      assertEquals(events.filter(({ name }) => name === "irq").length, 1);
      assertEquals(heads.map(({ fields }) => (fields as { value: number }).value), [
        (round + 1) * 4 % depth,
      ]);
      assertEquals(done(ios), 4);
      for (const [index, io] of ios.entries()) {
        assertEquals(io.status, "OK");
        assert(rig.holdsFreshData([vec(0x200_0000 + index * 8192, 4096)], index * 8));
      }
    }
  }
});

Deno.test("too few completions are reported when the aggregation time is over", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  coalesce(rig, 4, 3);
  const ios = submit(rig, 2);
  rig.run();
  assertEquals([done(ios), rig.machine.iommu.liveMappings], [0, 2]);
  rig.machine.advance(299_999);
  assertEquals(done(ios), 0);
  const irqs = rig.record(() => rig.machine.advance(1), ["irq"]);
  assertEquals([done(ios), irqs.length, irqs[0]!.device, irqs[0]!.request], [2, 1, "ssd", null]);
  assertEquals(rig.machine.iommu.liveMappings, 0);
  rig.machine.advance(10 ** 9);
  assertEquals(rig.machine.clock.pendingTimers, 1, "only that of the driver is left");
});

Deno.test("nothing is held back with a time or a threshold of 0, nor on an excepted vector", () => {
  const rig = new DriverRig({ queues: 2 });
  const heldBack = (queue: number): boolean => {
    const ios = submit(rig, 1, queue);
    rig.run();
    const held = done(ios) === 0;
    rig.machine.advance(10 ** 9);
    assertEquals(done(ios), 1);
    return held;
  };
  coalesce(rig, 4, 0);
  assertEquals(heldBack(1), false);
  coalesce(rig, 1, 10);
  assertEquals(heldBack(1), false);
  coalesce(rig, 4, 10);
  assertEquals(except(rig, 2, true), "OK");
  assertEquals([heldBack(1), heldBack(2)], [true, false]);
  assertEquals(except(rig, 2, false), "OK");
  assertEquals([heldBack(1), heldBack(2)], [true, true]);
  assertEquals(except(rig, 3, true), "NOTSUPP");
});

Deno.test("a queue that was looked at owes no interrupt any more", () => {
  const rig = new DriverRig();
  coalesce(rig, 3, 10);
  const ios = submit(rig, 2);
  rig.run();
  assertEquals([rig.driver.poll(rig.driver.ioQueues[0]!), done(ios)], [2, 2]);
  const irqs = rig.record(() => rig.machine.advance(10 ** 9), ["irq"]);
  assertEquals(irqs.length, 0);
  // The next ones are counted from the beginning.
  const more = submit(rig, 2);
  rig.run();
  assertEquals(done(more), 0);
  const last = submit(rig, 1);
  rig.run();
  assertEquals([done(more), done(last)], [2, 1]);
});

Deno.test("a full completion queue stalls until the held-back interrupt comes, and loses nothing", () => {
  const rig = new DriverRig({ depth: 4 });
  coalesce(rig, 200, 10);
  const ios = submit(rig, 8);
  rig.run();
  assertEquals(done(ios), 0);
  for (let count = 0; count < 4; count++) {
    rig.machine.advance(10 ** 6);
    rig.run();
  }
  assertEquals(done(ios), 8);
});

Deno.test("one interrupt of several is lost: the next one finds what was there (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  const ios = submit(rig, 3);
  const fault = new ArmedFault(FAULT["device.interrupt"], 1, 2);
  rig.machine.armFault(fault);
  rig.run();
  assertEquals([fault.fired, done(ios), rig.driver.ioQueues[0]!.inFlight], [2, 3, 0]);
});

Deno.test("Get Features returns 08h and 09h as they were set, and a reset clears them", () => {
  const rig = new DriverRig({ queues: 2 });
  const get = (feature: number, dword11 = 0): number => {
    const io = rig.finish(
      rig.disk.passthrough({ opcode: 0x0a, admin: true, dwords: { 10: feature, 11: dword11 } }),
    );
    assertEquals(io.status, "OK");
    return io.requests[0]!.result;
  };
  coalesce(rig, 4, 10);
  except(rig, 2, true);
  assertEquals([get(8), get(9, 1), get(9, 2)], [0x0a03, 1, 0x1_0002]);
  rig.driver.reset();
  assertEquals([get(8), get(9, 2)], [0, 2]);
});

Deno.test("a completion without its interrupt is found when the controller is reset or pulled", () => {
  for (const pulled of [false, true]) {
    const rig = new DriverRig({ iommu: { mode: "strict" } });
    coalesce(rig, 4, 10);
    const ios = submit(rig, 2);
    rig.run();
    assertEquals(done(ios), 0);
    const cancels = rig.record(() => {
      if (!pulled) return rig.driver.reset();
      rig.controller.unplug();
      rig.driver.remove();
    }, ["nvme.cancel"]);
    assertEquals([cancels.length, ios.map((io) => io.status)], [0, ["OK", "OK"]]);
    assertEquals(rig.machine.iommu.liveMappings, 0);
  }
});
