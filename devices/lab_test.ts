import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { dmaAddr, GIB, type IommuMode, KIB, MIB, type PhysAddr, physAddr } from "@dmalab/runtime";
import { allocateBuffer, type BufferRequest, type HostBuffer } from "@dmalab/runtime/memory";
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

Deno.test("the same configuration gives the same events, one by one", () => {
  const traces = [1, 2].map(() => {
    const lab = buildLab(config("lazy", withDisk({ sgl: true })));
    const lines: string[] = [];
    lab.machine.events.listen((event) => lines.push(JSON.stringify(event)));
    const into = buffer(lab, { sizeBytes: 64 * KIB, offsetBytes: 0, pieces: 16 });
    for (let lba = 0; lba < 10; lba++) {
      lab.device("ssd", "nvme").disk.submit("read", { lba, buffer: into });
    }
    run(lab);
    lab.machine.advance(20_000_000);
    return lines;
  });
  assert(traces[0]!.length > 500);
  assertEquals(traces[0], traces[1]);
});

Deno.test("settings reach controller, medium, driver and DMA layer", () => {
  const lab = buildLab(config("off", [
    block("root_port", "out", { external: true }, [
      block("nvme", "a", {
        queues: 3,
        depth: 32,
        mdtsBytes: 64 * KIB,
        sgl: true,
        metadataBytes: 8,
        metadataSgl: true,
        blockSizeBytes: 4096,
        capacityBytes: GIB,
        dmaMaskBits: 40,
        busLimitBits: 36,
        coherent: false,
        untrusted: false,
      }),
    ]),
    block("root_port", "dock", { external: true }, [
      block("endpoint", "b", { segmentBoundaryBytes: 64 * KIB, maxSegmentSizeBytes: 4096 }),
    ]),
  ], { cpus: 4 }));
  const a = lab.device("a", "nvme");
  assertEquals(a.disk.queueCount, 3);
  assertEquals(a.disk.limits.maxHwSectors, 128);
  assertEquals(a.disk.limits.virtBoundaryMask, 0);
  assertEquals(a.media.blockCount, GIB / 4096);
  assertEquals([a.media.blockSizeBytes, a.media.metadataBytes], [4096, 8]);
  assertEquals([a.dma.maskBits, a.dma.busLimitBits, a.dma.coherent], [40, 36, false]);
  assertEquals([a.dma.minAlignMask, a.dma.maxSegmentSizeBytes], [4095, 2 ** 32 - 1]);
  assertEquals(a.dma.untrusted, false);
  const b = device(lab, "b");
  assertEquals(b.kind, "endpoint");
  assertThrows(() => lab.device("b", "nvme"), RangeError, 'No nvme is called "b"');
  assertEquals([b.dma.segmentBoundaryMask, b.dma.maxSegmentSizeBytes], [0xffff, 4096]);
  assertEquals([b.dma.minAlignMask, b.dma.untrusted], [0, true]);
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

Deno.test("one controller reads into the memory of another below the same switch (p2p.md 9.2)", () => {
  for (const mode of MODES) {
    const lab = buildLab(config(mode, [
      block("root_port", "rp0", {}, [
        block("switch", "sw0", {}, [
          block("nvme", "ssd"),
          block("nvme", "cmb", { p2pmemBytes: 2 * MIB }),
        ]),
      ]),
    ]));
    const target = lab.topology.peerMemory(device(lab, "cmb").function)!.alloc(4096)!;
    const { disk, media } = lab.device("ssd", "nvme");
    const io = disk.submit("read", {
      lba: 8,
      buffer: { segments: [{ phys: target, sizeBytes: 4096 }] },
    });
    run(lab);
    assertEquals(io.status, "OK", mode);
    const found = new Uint8Array(4096);
    lab.machine.memory.read(target, found, 0, 4096);
    assertEquals(found, media.data.bytes(4096, 4096));
  }
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
    block("host_bridge", "h0", { busOffset: -0x1000_0000 }, [
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
  assertEquals(io.status, "OK");
  assertEquals(io.requests[0]!.command!.prp1, phys - 0x1000_0000);
  // Devices see the window there, so no IOVA may lie in it (dma.md 4.6).
  assertEquals(lab.machine.config.windows.map(({ busOffset }) => busOffset), [-0x1000_0000]);
});

Deno.test("machines that cannot be are refused at the block or key to blame", () => {
  const gpu = (settings: BlockSettings) => [
    block("root_port", "rp0", {}, [block("endpoint", "gpu", settings)]),
  ];
  const cases: [pci: PciNodeConfig[], path: string][] = [
    [[...withDisk(), block("endpoint", "ssd")], "ssd"],
    [withDisk({ mdtsBytes: 4 * KIB }), "rp0.ssd.mdts"],
    [withDisk({ mdtsBytes: 24 * KIB }), "rp0.ssd.mdts"],
    [withDisk({ queues: 0 }), "rp0.ssd.queues"],
    [withDisk({ depth: 1 }), "rp0.ssd.depth"],
    [withDisk({ blockSizeBytes: 1000 }), "rp0.ssd.block_size"],
    [withDisk({ dmaMaskBits: 65 }), "rp0.ssd.dma_mask_bits"],
    [withDisk({ p2pmemBytes: 5000 }), "rp0.ssd.p2pmem"],
    [withDisk({ barBytes: MIB }), "rp0.ssd.bar"],
    [withDisk({ dmaMaskBits: 12 }), "rp0.ssd"],
    [gpu({ barBytes: 12 * MIB }), "rp0.gpu.bar"],
    [gpu({ barBytes: MIB, p2pmemBytes: 2 * MIB }), "rp0.gpu.p2pmem"],
    [gpu({ queues: 2 }), "rp0.gpu.queues"],
    [gpu({ minAlignBytes: 3 }), "rp0.gpu.min_align"],
    [[block("host_bridge", "h", { busOffset: -GIB * 4 }, gpu({ barBytes: MIB }))], "h.bus_offset"],
  ];
  for (const [pci, path] of cases) {
    const error = assertThrows(() => buildLab(config("off", pci)), ConfigError);
    assertEquals(error.path.join("."), path, error.message);
  }
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
  const [message, hint] = refusal(
    block("host_bridge", "h", { busOffset: -GIB * 4 }, [gpu({ barBytes: MIB })]),
  );
  assertMatch(message!, /^The BAR of "gpu" would lie at bus address -\d+$/);
  assertEquals(hint, "choose an offset that keeps bus addresses from 0 to 2^53");
});

Deno.test("memory that overlaps is refused as a configuration, not as a crash", () => {
  const region = (name: string, at: number) => ({
    name,
    basePhys: physAddr(at),
    sizeBytes: MIB,
    type: "mmio" as const,
  });
  const regions = [region("a", GIB), region("b", GIB + 4096)];
  assertThrows(() => buildLab(config("off", [], { regions })), ConfigError, "overlaps");
  assertThrows(() => buildLab(config("off", withDisk(), { regions })), ConfigError, "overlaps");
});

/** A read of 128 KiB whose command waits in the queue, and the place of its PRP list in memory. */
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
  assertMatch(message, /^Cannot place 67108864 bytes of bounce buffers at 0x10abc00000: /);
});

Deno.test("a bad key of the machine is rejected, wherever the configuration comes from", () => {
  const base = defaultLabConfig();
  const cases: readonly (readonly [Partial<LabConfig>, path: string, message: string])[] = [
    [{ cpus: 0 }, "cpus", "cpus of the machine cannot be 0 (anything from 1 to 64)"],
    [{ cpus: 1.5 }, "cpus", "cpus of the machine cannot be 1.5 (anything from 1 to 64)"],
    [
      { iommu: { ...base.iommu, granuleBytes: 5000 } },
      "iommu.granule",
      "granule of iommu cannot be 5000 (a power of two)",
    ],
    [
      { iommu: { ...base.iommu, mode: "lax" as IommuMode } },
      "iommu.mode",
      "mode of iommu cannot be lax (one of off, passthrough, strict, lazy)",
    ],
    [
      { swiotlb: { ...base.swiotlb, sizeBytes: 1000 } },
      "swiotlb.size",
      "size of swiotlb cannot be 1000 (a multiple of 2048)",
    ],
    [
      { ramSizeBytes: MIB },
      "ram.size",
      "size of ram cannot be 1048576 (anything from 16777216 to 70368744177664)",
    ],
    [
      { cpu: { vendor: "amd", family: -1 } },
      "cpu_family",
      "cpu_family of the machine cannot be -1 (anything from 0 to 4095)",
    ],
  ];
  for (const [change, path, message] of cases) {
    const error = assertThrows(() => buildLab({ ...base, ...change }), ConfigError);
    assertEquals(
      [error.path.join("."), `${error.message} (${error.hint})`],
      [path, message],
    );
  }
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
