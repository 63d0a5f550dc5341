import { assert, assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type EventName, type PhysAddr } from "@dmalab/runtime";
import { DriverRig, pages, scattered, vec } from "../_driver_rig.ts";
import { NvmeDriver } from "./nvme_driver.ts";

function names(rig: DriverRig, work: () => void, wanted: readonly EventName[]): string[] {
  return rig.record(work, wanted).map(({ name }) => name);
}

Deno.test("a request runs from submission to its end in this order", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const order = names(rig, () => rig.read(pages(3)), [
    "nvme.choose",
    "call.dma_iova_try_alloc",
    "call.dma_iova_sync",
    "call.dma_pool_alloc",
    "nvme.submit",
    "nvme.doorbell",
    "nvme.fetch",
    "nvme.complete",
    "irq",
    "call.dma_iova_destroy",
    "nvme.unmap",
    "call.dma_pool_free",
    "block.status",
  ]);
  assertEquals(order, [
    "call.dma_iova_try_alloc",
    "call.dma_iova_sync",
    "nvme.choose",
    "call.dma_pool_alloc",
    "nvme.submit",
    "nvme.doorbell",
    "nvme.fetch",
    "nvme.complete",
    "irq",
    "call.dma_iova_destroy",
    "nvme.unmap",
    "call.dma_pool_free",
    "block.status",
    "nvme.doorbell",
  ]);
});

Deno.test("host and device work are one activity each", () => {
  const rig = new DriverRig();
  const io = rig.disk.submit("read", { buffer: { segments: pages(1) } });
  const [rq] = io.requests;
  assertEquals([rq!.mapped, rq!.done, io.done], [false, false, false]);
  assert(rig.machine.runNextActivity());
  assertEquals([rq!.mapped, rq!.done, io.done], [true, false, false]);
  assert(rig.machine.runNextActivity());
  assertEquals([rq!.mapped, rq!.done, io.done], [true, true, true]);
  assert(!rig.machine.runNextActivity());
});

Deno.test("the command can be read while it is in flight, and after it was kept", () => {
  const rig = new DriverRig();
  const submit = (): (typeof io.requests)[0] => {
    const next = rig.disk.submit("read", { buffer: { segments: pages(4) } });
    rig.machine.runNextActivity();
    return next.requests[0]!;
  };
  const io = rig.disk.submit("read", { buffer: { segments: pages(4) } });
  assertEquals(io.requests[0]!.command, null);
  rig.run();
  assertEquals(io.requests[0]!.command!.prpList.length, 3);
  rig.driver.keepCommands = false;
  const live = submit();
  assertEquals(live.command!.prpList.length, 3);
  rig.run();
  assertEquals(live.command, null);
  rig.driver.keepCommands = true;
  const kept = submit();
  rig.run();
  const { command } = kept;
  submit();
  rig.run();
  assertEquals(kept.command === command, true);
  assertEquals(command!.prp1 as number, pages(4)[0]!.phys as number);
});

Deno.test("a command that is sent again after a reset is read, not the one that was kept before", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  // Two of them: what the one unmaps last, the other maps first.
  const [request, other] = [0, 1].map(() =>
    rig.disk.submit("read", { buffer: { segments: pages(1) } }).requests[0]!
  );
  while (!other!.mapped) rig.machine.runNextActivity();
  const before = request!.command!.prp1;
  rig.driver.reset();
  while (request!.iod === null) rig.machine.runNextActivity();
  const { prp1 } = rig.driver.viewCommand(request!.iod);
  assertEquals([request!.command!.prp1, prp1 === before], [prp1, false]);
});

Deno.test("command ids count a tag's uses in their upper four bits (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  const ids = Array.from({ length: 18 }, () => rig.read(pages(1)).cid);
  assertEquals(ids.slice(0, 3), [0x0000, 0x1000, 0x2000]);
  assertEquals(ids[15], 0xf000);
  assertEquals(ids[16], 0x0000);
});

Deno.test("rings wrap and phases flip, time after time (nvme.md 4.2)", () => {
  const rig = new DriverRig({ depth: 5 });
  const slots: number[] = [];
  rig.machine.events.listen(({ fields }) => slots.push((fields as { slot: number }).slot), [
    "nvme.submit",
  ]);
  for (let count = 0; count < 23; count++) {
    const rq = rig.read(pages(1), count * 8);
    assertEquals(rq.status, "OK");
    assert(rig.holdsFreshData(pages(1), count * 8));
  }
  assertEquals(slots.slice(0, 7), [0, 1, 2, 3, 4, 0, 1]);
});

Deno.test("more requests than tags wait for one, and all of them end", () => {
  const rig = new DriverRig({ depth: 4 });
  const ios = Array.from({ length: 20 }, (_, index) =>
    rig.disk.submit("read", {
      lba: index,
      buffer: { segments: [vec(0x200_0000 + index * 8192, 512)] },
    }));
  for (let count = 0; count < 20; count++) rig.machine.runNextActivity();
  assertEquals(rig.driver.ioQueues[0]!.inFlight <= 3, true);
  rig.run();
  for (const [index, io] of ios.entries()) {
    assertEquals(io.status, "OK");
    assert(rig.holdsFreshData([vec(0x200_0000 + index * 8192, 512)], index));
  }
  assertEquals(rig.driver.ioQueues[0]!.inFlight, 0);
});

Deno.test("a doorbell lies at 0x1000 + 2q·4, and the CQ's after it (nvme.md 4.1)", () => {
  const rig = new DriverRig({ queues: 3 });
  const writes: [offset: number, value: number][] = [];
  const { controller } = rig;
  const original = controller.write32.bind(controller);
  controller.write32 = (offset, value) => {
    writes.push([offset, value]);
    original(offset, value);
  };
  rig.finish(rig.disk.submit("read", { queue: 3, buffer: { segments: pages(1) } }));
  assertEquals(writes, [[0x1018, 1], [0x101c, 1]]);
});

Deno.test("a CPU has its queue, and completes on itself (golden v7.2-lazy-smp2)", () => {
  const rig = new DriverRig({ machine: { cpus: 4 }, queues: 2 });
  const seen: [queue: number, mapCpu: number, unmapCpu: number, vector: number][] = [];
  for (let cpu = 0; cpu < 4; cpu++) {
    rig.machine.cpu = cpu;
    const io = rig.disk.submit("read", { buffer: { segments: pages(1) } });
    rig.machine.cpu = 0;
    const events = rig.record(() => rig.run(), [
      "call.dma_map_phys",
      "call.dma_unmap_phys",
      "irq",
    ]);
    const cpuOf = (name: string): number => events.find((event) => event.name === name)!.cpu;
    const irq = events.find(({ name }) => name === "irq")!.fields as { vector: number };
    seen.push([
      io.requests[0]!.queue,
      cpuOf("call.dma_map_phys"),
      cpuOf("call.dma_unmap_phys"),
      irq.vector,
    ]);
    assertEquals(rig.machine.cpu, 0);
  }
  assertEquals(seen, [[1, 0, 0, 1], [2, 1, 1, 2], [1, 2, 2, 1], [2, 3, 3, 2]]);
  assertEquals([1, 2, 7].map((vector) => rig.driver.cpuOfVector(vector)), [0, 1, 0]);
});

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
  // The device's work too belongs to the call that rang the doorbell, not to the one that waits.
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

Deno.test("requests of all disks of a machine are numbered together", () => {
  const rig = new DriverRig();
  rig.read(pages(1));
  rig.machine.events.lastRequest = 41;
  assertEquals(rig.read(pages(1)).id, 42);
});

Deno.test("a completion for a command that is not in flight is skipped (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  const warnings: unknown[] = [];
  rig.machine.events.listen(({ fields }) => warnings.push(fields), ["kernel.warn"]);
  const queue = rig.driver.ioQueues[0]!;
  // An entry with phase 1 for command 0x123, where the first completion is expected.
  const entry = queue.cq.physOf(0);
  rig.machine.memory.writeU32((entry + 12) as PhysAddr, 0x0001_0123);
  const writes: number[] = [];
  const { controller } = rig;
  controller.write32 = (offset, value) => writes.push(offset, value);
  rig.driver.raise(1);
  assertEquals(warnings, [{
    at: "nvme_handle_cqe",
    text: "queue 1 completed command id 291, which is not in flight",
    log: null,
    error: null,
  }]);
  assertEquals(writes, [0x100c, 1]);
  assertEquals(rig.driver.requestOf(1, 0x123), null);
});

/** Stands between controller and driver: completions get the status that is wanted. */
function answerWith(rig: DriverRig, status: () => number): void {
  const queue = rig.driver.ioQueues[0]!;
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

Deno.test("a failing status ends as its block status, after retries if they may help (nvme.md 4.2)", () => {
  const rig = new DriverRig();
  let nvmeStatus = 0;
  answerWith(rig, () => nvmeStatus);
  const outcome = (status: number): [status: string | null, retries: number, maps: number] => {
    nvmeStatus = status;
    const before = rig.calls("dma_map_phys");
    const rq = rig.read(pages(1));
    return [rq.status, rq.retries, rig.calls("dma_map_phys") - before];
  };
  assertEquals(outcome(0), ["OK", 0, 1]);
  assertEquals(outcome(0x4281), ["MEDIUM", 0, 1]);
  assertEquals(outcome(0x0281), ["MEDIUM", 5, 6]);
  assertEquals(outcome(0x4004), ["IOERR", 0, 1]);
});

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

Deno.test("out of resources: tried again while others complete, given up when nothing moves", () => {
  const rig = new DriverRig();
  const { dma } = rig.machine;
  const original = dma.dmaMapPhys.bind(dma);
  let failures = 3;
  dma.dmaMapPhys = (...args) => failures-- > 0 ? DMA_MAPPING_ERROR : original(...args);
  assertEquals(rig.read(pages(1)).status, "OK");

  failures = Infinity;
  const before = rig.calls("nvme.submit");
  const stuck = rig.read(pages(1));
  assertEquals([stuck.status, stuck.error, stuck.mapped], ["RESOURCE", "ENOMEM", false]);
  assertEquals(rig.calls("nvme.submit"), before);
  assertEquals(rig.driver.ioQueues[0]!.inFlight, 0);
});

Deno.test("a device that faults on data ends the io with EIO and leaves nothing mapped", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const io = rig.disk.submit("read", { buffer: { segments: pages(3) } });
  rig.machine.runNextActivity();
  // The mapping is removed while the device uses it.
  const [rq] = io.requests;
  rig.machine.dma.dmaIovaUnlink(rig.dev, rq!.iod!.dmaState, 0, 12288, 2, 0);
  rig.driver.keepCommands = false;
  rig.machine.runNextActivity();
  assert(rq!.nvmeStatus !== 0);
  assert(rig.machine.iommu.faults.length > 0);
  rig.run();
  assertEquals(io.done, true);
});

Deno.test("peers' prepared commands need no queue: conformance drives prepare() and complete()", () => {
  const rig = new DriverRig();
  const driver = new NvmeDriver({
    machine: rig.machine,
    dev: rig.dev,
    registers: rig.controller,
    pollQueues: 0,
    pools: rig.driver.ioQueues[0]!.pools,
  });
  driver.assumeController({ ...rig.driver.controller, sgl: true }, rig.driver.namespace!);
  const { request, iod } = rig.request(scattered([0, 512], [0, 512]));
  request.cid = 7;
  assertEquals(driver.prepare(iod, request), 0);
  assertEquals(request.format, "sgl");
  driver.complete(iod, request);
  assertEquals(request.keptCommand!.cid, 7);
});
