/** Peer-to-peer memory: allocating it from a device, and freeing it. */
import type { DeviceBase } from "@dmalab/devices";
import { type Bytes, HostBuffer, KernelError, type PhysAddr } from "@dmalab/runtime";
import { callOf, Scatterlist } from "@dmalab/runtime/dma";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { noProvider } from "../explain/no_provider.ts";
import { BUFFER } from "../types/buffer.ts";
import { SCATTERLIST } from "../types/dma/scatterlist.ts";
import { BY_ROLE, kernelCall } from "./kernel_call.ts";
import { calling, PEER_MACHINE } from "./p2p.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";

const ALLOC = callOf("pci_alloc_p2pmem");
const FREE = callOf("pci_free_p2pmem");

/** A buffer value for a device's memory. */
export function bufferAt(context: ExecutionContext, at: PhysAddr, sizeBytes: Bytes): HostBuffer {
  return new HostBuffer(context.lab.machine, [{ phys: at, sizeBytes }]);
}

function take(context: ExecutionContext, device: DeviceBase, sizeBytes: Bytes): PhysAddr | null {
  return calling(
    context,
    ALLOC,
    device.name,
    { dev: device.name, size: sizeBytes },
    () => context.lab.topology.providers.alloc(device.function, sizeBytes),
    (value) => ({ result: value, error: value === null ? "ENOMEM" : null }),
  );
}

/** Frees a device's memory. False if no memory was allocated at that address. */
function give(
  context: ExecutionContext,
  device: DeviceBase,
  at: PhysAddr,
  sizeBytes: Bytes,
): boolean {
  return calling(
    context,
    FREE,
    device.name,
    { dev: device.name, phys: at, size: sizeBytes },
    () => context.lab.topology.providers.free(device.function, at),
    () => ({ result: null, error: null }),
  );
}

export const P2P_MEMORY_CALLS: readonly FunctionSpec[] = [
  kernelCall("pci_alloc_p2pmem", {
    result: BUFFER,
    doc: "Allocates whole pages of peer memory of a device, for P2P DMA and for requests.",
    example: `${PEER_MACHINE}let buf = pci_alloc_p2pmem(cmb, 8KiB)
ssd.read(lba: 0, into: buf)
assert buf == ssd.media(lba: 0, bytes: 8KiB)`,
    raises: ["ENOMEM"],
    run(context, [device, sizeBytes]) {
      const { providers } = context.lab.topology;
      const at = take(context, device, sizeBytes);
      if (at !== null) return bufferAt(context, at, sizeBytes);
      const provider = providers.of(device.function);
      throw new KernelError(
        "ENOMEM",
        provider === null
          ? noProvider(device.function).message
          : provider.leaving === "no"
          ? `${device.name} has no ${sizeBytes} bytes left for peers`
          : `The driver of ${device.name} is leaving`,
      );
    },
  }),
  kernelCall("pci_free_p2pmem", {
    doc: "Frees memory of pci_alloc_p2pmem.",
    example: `${PEER_MACHINE}let buf = pci_alloc_p2pmem(cmb, 5000B)
assert p2pmem(cmb).available == 2MiB - 8KiB
pci_free_p2pmem(cmb, buf)
assert p2pmem(cmb).available == 2MiB`,
    run(context, [device, { phys: at, sizeBytes }]) {
      if (give(context, device, at, sizeBytes)) return;
      throw new ValueError(
        `No allocation of peer memory of ${device.name} begins at this buffer`,
        "free the buffer that pci_alloc_p2pmem returned, once",
      );
    },
  }),
  builtin({
    name: "pci_p2pmem_alloc_sgl",
    parameters: [BY_ROLE.pdev, param.size("size", "How many bytes; whole pages are allocated.")],
    result: SCATTERLIST,
    doc:
      "Allocates peer memory of a device as a scatterlist of one entry; none when too little is free.",
    example: `${PEER_MACHINE}let sg = pci_p2pmem_alloc_sgl(cmb, 8KiB)
assert dma_map_sg(ssd, sg, from_device) == 1 and sg.bus_marks.length == 1
dma_unmap_sg(ssd, sg, from_device)
pci_p2pmem_free_sgl(cmb, sg)
assert pci_p2pmem_alloc_sgl(cmb, 4MiB) == none`,
    context: "sleeps",
    run(context, [device, sizeBytes]) {
      if (sizeBytes >= 2 ** 32) {
        throw new ValueError("An entry of a scatterlist has less than 4GiB");
      }
      const at = take(context, device, sizeBytes);
      if (at === null) return null;
      return { list: new Scatterlist([{ phys: at, sizeBytes }]), device: null };
    },
  }),
  builtin({
    name: "pci_p2pmem_free_sgl",
    parameters: [BY_ROLE.pdev, param.handle("sg", SCATTERLIST, "What pci_p2pmem_alloc_sgl gave.")],
    doc: "Frees a scatterlist of pci_p2pmem_alloc_sgl() and its memory.",
    example: `${PEER_MACHINE}pci_p2pmem_free_sgl(cmb, pci_p2pmem_alloc_sgl(cmb, 4KiB))`,
    context: "sleeps",
    run(context, [device, { list }]) {
      if (give(context, device, list.physAt(0), list.lengthAt(0))) return;
      throw new ValueError(
        `No allocation of peer memory of ${device.name} begins at this list's entry`,
      );
    },
  }),
  kernelCall("pci_p2pmem_virt_to_bus", {
    result: "dma",
    doc: "The PCI bus address of a device's peer memory; 0 if the device is not a provider.",
    example: `${PEER_MACHINE}let buf = pci_alloc_p2pmem(cmb, 4KiB)
assert ssd.dma_write(pci_p2pmem_virt_to_bus(cmb, buf), bytes"01 02")
assert buf[1] == 2`,
    run(context, [device, { phys: at }]) {
      const provider = context.lab.topology.providers.of(device.function);
      if (provider !== null && provider.rangeOf(at) === null) {
        throw new ValueError(`This buffer is not memory of ${device.name}`);
      }
      return context.lab.topology.providers.busAddress(device.function, at);
    },
  }),
];
