/**
 * In every interface, a release stands for the same machine. Every release is on the page that
 * lists the releases.
 */
import { assert, assertEquals } from "@std/assert";
import { buildLab, defaultLabConfig, type LabConfig } from "@dmalab/devices";
import { loadProgram, SourceFile } from "dmalab";
import { HostBuffer, type PhysAddr } from "@dmalab/runtime";
import { KERNEL_NAMES, type KernelProfile, KERNELS, quirksOf } from "@dmalab/runtime/kernels";

/** The configuration of the machine that the script below describes. */
function libraryConfig(): LabConfig {
  const defaults = defaultLabConfig();
  const settings = { sgl: true, mdtsBytes: 128 * 1024 };
  const disk = { kind: "nvme", name: "ssd", settings, children: [] } as const;
  return {
    ...defaults,
    iommu: { ...defaults.iommu, mode: "strict" },
    pci: [{ kind: "root_port", name: "rp0", settings: {}, children: [disk] }],
  };
}

function scriptConfig(firstLine: string): LabConfig {
  const text = `machine {
    ${firstLine}
    iommu { mode = strict }
    pci { root_port rp0 { nvme ssd { sgl = true, mdts = 128KiB } } }
  }`;
  const { program } = loadProgram(new SourceFile("lab.dma", text), {
    load: () => {
      throw new Error("It uses no file");
    },
  });
  assert(program !== null);
  return program.machine.config;
}

/**
 * Reads 32 scattered pages after a piece that begins inside a page. The pages are split off from
 * that piece. This read shows a defect of 7.2.
 */
function readOn(config: LabConfig) {
  const lab = buildLab(config);
  const { machine } = lab;
  const events: string[] = [];
  machine.events.listen(({ name, fields }) => events.push(`${name} ${JSON.stringify(fields)}`));
  const pages = Array.from({ length: 32 }, (_, page) => ({
    phys: 0x100_0000 + page * 0x2000 as PhysAddr,
    sizeBytes: 4096,
  }));
  const buffer = new HostBuffer(machine, [
    ...pages,
    { phys: 0x200_0200 as PhysAddr, sizeBytes: 512 },
  ]);
  const io = lab.device("ssd", "nvme").disk.submit("read", { lba: 0, buffer });
  while (machine.runNextActivity());
  const count = (name: string) => events.filter((event) => event.startsWith(`${name} `)).length;
  return {
    events,
    seen: [io.status, quirksOf(machine.kernel).size, count("iova.alloc"), events.length],
  };
}

Deno.test("a script's 7.2 and the library's default machine are one: the same 14 defects and the same events", () => {
  const script = readOn(scriptConfig('kernel = "7.2.12"'));
  const library = readOn(libraryConfig());
  assertEquals(library.seen, ["OK", 14, 34, 665]);
  assertEquals(library.events, script.events);
  assertEquals(readOn(scriptConfig("cpus = 1")).events, library.events);

  const intended = readOn({ ...libraryConfig(), quirks: new Set() });
  assertEquals(intended.seen, ["OK", 0, 2, 248]);
  assertEquals(readOn(scriptConfig("quirks = [none]")).events, intended.events);
});

Deno.test("a configuration that names only a release has that release's defects", () => {
  const sizes = (kernel: KernelProfile) => [
    readOn({ ...libraryConfig(), kernel }).seen[1],
    readOn(scriptConfig(`kernel = "${kernel}"`)).seen[1],
    KERNELS[kernel].quirks.size,
  ];
  for (const name of KERNEL_NAMES) assertEquals(new Set(sizes(name)).size, 1, name);
  assertEquals([sizes("6.12.117")[0], sizes("7.2.12")[0], sizes("7.2.6")[0]], [1, 14, 13]);
});
