/** The MSI doorbell page of Arm, and memory reserved by firmware, in machines with devices. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  ArmedInjection,
  type DmaAddr,
  errnoName,
  INJECTION,
  type IommuConfig,
  type PhysAddr,
  ResourceTracker,
} from "@dmalab/runtime";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE, hexAddress } from "@dmalab/runtime/dma";
import { ConfigError } from "./config_error.ts";
import { buildLab, type Lab } from "./lab.ts";
import { labConfig, type PciLiteral } from "./lab_literal.ts";
import type { BlockSettings } from "./registry.ts";

const PAGE = 4096;

function lab(iommu: Partial<IommuConfig>, children: readonly PciLiteral[]): Lab {
  const below = (child: PciLiteral, index: number): PciLiteral => ({
    kind: "root_port",
    name: `rp${index}`,
    children: [child],
  });
  const built = buildLab(labConfig({
    iommu: { mode: "strict", model: "smmu", ...iommu },
    pci: children.map(below),
  }));
  built.machine.startAudit({ driversAreRight: true });
  return built;
}

const NIC: PciLiteral = { kind: "endpoint", name: "nic" };
const SSD: PciLiteral = { kind: "nvme", name: "ssd" };
const endpoint = (settings: BlockSettings<"endpoint">): PciLiteral => ({ ...NIC, settings });

/** The mappings in a device's page table, the highest addresses first. */
function leaves(lab: Lab, name: string): string[] {
  const { domain } = lab.devices.get(name)!.dma;
  const found: string[] = [];
  domain?.table.forEachLeaf(0, domain.table.lastAddress, (iova, phys, sizeBytes) => {
    found.unshift(`${hexAddress(iova)} → ${hexAddress(phys)}, ${sizeBytes / 1024} KiB`);
  });
  return found;
}

function map(lab: Lab, name: string, phys: number, sizeBytes = PAGE): DmaAddr {
  const { dma } = lab.devices.get(name)!;
  return lab.machine.dma.dmaMapPhys(dma, phys as PhysAddr, sizeBytes, DMA_TO_DEVICE);
}

function messageOf(lab: Lab, name: string): string {
  const address = lab.machine.iommu.groups.messageAddress(lab.devices.get(name)!.dma);
  return address < 0 ? errnoName(-address) : hexAddress(address);
}

Deno.test("SMMU: the doorbell's page is the first thing in a fresh domain, the admin queue lies below (dma.md 4.7, assertion 1)", () => {
  const bench = lab({}, [SSD]);
  assertEquals(leaves(bench, "ssd").slice(0, 2), [
    "0xffff_f000 → 0x808_0000, 4 KiB",
    `0xffff_e000 → ${leaves(bench, "ssd")[1]!.split(" ")[2]} 4 KiB`,
  ]);
  assertEquals(messageOf(bench, "ssd"), "0xffff_f040");
  const intel = lab({ model: "vtd" }, [SSD]);
  assertEquals(leaves(intel, "ssd").some((leaf) => leaf.includes("0x808_0000")), false);
  assertEquals(leaves(intel, "ssd")[0]!.split(" ")[0], "0xffff_f000", "the admin queue");
});

Deno.test("a granule of 64 KiB: one granule around the doorbell (dma.md 4.7, assertion 2)", () => {
  const bench = lab({ granuleBytes: 65536, pageSizesBytes: [65536] }, [NIC]);
  assertEquals(messageOf(bench, "nic"), "0xffff_0040");
  assertEquals(leaves(bench, "nic"), ["0xffff_0000 → 0x808_0000, 64 KiB"]);
});

Deno.test("one page for a doorbell, however often vectors are allocated, for every member (dma.md 4.7, assertion 3)", () => {
  const bench = buildLab(labConfig({
    iommu: { mode: "strict", model: "smmu" },
    pci: [{
      kind: "root_port",
      name: "rp",
      children: [{ kind: "bridge", name: "br", children: [NIC, { ...NIC, name: "gpu" }] }],
    }],
  }));
  assertEquals(["nic", "gpu", "nic"].map((name) => messageOf(bench, name)), [
    "0xffff_f040",
    "0xffff_f040",
    "0xffff_f040",
  ]);
  assertEquals(leaves(bench, "gpu").length, 1);
  assertEquals(hexAddress(map(bench, "gpu", 0x1000_0000)), "0xffff_e000");
});

Deno.test("passthrough and no IOMMU: no page, and the message goes to the doorbell itself (dma.md 4.7, assertion 4)", () => {
  for (const mode of ["passthrough", "off"] as const) {
    const bench = lab({ mode }, [SSD]);
    assertEquals(messageOf(bench, "ssd"), "0x808_0040");
    assertEquals(bench.machine.iommu.domains.length, 0);
  }
  const elsewhere = lab({ mode: "off", doorbellPhys: 0x5000_1040 as PhysAddr }, [NIC]);
  assertEquals(messageOf(elsewhere, "nic"), "0x5000_1040");
  assertEquals(elsewhere.machine.memory.kindAt(0x5000_1040), "mmio");
});

Deno.test("the page is a map like any other: events, a fault, and what the device may write there (dma.md 4.7)", () => {
  const bench = lab({}, [NIC]);
  const { machine } = bench;
  const fault = new ArmedInjection(INJECTION["iova.alloc"], 1, 1);
  machine.armInjection(fault);
  assertEquals(messageOf(bench, "nic"), "ENOMEM");
  machine.disarmFault(fault);
  const seen: string[] = [];
  machine.events.listen(({ name }) => seen.push(name));
  const address = machine.iommu.groups.messageAddress(bench.devices.get("nic")!.dma);
  assertEquals(seen, ["iova.alloc", "iommu.map", "iommu.sync_map"]);
  seen.length = 0;
  const { dma } = bench.devices.get("nic")!;
  assertEquals(machine.bus.write(dma, address as DmaAddr, new Uint8Array(4), 0, 4), true);
  assertEquals(seen.includes("dma.report"), false, "an interrupt is no access outside a buffer");
});

const FIRMWARE = { start: 0x7b80_0000, end: 0x7c00_0000 };

Deno.test("firmware's memory is mapped one to one in large pages, and never allocated (dma.md 9.11, assertion 8)", () => {
  for (const model of ["vtd", "amd", "smmu"] as const) {
    const bench = lab({ model, reserved: [] }, [endpoint({ directRegions: [FIRMWARE] })]);
    const { machine } = bench;
    const { dma, dma: { domain } } = bench.devices.get("nic")!;
    assertEquals([domain!.table.walk(0x7bff_ffff), domain!.table.walkPhys], [true, 0x7bff_ffff]);
    assertEquals(domain!.table.walkSizeBytes, 2 ** 21);
    const read = new Uint8Array(8);
    assertEquals(machine.bus.read(dma, FIRMWARE.start as DmaAddr, read, 0, 8), true);
    assertEquals(machine.bus.write(dma, FIRMWARE.start as DmaAddr, read, 0, 8), true);
    // With a mask of 31 bits, the first IOVAs are allocated above the firmware's memory, and the
    // next ones below it.
    dma.maskBits = 31;
    const found = Array.from({ length: 40 }, () => {
      const at = machine.dma.dmaMapPhys(dma, 0x100_0000 as PhysAddr, 2 ** 22, DMA_FROM_DEVICE);
      return at >= FIRMWARE.end ? "above" : at + 2 ** 22 <= FIRMWARE.start ? "below" : "inside";
    });
    assertEquals([...new Set(found)], ["above", "below"]);
    assertEquals(machine.pages.inUse(FIRMWARE.start), true, "and no allocation gets the memory");
  }
});

Deno.test("firmware's memory of a second member is mapped, not kept free: a map there fails (dma.md 9.11, assertion 9)", () => {
  const regions = [{ start: 0xffff_e000, end: 0xffff_f000 }];
  const bench = buildLab(labConfig({
    iommu: { mode: "strict", model: "vtd", reserved: [] },
    pci: [{
      kind: "root_port",
      name: "rp",
      children: [{
        kind: "bridge",
        name: "br",
        children: [{ ...NIC, name: "first" }, endpoint({ directRegions: regions })],
      }],
    }],
  }));
  const name = (phys: number) => {
    const dma = map(bench, "first", phys);
    return dma < 0 ? "an error" : hexAddress(dma);
  };
  assertEquals(name(0x1000_0000), "0xffff_f000");
  assertEquals([name(0x2000_0000), name(0x2000_0000)], ["an error", "an error"]);
});

Deno.test("a user cannot have a group whose firmware needs memory, unless that is relaxable (dma.md 9.11)", () => {
  const warnings: unknown[] = [];
  const claim = (settings: BlockSettings<"endpoint">, mode: IommuConfig["mode"] = "strict") => {
    const bench = lab({ model: "vtd", mode }, [endpoint(settings)]);
    bench.machine.events.listen(({ fields }) => warnings.push(fields), ["kernel.warn"]);
    const { machine: { bus, iommu: { groups } } } = bench;
    const { dma } = bench.devices.get("nic")!;
    groups.unbindDriver(dma);
    const result = groups.claim(dma);
    const read = new Uint8Array(1);
    const reaches = () => bus.read(dma, FIRMWARE.start as DmaAddr, read, 0, 1);
    const during = reaches();
    groups.release(dma);
    return [result === 0 ? "ok" : errnoName(-result), during, reaches()];
  };
  assertEquals(claim({ directRegions: [FIRMWARE] }), ["EINVAL", true, true]);
  const text =
    'Firmware needs memory mapped one to one for device "nic": no user can have its group';
  const at = "iommu_group_claim_dma_owner";
  assertEquals(warnings, [{ at, text, log: null, error: null }]);
  assertEquals(claim({ relaxableRegions: [FIRMWARE] }), ["ok", false, true]);
  assertEquals(claim({ directRegions: [FIRMWARE] }, "passthrough")[0], "EINVAL");
});

Deno.test("ends are rounded up, what is mapped already is left out, and a new domain has it all again (dma.md 9.11)", () => {
  const bench = lab({ model: "vtd" }, [endpoint({
    directRegions: [{ start: 0x1000_0800, end: 0x1000_2801 }, {
      start: 0x1000_2000,
      end: 0x1000_4000,
    }],
  })]);
  const mapped = ["0x1000_3000", "0x1000_2000", "0x1000_1000"].map((at) => `${at} → ${at}, 4 KiB`);
  assertEquals(leaves(bench, "nic"), mapped);
  const { iommu } = bench.machine;
  const { dma } = bench.devices.get("nic")!;
  iommu.groups.unbindDriver(dma);
  assertEquals(iommu.groups.setMode(dma, "passthrough"), 0);
  assertEquals(leaves(bench, "nic"), []);
  const held = new ResourceTracker(bench.machine);
  assertEquals(iommu.groups.setMode(dma, "lazy"), 0);
  assertEquals(leaves(bench, "nic"), mapped);
  assertEquals(held.leaks(), [], "nobody has to unmap it");
});

Deno.test("firmware's memory that no table reaches: the device does not come up, and a change of mode is undone (dma.md 9.11)", () => {
  const beyond = { directRegions: [{ start: 2 ** 40, end: 2 ** 40 + PAGE }] };
  const settings = { model: "vtd", addressBits: 39 } as const;
  assertThrows(() => lab(settings, [endpoint(beyond)]), ConfigError, "mapped one to one");
  const bench = lab({ ...settings, mode: "passthrough" }, [endpoint(beyond)]);
  const { iommu } = bench.machine;
  const { dma } = bench.devices.get("nic")!;
  iommu.groups.unbindDriver(dma);
  assertEquals(errnoName(-iommu.groups.setMode(dma, "strict")), "ERANGE");
  assertEquals([iommu.modeOf(dma), iommu.domains.length], ["passthrough", 0]);
});

Deno.test("what the DMA layer cannot take of a device is refused with its key", () => {
  const refused = (settings: BlockSettings<"endpoint">) => {
    const build = () => lab({ mode: "off", model: "smmu" }, [endpoint(settings)]);
    const { message, path } = assertThrows(build, ConfigError);
    return `${path.at(-1)}: ${message}`;
  };
  const untrusted = '"nic" is untrusted, and an untrusted device is always translated';
  assertEquals(refused({ untrusted: true, ownOps: true }), `dma_ops: ${untrusted}`);
  const unknown = 'What "nic" is sent by an IOMMU of model smmu is not known';
  assertEquals(refused({ ats: true }), `ats: ${unknown}`);
  const whole = { start: 2 ** 40, end: 2 ** 40 + 2 ** 32 };
  const more = { start: 0, end: 2 ** 32 + 1 };
  const most = "A region of firmware's memory has 4 GiB at most";
  lab({ mode: "off" }, [endpoint({ relaxableRegions: [whole] })]);
  const relaxable = refused({ relaxableRegions: [whole, more] });
  assertEquals(relaxable, `relaxable_regions: ${most}`);
  assertEquals(refused({ directRegions: [more] }), `direct_regions: ${most}`);
});
