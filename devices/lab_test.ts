import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  allocateBuffer,
  type BufferRequest,
  dmaAddr,
  GIB,
  type HostBuffer,
  type IommuMode,
  KIB,
  MIB,
  type PhysAddr,
  physAddr,
} from "@dmalab/runtime";
import { ConfigError } from "./config_error.ts";
import { buildLab, type Lab, type LabDevice } from "./lab.ts";
import {
  type BlockSettings,
  defaultLabConfig,
  type LabConfig,
  type PciNodeConfig,
  type PciNodeKind,
} from "./lab_config.ts";

function block(
  kind: PciNodeKind,
  name: string,
  settings: BlockSettings = {},
  children: PciNodeConfig[] = [],
): PciNodeConfig {
  return { kind, name, settings, children } as PciNodeConfig;
}

function config(mode: IommuMode, pci: PciNodeConfig[], more: Partial<LabConfig> = {}): LabConfig {
  const base = defaultLabConfig();
  return { ...base, quirks: new Set(), ...more, iommu: { ...base.iommu, mode }, pci };
}

const withDisk = (settings: BlockSettings = {}) => [
  block("root_port", "rp0", {}, [block("nvme", "ssd", settings)]),
];

function device(lab: Lab, name: string): LabDevice {
  return lab.devices.get(name)!;
}

function run(lab: Lab): void {
  while (lab.machine.runNextActivity());
}

function buffer(lab: Lab, options: BufferRequest): HostBuffer {
  return allocateBuffer(lab.machine, options);
}

const MODES: readonly IommuMode[] = ["off", "passthrough", "strict", "lazy"];

for (const mode of MODES) {
  for (const sgl of [false, true]) {
    Deno.test(`a disk reads and writes what it should: iommu ${mode}, SGLs ${sgl}`, () => {
      const lab = buildLab(config(mode, withDisk({ sgl, mdtsBytes: 2 * MIB })));
      const { disk, media } = lab.device("ssd", "nvme");
      const layouts: readonly BufferRequest[] = [
        { sizeBytes: 4096 },
        { sizeBytes: 4096, offsetBytes: 512, pieces: 2, pieceBytes: 2048 },
        { sizeBytes: 128 * KIB, pieces: 32 },
        { sizeBytes: 2 * MIB },
      ];
      for (const layout of layouts) {
        const sizeBytes = layout.sizeBytes!;
        const into = buffer(lab, layout);
        const read = disk.submit("read", { lba: 99, buffer: into });
        run(lab);
        assertEquals(read.status, "OK");
        assertEquals(into.readAll(), media.data.bytes(99 * 512, sizeBytes));

        const from = buffer(lab, { ...layout, fill: "counting" });
        const write = disk.submit("write", { lba: 5000, buffer: from });
        run(lab);
        assertEquals(write.status, "OK");
        assertEquals(media.data.bytes(5000 * 512, sizeBytes), from.readAll());
      }
    });
  }
}

Deno.test("a lab starts with devices up, and counters, events and time at 0 (language.md)", () => {
  const lab = buildLab(config("lazy", withDisk()));
  const { events, clock, activities, iommu } = lab.machine;
  assertEquals([events.seq, clock.nowNs, activities.length, iommu.pendingFlushes], [0, 0, 0, 0]);
  assert(events.counts.every((count) => count === 0));
  assertEquals(lab.device("ssd", "nvme").disk.queueCount, 1);
});

Deno.test("a device has the translation that its block asks for (dma.md 9.2)", () => {
  for (const wantedMode of ["strict", "passthrough"] as const) {
    const lab = buildLab(config("lazy", withDisk({ wantedMode })));
    assertEquals(lab.machine.iommu.modeOf(device(lab, "ssd").dma), wantedMode);
  }
});

Deno.test("BARs lie in windows that RAM leaves free", () => {
  const lab = buildLab(config("off", [
    block("root_port", "rp0", {}, [block("nvme", "ssd", { p2pmemBytes: 3 * MIB })]),
    block("root_port", "rp1", {}, [block("endpoint", "gpu", { barBytes: 16 * GIB })]),
  ]));
  const { memory } = lab.machine;
  const bars = [...lab.devices.values()].flatMap((dev) => dev.function.bars);
  assertEquals(bars.map(({ index, sizeBytes }) => [index, sizeBytes]), [
    [0, 16 * KIB],
    [2, 4 * MIB],
    [0, 16 * GIB],
  ]);
  for (const { basePhys, sizeBytes } of bars) {
    assertEquals(memory.kindAt(basePhys), "mmio");
    assertEquals(memory.kindAt(basePhys + sizeBytes - 1), "mmio");
  }
  const ram = memory.ranges.filter(({ type }) => type === "ram");
  assertEquals(ram.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), 4 * GIB);
});

Deno.test("across root ports peer memory needs a listed host bridge (p2p.md 9.4)", () => {
  for (const whitelisted of [true, false]) {
    for (const mode of MODES) {
      const lab = buildLab(config(mode, [
        block("host_bridge", "h0", { whitelisted }, [
          block("root_port", "rp0", {}, [block("nvme", "ssd")]),
          block("root_port", "rp1", {}, [block("endpoint", "gpu", { p2pmemBytes: 2 * MIB })]),
        ]),
      ]));
      const target = lab.topology.peerMemory(device(lab, "gpu").function)!.alloc(4096)!;
      const io = lab.device("ssd", "nvme").disk.submit("read", {
        buffer: { segments: [{ phys: target, sizeBytes: 4096 }] },
      });
      run(lab);
      assertEquals(io.status, whitelisted ? "OK" : "INVAL", `${mode} ${whitelisted}`);
    }
  }
});

Deno.test("an offset between bus and CPU addresses shows in what the device is given", () => {
  const lab = buildLab(config("strict", [
    block("host_bridge", "h0", { busOffset: -3 * GIB }, [
      block("root_port", "rp0", {}, [
        block("switch", "sw0", {}, [
          block("nvme", "ssd"),
          block("endpoint", "gpu", { p2pmemBytes: 2 * MIB }),
        ]),
      ]),
    ]),
  ]));
  const phys = device(lab, "gpu").function.bars[0]!.basePhys;
  const io = lab.device("ssd", "nvme").disk.submit("read", {
    buffer: { segments: [{ phys, sizeBytes: 4096 }] },
  });
  run(lab);
  assertEquals([io.status, io.requests[0]!.command!.prp1, phys - 3 * GIB], ["OK", 0, 0]);
  // Devices see the window at its addresses plus this offset, so no IOVA may lie there (dma.md
  // 4.6).
  assertEquals(lab.machine.config.windows.map(({ busOffset }) => busOffset), [-3 * GIB]);
});

Deno.test("an impossible BAR is reported with its numbers, and with what is possible", () => {
  const refusal = (...pci: PciNodeConfig[]) => {
    const error = assertThrows(() => buildLab(config("off", pci)), ConfigError);
    return [error.message, error.hint];
  };
  const gpu = (settings: BlockSettings) =>
    block("root_port", "rp0", {}, [block("endpoint", "gpu", settings)]);
  assertEquals(refusal(gpu({ barBytes: 12 * MIB })), [
    'The BAR of "gpu" cannot be 12582912 bytes: it is not a power of two',
    "16777216 is the next one",
  ]);
  const busOffset = -3 * GIB - 4 * KIB;
  assertEquals(refusal(block("host_bridge", "h", { busOffset }, [gpu({ barBytes: MIB })])), [
    'The BAR of "gpu" would lie at bus address -4096',
    "choose an offset that keeps bus addresses at 0 or above",
  ]);
});

Deno.test("an untrusted device has no operations of its own: the error says what to change", () => {
  const build = () => buildLab(config("strict", withDisk({ untrusted: true, ownOps: true })));
  const { hint } = assertThrows(build, ConfigError, '"ssd" is untrusted, and an untrusted device');
  assertEquals(hint, "set `untrusted = false`, or leave `dma_ops` out");
});

Deno.test("a device that finds no addresses does not come up, and what would help is said", () => {
  const build = () => buildLab(config("strict", withDisk({ dmaMaskBits: 12 })));
  const { hint } = assertThrows(
    build,
    ConfigError,
    '"ssd" does not come up: Cannot allocate queue',
  );
  assertEquals(hint, "give the machine more RAM or the device a wider mask");
});

Deno.test("memory that overlaps and a value that its key does not take are refused as a configuration, not as a crash", () => {
  const region = (name: string, at: number) => ({
    name,
    basePhys: physAddr(at),
    sizeBytes: MIB,
    type: "mmio" as const,
  });
  const regions = [region("a", GIB), region("b", GIB + 4096)];
  assertThrows(() => buildLab(config("off", [], { regions })), ConfigError, "overlaps");
  const none = config("off", [], { cpus: 0 });
  assertThrows(() => buildLab(none), ConfigError, "cpus of the machine cannot be 0");
  assertThrows(() => buildLab(config("off", withDisk(), { regions })), ConfigError, "overlaps");
});

/**
 * Submits a read of 128 KiB, and returns it while its command waits in the queue. Also returns the
 * address of its PRP list in memory.
 */
function queuedRead(lab: Lab) {
  const into = buffer(lab, { sizeBytes: 128 * KIB, pieces: 32, fill: 0xa5 });
  const { disk, dma } = lab.device("ssd", "nvme");
  const io = disk.submit("read", { buffer: into });
  lab.machine.runNextActivity();
  const list = lab.machine.iommu.lookup(dma, io.requests[0]!.command!.prpLists[0]!.dma);
  assert(list > 0);
  return { into, io, list: list as PhysAddr };
}

Deno.test("a PRP entry that is corrupted in memory is refused, once, and no byte arrives", () => {
  const lab = buildLab(config("strict", withDisk()));
  const { into, io, list } = queuedRead(lab);
  const { memory, events } = lab.machine;
  memory.writeU32((list + 80) as PhysAddr, memory.readU32((list + 80) as PhysAddr) + 8);
  const seen: unknown[] = [];
  events.listen(({ name, fields }) => seen.push([name, fields]), ["nvme.complete", "nvme.data"]);
  run(lab);
  assertEquals(io.status, "IOERR");
  assertEquals(seen, [["nvme.complete", { queue: 1, cid: io.requests[0]!.cid, status: 0x4013 }]]);
  assertEquals(into.readAll(), new Uint8Array(128 * KIB).fill(0xa5));
});

Deno.test("a PRP entry that points nowhere faults; what is mapped anew on the retry arrives", () => {
  const lab = buildLab(config("strict", withDisk()));
  const { into, io, list } = queuedRead(lab);
  lab.machine.memory.writeU32((list + 80) as PhysAddr, 0x1000);
  const statuses: unknown[] = [];
  const faults: unknown[] = [];
  lab.machine.events.listen(({ name, fields, request }) => {
    if (name === "iommu.fault") faults.push([request, fields]);
    else statuses.push(fields);
  }, ["nvme.complete", "iommu.fault"]);
  run(lab);
  assertEquals(statuses.map((fields) => (fields as { status: number }).status), [0x0004, 0]);
  const dma = dmaAddr(0x1000);
  assertEquals(faults, [[1, { dma, access: "write", reason: "not_present" }]]);
  assertEquals(io.status, "OK");
  assertEquals(into.readAll(), lab.device("ssd", "nvme").media.data.bytes(0, 128 * KIB));
});

Deno.test("a bounce pool that is not all RAM is rejected, with its address", () => {
  const swiotlb = { ...defaultLabConfig().swiotlb, basePhys: 0x10_abc0_0000 as PhysAddr };
  const { message, path } = assertThrows(
    () => buildLab({ ...defaultLabConfig(), swiotlb }),
    ConfigError,
  );
  assertEquals(path, ["swiotlb", "at"]);
  assertMatch(message, /^Cannot place 67108864 bytes of bounce buffers at 0x10_abc0_0000: /);
});

Deno.test("the frame of an interrupt controller gets a window unless a region has it (dma.md 4.7)", () => {
  const base = defaultLabConfig();
  const iommu = { ...base.iommu, model: "smmu", mode: "strict" } as const;
  const windows = (basePhys: number, sizeBytes: number) =>
    buildLab({
      ...base,
      iommu,
      pci: [],
      regions: [{ name: "mmio", basePhys: physAddr(basePhys), sizeBytes, type: "mmio" }],
    }).machine.config.windows.map(({ name, basePhys }) => [name, basePhys]);
  const made = [["iommu.msi_doorbell", 0x0808_0000]];
  assertEquals(windows(0x0800_0000, 64 * KIB), made);
  assertEquals(windows(0x0809_0000, 64 * KIB), made);
  assertEquals(windows(0x0808_0000, 64 * KIB), []);
});

Deno.test("an endpoint's configuration space says what its block says, a capability that it lacks 0", () => {
  const numbers = (settings: BlockSettings<"endpoint">) => {
    const lab = buildLab(config("off", [block("endpoint", "dev", settings)]));
    return Object.fromEntries(device(lab, "dev").function.numbers);
  };
  assertEquals(numbers({ vectors: 48 }), { pm: 1, express: 1, msi: 32, msix: 48 });
  const ids = { vendor: 1, device: 2, subvendor: 3, subdevice: 4, class: 5, revision: 6 };
  const found = numbers({ ...ids, capabilities: ["msi"], msi: 8 });
  assertEquals(found, { ...ids, pm: 0, express: 0, msi: 8, msix: 0 });
});

Deno.test("an endpoint's interrupt is an event of it, on the CPU that runs", () => {
  const lab = buildLab(config("off", [block("endpoint", "dev", { vectors: 3 })], { cpus: 2 }));
  const seen: unknown[] = [];
  lab.machine.events.listen(({ device, fields }) => seen.push([device, fields]), ["irq"]);
  lab.machine.cpu = 1;
  lab.device("dev", "endpoint").raise(2);
  assertEquals(seen, [["dev", { vector: 2, cpu: 1 }]]);
  assertEquals(lab.machine.events.context.device, null);
});

Deno.test("a table that the IOMMU's model has not is the configuration's fault", () => {
  const base = defaultLabConfig();
  const iommu = {
    ...base.iommu,
    model: "vtd_first_stage",
    mode: "strict",
    addressBits: 64,
  } as const;
  const pci = withDisk();
  assertThrows(() => buildLab({ ...base, iommu, pci }), ConfigError, "64 address bits: 57 at most");
});
