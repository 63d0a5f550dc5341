/** A plain PCI endpoint: it does DMA on request, and may provide memory to its peers. */
import {
  eventId,
  int,
  isPowerOfTwo,
  KIB,
  pages,
  roundUpPowerOfTwo,
  setting,
  TIB,
} from "@dmalab/runtime";
import { DEFAULT_SEGMENT_BYTES } from "@dmalab/runtime/dma";
import { type DescribedRegisters, describedRegisters } from "../described_registers.ts";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import { deviceSettings, P2PMEM, settingError } from "../device_settings.ts";

const IRQ = eventId("irq");

/** A plain function of a lab. */
export interface EndpointDevice extends DeviceBase<"endpoint"> {
  /** @internal */
  readonly registers: DescribedRegisters | null;
  /**
   * Raises one of its interrupts.
   * @internal
   */
  raise(vector: number): void;
}

const SETTINGS = {
  barBytes: setting("bar", pages(4 * KIB, TIB, { none: 0 }), 0, {
    doc: "Its window of memory that CPUs and peers can address.",
  }),
  barNumber: setting("bar_number", int(0, 5), 0, {
    doc: "Number of the BAR, as drivers pass it to pci_iomap().",
  }),
  p2pmemBytes: P2PMEM,
  vectors: setting("vectors", int(1, 2048), 1, { doc: "Interrupts that it can raise." }),
  ...deviceSettings({ minAlignBytes: 1, maxSegmentSizeBytes: DEFAULT_SEGMENT_BYTES }),
};

export const ENDPOINT: DeviceKind<typeof SETTINGS, EndpointDevice> = {
  kind: "endpoint",
  doc: "Any other PCI function that does DMA.",
  role: "endpoint",
  hasRegisters: true,
  events: {},
  tables: [],
  settings: SETTINGS,

  bars(device) {
    const { barBytes, barNumber, p2pmemBytes: peerBytes } = device.settings;
    if (barBytes === 0 && peerBytes === 0) return [];
    const sizeBytes = barBytes === 0 ? roundUpPowerOfTwo(peerBytes) : barBytes;
    if (!isPowerOfTwo(sizeBytes)) {
      throw settingError(
        device,
        "bar",
        `The BAR of "${device.name}" cannot be ${sizeBytes} bytes: it is not a power of two`,
        `${roundUpPowerOfTwo(sizeBytes)} is the next one`,
      );
    }
    if (peerBytes > sizeBytes) {
      throw settingError(
        device,
        "p2pmem",
        `"${device.name}" cannot provide ${peerBytes} bytes of a BAR of ${sizeBytes}`,
      );
    }
    return [{ index: barNumber, sizeBytes, peerBytes }];
  },

  create(machine, device) {
    const { dma, func, name, settings } = device;
    func.vectors = settings.vectors;
    return {
      name,
      kind: "endpoint",
      dma,
      function: func,
      registers: describedRegisters(machine, func),
      raise(vector) {
        const { events } = machine;
        const outer = events.context.enterDevice(name);
        if (events.tick(IRQ)) events.emit(IRQ, { vector, cpu: machine.cpu });
        machine.interrupts.raise(name, vector);
        events.context.leaveDevice(outer);
      },
    };
  },
};
