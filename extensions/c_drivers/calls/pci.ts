/** PCI functions: their BARs and interrupt vectors. @see rules/c-api.md 11 */
import type { Bar, PciFunction } from "@dmalab/devices";
import { ERRNO, eventId, INJECTION } from "@dmalab/runtime";
import { IO_BASE } from "../c_addresses.ts";
import { callEntries, type CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";
import { CPorts } from "../c_ports.ts";
import { CWindows } from "../c_windows.ts";

const BUS_MASTER = eventId("driver.bus_master");

/** Bits in the flags of `pci_alloc_irq_vectors`. */
const INTX = 1;
const MSI = 2;
const MSIX = 4;
const MESSAGES = MSI | MSIX;

export function functionOf(kernel: CKernel, at: number): PciFunction {
  return kernel.context.lab.devices.get(kernel.device(at).name)!.function;
}

function barOf(kernel: CKernel, at: number, index: number): Bar | null {
  return functionOf(kernel, at).bars.find((bar) => bar.index === index) ?? null;
}

/** The start of a BAR for drivers. It is a memory address or a port; 0 for a missing BAR. */
function startOf(kernel: CKernel, at: number, index: number): number {
  const bar = barOf(kernel, at, index);
  if (bar === null) return 0;
  return bar.kind === "io" ? kernel.part(CPorts).portOf(bar) : bar.basePhys;
}

/** Bits of a resource's flags. @see rules/c-api.md 11 */
const RESOURCE = { IO: 0x100, MEM: 0x200, PREFETCH: 0x2000, MEM_64: 0x10_0000 } as const;

/** The flags of a BAR, as in `pci_resource_flags`. */
export function barFlags(kernel: CKernel, at: number, index: number): number {
  const { kind = "mem32", prefetchable = false } = barOf(kernel, at, index) ?? {};
  if (kind === "io") return RESOURCE.IO;
  return RESOURCE.MEM | (kind === "mem64" ? RESOURCE.MEM_64 : 0) |
    (prefetchable ? RESOURCE.PREFETCH : 0);
}

/**
 * A property of a device's node by its index: the address of the property's name as a text,
 * followed by the property's value.
 *
 * @param length Address at which the value's length is written.
 * @returns 0 if the node has no property with this index.
 */
export function propertyOf(kernel: CKernel, at: number, index: number, length: number): number {
  const [name, value] = [...functionOf(kernel, at).properties][index] ?? [];
  if (name === undefined) return 0;
  const text = new TextEncoder().encode(`${name}\0`);
  const { bytes, view } = kernel.memory;
  const room = kernel.room(text.length + value!.length);
  bytes.set(text, room);
  bytes.set(value!, room + text.length);
  view.setUint32(length, value!.length, true);
  return room;
}

/**
 * Enables a device.
 * @returns 0, or a negative errno: -ENODEV for a removed function, or an injected errno.
 */
export function enableDevice(kernel: CKernel, pdev: number): number {
  kernel.maySleep();
  if (!functionOf(kernel, pdev).present) return -ERRNO.ENODEV;
  return kernel.refused(INJECTION.pci_enable_device);
}

/**
 * Switches bus mastering of a device on or off. dmalab does not check bus mastering before a driver
 * has switched it on for the first time, so the device can do DMA before that.
 */
export function setMaster(kernel: CKernel, pdev: number, on: boolean): void {
  const device = kernel.device(pdev);
  const was = device.busMaster;
  if (was === on || (was === null && !on)) return;
  device.busMaster = on;
  const { events } = kernel.machine;
  if (!events.tick(BUS_MASTER)) return;
  const outer = events.context.enterDevice(device.name);
  events.emit(BUS_MASTER, { on });
  events.context.leaveDevice(outer);
}

/** Maps a BAR. @returns Its address in C; 0 if there is no such BAR. */
export function mapBar(kernel: CKernel, pdev: number, bar: number): number {
  kernel.maySleep();
  const window = barOf(kernel, pdev, bar);
  if (window === null || kernel.refused(INJECTION.pci_iomap) !== 0) return 0;
  kernel.part(CWindows).map(window.basePhys, window.sizeBytes);
  return IO_BASE + window.basePhys;
}

/** Whether a claim is one of a function's claims: of all its BARs, or of one BAR. */
function isOf(claimed: string, name: string): boolean {
  return claimed === name || claimed.startsWith(`${name} `);
}

/** Claims one BAR. @returns The function that releases it, or null if it is already claimed. */
export function claimBar(kernel: CKernel, pdev: number, bar: number): (() => void) | null {
  const { name } = functionOf(kernel, pdev);
  const own = `${name} ${bar}`;
  const { regionsOf } = kernel;
  if (regionsOf.has(name) || regionsOf.has(own)) return null;
  if (kernel.refused(INJECTION.pci_request_regions) !== 0) return null;
  regionsOf.add(own);
  return () => {
    regionsOf.delete(own);
  };
}

/** Releases the claim of all BARs together; claims of single BARs stay. */
export function giveRegionsBack(kernel: CKernel, pdev: number): void {
  kernel.regionsOf.delete(functionOf(kernel, pdev).name);
}

export function freeVectors(kernel: CKernel, pdev: number): void {
  kernel.maySleep();
  const handled = kernel.machine.interrupts.free(functionOf(kernel, pdev).name);
  if (handled !== null) {
    throw kernel.crash(`pci_free_irq_vectors() while irq ${handled} has a handler`);
  }
}

export const PCI_CALLS: Readonly<Record<"pci", readonly CCallEntry[]>> = {
  pci: callEntries({
    "int pci_enable_device_mem(struct pci_dev *pdev)": (kernel, [pdev]) =>
      enableDevice(kernel, pdev),
    "void pci_disable_device(struct pci_dev *pdev)"(kernel, [pdev]) {
      kernel.maySleep();
      functionOf(kernel, pdev);
      setMaster(kernel, pdev, false);
    },
    "void pci_set_master(struct pci_dev *pdev)": (kernel, [pdev]) => setMaster(kernel, pdev, true),
    "void pci_clear_master(struct pci_dev *pdev)": (kernel, [pdev]) =>
      setMaster(kernel, pdev, false),
    "int pci_request_mem_regions(struct pci_dev *pdev, const char *name)"(kernel, [pdev]) {
      kernel.maySleep();
      const { name } = functionOf(kernel, pdev);
      if ([...kernel.regionsOf].some((each) => isOf(each, name))) return -ERRNO.EBUSY;
      const refused = kernel.refused(INJECTION.pci_request_regions);
      if (refused !== 0) return refused;
      kernel.regionsOf.add(name);
      return 0;
    },
    "void pci_release_mem_regions(struct pci_dev *pdev)"(kernel, [pdev]) {
      kernel.maySleep();
      giveRegionsBack(kernel, pdev);
    },
    "resource_size_t pci_resource_start(struct pci_dev *pdev, int bar)": (kernel, [pdev, bar]) =>
      startOf(kernel, pdev, bar),
    "resource_size_t pci_resource_len(struct pci_dev *pdev, int bar)": (kernel, [pdev, bar]) =>
      barOf(kernel, pdev, bar)?.sizeBytes ?? 0,
    "void *pci_iomap(struct pci_dev *pdev, int bar, unsigned long maxlen)": (kernel, [pdev, bar]) =>
      mapBar(kernel, pdev, bar),
    "void pci_iounmap(struct pci_dev *pdev, volatile void *addr)"(kernel) {
      kernel.maySleep();
    },
    "int pci_alloc_irq_vectors(struct pci_dev *pdev, unsigned int min, unsigned int max, unsigned int flags)"(
      kernel,
      [pdev, min, max, flags],
    ) {
      kernel.maySleep();
      const { name, numbers, vectors } = functionOf(kernel, pdev);
      const { iommu, interrupts } = kernel.machine;
      const messages = Math.max(
        (flags & MSI) !== 0 ? numbers.get("msi") ?? vectors : 0,
        (flags & MSIX) !== 0 ? numbers.get("msix") ?? vectors : 0,
      );
      const there = (flags & MESSAGES) !== 0 ? messages : Math.min(flags & INTX, vectors);
      const count = Math.min(max >>> 0, there);
      if (count < min >>> 0 || count === 0) return -ERRNO.ENOSPC;
      const refused = kernel.refused(INJECTION.pci_alloc_irq_vectors);
      if (refused !== 0) return refused;
      const isMessage = (flags & MESSAGES) !== 0;
      if (isMessage && iommu.groups.messageAddress(kernel.device(pdev)) < 0) return -ERRNO.ENOMEM;
      return interrupts.alloc(name, count) ? count : -ERRNO.EINVAL;
    },
    "int pci_irq_vector(struct pci_dev *pdev, unsigned int nr)"(kernel, [pdev, nr]) {
      const { name } = functionOf(kernel, pdev);
      return kernel.machine.interrupts.numberOf(name, nr) ?? -ERRNO.EINVAL;
    },
    "void pci_free_irq_vectors(struct pci_dev *pdev)": (kernel, [pdev]) =>
      freeVectors(kernel, pdev),
    "void dmalab_unbind(struct device *dev)"(kernel, [dev]) {
      kernel.machine.dma.unbind(kernel.device(dev));
    },
  }),
};
