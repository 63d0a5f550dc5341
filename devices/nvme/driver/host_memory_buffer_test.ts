/** Host memory buffer: allocation, the feature, the controller's accesses, and the release. */
import { assertEquals } from "@std/assert";
import { KIB, MIB } from "@dmalab/runtime";
import { allocateHostMemoryBuffer } from "./host_memory_buffer.ts";
import { DriverRig, type DriverRigOptions, pages, vec } from "../_driver_rig.ts";

const NEEDS = {
  preferredBytes: 10 * MIB,
  minimumBytes: 0,
  smallestChunkBytes: 0,
  mostChunks: 0,
};

function chunksOf(rig: DriverRig): readonly number[] {
  return rig.driver.life.hostMemory?.chunks.map(({ sizeBytes }) => sizeBytes) ?? [];
}

/** The fields of each Set Features for the Host Memory Buffer. */
function grants(rig: DriverRig, work: () => void): readonly Record<string, number>[] {
  const found: Record<string, number>[] = [];
  const original = rig.machine.bus.readWords.bind(rig.machine.bus);
  rig.machine.bus.readWords = (dev, dma, into, point) => {
    const read = original(dev, dma, into, point);
    if (into.length === 16 && (into[0]! & 0xff) === 0x09 && into[10] === 0x0d) {
      const [flags, size, listLow, , count] = into.subarray(11);
      found.push({ flags: flags!, size: size!, listLow: listLow!, count: count! });
    }
    return read;
  };
  work();
  rig.machine.bus.readWords = original;
  return found;
}

Deno.test("memory that the controller refuses is freed (nvme.md 5.3)", () => {
  const rig = new DriverRig({ hostMemory: NEEDS });
  const { bus, pages } = rig.machine;
  const before = pages.takenBytes;
  const original = bus.readWords.bind(bus);
  bus.readWords = (dev, dma, into, point) => {
    const read = original(dev, dma, into, point);
    // Makes the controller see a list without pieces.
    if (into.length === 16 && into[10] === 0x0d) into[15] = 0;
    return read;
  };
  rig.driver.life.reset();
  // The pieces and the page of their list were freed.
  assertEquals([chunksOf(rig), before - pages.takenBytes], [[], 10 * MIB + 4 * KIB]);
});

Deno.test("the feature tells size, list and count; after a reset the same memory is returned", () => {
  const rig = new DriverRig({ hostMemory: NEEDS });
  const [grant, ...more] = grants(rig, () => rig.driver.life.reset());
  assertEquals(more, []);
  assertEquals(grant, {
    flags: 3,
    size: 2560,
    listLow: rig.driver.life.hostMemory!.listDma as number,
    count: 3,
  });
  const io = rig.finish(rig.disk.passthrough({
    opcode: 0x0a,
    admin: true,
    buffer: { segments: [vec(0x100_0000, 4096)] },
    dwords: { 10: 0x0d },
  }));
  assertEquals(io.requests[0]!.result, 1);
  assertEquals(rig.machine.memory.readU32(0x100_0000 as never), 2560);
  assertEquals(rig.machine.memory.readU32(0x100_000c as never), 3);
});

const MODES: readonly DriverRigOptions[] = [{}, { iommu: { mode: "strict" } }];

Deno.test("the controller looks blocks up there: a miss is entered, and found again after a reset", () => {
  for (const options of MODES) {
    const rig = new DriverRig({ hostMemory: NEEDS, ...options });
    const hits = (lba: number): boolean[] =>
      rig.record(() => rig.read(pages(1), lba), ["nvme.host_memory"]).map(({ fields }) =>
        (fields as { hit: boolean }).hit
      );
    const far = 10 * MIB / 8;
    assertEquals([hits(7), hits(7), hits(far - 1), hits(7 + far), hits(7)], [
      [false],
      [true],
      [false],
      [false], // the same slot
      [false],
    ]);
    rig.driver.life.reset();
    assertEquals([hits(7), hits(far - 1)], [[true], [true]]);
    assertEquals(rig.machine.iommu.faults, []);
  }
});

Deno.test("pulled: the memory is freed; nothing of the device is left for the checker", () => {
  for (const options of MODES) {
    const rig = new DriverRig({ hostMemory: NEEDS, ...options });
    const frees = rig.calls("dma_free_coherent");
    const reports = rig.record(() => {
      rig.controller.unplug();
      rig.driver.life.remove();
    }, ["dma.report"]);
    assertEquals([reports.length, rig.driver.life.hostMemory], [0, null]);
    // The rings of two queues, the pieces, and their list.
    const pieces = options.iommu === undefined ? 3 : 1;
    assertEquals(rig.calls("dma_free_coherent") - frees, 4 + pieces + 1);
  }
});

Deno.test("memory too small for the controller is freed to the last byte, whatever was tried (nvme.md 5.3)", () => {
  for (const minimumBytes of [9 * MIB, 8 * MIB + 4 * KIB]) {
    const rig = new DriverRig();
    const { pages } = rig.machine;
    const taken = pages.takenBytes;
    const needs = { ...NEEDS, mostChunks: 2, minimumBytes };
    const allocated = rig.calls("dma_alloc_coherent");
    const freed = rig.calls("dma_free_coherent");
    assertEquals(allocateHostMemoryBuffer(rig.machine, rig.dev, needs), null);
    const tried = rig.calls("dma_alloc_coherent") - allocated;
    assertEquals([tried > 2, rig.calls("dma_free_coherent") - freed], [true, tried]);
    assertEquals(pages.takenBytes, taken);
  }
  const enough = new DriverRig();
  const needs = { ...NEEDS, mostChunks: 2, minimumBytes: 8 * MIB };
  const memory = allocateHostMemoryBuffer(enough.machine, enough.dev, needs);
  assertEquals(memory?.chunks.map(({ sizeBytes }) => sizeBytes), [4 * MIB, 4 * MIB]);
});

/**
 * The sizes that the driver requests on a machine where every allocation of `refused` bytes or more
 * fails.
 */
function askedFor(needs: Partial<typeof NEEDS>, refused: number): readonly number[] {
  const { dev, machine } = new DriverRig();
  const original = machine.dma.dmaAllocCoherent.bind(machine.dma);
  const asked: number[] = [];
  machine.dma.dmaAllocCoherent = (ofDev, sizeBytes) => {
    asked.push(sizeBytes);
    return sizeBytes >= refused ? null : original(ofDev, sizeBytes);
  };
  allocateHostMemoryBuffer(machine, dev, { ...NEEDS, ...needs });
  return asked;
}

Deno.test("pieces are halved down to the smallest that the controller can use, that one included, and to 8 KiB (nvme.md 5.3)", () => {
  const preferredBytes = 64 * KIB;
  const sizes = (smallestChunkBytes: number) => askedFor({ preferredBytes, smallestChunkBytes }, 1);
  assertEquals(sizes(16 * KIB), [64 * KIB, 32 * KIB, 16 * KIB]);
  assertEquals(sizes(16 * KIB + 1), [64 * KIB, 32 * KIB]);
  for (const least of [0, 4 * KIB, 8 * KIB]) {
    assertEquals(sizes(least), [64 * KIB, 32 * KIB, 16 * KIB, 8 * KIB]);
  }
  // A size below the minimum is not even requested.
  assertEquals(askedFor({ preferredBytes: 4 * KIB }, 1), []);
  assertEquals(askedFor({ preferredBytes: 8 * MIB }, 1)[0], 4 * MIB);
});

Deno.test("at most 128 MiB are given, which may be the least that is needed; who needs more gets nothing (nvme.md 5.3)", () => {
  const { dev, machine } = new DriverRig();
  const all = { ...NEEDS, preferredBytes: 1024 * MIB, minimumBytes: 128 * MIB };
  const memory = allocateHostMemoryBuffer(machine, dev, all);
  assertEquals(memory?.sizeBytes, 128 * MIB);
  memory!.release();
  const tooMuch = { ...all, minimumBytes: 128 * MIB + 1 };
  assertEquals(allocateHostMemoryBuffer(machine, dev, tooMuch), null);
});

Deno.test("without a list the chunks are freed, and there is no buffer (nvme.md 5.3)", () => {
  for (const options of MODES) {
    const { dev, machine } = new DriverRig(options);
    const taken = machine.pages.takenBytes;
    const original = machine.dma.dmaAllocCoherent.bind(machine.dma);
    let [allocated, freed] = [0, 0];
    machine.dma.dmaAllocCoherent = (ofDev, sizeBytes) => {
      if (sizeBytes < 4096) return null;
      allocated++;
      return original(ofDev, sizeBytes);
    };
    const free = machine.dma.dmaFreeCoherent.bind(machine.dma);
    machine.dma.dmaFreeCoherent = (ofDev, memory) => {
      freed++;
      free(ofDev, memory);
    };
    assertEquals(allocateHostMemoryBuffer(machine, dev, NEEDS), null);
    assertEquals([freed, allocated > 0], [allocated, true]);
    assertEquals(machine.pages.takenBytes, taken);
  }
});

Deno.test("a controller that wants none, or more than there may be, asks the machine for nothing (nvme.md 5.3)", () => {
  const refused = [{ preferredBytes: 0 }, { minimumBytes: 128 * MIB + 1, preferredBytes: MIB }];
  for (const needs of refused) assertEquals(askedFor(needs, Infinity), []);
});

Deno.test("one piece is enough where it is all that is wanted; the list has 16 bytes for each (nvme.md 5.3)", () => {
  assertEquals(askedFor({ preferredBytes: 64 * KIB }, Infinity), [64 * KIB, 16]);
  const pieces = [4 * MIB, 4 * MIB, 2 * MIB];
  assertEquals(askedFor({}, Infinity), [...pieces, 48]);
  // The preferred size is halved once; 7 KiB would be too small.
  assertEquals(askedFor({ preferredBytes: 28 * KIB }, 1), [28 * KIB, 14 * KIB]);
});

Deno.test("behind an IOMMU it is pieces, too, when one range cannot be had (nvme.md 5.3)", () => {
  const { dev, machine } = new DriverRig({ iommu: { mode: "strict" } });
  const original = machine.dma.dmaAllocCoherent.bind(machine.dma);
  const asked: number[] = [];
  machine.dma.dmaAllocCoherent = (ofDev, sizeBytes) => {
    asked.push(sizeBytes);
    return sizeBytes > 4 * MIB ? null : original(ofDev, sizeBytes);
  };
  const memory = allocateHostMemoryBuffer(machine, dev, NEEDS)!;
  assertEquals(asked, [10 * MIB, 4 * MIB, 4 * MIB, 2 * MIB, 48]);
  assertEquals(memory.chunks.map(({ sizeBytes }) => sizeBytes), [4 * MIB, 4 * MIB, 2 * MIB]);
});
