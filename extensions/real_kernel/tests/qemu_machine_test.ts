import { assertEquals } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { QEMU_7_2, type QemuProgram, qemuProgram } from "../machine/qemu_program.ts";

interface IommuRow {
  readonly iommu: string;
  /** Default: 7.2. */
  readonly qemu?: QemuProgram;
  readonly device: string | null;
  /** Words of the kernel's command line. */
  readonly append: readonly string[];
  readonly changes?: readonly string[];
  readonly missing?: readonly string[];
}

const INTEL = "intel-iommu,intremap=on,aw-bits=48,caching-mode=off";
const STRICT = "iommu.passthrough=0 iommu.strict=1";
const LAZY = "iommu.passthrough=0 iommu.strict=0";
const PORT = "rp0 is left out: QEMU's AMD IOMMU is for the root bus alone";

const QEMU_11 = qemuProgram(
  "11.1.3",
  "  fsts=<bool> - on/off (default: off)\n  scalable-mode=<bool> - on/off (default: off)\n",
);
const changesOf = (version: string) => [
  `ssd.mdts = 2MiB: the controller of QEMU ${version} takes no larger one`,
  `ssd.metadata_sgl = true: the controller of QEMU ${version} reads SGLs for metadata`,
];

const ROWS: readonly IommuRow[] = [
  { iommu: "mode = off, model = amd", device: null, append: [] },
  { iommu: "mode = strict", device: INTEL, append: ["intel_iommu=on", STRICT] },
  {
    iommu: "mode = lazy, model = vtd_scalable",
    device: `${INTEL},x-scalable-mode=on`,
    append: ["intel_iommu=on,sm_on", LAZY],
  },
  {
    iommu: "mode = strict, model = amd",
    device: "amd-iommu,intremap=on",
    append: [STRICT],
    changes: ["iommu.caching_mode = true: QEMU's AMD IOMMU caches absent entries", PORT],
  },
  {
    iommu: "mode = lazy, model = amd, caching_mode = true",
    device: "amd-iommu,intremap=on",
    append: [LAZY],
    changes: [PORT],
  },
  {
    iommu: "mode = lazy, model = amd",
    device: "amd-iommu,intremap=on",
    append: [LAZY],
    changes: [PORT],
    missing: ["iommu.caching_mode = false: QEMU's AMD IOMMU caches absent entries, and is strict"],
  },
  {
    iommu: "mode = strict, model = amd_v2",
    device: null,
    append: [],
    missing: [
      "iommu.model = amd_v2: a guest for x86-64 has vtd, vtd_scalable, vtd_first_stage, amd, virtio",
    ],
  },
  {
    iommu: "mode = strict, model = smmu",
    device: null,
    append: [],
    missing: [
      "iommu.model = smmu: a guest for x86-64 has vtd, vtd_scalable, vtd_first_stage, amd, virtio",
    ],
  },
  {
    iommu: "mode = lazy, model = virtio",
    device: "virtio-iommu-pci,bus=pcie.0",
    append: [LAZY],
  },
  {
    iommu: "mode = strict, model = virtio, address_bits = 48",
    device: "virtio-iommu-pci,bus=pcie.0",
    append: [STRICT],
    missing: ["iommu.address_bits = 48: QEMU's virtio-iommu has 64"],
  },
  {
    iommu: "mode = lazy, model = vtd_scalable",
    qemu: QEMU_11,
    device: `${INTEL},scalable-mode=on`,
    append: ["intel_iommu=on,sm_on", LAZY],
    changes: changesOf("11.1.3"),
  },
  {
    iommu: "mode = lazy, model = vtd_first_stage",
    qemu: QEMU_11,
    device: `${INTEL},scalable-mode=on,fsts=on`,
    append: ["intel_iommu=on,sm_on", LAZY],
    changes: changesOf("11.1.3"),
  },
  {
    iommu: "mode = lazy, model = vtd_first_stage",
    qemu: qemuProgram("10.0.13", "  x-flts=<bool>  - on\n  x-scalable-mode=<bool> - on/off\n"),
    device: `${INTEL},x-scalable-mode=on,x-flts=on`,
    append: ["intel_iommu=on,sm_on", LAZY],
    changes: changesOf("10.0.13"),
  },
  {
    iommu: "mode = lazy, model = vtd_first_stage",
    device: null,
    append: [],
    missing: ["iommu.model = vtd_first_stage: the VT-d of QEMU 7.2 has no first-stage tables"],
  },
];

/** The machine of the first test of a scenario. */
function machineOf(text: string, qemu: QemuProgram = QEMU_7_2) {
  const { program } = loadProgram(new SourceFile("a.dma", text), {
    load: () => new LoadError("not_found", "no files"),
  });
  return qemuMachine(program!.tests[0]!.config, guestMemoryBytes(0, 0), undefined, qemu);
}

Deno.test("an IOMMU of a scenario becomes one of QEMU, and what that cannot be is named", () => {
  for (const { append, changes = [], device, iommu, missing = [], qemu } of ROWS) {
    const text = `machine {
  iommu { ${iommu} }
  pci { root_port rp0 { nvme ssd { queues = 1, sgl = true } } }
}
test "one" { let pages = alloc_pages(1) }
`;
    const machine = machineOf(text, qemu);
    const devices = machine.args.filter((_, at) => machine.args[at - 1] === "-device");
    assertEquals(devices.find((each) => /-iommu(?:-pci)?,/.test(each)) ?? null, device, iommu);
    assertEquals(machine.append, append, iommu);
    assertEquals([...machine.changes], changes, iommu);
    assertEquals([...machine.missing], missing, iommu);
    // AMD's IOMMU translates only devices on the root bus. Therefore the disk is placed there, with
    // an explicit address.
    const disk = devices.find((each) => each.startsWith("nvme,"))!;
    assertEquals(disk.includes("bus=pcie.0,addr="), device?.startsWith("amd") === true, disk);
  }
});

const ARM64 = qemuProgram("7.2.22", "", "arm64");

Deno.test("a machine for arm64 has an SMMUv3 in place of VT-d, which is the default", () => {
  const machineWith = (iommu: string, port = "") => {
    const { append, args, changes, config, missing } = machineOf(
      `machine {
  iommu { ${iommu} }
  pci { root_port rp0 { ${port}
    nvme ssd { queues = 1, sgl = true } } }
}
test "one" { let pages = alloc_pages(1) }
`,
      ARM64,
    );
    const { doorbellPhys, model } = config.iommu;
    return {
      machine: args.filter((_, at) => args[at - 1] === "-machine"),
      append: [...append],
      changes: [...changes],
      missing: [...missing],
      iommu: [`${model}`, Number(doorbellPhys)],
    };
  };
  const changed = "iommu.model = smmu: QEMU's machine for arm64 has no VT-d";
  const smmu = {
    machine: ["iommu=smmuv3"],
    append: ["trace_event=iommu:map", LAZY],
    changes: [changed],
    missing: [] as string[],
    iommu: ["smmu", 0x8020040],
  };
  assertEquals(machineWith("mode = lazy"), smmu);
  assertEquals(machineWith("mode = lazy, model = smmu"), { ...smmu, changes: [] });
  assertEquals(machineWith("mode = lazy, model = smmu, msi_doorbell = 0x8090040").changes, [
    "iommu.msi_doorbell = 0x8020040: it is QEMU's",
  ]);
  assertEquals(machineWith("mode = off"), { ...smmu, machine: [], append: [] });
  assertEquals(machineWith("mode = strict, caching_mode = true").missing, [
    "iommu.caching_mode = true: QEMU's SMMUv3 has no caching mode",
  ]);
  assertEquals(machineWith("mode = strict, model = virtio").missing, [
    "iommu.model = virtio: a guest for arm64 has smmu",
  ]);
  assertEquals(machineWith("mode = strict", "external = true").missing, [
    "rp0.external: only firmware of x86-64 tells the kernel of it",
  ]);
});

Deno.test("in a machine for riscv64 no IOMMU translates", () => {
  const machineWith = (keys: string) => {
    const { args, changes, missing } = machineOf(
      `machine {
  ${keys}
  pci { root_port rp0 { nvme ssd { queues = 1, sgl = true } } }
}
test "one" { let pages = alloc_pages(1) }
`,
      qemuProgram("7.2.22", "", "riscv64"),
    );
    const isTranslating = args.some((text) => text.includes("iommu"));
    return [isTranslating, [...changes], [...missing]];
  };
  assertEquals(machineWith("iommu { mode = off }"), [false, [], []]);
  assertEquals(machineWith("iommu { mode = off }\n  swiotlb { force = true }"), [false, [], []]);
  for (const mode of ["passthrough", "strict", "lazy"]) {
    assertEquals(machineWith(`iommu { mode = ${mode} }`), [false, [], [
      `iommu.mode = ${mode}: Debian's kernels for riscv64 map no memory by an IOMMU`,
    ]]);
  }
});

Deno.test("an external-facing port is one by a property of firmware, and brings memory above 4 GiB", () => {
  const withPort = (keys: string) => {
    const text = `machine {
  iommu { mode = lazy }
  pci { root_port rp0 { ${keys}
    nvme ssd { queues = 1, sgl = true } } }
}
test "one" { let pages = alloc_pages(1) }
`;
    return machineOf(text);
  };
  const plain = withPort("");
  assertEquals([plain.firmwareTable, plain.args.includes("3072M")], [null, false]);
  const external = withPort("external = true");
  assertEquals([...external.missing], []);
  assertEquals(external.args.includes("3072M"), true);
  assertEquals(
    external.args.filter((each) => each.startsWith("pcie-root-port")),
    ["pcie-root-port,id=port1,bus=pcie.0,addr=0x10,chassis=1,slot=1"],
  );
  // The table means: Scope (\\_SB.PCI0.S80) { Name (_DSD, Package { the UUID, Package { Package {
  // "ExternalFacingPort", One }, Package { "UID", Zero } } }) }. With this table, Linux 7.3.4 in
  // QEMU bounces partial pages of a disk below the port.
  assertEquals(
    external.firmwareTable!.toHex(),
    "1041055c2f035f53425f504349305338305f085f445344123a0211130a10cc06ccefac73c34bbff076143807c389" +
      "1223021217020d45787465726e616c466163696e67506f727400011208020d5549440000",
  );
});

Deno.test("a controller of QEMU 11 has a limit of 2 MiB, and a smaller one where the scenario has it", () => {
  const mdtsOf = (keys: string, qemu: QemuProgram) => {
    const text =
      `machine { pci { root_port rp0 { nvme ssd { sgl = true, metadata_sgl = true ${keys} } } } }
test "one" { let pages = alloc_pages(1) }
`;
    const { args, changes, disks } = machineOf(text, qemu);
    const [, exponent] = /,mdts=(\d+)/.exec(args.join(" "))!;
    return [Number(exponent), disks[0]!.settings.mdtsBytes, changes.length];
  };
  assertEquals(mdtsOf("", QEMU_7_2), [0, null, 1]);
  assertEquals(mdtsOf("", QEMU_11), [9, 2 ** 21, 1]);
  assertEquals(mdtsOf(", mdts = 8MiB", QEMU_11), [9, 2 ** 21, 1]);
  assertEquals(mdtsOf(", mdts = 128KiB", QEMU_11), [5, 2 ** 17, 0]);
});
