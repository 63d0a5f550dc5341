import { assertEquals } from "@std/assert";
import { type DmaAddr, hexAddress } from "../address.ts";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../dma/attributes.ts";
import { DmaDevice, type DmaDeviceOptions } from "../dma/device/device.ts";
import { at } from "../dma/testing.ts";
import { errnoName, KernelError } from "../errno.ts";
import { Machine } from "../machine.ts";
import type { IommuConfig, IommuMode } from "../machine_config.ts";
import { testConfig, type TestConfigOptions } from "../testing_config.ts";

/** A machine with x and y in one group, as behind one bridge. */
function pair(
  options: TestConfigOptions = {},
  x: DmaDeviceOptions = { maskBits: 32 },
  y: DmaDeviceOptions = { maskBits: 32 },
) {
  const machine = new Machine(testConfig(options));
  machine.startAudit();
  const [first, second] = [new DmaDevice("x", x), new DmaDevice("y", y)] as const;
  machine.iommu.groups.make([first, second]);
  return { machine, x: first, y: second, group: first.group! };
}

type Pair = ReturnType<typeof pair>;

const PAGE = 4096;

function map({ machine }: Pair, dev: DmaDevice, phys: number, sizeBytes = PAGE): DmaAddr {
  return machine.dma.dmaMapPhys(dev, at(phys), sizeBytes, DMA_TO_DEVICE);
}

function unmap({ machine }: Pair, dev: DmaDevice, dma: DmaAddr, sizeBytes = PAGE): void {
  machine.dma.dmaUnmapPhys(dev, dma, sizeBytes, DMA_TO_DEVICE);
}

const name = (error: number) => error === 0 ? "ok" : error > 0 ? "a count" : errnoName(error);

Deno.test("one table, one allocator: x's device reads the page that y has mapped (dma.md ch. 9, assertion 1)", () => {
  const bench = pair();
  const { machine, x, y } = bench;
  machine.memory.write(at(0x2000_0000), new Uint8Array([0x5a]), 0, 1);
  assertEquals(hexAddress(map(bench, x, 0x1000_0000)), "0xffff_f000");
  const theirs = map(bench, y, 0x2000_0000);
  const reports: string[] = [];
  machine.events.listen((event) => {
    if (event.name === "dma.report") reports.push(event.fields.text);
  });
  assertEquals(hexAddress(theirs), "0xffff_e000");
  assertEquals([x.domain === y.domain, machine.iommu.domains.length], [true, 1]);
  let leaves = 0;
  x.domain!.table.forEachLeaf(0, 2 ** 32, () => leaves++);
  assertEquals(leaves, 2);
  const read = new Uint8Array(1);
  assertEquals(machine.bus.read(x, theirs, read, 0, 1), true);
  assertEquals(read[0], 0x5a);
  // The checker keeps records by device: in its records, nothing is mapped for x at that address.
  assertEquals(reports, [
    'Device "x" reads 1 byte at 0xffff_e000, from 0xffff_e000 on outside every mapped buffer: ' +
    '"y" has mapped them, and devices of an IOMMU group share its page table',
  ]);
  unmap(bench, y, theirs);
  assertEquals(
    machine.bus.read(x, theirs, read, 0, 1),
    false,
    "from the invalidation on no member",
  );
});

Deno.test("a range that x frees is the next one for y on that CPU, and on no other (dma.md ch. 9, assertion 2)", () => {
  for (const cpu of [0, 1]) {
    const bench = pair({ machine: { cpus: 2 } });
    unmap(bench, bench.x, map(bench, bench.x, 0x1000_0000));
    bench.machine.cpu = cpu;
    assertEquals(
      hexAddress(map(bench, bench.y, 0x2000_0000)),
      cpu === 0 ? "0xffff_f000" : "0xffff_e000",
    );
  }
});

Deno.test("limits are those of the calling device, the cursor is the domain's (dma.md ch. 9, assertion 3)", () => {
  const bench = pair({}, { maskBits: 32 }, {
    maskBits: 24,
  });
  assertEquals(hexAddress(map(bench, bench.y, 0x1000_0000)), "0xff_f000");
  assertEquals(hexAddress(map(bench, bench.x, 0x2000_0000)), "0xff_e000");
});

Deno.test("who runs out below 4 GiB goes above it alone, with its own notice (dma.md 9.5)", () => {
  const low = [{ start: 0, end: 0xffff_e000 }];
  const bench = pair({ iommu: { mode: "strict", reserved: low } }, {}, {});
  const { machine, x, y } = bench;
  const texts: string[] = [];
  machine.events.listen((event) => {
    if (event.name === "kernel.warn") texts.push(event.fields.text);
  });
  const last = map(bench, y, 0x1000_0000, 2 * PAGE);
  map(bench, x, 0x2000_0000);
  assertEquals([x.prefer32Bit, y.prefer32Bit], [false, true]);
  assertEquals(texts.map((text) => text.slice(0, 10)), ['Device "x"']);
  unmap(bench, y, last, 2 * PAGE);
  assertEquals(hexAddress(map(bench, y, 0x1000_0000, 2 * PAGE)), hexAddress(last));
});

Deno.test("lazy: 255 ranges of both fill the queue of a CPU, the next flushes all (dma.md ch. 9, assertion 4)", () => {
  const bench = pair({ iommu: { mode: "lazy" } });
  const { machine, x, y } = bench;
  const theirs = (dev: DmaDevice, count: number) =>
    Array.from({ length: count }, (_, index) => map(bench, dev, 0x1000_0000 + index * PAGE));
  const [first, second] = [theirs(x, 129), theirs(y, 127)];
  const queue = x.domain!.flushQueue!;
  for (const dma of first.slice(0, 128)) unmap(bench, x, dma);
  for (const dma of second) unmap(bench, y, dma);
  assertEquals([queue.pending, queue.started, queue.finished], [255, 0, 0]);
  unmap(bench, x, first[128]!);
  assertEquals([queue.pending, queue.started, queue.finished], [1, 1, 1]);
  assertEquals(machine.iommu.pendingFlushes, 1);
  let freed = 0;
  x.domain!.iova.cache.forEach(() => freed++);
  assertEquals(freed, 255);
});

Deno.test("the domain is made for the first: the gaps of another one's bus are not kept free (dma.md 9.4)", () => {
  const ranges = [{ cpuPhys: at(0), dma: 0 as DmaAddr, sizeBytes: 0x8000_0000 }];
  const top = (x: DmaDeviceOptions, y: DmaDeviceOptions) => {
    const bench = pair({}, x, y);
    return hexAddress(map(bench, bench.y, 0x1000_0000));
  };
  assertEquals(top({ maskBits: 32, ranges }, { maskBits: 32 }), "0x7fff_f000");
  assertEquals(top({ maskBits: 32 }, { maskBits: 32, ranges }), "0xffff_f000");
});

Deno.test("an unmap invalidates once, and in each device with ATS, the one that has mapped or not (dma.md ch. 9, assertion 5)", () => {
  const sent = (x: DmaDeviceOptions, y: DmaDeviceOptions, mode: IommuMode = "strict") => {
    const bench = pair({ iommu: { mode } }, { maskBits: 32, ...x }, { maskBits: 32, ...y });
    const dma = map(bench, bench.x, 0x1000_0000);
    const commands: string[] = [];
    bench.machine.events.listen((event) => {
      if (event.name === "iotlb.sync") commands.push(event.fields.kind);
      if (event.name === "device_tlb.sync") {
        const { size_bytes, start, target } = event.fields;
        commands.push(`${target} ${hexAddress(start)} ${size_bytes}`);
      }
    });
    unmap(bench, bench.x, dma);
    bench.machine.advance(20_000_000);
    return commands;
  };
  const page = "0xffff_f000 4096";
  assertEquals(sent({ ats: true }, { ats: true }), ["range", `x ${page}`, `y ${page}`]);
  assertEquals(sent({}, { ats: true }), ["range", `y ${page}`], "y's, although x unmaps");
  assertEquals(sent({}, {}), ["range"]);
  const all = `0x0 ${2 ** 48}`;
  assertEquals(sent({ ats: true }, { ats: true }, "lazy"), ["all", `x ${all}`, `y ${all}`]);
});

/** The mode of a group, or the error of its set-up. */
function modeOf(mode: IommuMode, x: DmaDeviceOptions, y: DmaDeviceOptions): string {
  try {
    const { machine, x: first, y: second } = pair({ iommu: { mode } }, x, y);
    assertEquals(machine.iommu.modeOf(first), machine.iommu.modeOf(second));
    return `${machine.iommu.modeOf(first)}${machine.warnings.total > 0 ? ", a warning" : ""}`;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return error.errno;
  }
}

Deno.test("the type of a group at boot: one for all, as its devices ask (dma.md 9.2)", () => {
  const identity = { wantedMode: "passthrough" } as const;
  const dma = { wantedMode: "strict" } as const;
  const untrusted = { untrusted: true };
  assertEquals(modeOf("lazy", {}, {}), "lazy");
  assertEquals(modeOf("lazy", {}, untrusted), "strict", "a is strict too, with iommu.strict=0");
  assertEquals(modeOf("passthrough", {}, untrusted), "strict");
  assertEquals(modeOf("lazy", identity, {}), "passthrough");
  assertEquals(modeOf("lazy", {}, dma), "strict");
  // Two requests: a later request for IDENTITY wins; otherwise the earlier request stays.
  assertEquals(modeOf("lazy", identity, dma), "passthrough, a warning");
  assertEquals(modeOf("lazy", dma, identity), "passthrough, a warning");
  assertEquals(modeOf("strict", identity, untrusted), "EINVAL");
  assertEquals(modeOf("strict", dma, untrusted), "strict");
});

Deno.test("trusted and untrusted in one group: both strict, one bounced (dma.md ch. 9, assertion 6)", () => {
  const bench = pair({ iommu: { mode: "lazy" } }, {}, {
    untrusted: true,
  });
  const { machine, x, y } = bench;
  const ours = machine.dma.dmaMapPhys(x, at(0x1000_0200), 512, DMA_FROM_DEVICE);
  assertEquals(machine.swiotlb.usedSlots, 0);
  const theirs = machine.dma.dmaMapPhys(y, at(0x1000_0200), 512, DMA_FROM_DEVICE);
  assertEquals(machine.swiotlb.usedSlots > 0, true);
  assertEquals(machine.iommu.lookup(x, theirs) === machine.iommu.lookup(y, theirs), true);
  machine.dma.dmaUnmapPhys(x, ours, 512, DMA_FROM_DEVICE);
  machine.dma.dmaUnmapPhys(y, theirs, 512, DMA_FROM_DEVICE);
});

Deno.test("who appears later joins what the group has, trusted or not (dma.md 9.3)", () => {
  const { group, machine, x } = pair({ iommu: { mode: "lazy" } });
  const late = new DmaDevice("late", { untrusted: true });
  machine.iommu.groups.join(group, late);
  assertEquals([late.domain === x.domain, machine.iommu.modeOf(late)], [true, "lazy"]);
  // A later device that starts a new group decides its mode alone.
  const alone = new DmaDevice("alone", { untrusted: true });
  machine.iommu.attach(alone);
  assertEquals(machine.iommu.modeOf(alone), "strict");
});

Deno.test("a passthrough group has no domain, and each member sees physical addresses (dma.md 9.2)", () => {
  const bench = pair({ iommu: { mode: "passthrough" } });
  assertEquals([bench.group.domain, bench.machine.iommu.domains.length], [null, 0]);
  assertEquals(map(bench, bench.y, 0x1000_0000), 0x1000_0000);
});

Deno.test("strict to lazy is for all members at once; without drivers there is a new domain (dma.md 9.9)", () => {
  const bench = pair({}, {}, {});
  const { machine: { iommu }, x, y } = bench;
  assertEquals(name(iommu.groups.setMode(y, "lazy")), "ok");
  assertEquals([iommu.modeOf(x), x.domain === y.domain], ["lazy", true]);
  unmap(bench, x, map(bench, x, 0x1000_0000));
  assertEquals(iommu.pendingFlushes, 1);
  iommu.groups.unbindDriver(x);
  assertEquals(name(iommu.groups.setMode(x, "strict")), "EPERM", "a driver is bound to y");
  iommu.groups.unbindDriver(y);
  x.prefer32Bit = false;
  assertEquals(name(iommu.groups.setMode(x, "strict")), "ok");
  assertEquals([iommu.modeOf(y), iommu.pendingFlushes, x.prefer32Bit], ["strict", 0, true]);
  assertEquals(hexAddress(map(bench, y, 0x2000_0000)), "0xffff_f000", "nothing is allocated in it");
  assertEquals(name(iommu.groups.setMode(x, "passthrough")), "ok");
  assertEquals([iommu.modeOf(y), iommu.domains.length], ["passthrough", 0]);
  assertEquals(name(iommu.groups.setMode(x, "auto")), "ok");
  assertEquals(iommu.modeOf(y), "strict");
});

Deno.test("what a member rules out is EINVAL, and auto asks again; what cannot be mapped is an error, too (dma.md 9.9, 9.11)", () => {
  const change = (mode: string, x: DmaDeviceOptions, config: Partial<IommuConfig> = {}) => {
    const { machine: { iommu }, x: first, y } = pair({ iommu: config }, x, {});
    iommu.groups.unbindDriver(first);
    iommu.groups.unbindDriver(y);
    return `${name(iommu.groups.setMode(y, mode))} ${iommu.modeOf(y)}`;
  };
  assertEquals(change("passthrough", { untrusted: true }), "EINVAL strict");
  assertEquals(change("lazy", { untrusted: true }), "EINVAL strict");
  assertEquals(change("strict", { wantedMode: "passthrough" }), "EINVAL passthrough");
  assertEquals(change("auto", { wantedMode: "passthrough" }), "ok passthrough");
  const firmware = { directRegions: [{ start: 2 ** 40, end: 2 ** 40 + PAGE, relaxable: false }] };
  const narrow = { mode: "passthrough", addressBits: 39 } as const;
  assertEquals(change("strict", firmware, narrow), "ERANGE passthrough");
});

Deno.test("a group whose devices all have DMA functions of their own has no domain in any mode (dma.md 9.9)", () => {
  const own = { ownOps: true };
  const { machine: { iommu }, x, y } = pair({ iommu: { mode: "passthrough" } }, own, own);
  for (const dev of [x, y]) iommu.groups.unbindDriver(dev);
  assertEquals([name(iommu.groups.setMode(x, "strict")), iommu.domains], ["ok", []]);
});

Deno.test("a user gets a group without drivers, and a driver no group with a user (dma.md ch. 9, assertion 7)", () => {
  const bench = pair();
  const { machine: { bus, iommu }, x, y } = bench;
  const dma = map(bench, x, 0x1000_0000);
  iommu.groups.unbindDriver(y);
  assertEquals(name(iommu.groups.claim(y)), "EPERM", "a driver is bound to x");
  iommu.groups.unbindDriver(x);
  assertEquals(name(iommu.groups.claim(y)), "ok");
  assertEquals(name(iommu.groups.claim(x)), "EPERM", "it has a user");
  assertEquals(name(iommu.groups.bindDriver(x)), "EBUSY");
  const read = new Uint8Array(1);
  assertEquals(bus.read(x, dma, read, 0, 1), false, "the whole group sees an empty table");
  assertEquals(iommu.faults.map(({ device, reason }) => [device, reason]), [["x", "not_present"]]);
  iommu.groups.release(y);
  assertEquals(bus.read(x, dma, read, 0, 1), true, "old mappings are in the default domain");
  assertEquals(name(iommu.groups.bindDriver(x)), "ok");
  assertEquals(name(iommu.groups.claim(y)), "EPERM");
});

Deno.test("a member that leaves: the others go on, its mappings stay in the table (dma.md 9.7)", () => {
  const bench = pair();
  const { group, machine: { bus, iommu }, x, y } = bench;
  const leaked = map(bench, x, 0x1000_0000);
  for (const _ of [1, 2]) iommu.groups.remove(x);
  assertEquals([name(iommu.groups.claim(x)), name(iommu.groups.setMode(x, "lazy"))], [
    "ENODEV",
    "ENODEV",
  ]);
  assertEquals([x.hasDriver, group.users, group.members], [false, 1, [y]]);
  const read = new Uint8Array(1);
  assertEquals(bus.read(y, leaked, read, 0, 1), true);
  assertEquals(hexAddress(map(bench, y, 0x2000_0000)), "0xffff_e000");
  iommu.groups.remove(y);
  assertEquals([group.domain, group.users], [null, 0]);
  const next = new DmaDevice("next", { maskBits: 32 });
  iommu.groups.join(group, next);
  assertEquals(
    hexAddress(map(bench, next, 0x3000_0000)),
    "0xffff_f000",
    "who comes next starts afresh",
  );
});

Deno.test("the timer's ranges go to the magazines of the CPU that runs it, whoever queued them (dma.md 5.3)", () => {
  for (const runsOn of [0, 1]) {
    const bench = pair({ machine: { cpus: 2 }, iommu: { mode: "lazy" } });
    const { machine, x, y } = bench;
    machine.cpu = 1;
    unmap(bench, x, map(bench, x, 0x1000_0000));
    machine.cpu = runsOn;
    machine.advance(20_000_000);
    machine.cpu = 1 - runsOn;
    assertEquals(hexAddress(map(bench, y, 0x2000_0000)), "0xffff_e000", "its class 0 is empty");
    machine.cpu = runsOn;
    assertEquals(hexAddress(map(bench, y, 0x3000_0000)), "0xffff_f000");
  }
});
