/** A plain PCI endpoint: it does DMA on request, and may provide memory to its peers. */
import {
  eventId,
  int,
  isPowerOfTwo,
  optional,
  roundUpPowerOfTwo,
  setting,
  type SettingsOf,
  size,
  TIB,
  word,
} from "@dmalab/runtime";
import { DEFAULT_SEGMENT_BYTES } from "@dmalab/runtime/dma";
import { type DescribedRegisters, describedRegisters } from "../described_registers.ts";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import { deviceSettings, P2PMEM, settingError } from "../device_settings.ts";
import { parseProperties } from "./node_properties.ts";
import {
  doubleBar,
  IDENTITY_SETTINGS,
  MIN_MEMORY_BAR_BYTES,
  parseBars,
} from "../pci/function_settings.ts";

const IRQ = eventId("irq");

/** A plain PCI function. */
export interface EndpointDevice extends DeviceBase<"endpoint"> {
  /** @internal */
  readonly registers: DescribedRegisters | null;
  /** @internal */
  registersOf(bar: number | null): DescribedRegisters | null;
  /**
   * Raises one of the device's interrupts.
   * @internal
   */
  raise(vector: number): void;
}

const SETTINGS = {
  barBytes: setting("bar", size(MIN_MEMORY_BAR_BYTES, TIB, { none: 0 }), 0, {
    doc: "Its window of memory that CPUs and peers can address.",
  }),
  barNumber: setting("bar_number", int(0, 5), 0, {
    doc: "Number of the BAR, as drivers pass it to pci_iomap().",
  }),
  p2pmemBytes: P2PMEM,
  driver: setting("driver", word("bound", "none"), "bound", {
    doc:
      "Whether a driver of the kernel is bound to it; none, so that a process can have its group.",
  }),
  vectors: setting("vectors", int(1, 2048), 1, { doc: "Interrupts that it can raise." }),
  ...IDENTITY_SETTINGS,
  properties: optional<string>("properties", {
    kind: "text",
    form: "properties such as \"fifo-depth = <16>; phy-mode = 'rgmii'; big-endian\"",
    keepsCase: true,
    accepts: (text) => parseProperties(text) !== null,
  }, {
    leftOut: "none but `compatible`",
    doc:
      "What its node says to a platform driver, as a device tree's source has it; nodes in it, " +
      'to which cells may refer, have paths: "clocks = <&c 1>; c: clock/; clock/rate = <9>".',
  }),
  ...deviceSettings({ minAlignBytes: 1, maxSegmentSizeBytes: DEFAULT_SEGMENT_BYTES }),
};

/** The numbers in configuration space, from the keys of the block. */
function numbersOf(settings: SettingsOf<typeof SETTINGS>): ReadonlyMap<string, number> {
  const { capabilities, device, revision, subdevice, subvendor, vectors, vendor } = settings;
  const { class: kind, msi = Math.min(vectors, 32), msix = vectors } = settings;
  const has = (name: string) => Number(capabilities.includes(name));
  const given = { pm: 1, express: 1, msi, msix };
  const numbers = new Map(Object.entries(given).map(([name, count]) => [name, has(name) * count]));
  const ids = { vendor, device, subvendor, subdevice, class: kind, revision };
  for (const [key, value] of Object.entries(ids)) {
    if (value !== undefined) numbers.set(key, value);
  }
  return numbers;
}

export const ENDPOINT: DeviceKind<typeof SETTINGS, EndpointDevice> = {
  kind: "endpoint",
  doc: "Any other PCI function that does DMA.",
  role: "endpoint",
  hasRegisters: true,
  events: {},
  tables: [],
  settings: SETTINGS,

  bars(device) {
    const { barBytes, barNumber, bars = "", p2pmemBytes: peerBytes } = device.settings;
    const further = parseBars(bars) ?? [];
    const isThere = barBytes !== 0 || peerBytes !== 0;
    const taken = isThere ? [{ index: barNumber }, ...further] : further;
    const double = doubleBar(taken);
    if (double !== null) {
      const text = `"${device.name}" has no room for two BARs at ${double}`;
      throw settingError(device, "bars", text, "a BAR of 64 bits takes the next number as well");
    }
    if (!isThere) return further;
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
    return [{ index: barNumber, sizeBytes, peerBytes }, ...further];
  },

  create(machine, device) {
    const { dma, func, name, settings } = device;
    func.vectors = settings.vectors;
    if (settings.driver === "none") machine.iommu.groups.unbindDriver(dma);
    func.numbers = numbersOf(settings);
    func.properties = parseProperties(settings.properties ?? "") ?? new Map();
    for (const [property, says] of [["dma-coherent", true], ["dma-noncoherent", false]] as const) {
      if (!func.properties.has(property) || settings.coherent === says) continue;
      throw settingError(
        device,
        "properties",
        `"${name}" has the property ${property}, and is ${says ? "not " : ""}coherent`,
        `coherence is the key \`coherent\`: write \`coherent = ${says}\``,
      );
    }
    const [first] = func.bars;
    const registers = first === undefined ? null : describedRegisters(machine, first);
    const described = new Map([[first, registers]]);
    return {
      name,
      kind: "endpoint",
      dma,
      function: func,
      registers,
      registersOf(number) {
        if (number === null) return registers;
        const bar = func.bars.find(({ index }) => index === number);
        if (bar === undefined) return null;
        return described.getOrInsertComputed(bar, () => describedRegisters(machine, bar));
      },
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
