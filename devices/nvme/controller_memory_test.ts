/** Submission queues in the controller memory buffer: addresses, sizes, resets and removal. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type EventName,
  KernelError,
  KIB,
  type MachineEvent,
  MIB,
  type PhysAddr,
} from "@dmalab/runtime";
import { ConfigError } from "../config_error.ts";
import { buildLab, type Lab } from "../lab.ts";
import type { NvmeDevice } from "./nvme_device.ts";
import { type BlockSettings, defaultLabConfig } from "../lab_config.ts";
import type { Io } from "./io.ts";
import { unplugNvme } from "./unplug.ts";

function lab(settings: BlockSettings<"nvme">, mode: "off" | "strict" = "strict"): Lab {
  const base = defaultLabConfig();
  return buildLab({
    ...base,
    quirks: new Set(),
    iommu: { ...base.iommu, mode },
    pci: [{
      kind: "root_port",
      name: "rp0",
      settings: {},
      children: [{ kind: "nvme", name: "ssd", settings, children: [] }],
    }],
  });
}

function ssdOf(on: Lab): NvmeDevice {
  return on.device("ssd", "nvme");
}

function run({ machine }: Lab): void {
  while (machine.runNextActivity());
}

function read(on: Lab, count: number): readonly Io[] {
  return Array.from({ length: count }, (_, index) =>
    ssdOf(on).disk.submit("read", {
      lba: index * 8,
      buffer: { segments: [{ phys: 0x800_0000 + index * 8192 as PhysAddr, sizeBytes: 4096 }] },
    }));
}

function record(on: Lab, names: readonly EventName[], work: () => void): MachineEvent[] {
  const events: MachineEvent[] = [];
  const stop = on.machine.events.listen((event) => events.push(event), names);
  work();
  stop();
  return events;
}

const depths = (on: Lab): number[] =>
  ssdOf(on).disk.driver.queues.io.map(({ depthEntries }) => depthEntries);

Deno.test("queues lie at bus addresses of the BAR, without a mapping (nvme.md 5.4)", () => {
  const on = lab({ queues: 2, p2pmemBytes: 2 * MIB, cmbQueues: true, depth: 256 });
  const { disk, function: func } = ssdOf(on);
  const bar = func.bars.find(({ peerBytes }) => peerBytes > 0)!;
  const rings = disk.driver.queues.io.map(({ sq }) => sq.dma as number);
  assertEquals(rings, [bar.basePhys, bar.basePhys + 256 * 64]);
  assertEquals(on.machine.iommu.lookup(ssdOf(on).dma, rings[0]!), -1);
  assertEquals(on.topology.providers.of(func)!.availableBytes, 2 * MIB - 2 * 256 * 64);
  // The controller fetches internally: the page that it reads is not requested on the bus.
  const ios: Io[] = [];
  const translated = record(on, ["iommu.translate", "pci.tlp"], () => {
    ios.push(...read(on, 5));
    run(on);
  });
  assertEquals(ios.map((io) => io.status), new Array(5).fill("OK"));
  // Each command translates the addresses of its data and of its completion, and no other.
  assertEquals(translated.filter(({ name }) => name === "iommu.translate").length, 10);
  const host = lab({ queues: 2, p2pmemBytes: 2 * MIB, depth: 256 });
  const more = record(host, ["iommu.translate"], () => {
    read(host, 5);
    run(host);
  });
  assertEquals(more.length, 15);
});

Deno.test("queues that do not all fit are cut to their share; below 64 entries it is given up (nvme.md 5.4)", () => {
  const of = (queues: number, depth = 4095): Lab =>
    lab({ queues, p2pmemBytes: 2 * MIB, depth, cmbQueues: true });
  assertEquals(depths(of(8)), new Array(8).fill(4095));
  assertEquals(depths(of(16)), new Array(16).fill(2048));
  assertEquals(depths(of(48)), new Array(48).fill(640)); // shares of 10 pages
  assertEquals(depths(of(512)), new Array(512).fill(64));
  const abandoned = of(513);
  assertEquals(depths(abandoned), new Array(513).fill(4095));
  const { driver } = ssdOf(abandoned).disk;
  assert(
    driver.queues.io.every(({ sq }) => abandoned.machine.memory.kindAt(sq.physOf(0)) === "ram"),
  );
  const cut = of(64);
  const ios = read(cut, 600);
  run(cut);
  assertEquals(new Set<string | null>(ios.map((io) => io.status)), new Set(["OK"]));
});

Deno.test("of a CMB that lends nothing the driver takes none: its queues lie in RAM (p2p.md 9.3, nvme.md 5.4)", () => {
  const on = lab({ p2pmemBytes: MIB, cmbQueues: true });
  const { disk, function: func } = ssdOf(on);
  assertEquals(on.topology.providers.of(func), null);
  assertEquals(on.machine.memory.kindAt(disk.driver.queues.io[0]!.sq.physOf(0)), "ram");
  const ios = read(on, 3);
  run(on);
  assertEquals(ios.map((io) => io.status), ["OK", "OK", "OK"]);
});

Deno.test("memory for peers alone holds no queue (nvme.md 5.4, SQS)", () => {
  const on = lab({ p2pmemBytes: 2 * MIB });
  const { disk, function: func } = ssdOf(on);
  assertEquals(on.topology.providers.of(func)!.availableBytes, 2 * MIB);
  assertEquals(on.machine.memory.kindAt(disk.driver.queues.io[0]!.sq.physOf(0)), "ram");
});

Deno.test("a reset finds the queues where they were; pulled, their memory goes with the provider", () => {
  for (let moment = 0; moment < 14; moment++) {
    const on = lab({ p2pmemBytes: 2 * MIB, cmbQueues: true, depth: 4 * KIB / 64 });
    const ios = read(on, 6);
    for (let count = 0; count < moment; count++) on.machine.runNextActivity();
    ssdOf(on).disk.driver.life.reset();
    run(on);
    assertEquals(ios.map((io) => io.status), new Array(6).fill("OK"));
    const last = read(on, 3);
    on.machine.runNextActivity();
    const { function: func } = ssdOf(on);
    const reports = record(on, ["dma.report"], () => unplugNvme(ssdOf(on), on));
    run(on);
    assertEquals(reports, []);
    assertEquals(last.map((io) => io.status), ["TRANSPORT", "TRANSPORT", "TRANSPORT"]);
    assertEquals(on.topology.providers.everOf(func)!.state, "unbound");
    assertEquals(on.machine.iommu.liveMappings, 0);
  }
});

Deno.test("what peers still hold of a pulled disk keeps its provider (p2p.md 9.8)", () => {
  const on = lab({ p2pmemBytes: 2 * MIB });
  const { function: func } = ssdOf(on);
  const { providers } = on.topology;
  const held = providers.alloc(func, 8 * KIB)!;
  unplugNvme(ssdOf(on), on);
  assertEquals([providers.of(func)!.state, ssdOf(on).dma.refusal], ["unbinding", "device_gone"]);
  assertThrows(() => unplugNvme(ssdOf(on), on), KernelError, "it is gone already");
  providers.free(func, held);
  assertEquals(providers.everOf(func)!.state, "unbound");
});

Deno.test("queues in memory that a disk does not have are an error of the configuration", () => {
  assertThrows(() => lab({ cmbQueues: true }), ConfigError, "no memory for its queues");
});

Deno.test("metadata beyond what a disk can hold is an error of the configuration, to the byte", () => {
  const wide = (capacityBytes: number) => ({ capacityBytes, metadataBytes: 1024 });
  // Metadata of 2^42 blocks, 1 KiB each, are 2^52 bytes; one more block is too much.
  assertEquals(ssdOf(lab(wide(2 ** 51))).controller.media.blockCount, 2 ** 42);
  assertThrows(() => lab(wide(2 ** 51 + 512)), ConfigError, "1024 bytes of metadata each");
});
