import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArmedInjection, INJECTION, KernelError, KIB } from "@dmalab/runtime";
import { DriverRig, type DriverRigOptions, pages } from "../_driver_rig.ts";
import { NvmeDriver } from "./nvme_driver.ts";
import { ALL_ONES, REGISTER } from "./protocol.ts";

Deno.test("admin commands come in the order of nvme.md 5.2", () => {
  const opcodes: number[] = [];
  new DriverRig({ queues: 2 }, (events) => {
    for (const { name, fields } of events) {
      if (name === "nvme.submit") opcodes.push((fields as { opcode: number }).opcode);
    }
  });
  // The commands in order: Identify Controller, Identify for the controller's command set, number
  // of queues, and creation of CQ and SQ twice. Then four Identify commands for the namespace:
  // active list, descriptors, the namespace structure, the namespace's command set.
  assertEquals(opcodes, [6, 6, 9, 5, 1, 5, 1, 6, 6, 6, 6]);
});

Deno.test("queues are of the sizes that captured probes allocate", () => {
  const sizes: number[] = [];
  const rig = new DriverRig({}, (events) => {
    for (const { name, fields } of events) {
      if (name === "call.dma_alloc_coherent") sizes.push((fields as { size: number }).size);
    }
  });
  assertEquals(sizes, [512, 2 * KIB, 16 * KIB, 64 * KIB]);
  assertEquals(rig.driver.queues.io.map(({ id, depthEntries }) => [id, depthEntries]), [[1, 1024]]);
});

Deno.test("four queues are granted where 16 are asked for (nvme.md ch. 1-5, assertion 12)", () => {
  const rig = new DriverRig({ queues: 4, driver: { queues: 16 } });
  assertEquals(rig.disk.queueCount, 4);
});

/** Opcodes of the admin commands that create and delete queues, in the order of bring-up. */
function queueCommands(options: DriverRigOptions): {
  readonly rig: DriverRig;
  readonly opcodes: readonly number[];
  readonly freed: number;
} {
  const opcodes: number[] = [];
  let freed = 0;
  const rig = new DriverRig(options, (events) => {
    for (const { name, fields } of events) {
      if (name === "call.dma_free_coherent") freed++;
      if (name !== "nvme.submit") continue;
      const { opcode } = fields as { opcode: number };
      if ([0, 1, 4, 5].includes(opcode)) opcodes.push(opcode);
    }
  });
  return { rig, opcodes, freed };
}

/** The queue that receives each CPU's read. */
function queuesOfCpus(rig: DriverRig): number[] {
  return Array.from({ length: rig.machine.config.cpus }, (_, cpu) => {
    rig.machine.cpu = cpu;
    const io = rig.finish(rig.disk.submit("read", { buffer: { segments: pages(1) } }));
    assertEquals(io.status, "OK");
    return io.requests[0]!.queue;
  });
}

const PAIR = [5, 1];
const FOUR = { queues: 4, machine: { cpus: 4 } };

Deno.test("the third queue is refused: all are deleted, submission sides first, and two are made (nvme.md 5.2)", () => {
  // The injection point is passed in this order: CQ 1, SQ 1, CQ 2, SQ 2, CQ 3.
  const faults = [new ArmedInjection(INJECTION["queue.create"], 5, 5)];
  const { rig, opcodes, freed } = queueCommands({ ...FOUR, faults });
  assertEquals(opcodes, [...PAIR, ...PAIR, 5, 0, 0, 4, 4, ...PAIR, ...PAIR]);
  assertEquals(rig.disk.queueCount, 2);
  assertEquals(freed, 4, "both rings of queues 3 and 4");
  assertEquals(queuesOfCpus(rig), [1, 2, 1, 2]);
});

Deno.test("a refused submission side takes its completion side with it (nvme.md 5.2)", () => {
  const faults = [new ArmedInjection(INJECTION["queue.create"], 6, 6)];
  const { rig, opcodes } = queueCommands({ ...FOUR, faults });
  assertEquals(opcodes, [...PAIR, ...PAIR, ...PAIR, 4, 0, 0, 4, 4, ...PAIR, ...PAIR]);
  assertEquals(queuesOfCpus(rig), [1, 2, 1, 2]);
});

Deno.test("no queue at all: the controller is kept, and requests end with IOERR (nvme.md 5.2)", () => {
  const faults = [new ArmedInjection(INJECTION["queue.create"])];
  const { rig, opcodes } = queueCommands({ ...FOUR, faults });
  assertEquals(opcodes, [5]);
  assertEquals([rig.disk.queueCount, rig.driver.life.state], [0, "live"]);
  const io = rig.finish(rig.disk.submit("read", { buffer: { segments: pages(1) } }));
  assertEquals(io.status, "IOERR");
});

Deno.test("of fewer queues it is polled ones that are missing, and vectors stay those of their queues (nvme.md 5.2)", () => {
  const lost = (passing: number) => {
    const faults = [new ArmedInjection(INJECTION["queue.create"], passing, passing)];
    const { rig } = queueCommands({ queues: 2, pollQueues: 2, machine: { cpus: 2 }, faults });
    assertEquals(queuesOfCpus(rig), passing < 4 ? [1, 1] : [1, 2]);
    return rig.driver.queues.io.map(({ vector }) => vector);
  };
  assertEquals(lost(7), [1, 2, -1]);
  assertEquals(lost(5), [1, 2]);
  assertEquals(lost(3), [1]);
});

Deno.test("the disk is as large as its namespace says", () => {
  const rig = new DriverRig({ blockSizeBytes: 4096, capacityBytes: 10 * 2 ** 30 + 100 });
  assertEquals(rig.disk.blockSizeBytes, 4096);
  assertEquals(rig.disk.capacityBytes, 10 * 2 ** 30);
  assertEquals(rig.disk.limits.logicalBlockSizeBytes, 4096);
  // A block count that needs one byte, and one that needs more than 32 bits.
  assertEquals(new DriverRig({ capacityBytes: 100 * 512 }).disk.capacityBytes, 100 * 512);
  assertEquals(new DriverRig({ capacityBytes: 2 ** 45 }).disk.capacityBytes, 2 ** 45);
  const { maxDiscardSectors, maxWriteZeroesSectors } = rig.disk.limits;
  assertEquals([maxDiscardSectors, maxWriteZeroesSectors], [0xffff_ffff, 16384]);
});

/** A driver for registers that are read with `read`. */
function driverOn(
  rig: DriverRig,
  read: (offset: number) => number,
  resetFunction: () => void = () => {},
): NvmeDriver {
  return new NvmeDriver({
    machine: rig.machine,
    dev: rig.dev,
    registers: { read32: read, write32: () => {}, resetFunction },
    queues: 1,
    pollQueues: 0,
  });
}

Deno.test("a controller that is not there is ENODEV (nvme.md 5.1, step 1)", () => {
  const rig = new DriverRig();
  const error = assertThrows(() => driverOn(rig, () => ALL_ONES).life.probe(), KernelError);
  assertEquals([error.errno, error.message], ["ENODEV", "ssd does not answer: ENODEV"]);
});

Deno.test("one that stays ready is ENODEV after a function-level reset and one more try (nvme.md 5.1, step 5)", () => {
  const rig = new DriverRig();
  const read = (offset: number): number => {
    if (offset === REGISTER.CSTS) return 1;
    return offset === REGISTER.CAP ? 0x0200_003f : 0;
  };
  const resetsAtNs: number[] = [];
  const driver = driverOn(rig, read, () => resetsAtNs.push(rig.machine.clock.nowNs));
  const error = assertThrows(() => driver.life.probe(), KernelError);
  assertEquals(error.message, "ssd did not get disabled in time: ENODEV");
  assertEquals([resetsAtNs, rig.machine.clock.nowNs], [[1_000_000_000], 2_000_000_000]);
});

Deno.test("a controller without 4 KiB pages is ENODEV (nvme.md 5.1, step 8)", () => {
  const rig = new DriverRig();
  const read = (offset: number): number => offset === REGISTER.CAP + 4 ? 0x1_0000 : 0;
  const error = assertThrows(() => driverOn(rig, read).life.probe(), KernelError);
  assertEquals(error.message, "ssd has no pages of 4 KiB: ENODEV");
});

Deno.test("1024 entries are the most that are asked for by default, and fewer where the controller has fewer (nvme.md 1)", () => {
  for (
    const [depth, entries] of [[2, 2], [1023, 1023], [1024, 1024], [1025, 1024], [65536, 1024]]
  ) {
    const { driver } = new DriverRig({ depth: depth! });
    assertEquals(driver.queues.io.map(({ depthEntries, tags }) => [depthEntries, tags]), [
      [entries!, entries! - 1],
    ]);
  }
});

Deno.test("the device's mask is set before anything is allocated (nvme.md 5.1)", () => {
  for (const maskBits of [32, 48, 64]) {
    const calls: [name: string, bits: unknown][] = [];
    new DriverRig({ device: { maskBits } }, (events) => {
      for (const { fields, name } of events) {
        if (name === "call.dma_set_mask" || name === "call.dma_alloc_coherent") {
          calls.push([name, (fields as { bits?: number }).bits]);
        }
      }
    });
    assertEquals(calls[0], ["call.dma_set_mask", maskBits]);
    assertEquals(calls.filter(([name]) => name === "call.dma_set_mask").length, 1);
  }
});

/**
 * The CPU of each I/O queue. Also the number of the pool group from which each queue allocates
 * lists.
 */
function places(options: DriverRigOptions): [cpus: number[], groups: number[]] {
  const { io } = new DriverRig(options).driver.queues;
  const pools = [...new Set(io.map((queue) => queue.pools))];
  return [io.map(({ cpu }) => cpu), io.map((queue) => pools.indexOf(queue.pools))];
}

Deno.test("CPUs are dealt out to each kind of queue from the first one on, and around (nvme.md 5.2)", () => {
  const cpusOf = (queues: number, pollQueues: number) =>
    places({ queues, pollQueues, machine: { cpus: 4 } })[0];
  assertEquals(cpusOf(4, 0), [0, 1, 2, 3]);
  assertEquals(cpusOf(6, 0), [0, 1, 2, 3, 0, 1]);
  assertEquals(cpusOf(3, 2), [0, 1, 2, 0, 1]);
  assertEquals(cpusOf(1, 5), [0, 0, 1, 2, 3, 0]);
});

Deno.test("queues of CPUs of one node take their lists from one pool, nodes have equal runs of CPUs (nvme.md 2.4)", () => {
  const groupsOf = (nodes: number, pollQueues = 0) =>
    places({ queues: 4, pollQueues, machine: { cpus: 4 }, driver: { nodes } })[1];
  assertEquals(groupsOf(1), [0, 0, 0, 0]);
  assertEquals(groupsOf(2), [0, 0, 1, 1]);
  assertEquals(groupsOf(4), [0, 1, 2, 3]);
  const said = places({ queues: 4, machine: { cpus: 4 } })[1];
  assertEquals(said, groupsOf(1), "one node unless there are more");
  // Each queue uses the pool of its CPU.
  assertEquals(groupsOf(2, 3), [0, 0, 1, 1, 0, 0, 1]);
});

Deno.test("an admin command ends with its interrupt, without polling", () => {
  const rig = new DriverRig();
  const io = rig.disk.passthrough({ opcode: 0x0a, admin: true, dwords: { 10: 0x0b } });
  const interrupts = rig.record(() => {
    // The first activity is the dispatch, the second one is the controller's work.
    for (const done of [false, true]) {
      assert(rig.machine.runNextActivity());
      assertEquals(io.done, done);
    }
  }, ["irq"]);
  assertEquals(interrupts.map(({ fields }) => fields), [{ vector: 0, cpu: 0 }]);
  assert(!rig.machine.runNextActivity());
});
