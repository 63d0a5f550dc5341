import { assertEquals } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";

interface IommuRow {
  readonly iommu: string;
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
    missing: ["iommu.model = amd_v2: the guest has vtd, vtd_scalable, amd"],
  },
];

Deno.test("an IOMMU of a scenario becomes one of QEMU, and what that cannot be is named", () => {
  for (const { append, changes = [], device, iommu, missing = [] } of ROWS) {
    const text = `machine {
  iommu { ${iommu} }
  pci { root_port rp0 { nvme ssd { queues = 1, sgl = true } } }
}
test "one" { let pages = alloc_pages(1) }
`;
    const { program } = loadProgram(new SourceFile("a.dma", text), {
      load: () => new LoadError("not_found", "no files"),
    });
    const machine = qemuMachine(program!.tests[0]!.config, guestMemoryBytes(0, 0));
    const devices = machine.args.filter((_, at) => machine.args[at - 1] === "-device");
    assertEquals(devices.find((each) => each.includes("-iommu,")) ?? null, device, iommu);
    assertEquals(machine.append, append, iommu);
    assertEquals([...machine.changes], changes, iommu);
    assertEquals([...machine.missing], missing, iommu);
    // A disk on the root bus has an address there.
    const disk = devices.find((each) => each.startsWith("nvme,"))!;
    assertEquals(disk.includes("bus=pcie.0,addr="), device?.startsWith("amd") === true, disk);
  }
});
