/**
 * Timeouts, aborts, resets and removal, at every moment of a workload: every request ends exactly
 * once, nothing leaks, and the device accesses no memory that has been returned to the host.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ArmedInjection,
  GIB,
  INJECTION,
  type InjectionPointName,
  KernelError,
  ResourceTracker,
} from "@dmalab/runtime";
import type { KernelProfile, QuirkName } from "@dmalab/runtime/kernels";
import { DriverRig, type DriverRigOptions, pages, vec } from "../_driver_rig.ts";
import type { DiskOp } from "../nvme_disk.ts";
import type { Io } from "../io.ts";

const SECOND_NS = 1e9;
/** An address above 4 GiB, where a device of 32 address bits needs bounce buffers. */
const BUFFERS = 0x1_2000_0000;

/** Unplugs the rig's disk as a lab does. */
function pull(rig: DriverRig): void {
  rig.controller.unplug();
  rig.dev.refusal = "device_gone";
  rig.driver.life.remove();
}

/** Makes an injection point fail while `work` runs. */
function failing(rig: DriverRig, point: InjectionPointName, nth: number, work: () => void): void {
  const fault = new ArmedInjection(INJECTION[point], nth, nth);
  rig.machine.armInjection(fault);
  work();
  rig.machine.disarmFault(fault);
  assertEquals(fault.fired, 1, `${point} was not passed`);
}

/** Actions of timeouts and states of the controller, in the order in which they occur. */
function story(rig: DriverRig): string[] {
  const steps: string[] = [];
  rig.machine.events.listen(({ fields }) => {
    const { action, state, reason } = fields as Record<string, string>;
    steps.push(action ?? `${state} (${reason})`);
  }, ["nvme.timeout", "nvme.state"]);
  return steps;
}

/** A workload of different shapes: more requests than tags, single segments, lists, writes. */
function workload(rig: DriverRig): readonly Io[] {
  const shapes: [DiskOp, number][] = [
    ["read", 1],
    ["write", 4],
    ["read", 20],
    ["flush", 0],
    ["read", 3],
    ["write", 1],
    ["discard", 0],
    ["read", 40],
  ];
  return shapes.map(([op, count], index) => {
    const lba = index * 4096;
    // Submits from each CPU in turn, so that every queue is used.
    rig.machine.cpu = index % rig.machine.config.cpus;
    if (op === "flush") return rig.disk.submit(op);
    if (op === "discard") return rig.disk.submit(op, { lba, sizeBytes: 8192 });
    const segments = Array.from(
      { length: count },
      (_, page) => vec(BUFFERS + index * 0x10_0000 + page * 0x2000, 4096),
    );
    return rig.disk.submit(op, { lba, buffer: { segments } });
  });
}

const ENVIRONMENTS: Readonly<Record<string, DriverRigOptions>> = {
  direct: {},
  strict: { iommu: { mode: "strict" } },
  lazy: { iommu: { mode: "lazy" } },
  "not coherent": { device: { coherent: false } },
  "bounced": { device: { maskBits: 32 } },
  "SGLs, strict": { iommu: { mode: "strict" }, sgl: true },
  "shadow doorbells and host memory": {
    iommu: { mode: "strict" },
    shadowDoorbells: true,
    hostMemory: {
      preferredBytes: 2 ** 20,
      minimumBytes: 0,
      smallestChunkBytes: 0,
      mostChunks: 0,
    },
  },
  "metadata SGLs": { iommu: { mode: "strict" }, sgl: true, metadataSgl: true, metadataBytes: 8 },
};

interface Ending {
  readonly statuses: readonly string[];
  readonly activities: number;
}

/**
 * Runs the workload for `moment` activities, interrupts it with an action, runs to the end, and
 * checks the conditions that must hold in every case.
 * @returns Null if the workload ends before that moment.
 */
function interrupted(
  options: DriverRigOptions,
  moment: number,
  what: (rig: DriverRig) => void,
): Ending | null {
  const rig = new DriverRig({
    depth: 5,
    ...options,
    machine: { ramSizeBytes: 8 * GIB, ...options.machine },
  });
  const held = new ResourceTracker(rig.machine);
  const ends = new Map<object, number>();
  const ios = workload(rig);
  for (const io of ios) {
    for (const request of io.requests) {
      const end = request.end.bind(request);
      request.end = (status) => {
        ends.set(request, (ends.get(request) ?? 0) + 1);
        end(status);
      };
    }
  }
  let activities = 0;
  while (activities < moment && rig.machine.runNextActivity()) activities++;
  if (activities < moment) return null;
  what(rig);
  while (rig.machine.runNextActivity()) activities++;
  for (const io of ios) {
    assert(io.done, "an io never ended");
    if (io.status === "OK" && io.requests[0]!.op === "read") {
      for (const request of io.requests) {
        assert(rig.holdsFreshData(request.segments(), request.lba), "no data has come");
      }
    }
    for (const request of io.requests) {
      assertEquals(ends.get(request), 1, `request ${request.id} ended ${ends.get(request)} times`);
      assertEquals(request.iod, null, "a tag was kept");
    }
  }
  for (const queue of rig.driver.queues.io) assertEquals(queue.inFlight, 0);
  assertEquals(rig.driver.pools.usedBlocks, 0);
  assertEquals(rig.machine.iommu.faults, [], "the device touched what was not its any more");
  rig.machine.advance(100 * 1e6);
  held.stop();
  assertEquals(held.leaks().map(({ text }) => text), []);
  return { statuses: ios.map((io) => String(io.status)), activities };
}

const KERNELS: readonly KernelProfile[] = ["7.2.12", "6.12.117"];

for (const kernel of KERNELS) {
  for (const [name, options] of Object.entries(ENVIRONMENTS)) {
    const machine = { kernel, quirks: new Set<QuirkName>() };
    Deno.test(`pulled at any moment: every request ends once (${kernel}, ${name})`, () => {
      let moments = 0;
      let lost = 0;
      for (;; moments++) {
        const ending = interrupted({ ...options, machine }, moments, pull);
        if (ending === null) break;
        for (const status of ending.statuses) assert(["OK", "TRANSPORT"].includes(status), status);
        if (moments === 0) assert(ending.statuses.every((status) => status === "TRANSPORT"));
        lost += ending.statuses.filter((status) => status === "TRANSPORT").length;
      }
      assert(moments >= 16 && lost > 16, `${moments} moments, ${lost} lost`);
    });
  }
}

Deno.test("reset or pulled at any moment: what waits in a scheduler ends once (nvme.md 5.2)", () => {
  const options: DriverRigOptions = {
    iommu: { mode: "strict" },
    driver: { scheduler: "mq_deadline" },
  };
  const reset = ({ driver }: DriverRig) => driver.life.reset();
  for (const [what, right] of [[reset, ["OK"]], [pull, ["OK", "TRANSPORT"]]] as const) {
    let moments = 0;
    for (;; moments++) {
      const ending = interrupted(options, moments, what);
      if (ending === null) break;
      for (const status of ending.statuses) assert(right.some((each) => each === status), status);
    }
    // With a scheduler, a worker sends all waiting requests at once. Therefore there are fewer
    // moments than with requests that are sent separately.
    assertEquals(moments, 15);
  }
});

const MODES_AND_SCHEDULERS = [
  ["strict", "none"],
  ["off", "none"],
  ["strict", "mq_deadline"],
] as const;

Deno.test("a reset that brings fewer queues back, at any moment: requests of the others go to those there are (nvme.md 5.2)", () => {
  // Each queue passes the injection point twice: a failure at the fifth pass refuses the third queue, a failure at
  // the fourth pass refuses the second queue.
  for (const [nth, left] of [[5, 2], [4, 1]] as const) {
    for (const [mode, scheduler] of MODES_AND_SCHEDULERS.slice(0, left + 1)) {
      let moments = 0;
      for (;; moments++) {
        const machine = { cpus: 3, quirks: new Set<QuirkName>() };
        const ending = interrupted(
          { queues: 3, depth: 2, iommu: { mode }, machine, driver: { scheduler } },
          moments,
          (rig) => {
            failing(rig, "queue.create", nth, () => rig.driver.life.reset());
            assertEquals(rig.disk.queueCount, left);
          },
        );
        if (ending === null) break;
        assertEquals(new Set(ending.statuses), new Set(["OK"]), `reset after ${moments}`);
      }
      assert(moments >= 16, `only ${moments} moments`);
    }
  }
});

Deno.test("a reset that grants fewer queues than before keeps as many (nvme.md 5.2, number of queues)", () => {
  const rig = new DriverRig({ queues: 4, machine: { cpus: 4, ramSizeBytes: 8 * GIB } });
  const read = rig.machine.bus.readWords.bind(rig.machine.bus);
  rig.machine.bus.readWords = (dev, dma, into, point) => {
    const done = read(dev, dma, into, point);
    // Changes the Set Features command 07h while the controller fetches it, so that 2 submission
    // queues and 2 completion queues are requested.
    if (into.length === 16 && (into[0]! & 0xff) === 0x09 && into[10] === 0x07) into[11] = 0x1_0001;
    return done;
  };
  rig.driver.life.reset();
  rig.machine.bus.readWords = read;
  assertEquals(rig.disk.queueCount, 2);
  const ios = workload(rig);
  rig.run();
  assertEquals(new Set<string | null>(ios.map((io) => io.status)), new Set(["OK"]));
});

Deno.test("passthrough is not tried again: a reset ends it with IOERR (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  const io = rig.disk.passthrough({ opcode: 2, buffer: { segments: pages(1) } });
  rig.machine.runNextActivity();
  rig.driver.life.reset();
  const { nvmeStatus, result } = io.requests[0]!;
  assertEquals([io.status, nvmeStatus, result, io.done], ["IOERR", 0x371, 0, true]);
});

Deno.test("a request that six resets in a row hit ends with IOERR (nvme.md 4.2: five retries)", () => {
  const rig = new DriverRig();
  const io = rig.disk.submit("read", { buffer: { segments: pages(1) } });
  for (let count = 1; count <= 6; count++) {
    assertEquals(io.done, false);
    rig.machine.runNextActivity();
    rig.driver.life.reset();
  }
  assertEquals([io.status, io.requests[0]!.retries], ["IOERR", 5]);
});

Deno.test("a lost interrupt: the answer is found when the time is up", () => {
  const rig = new DriverRig();
  const steps = story(rig);
  const io = rig.disk.submit("read", { buffer: { segments: pages(1) } });
  failing(rig, "device.interrupt", 1, () => rig.run());
  assertEquals([io.done, rig.driver.queues.io[0]!.inFlight], [false, 1]);
  rig.machine.advance(30 * SECOND_NS - 1);
  assertEquals(steps, []);
  rig.machine.advance(1);
  assertEquals([steps, io.status], [["polled"], "OK"]);
  assertEquals(rig.read(pages(1)).status, "OK");
});

Deno.test("at most ACL + 1 = 4 Aborts are outstanding; the fifth command is given time (nvme.md 5.2)", () => {
  const rig = new DriverRig();
  const steps = story(rig);
  const fault = new ArmedInjection(INJECTION["device.answer"], 1, 5);
  rig.machine.armInjection(fault);
  const ios = [1, 2, 3, 4, 5].map((lba) =>
    rig.disk.submit("read", { lba, buffer: { segments: pages(3) } })
  );
  rig.run();
  rig.machine.advance(30 * SECOND_NS);
  assertEquals(steps, ["abort", "abort", "abort", "abort", "timer_reset"]);
  rig.run();
  assertEquals(ios.map((io) => io.done), [true, true, true, true, false]);
  rig.machine.advance(30 * SECOND_NS);
  rig.run();
  assertEquals([steps.at(-1), ios[4]!.status], ["abort", "OK"]);
});

Deno.test("a controller that has failed is reset at the first timeout", () => {
  for (const point of ["queue.read", "queue.write"] as const) {
    const rig = new DriverRig();
    const steps = story(rig);
    const io = rig.disk.submit("write", { buffer: { segments: pages(3) } });
    failing(rig, point, 1, () => rig.run());
    assertEquals(rig.controller.hasFailed, true);
    rig.machine.advance(30 * SECOND_NS);
    rig.run();
    assertEquals(steps, ["reset", "resetting (failed)", "live (up)"]);
    assertEquals(io.status, "OK");
  }
});

Deno.test("a controller that answers nothing any more is dead after its reset (nvme.md 4.1)", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const steps = story(rig);
  const ios = workload(rig);
  const fault = new ArmedInjection(INJECTION["device.answer"]);
  rig.machine.armInjection(fault);
  rig.run();
  for (let time = 0; time < 120; time += 30) {
    rig.machine.advance(30 * SECOND_NS);
    rig.run();
  }
  assertEquals(steps.at(-1), "dead (no_answer)");
  assertEquals(rig.driver.life.state, "dead");
  for (const io of ios) assertEquals(io.status, "TRANSPORT");
  rig.machine.disarmFault(fault);
  const late = rig.finish(rig.disk.submit("read", { buffer: { segments: pages(1) } }));
  assertEquals([late.status, late.requests[0]!.nvmeStatus], ["TRANSPORT", 0x370]);
  assertThrows(() => rig.driver.life.reset(), KernelError, "it is dead");
  assertEquals([rig.machine.iommu.liveMappings, rig.driver.pools.usedBlocks], [0, 0]);
});

Deno.test("a controller that does not even stop reaches no memory any more (nvme.md 5.1)", () => {
  // The number of stops that the controller ignores. The driver makes up to four tries. It tries to
  // stop the controller, and tries again after the function's reset. Before it gives up, it repeats
  // these two tries.
  for (const ignored of [1, 2, 3, 4]) {
    const rig = new DriverRig();
    rig.controller.resetFunction = () => {};
    const fault = new ArmedInjection(INJECTION["device.stop"], 1, ignored);
    rig.machine.armInjection(fault);
    const { life } = rig.driver;
    if (ignored === 1) life.reset();
    else assertThrows(() => life.reset(), KernelError, "did not get disabled in time");
    assertEquals([life.state, rig.dev.refusal], [
      ignored === 1 ? "live" : "dead",
      ignored === 4 ? "device_gone" : null,
    ]);
  }
});
