/**
 * Requests of an NVMe disk, repeated so that each allocation, mapping and access inside them fails
 * once. Without defects nothing may be lost. With a release's defects, exactly the losses that
 * rules/defects.md describes must happen.
 */
import { assert, assertEquals } from "@std/assert";
import {
  type BlockSettings,
  buildLab,
  defaultLabConfig,
  type Lab,
  type LabConfig,
} from "@dmalab/devices";
import {
  allocateBuffer,
  GIB,
  HostBuffer,
  type MachineConfig,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  type KernelProfile,
  KERNELS,
  type QuirkName,
  type QuirkSet,
} from "@dmalab/runtime/kernels";
import { type Sweep, sweep, type SweepResult } from "../fault_sweep.ts";

interface Environment {
  readonly name: string;
  readonly machine?: Partial<MachineConfig>;
  readonly ssd?: BlockSettings<"nvme">;
}

const DEFAULTS = defaultLabConfig();
const mode = (mode: "strict" | "lazy") => ({ iommu: { ...DEFAULTS.iommu, mode } });
const FORCED = { swiotlb: { ...DEFAULTS.swiotlb, force: true } };

export const DIRECT: Environment = { name: "direct" };
export const LOW_MASK: Environment = { name: "32-bit mask", ssd: { dmaMaskBits: 32 } };
export const STRICT: Environment = { name: "strict", machine: mode("strict") };
export const LAZY: Environment = { name: "lazy", machine: mode("lazy") };
const UNTRUSTED: Environment = {
  name: "untrusted",
  machine: mode("strict"),
  ssd: { untrusted: true },
};
const ENVIRONMENTS = [
  DIRECT,
  LOW_MASK,
  { name: "forced bounce", machine: FORCED },
  { name: "not coherent", ssd: { coherent: false } },
  STRICT,
  LAZY,
  UNTRUSTED,
];

const CONTROLLERS: Readonly<Record<string, BlockSettings<"nvme">>> = {
  PRPs: {},
  SGLs: { sgl: true },
  metadata: { metadataBytes: 8 },
  "SGLs for metadata": { sgl: true, metadataSgl: true, metadataBytes: 8 },
};

type Shape = (lab: Lab) => HostBuffer;

export function pages(count: number): Shape {
  return ({ machine }) => allocateBuffer(machine, { sizeBytes: count * 4096, pieces: count });
}

export function at(sizeBytes: number, ...addresses: readonly number[]): Shape {
  return ({ machine }) =>
    new HostBuffer(machine, addresses.map((phys) => ({ phys: phys as PhysAddr, sizeBytes })));
}

export const SHAPES: Readonly<Record<string, Shape>> = {
  "1 page": pages(1),
  "12 pages": pages(12),
  unaligned: ({ machine }) => allocateBuffer(machine, { sizeBytes: 20_480, offsetBytes: 512 }),
  gaps: at(1024, 0x4100_0000, 0x4100_3000, 0x4100_6000),
  "low, then high": at(4096, 0x4100_0000, 0x4100_4000, 0x1_2000_0000, 0x1_2000_8000),
};

/** The release that the short suite tests. */
export const WITNESS: KernelProfile = "7.2.6";

/**
 * The buffers that the short suite tests. Buffers with pieces that are all alike are tested only in
 * the long suite.
 */
export const WITNESS_SHAPES: readonly string[] = ["unaligned", "gaps", "low, then high"];

interface Case {
  readonly kernel: KernelProfile;
  readonly quirks: QuirkSet;
  readonly environment: Environment;
  readonly controller: BlockSettings<"nvme">;
  readonly shape: Shape;
  readonly op: "read" | "write";
}

function configOf({ controller, environment, kernel, quirks }: Case): LabConfig {
  return {
    ...DEFAULTS,
    ramSizeBytes: 8 * GIB,
    kernel,
    quirks,
    ...environment.machine,
    pci: [{
      kind: "root_port",
      name: "rp0",
      settings: {},
      children: [{
        kind: "nvme",
        name: "ssd",
        settings: { depth: 16, ...controller, ...environment.ssd },
        children: [],
      }],
    }],
  };
}

/** Runs a request to its end once for each failure; each result is the request's status. */
function sweepRequest(each: Case): Sweep<string> {
  const config = configOf(each);
  return sweep(() => {
    const lab = buildLab(config);
    const { machine } = lab;
    const { disk, media } = lab.device("ssd", "nvme");
    const buffer = each.shape(lab);
    if (each.op === "write") buffer.fill("random");
    return {
      machine,
      run() {
        const io = disk.submit(each.op, { lba: 8, buffer });
        while (machine.runNextActivity());
        assert(io.done, "the request hangs");
        if (io.status === "OK") {
          const stored = media!.data.bytes(8 * 512, buffer.sizeBytes);
          assertEquals(buffer.readAll(), stored, "the data was not stored");
        }
        return String(io.status);
      },
    };
  });
}

/**
 * The statuses allowed when one thing fails: after most failures the kernel tries again and
 * succeeds.
 */
function expectedStatus({ nth, point }: SweepResult<string>, { controller }: Case): string[] {
  switch (point) {
    case "dma_iova_sync":
      // The sync fails with -EIO, which is final; -ENOMEM would not be (block.md 2.3).
      return ["IOERR"];
    case "alloc_pages":
      // submit() allocates the metadata's memory, and its caller gets the error (block.md).
      return controller.metadataBytes !== undefined && nth === 1
        ? ["RESOURCE"]
        : ["OK", "RESOURCE"];
    case "dma_map_phys":
    case "dma_map_page":
    case "iova.alloc":
    case "swiotlb.alloc":
    case "page_table.alloc":
      // A metadata pointer that cannot be mapped is a final error (nvme.md 7, case 12).
      return controller.metadataBytes === undefined ? ["OK"] : ["OK", "IOERR"];
    default:
      return ["OK"];
  }
}

function nameOf(each: Case): string {
  const { environment, kernel, op } = each;
  const controller = Object.keys(CONTROLLERS).find((name) => CONTROLLERS[name] === each.controller);
  const shape = Object.keys(SHAPES).find((name) => SHAPES[name] === each.shape);
  return `${kernel}, ${environment.name}, ${controller}, ${op} of ${shape}`;
}

const NO_QUIRKS: QuirkSet = new Set();

/**
 * Tests that a request loses nothing on every kind of machine, whatever fails inside the request.
 *
 * @param shapes Names of the buffer shapes to test.
 */
export function testWithoutDefects(
  kernel: KernelProfile,
  shapes: readonly string[] = Object.keys(SHAPES),
): void {
  Deno.test(`${kernel} without defects loses nothing, whatever fails inside a request`, () => {
    let places = 0;
    for (const environment of ENVIRONMENTS) {
      for (const controller of Object.values(CONTROLLERS)) {
        for (const [index, [name, shape]] of Object.entries(SHAPES).entries()) {
          if (!shapes.includes(name)) continue;
          const op = index % 2 === 0 ? "read" : "write";
          const each: Case = { kernel, quirks: NO_QUIRKS, environment, controller, shape, op };
          const { clean, faults } = sweepRequest(each);
          assertEquals([clean.outcome, clean.leaks], ["OK", []], nameOf(each));
          for (const result of faults) {
            const where = `${nameOf(each)}: ${result.point} ${result.nth}`;
            assertEquals(result.leaks.map(({ text }) => text), [], where);
            assert(
              expectedStatus(result, each).includes(result.outcome),
              `${where}: ${result.outcome}`,
            );
          }
          places += faults.length;
        }
      }
    }
    assert(places > 100 * shapes.length, `only ${places} places`);
  });
}

/**
 * The objects that a request of 7.2 leaves behind with one defect, as one text for each failure:
 * `point nth: kind amount …`.
 */
export function leaksWith(quirks: QuirkSet, each: Omit<Case, "kernel" | "quirks">): string[] {
  const { clean, faults } = sweepRequest({ ...each, kernel: "7.2.12", quirks });
  assertEquals(clean.leaks, []);
  return faults.filter(({ leaks }) => leaks.length > 0).map(({ leaks, nth, point }) =>
    `${point} ${nth}: ${leaks.map(({ amount, kind }) => `${kind} ${amount}`).join(", ")}`
  );
}

const LEAKING: readonly QuirkName[] = [
  "partial_destroy_on_link_failure",
  "partial_destroy_on_list_failure",
  "bounce_slot_lost_on_array_failure",
];

/** Tests that a release loses only the objects that its own leaking defects lose. */
export function testOwnDefects(kernel: KernelProfile): void {
  Deno.test(`${kernel} loses what its own three leaking defects lose, and nothing else`, () => {
    const own = KERNELS[kernel].quirks;
    for (const quirk of LEAKING) assert(own.has(quirk), quirk);
    const seen = new Set<string>();
    for (const environment of [LOW_MASK, STRICT, LAZY, UNTRUSTED]) {
      for (const controller of [{}, { sgl: true }]) {
        for (const name of ["12 pages", "unaligned", "low, then high"]) {
          const each = { environment, controller, shape: SHAPES[name]!, op: "read" as const };
          const alone = new Map(
            LEAKING.map((quirk) => [quirk, leaksWith(new Set([quirk]), each)] as const),
          );
          for (const [quirk, leaks] of alone) if (leaks.length > 0) seen.add(quirk);
          const { faults } = sweepRequest({ ...each, kernel, quirks: own });
          const together = faults.filter(({ leaks }) => leaks.length > 0)
            .map(({ nth, point }) => `${point} ${nth}`);
          const expected = [...alone.values()].flat().map((leak) => leak.split(":")[0]!);
          assertEquals(together.toSorted(), expected.toSorted(), `${environment.name}, ${name}`);
        }
      }
    }
    assertEquals([...seen].toSorted(), LEAKING.toSorted());
  });
}
