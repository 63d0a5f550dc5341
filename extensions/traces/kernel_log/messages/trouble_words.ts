/** What can be wrong by the words of a driver's line, for drivers' own words about DMA. */
import type { LogEntryFacts } from "../log_facts.ts";
import { busOf } from "./device_place.ts";
import type { Cause } from "./message.ts";

const RECORD_ACCESS =
  "if the device did not do its access, record the mappings (examples/traces/data/collect-trace.sh): `dmalab trace check` says whether the buffer was mapped, and long enough";

interface Trouble {
  readonly what: string;
  readonly words: RegExp;
  readonly text: string;
  readonly next: readonly string[];
  /** The same for a PCI function, which has no node with clocks, request lines and channels. */
  readonly ofPci?: { readonly text: string; readonly next: readonly string[] };
}

/** Kinds of trouble, by the words of a driver's line. */
const TROUBLES: readonly Trouble[] = [
  {
    what: "underrun",
    words: /\b(?:under|over)(?:run|flow)/i,
    text:
      "data came or were taken too late or too fast for the buffer: a long latency of the CPU or the bus, a period or a ring that is too short, or a clock that does not fit. It says nothing of a mapping",
    next: [
      "make the buffer, the ring or the period longer as a trial, and look at what runs for long in the same milliseconds (interrupts off, power saving states of CPU and bus)",
    ],
  },
  {
    what: "no dma",
    words:
      /not support|unsupported|disabled|fall(?:s|ing)? ?back|\bPIO\b|not using|without dma|no (?:tx|rx)?-?dma|use pio|operating without/i,
    text:
      "the driver goes on without DMA, or leaves the device alone: a channel or a property that is missing, a mask that was refused, or a quirk of the device",
    next: [
      "look at the lines of the driver before it for the reason (an errno, a mask, a channel); `dmas` and `dma-names` of the device's node and the engine's driver (/sys/class/dma) if it uses a DMA engine",
    ],
    ofPci: {
      text:
        "the driver goes on without DMA or without a part of it: a channel that it did not get, a mask that was refused, a setting, or a quirk of the device",
      next: [
        "look at the lines of the driver before it for the reason (an errno, a mask, a channel)",
      ],
    },
  },
  {
    what: "timeout",
    words:
      /time[d -]*out|abort|stall|hung|hang|stuck|halt|died|dead|did(?: not|n't)|(?:fail\w*|could(?: not|n't)|unable|can(?:not|'t))[^:]*\b(?:stop|start|reset|disable|idle)|not ready|not (?:respond|answer)|no (?:answer|response|reply)|n.t (?:respond|answer)/i,
    text:
      "the engine did not start, stop or finish in time: no clock, power or request line, data that its device never gave, an interrupt that was lost, or an access that was refused or never answered",
    next: [
      "look for a fault of an IOMMU or a PCI Express error in the same seconds: with one the access was refused, without one look at clock, power and request line of the device and whether its counter in /proc/interrupts grows",
      RECORD_ACCESS,
    ],
    ofPci: {
      text:
        "the device or its firmware hangs or sleeps, an interrupt was lost, or an access was refused or never answered",
      next: [
        "look for a fault of an IOMMU or a PCI Express error in the same seconds: with one the access was refused, without one look at the lines of the driver before it, at power saving (ASPM), and whether its counter in /proc/interrupts grows",
        RECORD_ACCESS,
      ],
    },
  },
  {
    what: "request",
    words: /prepar|prep_|\bprep\b|submit|slave (?:config|dma|transfer)|terminate_all/i,
    text:
      "the engine's driver refused the transfer that its client asked for: a width, burst, length or address that the engine does not take, a channel that was not configured, or an engine that is not set up (its firmware is missing, see its own line)",
    next: [
      "look at the line of the engine's driver before it, then at the engine's state (/sys/kernel/debug/dmaengine/summary) and at what the client configures: address, width, burst, direction",
    ],
  },
  {
    what: "alignment",
    words: /(?:not|un|mis)[- ]?align|\bburst\b|\bwidth\b/i,
    text:
      "an address or a length is not a multiple of what the device moves at once: the buffer, its length, or a width that was configured",
    next: [
      "compare address and length of the transfer with what the device takes (its driver's limits; of a channel of a DMA engine the width and burst in dma_slave_config), and give buffers that fit",
    ],
  },
  {
    what: "data",
    words:
      /(?:invalid|bad|corrupt\w*|wrong|unexpected)\b.*\bdata\b|\bdata\b.*\b(?:invalid|corrupt|bad)|checksum|\bcrc\b/i,
    text:
      "the buffer had not what the driver expects: it was read before the device wrote it, without a sync (or the device is not coherent as the firmware says), the device wrote less or elsewhere, or the device itself sent it",
    next: [
      "check that the driver syncs the buffer for the CPU before it reads, and dma-coherent of the device: `dmalab trace check` with the dma events; if the transfer timed out, the data are those of an earlier one",
      RECORD_ACCESS,
    ],
  },
  {
    what: "probe",
    words: /\bprobe\b/i,
    text:
      "the driver did not take its device: the errno and the lines of the driver before it say why. EBUSY (-16) is a resource that another driver has, -517 waits for another driver, ENODEV (-19) and ENOENT (-2) are something that is not there, ENOMEM (-12) memory",
    next: [
      "look at the lines of the driver before it, at who has its memory and interrupts (/proc/iomem, /proc/interrupts), and at what waits (/sys/kernel/debug/devices_deferred)",
    ],
  },
  {
    what: "resource",
    words:
      /(?:unable to|can(?:not|'t)|could(?: not|n't)|fail\w* to) (?:get|find|request|obtain|ioremap|map (?:io|reg)|reserve|acquire|enable)|\bmissing\b|not found/i,
    text:
      "something that the driver needs was not there: a memory region, clock, reset, interrupt or another device that its node does not name, that another driver has, or whose driver comes later",
    next: [
      "compare the node of the device with its binding, and look at who has the resource (/proc/iomem, /proc/interrupts) and at what waits (/sys/kernel/debug/devices_deferred)",
    ],
    ofPci: {
      text:
        "something that the driver needs was not there: memory, a BAR, an interrupt, or firmware that another driver or nobody gives",
      next: [
        "look at the function (`lspci -vv`: its BARs, MSI), at who has the resource (/proc/iomem, /proc/interrupts), and at the lines of the driver before it",
      ],
    },
  },
  {
    what: "restart",
    words: /in progress detected|(?:still|already|left) running|clearing/i,
    text:
      "the driver found the engine running or stuck where it should be idle, and clears or restarts it: an earlier stop that did not finish, a missed interrupt, or an access that never ended",
    next: [
      "look for the first such line and what the device did before it; a module parameter of the driver or a newer kernel may have a workaround; look for a fault of an IOMMU and PCI Express errors in the same seconds",
      RECORD_ACCESS,
    ],
  },
  {
    what: "bus error",
    words: /\bbus\b|slave|decode|\baxi\b|\bahb\b|\bfault/i,
    text:
      "an access or a descriptor of the engine was refused: an address that no memory has, that is protected or above what the engine reaches, a length or alignment that it cannot take, or memory without a clock",
    next: [
      "compare the addresses and lengths that the driver gave to the engine with the DMA addresses of its maps (`dmalab trace check` with the dma events) and with the memory that the device may reach (dma-ranges, reserved-memory)",
    ],
  },
];

/** The kind of trouble that a line has; null if its words do not say. */
export function troubleIn(line: string): string | null {
  return TROUBLES.find(({ words }) => words.test(line))?.what ?? null;
}

export const TROUBLE_CAUSES: readonly Cause[] = TROUBLES.map(({ next, ofPci, text, what }) => ({
  id: what.replaceAll(" ", "_"),
  when: (facts: LogEntryFacts) => facts.what === what,
  certainty: "possible" as const,
  text: (facts: LogEntryFacts) => ofPci !== undefined && busOf(facts) === "pci" ? ofPci.text : text,
  next: (facts: LogEntryFacts) => ofPci !== undefined && busOf(facts) === "pci" ? ofPci.next : next,
}));
