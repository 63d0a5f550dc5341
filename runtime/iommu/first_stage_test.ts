/** Tables in the format of the x86 CPU: VT-d's first stage, AMD's v2 (rules/dma.md 1.3, 1.6, 4.2, 5.1, 5.2). */
import { assertEquals } from "@std/assert";
import { type DmaAddr, hexAddress, type PhysAddr } from "../address.ts";
import { DMA_BIDIRECTIONAL } from "../dma/attributes.ts";
import { testBench } from "../dma/testing.ts";
import { ERRNO } from "../errno.ts";
import { type IommuModel, makePageTable } from "./iommu_models.ts";
import { PTE_READ } from "./page_table.ts";

const RAM = 0x1000_0000 as PhysAddr;
const TOP = 2 ** 47;
const bytes = () => new Uint8Array(8);

function bench(model: IommuModel, more: Parameters<typeof testBench>[0] = {}) {
  return testBench({ ...more, iommu: { mode: "strict", model, ...more?.iommu } });
}

Deno.test("caching mode is second stage's: with first stage lazy stays lazy, and no map is flushed (dma.md 1.3, 5.2)", () => {
  const seen = (model: IommuModel) => {
    const { dev, machine, names } = testBench({
      iommu: { mode: "lazy", model, cachingMode: true },
    });
    machine.dma.dmaMapPhys(dev, RAM, 4096, DMA_BIDIRECTIONAL);
    return [dev.domain!.lazy, names("iotlb.sync").length];
  };
  assertEquals(seen("vtd"), [false, 1]);
  assertEquals(seen("vtd_scalable"), [false, 1]);
  assertEquals(seen("vtd_first_stage"), [true, 0]);
});

Deno.test("the aperture of first-stage tables ends at 2^47, and at 2^56 with five levels (dma.md 4.2)", () => {
  const first = (model: IommuModel, addressBits: number) => {
    const { dev, machine } = bench(model, { iommu: { addressBits, forcedac: true } });
    return [
      hexAddress(dev.domain!.table.lastAddress),
      hexAddress(machine.dma.dmaMapPhys(dev, RAM, 4096, DMA_BIDIRECTIONAL)),
    ];
  };
  const four = ["0x7fff_ffff_ffff", "0x7fff_ffff_f000"];
  assertEquals(first("vtd_first_stage", 48), four);
  assertEquals(first("amd_v2", 48), four);
  assertEquals(first("vtd_first_stage", 47), four);
  const five = ["0xff_ffff_ffff_ffff", "0xff_ffff_ffff_f000"];
  assertEquals(first("vtd_first_stage", 57), five);
  assertEquals(first("amd_v2", 57), five);
});

Deno.test("leaving the addresses below 4 GiB is reported with 47 bits (dma.md 4.2)", () => {
  const { dev, fields, machine } = bench("vtd_first_stage", {
    iommu: { reserved: [{ start: 0, end: 2 ** 32 }] },
  });
  machine.dma.dmaMapPhys(dev, RAM, 4096, DMA_BIDIRECTIONAL);
  assertEquals(fields("kernel.warn").map(({ log }) => log), ["Using 47-bit DMA addresses"]);
});

Deno.test("a map across 2^47 succeeds, and beyond it nothing is found (dma.md 5.1)", () => {
  const table = makePageTable({
    model: "vtd_first_stage",
    granuleBytes: 4096,
    pageSizesBytes: [4096],
    addressBits: 48,
  });
  assertEquals(table.map(TOP - 4096, RAM, 8192, PTE_READ), 0);
  assertEquals([table.walk(TOP - 4096), table.walk(TOP)], [true, false]);
  assertEquals(table.unmap(TOP - 4096, 8192), 8192);
  assertEquals(table.map(TOP, RAM, 4096, PTE_READ), -ERRNO.ERANGE);
  assertEquals(table.map(TOP - 4096, RAM, TOP + 8192, PTE_READ), -ERRNO.ERANGE);
});

Deno.test("a large range is flushed as one aligned block, not as the whole domain (dma.md 5.2)", () => {
  const flushed = (model: IommuModel) => {
    const { dev, fields, machine } = bench(model, { machine: { ramSizeBytes: 2 ** 34 } });
    const size = 3 * 2 ** 30;
    const dma = machine.dma.dmaMapPhys(dev, 2 ** 33 as PhysAddr, size, DMA_BIDIRECTIONAL);
    machine.dma.dmaUnmapPhys(dev, dma, size, DMA_BIDIRECTIONAL);
    return fields("iotlb.sync").map(({ hw_size_bytes }) => hw_size_bytes);
  };
  assertEquals(flushed("vtd"), [2 ** 48]);
  assertEquals(flushed("vtd_first_stage"), [2 ** 32]);
});

Deno.test("between the halves of 64 bits an address is not canonical; in the upper one nothing is there (dma.md 1.6)", () => {
  const reason = (model: IommuModel, addressBits: number, dma: number) => {
    const { dev, machine } = bench(model, { iommu: { addressBits } });
    if (dma < 2 ** 53) machine.bus.read(dev, dma, bytes(), 0, 8);
    else machine.bus.faultWide(dev, "read", Math.floor(dma / 2 ** 32));
    return machine.iommu.faults[0]!.reason;
  };
  const upper = 2 ** 64 - TOP;
  const places = [0x1234_5000, TOP - 4096, TOP, 2 ** 63, upper - 2 ** 32, upper, -1 as DmaAddr];
  const seen = (model: IommuModel, bits = 48) => places.map((dma) => reason(model, bits, dma));
  const [absent, wide] = ["not_present", "address_width"];
  assertEquals(seen("vtd_first_stage"), [absent, absent, wide, wide, wide, absent, absent]);
  assertEquals(seen("vtd"), [absent, absent, absent, wide, wide, wide, wide]);
  assertEquals(seen("amd", 64), places.map(() => absent), "no address is too wide");
});
