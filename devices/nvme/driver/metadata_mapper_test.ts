import { assert, assertEquals } from "@std/assert";
import {
  ArmedInjection,
  BIO_FLAG,
  type BioVec,
  BLK_STS,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  INJECTION,
  MIB,
  type PhysAddr,
} from "@dmalab/runtime";
import type { KernelProfile, QuirkName } from "@dmalab/runtime/kernels";
import {
  DriverRig,
  type DriverRigOptions,
  pages,
  scattered,
  usePeers,
  vec,
} from "../_driver_rig.ts";
import { IOD_FLAG } from "./request.ts";
import { PSDT } from "./protocol.ts";

const PLAIN: DriverRigOptions = { metadataBytes: 8 };
const BOTH: DriverRigOptions = { sgl: true, metadataBytes: 8, metadataSgl: true };
const META = 64 * MIB;

/** Reads descriptors at a device address that is equal to the physical one. */
function descriptors(
  rig: DriverRig,
  at: number,
  count: number,
): [type: number, address: number, bytes: number][] {
  const { memory } = rig.machine;
  return Array.from({ length: count }, (_, index) => {
    const phys = (at + index * 16) as PhysAddr;
    return [
      memory.readU32((phys + 12) as PhysAddr) >>> 24,
      memory.readU64(phys),
      memory.readU32((phys + 8) as PhysAddr),
    ];
  });
}

/** `count` pieces of metadata, each in a separate page. */
function pieces(count: number, sizeBytes: number): BioVec[] {
  return Array.from({ length: count }, (_, index) => vec(META + index * 0x2000 + 0x40, sizeBytes));
}

Deno.test("one piece of metadata is a plain pointer (nvme.md ch. 1-5, assertion 9)", () => {
  for (const options of [PLAIN, BOTH]) {
    const rig = new DriverRig(options);
    const calls = rig.watchCalls();
    const io = rig.finish(rig.disk.submit("write", { buffer: { segments: pages(1) } }));
    const { command } = io.requests[0]!;
    assertEquals(io.status, "OK");
    assertEquals(command!.bytes[1], PSDT.PRP);
    assertEquals(command!.prp2, 0 as DmaAddr);
    assert(command!.mptr > 0);
    assertEquals(calls, ["map_phys", "map_phys", "unmap_phys", "unmap_phys"]);
  }
});

Deno.test("metadata is mapped after the data and unmapped before it (nvme.md 2.6, 3)", () => {
  const rig = new DriverRig(PLAIN);
  const sizes = rig.record(() => rig.read(pages(1)), ["call.dma_map_phys", "call.dma_unmap_phys"])
    .map(({ name, fields }) => [name, (fields as { size: number }).size]);
  assertEquals(sizes, [
    ["call.dma_map_phys", 4096],
    ["call.dma_map_phys", 64],
    ["call.dma_unmap_phys", 64],
    ["call.dma_unmap_phys", 4096],
  ]);
});

Deno.test("a user command carries metadata in a descriptor (nvme.md ch. 1-5, assertion 8)", () => {
  const rig = new DriverRig({ ...BOTH, device: { coherent: false } });
  const { request, iod } = rig.request([vec(32 * MIB, 512)], {
    op: "write",
    flags: BIO_FLAG.USER,
    metadata: [vec(META, 8)],
  });
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
  assertEquals(iod.sqe[1], PSDT.SGL_AND_METADATA_SGL);
  assertEquals([iod.sglAddress, iod.sglLengthBytes], [32 * MIB as DmaAddr, 512]);
  assertEquals(descriptors(rig, iod.metaDma, 1), [[0x00, META, 8]]);
  rig.driver.complete(iod, request);
  assertEquals([rig.calls("dma_unmap_phys"), rig.calls("dma_pool_free")], [2, 1]);
});

Deno.test("more than one piece of metadata forces SGLs for the data (nvme.md 2.1)", () => {
  const rig = new DriverRig({ ...BOTH, device: { coherent: false } });
  const two = rig.request(pages(2), { metadata: pieces(2, 64) });
  rig.driver.prepare(two.iod, two.request);
  assertEquals(two.request.format, "sgl");
  const ended = rig.record(() => rig.driver.complete(two.iod, two.request), ["dma.unmap"]);
  const phys = [...pieces(2, 64), ...pages(2)].map((each) => each.phys);
  assertEquals(ended.map(({ fields }) => Reflect.get(fields, "phys")), phys);
  const one = rig.request(pages(2), { metadata: pieces(1, 128) });
  rig.driver.prepare(one.iod, one.request);
  assertEquals(one.request.format, "prp");
});

Deno.test("without metadata SGLs a user command has a plain pointer (nvme.md 3)", () => {
  const rig = new DriverRig({ sgl: true, metadataBytes: 8 });
  const { request, iod } = rig.request(pages(1), {
    flags: BIO_FLAG.USER,
    metadata: [vec(META, 64)],
  });
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
  assertEquals([iod.sqe[1], iod.metaDma], [PSDT.SGL, META as DmaAddr]);
  assertEquals(iod.flags, IOD_FLAG.SINGLE_SEGMENT | IOD_FLAG.SINGLE_META_SEGMENT);
});

Deno.test("metadata that cannot be mapped is final, and the data is undone (nvme.md 3, 7 case 12)", () => {
  const rig = new DriverRig(PLAIN);
  const { dma } = rig.machine;
  const original = dma.dmaMapPhys.bind(dma);
  let count = 0;
  dma.dmaMapPhys = (...args) => ++count === 2 ? DMA_MAPPING_ERROR : original(...args);
  const rq = rig.read(pages(1));
  assertEquals([rq.status, count], ["IOERR", 2]);
  assertEquals(rig.calls("dma_unmap_phys"), 1);
});

Deno.test("a later piece that cannot be mapped undoes those listed: RESOURCE (nvme.md 3)", () => {
  const rig = new DriverRig({ ...BOTH, device: { coherent: false } });
  const { request, iod } = rig.request(pages(1), { metadata: pieces(3, 64) });
  const { dma } = rig.machine;
  const original = dma.dmaMapPhys.bind(dma);
  let count = 0;
  dma.dmaMapPhys = (...args) => ++count === 4 ? DMA_MAPPING_ERROR : original(...args);
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.RESOURCE);
  assertEquals(rig.calls("dma_unmap_phys"), 3);
  assertEquals(rig.calls("dma_pool_free"), 1);
});

Deno.test("without memory for a list of metadata all is undone: RESOURCE (nvme.md 3)", () => {
  const rig = new DriverRig({ ...BOTH, device: { coherent: false } });
  const { request, iod } = rig.request([vec(32 * MIB, 512)], {
    flags: BIO_FLAG.USER,
    metadata: [vec(META, 8)],
  });
  rig.machine.armInjection(new ArmedInjection(INJECTION.dma_pool_alloc));
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.RESOURCE);
  assertEquals([rig.calls("dma_map_phys"), rig.calls("dma_unmap_phys")], [2, 2]);
});

const STRICT_BOTH: DriverRigOptions = { ...BOTH, iommu: { mode: "strict" } };

function withQuirks(options: DriverRigOptions, ...quirks: QuirkName[]): DriverRigOptions {
  return { ...options, machine: { quirks: new Set(quirks) } };
}

Deno.test("metadata_uses_data_gap: pieces inside pages are linked and refused (nvme.md 7, case 3)", () => {
  const outcome = (quirks: QuirkName[]): [status: number, calls: string[]] => {
    const rig = new DriverRig(withQuirks(STRICT_BOTH, ...quirks));
    const calls = rig.watchCalls();
    const { request, iod } = rig.request(pages(2), { metadata: pieces(2, 64) });
    const status = rig.driver.prepare(iod, request);
    return [status, calls.filter((call) => call.startsWith("iova") || call === "map_phys")];
  };
  const [defect, defectCalls] = outcome([
    "metadata_uses_data_gap",
    "partial_destroy_on_link_failure",
  ]);
  assertEquals(defect, BLK_STS.IOERR);
  assertEquals(defectCalls.slice(4), [
    "iova_try_alloc",
    "iova_link",
    "iova_link",
    "iova_destroy",
    "iova_destroy",
  ]);
  const [intended, intendedCalls] = outcome([]);
  assertEquals(intended, BLK_STS.OK);
  assertEquals(intendedCalls.slice(4), ["map_phys", "map_phys"]);
});

Deno.test("metadata_iova_from_format: the range is that of the format, not of the buffer (nvme.md 7, case 4)", () => {
  const run = (quirks: QuirkName[]): { reserved: number; length: number; left: number } => {
    const rig = new DriverRig(withQuirks(STRICT_BOTH, ...quirks));
    // Leaves single pages in the IOVA cache, so that the page above the reservation is free.
    rig.read(scattered([0, 512], [0, 512], [0, 512]));
    const { request, iod } = rig.request([vec(32 * MIB, 8192)], {
      flags: BIO_FLAG.USER,
      metadata: [vec(META, 8192)],
    });
    const reserved = rig.record(() => rig.driver.prepare(iod, request), ["iova.alloc"])
      .map(({ fields }) => (fields as { size_bytes: number }).size_bytes);
    const listPhys = iod.metaDescriptor!.phys;
    const length = rig.machine.memory.readU32((listPhys + 8) as PhysAddr);
    const second = iod.metaState.addr + 4096;
    rig.driver.complete(iod, request);
    return { reserved: reserved[1]!, length, left: rig.machine.iommu.lookup(rig.dev, second) };
  };
  const defect = run(["metadata_iova_from_format", "metadata_length_from_format"]);
  assertEquals(defect, { reserved: 4096, length: 128, left: META + 4096 });
  assertEquals(run([]), { reserved: 8192, length: 8192, left: -1 });
});

Deno.test("mptr_first_vector_only: touching vectors are mapped as far as the first (nvme.md 7, case 15)", () => {
  const mapped = (quirks: QuirkName[]): number[] => {
    const rig = new DriverRig(withQuirks(PLAIN, ...quirks));
    const { request, iod } = rig.request(pages(4), {
      metadata: [vec(META + 4096 - 128, 128), vec(META + 4096, 128)],
    });
    assertEquals(request.nrIntegritySegments, 1);
    return rig.record(() => {
      rig.driver.prepare(iod, request);
      rig.driver.complete(iod, request);
    }, ["call.dma_map_phys", "call.dma_unmap_phys"])
      .map(({ fields }) => (fields as { size: number }).size)
      .filter((size) => size !== 4096);
  };
  assertEquals(mapped(["mptr_first_vector_only"]), [128, 128]);
  assertEquals(mapped([]), [256, 256]);
});

Deno.test("6.1 makes its own metadata of pages, and maps the first of them (nvme.md 6.1)", () => {
  const mapped = (kernel: KernelProfile, quirks: QuirkName[]) => {
    const rig = new DriverRig({ metadataBytes: 8, machine: { kernel, quirks: new Set(quirks) } });
    const calls = rig.record(() => rig.read(pages(96)), ["call.dma_map_page"]);
    return (calls.at(-1)!.fields as { size: number }).size;
  };
  assertEquals(mapped("6.1.192", ["mptr_first_vector_only"]), 4096);
  assertEquals(mapped("6.1.192", []), 96 * 64);
  assertEquals(mapped("6.12.117", ["mptr_first_vector_only"]), 96 * 64);
});

Deno.test("metadata without a buffer of the caller costs memory, and belongs to the request", () => {
  const rig = new DriverRig(PLAIN);
  const events = rig.record(() => rig.read(pages(2)), ["mem.alloc", "mem.free"])
    .filter(({ fields }) => (fields as { what: string }).what === "metadata");
  assertEquals(events.map(({ name, request, fields }) => [name, request, fields]), [
    ["mem.alloc", 1, { what: "metadata", size_bytes: 128, from: "kmalloc" }],
    ["mem.free", 1, { what: "metadata", size_bytes: 128, from: "kmalloc" }],
  ]);
});

Deno.test("peer metadata takes the iterator: no descriptor for one piece, none needed by bus (nvme.md 3)", () => {
  for (const options of [PLAIN, BOTH]) {
    const rig = new DriverRig(options);
    usePeers(rig, "bus_addr");
    const { request, iod } = rig.request(pages(1), { metadata: [vec(0x9000_0000, 64)] });
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
    assertEquals([iod.metaDma, iod.metaTotalBytes], [0x8000_0000 as DmaAddr, 64]);
    assertEquals(iod.flags, IOD_FLAG.SINGLE_SEGMENT | IOD_FLAG.META_P2P);
    const calls = rig.watchCalls();
    rig.driver.complete(iod, request);
    assertEquals(calls, ["unmap_phys"]);
  }
});
