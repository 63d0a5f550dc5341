/**
 * Lines of drivers about DMA in the driver's own words. The kernel has thousands of them: they are
 * read by the words that they have in common, after all other rows.
 *
 * @see rules/traces.md T.59
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { errnoIn, errnoText } from "./errno_words.ts";
import { type Cause, inOrder, type MessageRow, named } from "./message.ts";

/** Text of a program's source, of a patch or of a stack: it is no line of a log. */
const OF_SOURCE =
  /"\s*[,)]|%[-+0 #]*\d*l*[dsxpuc]\b|;\s*$|\{\s*$|\+0x[0-9a-f]|^[+-](?! )|^(?:<|--|\$|#|sudo |git )|[=(,]\s*$|\b[Pp]lease\b|make sure/;
const REFUSED =
  /\b(?:fail(?:s|ed|ing|ure)?|errors?|unable|can(?:not| not|'t)|could(?: not|n't)|no memory|not enough|out of memory|-?ENOMEM|exhausted)\b/i;
const SIZE = /(?:size|of|for|failed:?)[ =:(]*(\d+)(?: ?bytes)?\b(?!\s*(?:rx|tx|desc|buff))/i;
const FRAMES = "[\\w.-]+(?:\\.\\w+)*";
/**
 * Names in front of a driver's line, the first group a driver and the second a device:
 * `driver device: text`, `driver: text`, `[drm:function [driver]] text`, `[TTM] text`,
 * `driver [device]-code:1: text`, `port - text`.
 */
const NAMES: readonly RegExp[] = [
  // `driver:function:line: text`
  /^([a-z]\w*):[a-z]\w*:\d+: /,
  new RegExp(
    `^(${FRAMES}) (?:[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]: )?\\[drm[^\\]]*\\]+`,
    "i",
  ),
  /^\[(?:drm:)?[\w.]+ \[(\w+)\]\]/,
  /^\[(drm|TTM)(?::[^\]]*)?\]/,
  /^([\w.-]+) \[([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\]-/,
  /^(?:[-*] )?(?:(?:ERROR|WARNING|NOTICE|INFO): )?(?:([\w.-]+) )?([\w.:@-]*\w)(?: [\w.-]+)?(?: ERROR)?: ?/,
  /^()(tty\w+) - /,
];
/** Programs, whose lines are no lines of the kernel. */
const PROGRAM = /^(?:qemu-|EAL\b|[\w./-]+\.(?:c|cc|cpp|rs|go)\b)/;

/** Parts of the kernel whose lines have rows of their own. */
const OF_KERNEL =
  /^(?:\(XEN\)|DMAR|AMD-Vi|DMA-API|PCI-DMA|DMA|iommu|swiotlb|software IO TLB|cma|Reserved memory|OF|ACPI|EEH|AER)\b|arm-smmu|virtio_iommu/;
/** `[drm] text`: a part of the kernel that many drivers share is no device. */
const PARTS: ReadonlySet<string> = new Set(["drm", "ttm"]);

/** The driver and the device in front of a line; null for text that is no line of a driver. */
function namesOf(line: string): { driver: string | null; device: string | null } | null {
  if (PROGRAM.test(line) || OF_KERNEL.test(line) || OF_SOURCE.test(line)) return null;
  for (const pattern of NAMES) {
    const found = pattern.exec(line);
    if (found === null) continue;
    const [, driver = "", name = ""] = found;
    if (name === "" && PARTS.has(driver.toLowerCase())) return { driver, device: null };
    if (name === "" || driver !== "") return { driver: driver || null, device: name || null };
    const isDevice = /\d/.test(name);
    return { driver: isDevice ? null : name, device: isDevice ? name : null };
  }
  return null;
}

/** Adds the driver, the device and the errno; null for text that is no line of a driver about a failure. */
const ofDriver = (words: RegExp) => (facts: LogEntryFacts, line: string): LogEntryFacts | null => {
  const names = words.test(line) ? namesOf(line) : null;
  return names === null ? null : { ...facts, ...names, errno: errnoIn(line) };
};

const both = (...tests: readonly RegExp[]) =>
  ({
    test: (text: string) => tests.every((each) => each.test(text)),
  }) as RegExp;

const FAILS = "{~fail|error|unable|cannot|can't|can not|could not|couldn't|no memory|not enough}";
const TROUBLE =
  "{~timeout|not align|unalign|misalign|timed out|time out|timed-out|error|fail|abort|stall|hung|hang|stuck|overrun|underrun|overflow|underflow|could not|cannot|can't|unable|missed|ignored|did not|didn't|not ready|not support|unsupported|not responding|halted|died|dead|lost|illegal|invalid|bad|disabled|fault|confusing|ALERT|not using|clearing|restart|recover|in progress detected|no }";
const DMA_WORD =
  /\b(?:R?DMA|[A-Z]{0,3}DMA\d*|[a-z]{0,4}dma\d*|\w*dma_\w+|dma-\w+|\w*[-_]dma(?:c|ch|engine|chan)?\d*|dma[ch]\w*)\b/;
/** A mode or a command of a disk has DMA in its name; RDMA has its own words for connections. */
const NO_TROUBLE =
  /\b(?:U|F?P)DMA\b|\b(?:READ|WRITE)(?: LOG)? DMA\b|\bRDMA\b.*(?:cm|qp|connect)|\bncq dma\b|no error|without error/i;
/** Words by which a line is no line of a mere state. */
const WRONG_IN_STATE =
  /\b(?:BUG|fail\w*|errors?|timed? ?out|timeout|unable|can(?:not| not|'t)|could(?: not|n't)|missed|ignored|no (?:available|free|memory|channels?|suitable|usable)|unknown|invalid|bad|attempted|stuck|full|lost|refused|exceed\w*|wrong|not (?:available|found|set|ready))\b/i;
const NOTHING_WRONG =
  /\b(?:no|without|0|zero) errors?\b|errors?[ =:]+0\b|error (?:handling|recovery|reporting)/i;

/** Whether a line of a driver has a word of an error. */
export function saysWrong(line: string): boolean {
  return WRONG_IN_STATE.test(line) && !NOTHING_WRONG.test(line);
}

const STATE_WORD = new RegExp(`${DMA_WORD.source}|\\b(?:iommu|VT-d|DMAR)\\b`);
const RECORD_ACCESS =
  "if the device did not do its access, record the mappings (examples/traces/data/collect-trace.sh): `dmalab trace check` says whether the buffer was mapped, and long enough";

interface Trouble {
  readonly what: string;
  readonly words: RegExp;
  readonly text: string;
  readonly next: readonly string[];
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
  },
  {
    what: "timeout",
    words:
      /time[d -]*out|abort|stall|hung|hang|stuck|halt|died|dead|did(?: not|n't)|(?:fail\w*|could(?: not|n't)|unable|can(?:not|'t))[^:]*\b(?:stop|start|reset|disable|idle)|not ready|not responding/i,
    text:
      "the engine did not start, stop or finish in time: no clock, power or request line, data that its device never gave, an interrupt that was lost, or an access that was refused or never answered",
    next: [
      "look for a fault of an IOMMU or a PCI Express error in the same seconds: with one the access was refused, without one look at clock, power and request line of the device and whether its counter in /proc/interrupts grows",
      RECORD_ACCESS,
    ],
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
    words: /(?:not|un|mis)[- ]?align/i,
    text:
      "an address or a length is not a multiple of what the engine moves at once: the client's buffer, its length, or the width that it configured",
    next: [
      "compare address and length of the transfer with the width and burst of the channel (dma_slave_config, copy_align of the engine), and give buffers that fit",
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
  },
  {
    what: "restart",
    words: /clearing|restart|recover|\breset|in progress detected/i,
    text:
      "the driver found the engine running or stuck where it should be idle, and clears or restarts it: an earlier stop that did not finish, a missed interrupt, or an access that never ended",
    next: [
      "look for the first such line and what the device did before it; a module parameter of the driver or a newer kernel may have a workaround; look for a fault of an IOMMU and PCI Express errors in the same seconds",
      RECORD_ACCESS,
    ],
  },
  {
    what: "bus error",
    words: /\bbus\b|slave|decode|\baxi\b|\bahb\b|\bfault|illegal|invalid|\bbad\b/i,
    text:
      "an access or a descriptor of the engine was refused: an address that no memory has, that is protected or above what the engine reaches, a length or alignment that it cannot take, or memory without a clock",
    next: [
      "compare the addresses and lengths that the driver gave to the engine with the DMA addresses of its maps (`dmalab trace check` with the dma events) and with the memory that the device may reach (dma-ranges, reserved-memory)",
    ],
  },
];

/** The kind of trouble that a line has; null if its words do not say. */
function troubleIn(line: string): string | null {
  return TROUBLES.find(({ words }) => words.test(line))?.what ?? null;
}

export const TROUBLE_CAUSES: readonly Cause[] = TROUBLES.map(({ next, text, what }) => ({
  id: what.replaceAll(" ", "_"),
  when: (facts: LogEntryFacts) => facts.what === what,
  certainty: "possible" as const,
  text,
  next,
}));

/** The driver, the device, the errno and the kind of trouble of a line that no row has. */
export function troubleOf(line: string): LogEntryFacts {
  const what = troubleIn(line);
  return {
    ...Object.fromEntries(
      Object.entries(namesOf(line) ?? {}).filter(([, value]) => value !== null),
    ),
    errno: errnoIn(line),
    ...what === null ? {} : { what },
  };
}

const NOT_UNMAP = /(?:^|[^n])map/i;
const ALLOCATED = /alloc|pool_create/i;

/** That the words are the driver's, and its errno in words. */
function ownWords({ errno }: LogEntryFacts): string {
  const code = errnoText(errno);
  return `The text is the driver's own${code === "" ? "" : `; ${code}`}`;
}

export const DRIVER_LINES: readonly MessageRow[] = [
  {
    isGeneral: true,
    kind: "coherent_failed",
    forms: [
      `{device}: {...}{~dma_alloc_coherent|dmam_alloc_coherent|dma_alloc_attrs|dma_alloc_noncoherent|pci_alloc_consistent|dma_pool_alloc|dma_pool_create|pci_pool_alloc|pci_pool_create}{...}${FAILS}`,
      `{device}: {...}${FAILS}{...}{~dma_alloc_coherent|dmam_alloc_coherent|dma_alloc_attrs|dma_alloc_noncoherent|pci_alloc_consistent|dma_pool_alloc|dma_pool_create}`,
      `{device}: {...}${FAILS}{...}alloc{...}{~DMA|coherent|consistent}`,
      `{device}: {...}{~DMA|coherent}{...}alloc{...}${FAILS}`,
      `{device}: {...}{~DMA|dma|coherent}{...}${FAILS}{...}alloc{...}{~buffer|memory}`,
    ],
    derive: (facts, line) => {
      const found = ofDriver(both(REFUSED, ALLOCATED, /dma|coherent|consistent|pci_pool/i))(
        facts,
        line,
      );
      if (found === null || /channel|\bchan\b|descriptor(?!s? ring)|\btag\b/i.test(line)) {
        return null;
      }
      const size = SIZE.exec(line)?.[1];
      return { ...found, size_bytes: size === undefined ? null : Number(size) };
    },
    role: "report",
    finding: "coherent_failed",
    means: (facts) =>
      `The driver of ${named(facts, "device")} got no memory for DMA${
        typeof facts.size_bytes === "number" ? ` (${facts.size_bytes} in its line)` : ""
      }. ${ownWords(facts)}`,
    next: [
      "look at the lines before it: a contiguous area that is full (cma:), a pool that is full (swiotlb, DMA pool), or `page allocation failure` with its order",
      "allocate at probe, not later: contiguous memory gets rare while the machine runs",
    ],
  },
  {
    isGeneral: true,
    kind: "coherent_failed",
    forms: [
      `{device}: {...}${FAILS}{...}{~DMA|dma_|coherent}{...}mask`,
      `{device}: {...}{~DMA|dma_|coherent}{...}mask{...}{~fail|error|not supported|unsupported}`,
      "{device}: {...}{~no usable|no suitable|no} {~DMA|dma} {~configuration|mask|available|addressing}",
    ],
    always: { cause: "mask_refused" },
    derive: ofDriver(/dma|coherent/i),
    role: "report",
    means: (facts) =>
      `The driver of ${
        named(facts, "device")
      } could not set a DMA mask, and gives up or goes on without DMA. ${ownWords(facts)}`,
    next: [
      "the mask that the driver asks for reaches no memory, or less than the bus or the platform needs, or the device that it is set for has no dma_mask: compare it with dma-ranges and with where memory is (`dmalab explain dma_set_mask`); of a device that a driver creates itself, set dev->dma_mask first (of_dma_configure)",
    ],
  },
  {
    isGeneral: true,
    kind: "driver_dma_error",
    forms: [
      `{device}: {...}{~fail|error|unable|cannot|can't|could not|couldn't|no|missing|not}{...}DMA{...}{~channel|chan}`,
      `{device}: {...}DMA{...}{~channel|chan}{...}{~fail|error|not available|not found|missing|unavailable}`,
    ],
    derive: (facts, line) => {
      const found = ofDriver(
        /\b(?:fail\w*|errors?|unable|can(?:not| not|'t)|could(?: not|n't)|no|missing|not|unavailable)\b/i,
      )(facts, line);
      return found === null || !/\bR?X?DMA|dma/i.test(line)
        ? null
        : { ...found, what: "no channel" };
    },
    role: "report",
    means: (facts) =>
      `The driver of ${
        named(facts, "device")
      } got no channel of a DMA engine, or could not use it: it goes on without DMA, waits for the engine's driver (-517), or fails. No mapping is concerned. ${
        ownWords(facts)
      }`,
    next: [
      "look whether the engine's driver is built and bound (/sys/class/dma lists its channels), and whether `dmas` and `dma-names` of the device's node name it",
    ],
  },
  {
    isGeneral: true,
    kind: "map_failed",
    forms: [
      `{device}: {...}{~dma_map|dma map|dma-map|DMA mapping|dma_mapping|pci_map|map_single|map_page|map_sg|iommu_map|sg_map|skb_map}{...}${FAILS}`,
      `{device}: {...}${FAILS}{...}map{...}{~DMA|skb|sg|buffer|scatter|iova}`,
      `{device}: {...}${FAILS}{...}DMA{...}map`,
      `{device}: {...}${FAILS}{...}{~dma_map_|pci_map_|dma_mapping|iommu_map}`,
      `{device}: {...}DMA{...}map{...}${FAILS}`,
      "[{driver~TTM|drm}] {...}{~Failed|failed|Unable|unable} to {?DMA ?}map {~pages|page|buffer|sg}",
      `{driver}: [{...}]{~SKB|skb} mapping{...}${FAILS}`,
      "{device}: {~Can't|Cannot|can't|cannot} map {~rx|tx} data",
    ],
    derive: (facts, line) =>
      /bitmap|mmap|ioremap|regmap|remap|memmap|unmap|map table|\bmapped\b.*\bto\b.*irq/i.test(line)
        ? null
        : ofDriver(
          both(
            REFUSED,
            NOT_UNMAP,
            /dma|sg|skb|scatter|buffer|iova|pci_map|iommu|pages|[rt]x data/i,
          ),
        )(
          facts,
          line,
        ),
    role: "consequence",
    follows: ["swiotlb_full", "dma_overflow", "iova_full", "dma_debug"],
    means: (facts) =>
      `The driver of ${named(facts, "device")} reports that a map failed. ${ownWords(facts)}`,
    next: [
      "the line before it has the reason: a full bounce pool, an address out of reach, no address left; without one look for leaks (`dmalab trace check`)",
    ],
  },
  {
    isGeneral: true,
    kind: "driver_dma_error",
    forms: [
      `{device}: {...}{~DMA|dma_|dma }{...}${TROUBLE}`,
      `{device}: {...}${TROUBLE}{...}{~DMA|dma_|dma}`,
      `[{driver~drm}] {...}${TROUBLE}{...}{~DMA|dma_|dma}`,
      `[drm:{function}{...}] *ERROR* {...}${TROUBLE}{...}{~DMA|dma_|dma}`,
      "{device} - failed to request DMA",
    ],
    derive: (facts, line) => {
      const found = ofDriver(DMA_WORD)(facts, line);
      if (found === null || NO_TROUBLE.test(line)) return null;
      return { ...found, what: troubleIn(line) ?? "DMA" };
    },
    role: "report",
    means: (facts) =>
      `The driver of ${
        named(facts, "device")
      } has a line about DMA of its device that did not succeed. It is no message of the DMA API or of an IOMMU. ${
        ownWords(facts)
      }`,
    causes: inOrder([
      ...TROUBLE_CAUSES,
      {
        id: "own_words",
        certainty: "unknown",
        text:
          "the words do not say whether the engine, its bus or a mapping is at fault: a fault of an IOMMU in the same seconds, or an error value of the map before it, would tell a mapping apart",
        next: [
          "look at the line in the driver's source, and for a fault of an IOMMU in the same seconds: without one, no mapping is known to be wrong",
          RECORD_ACCESS,
        ],
      },
    ]),
  },
  {
    isGeneral: true,
    kind: "iommu_setup",
    forms: [
      `{device}: {...}{~iommu|smmu}{...}${TROUBLE}`,
      `{device}: {...}${TROUBLE}{...}{~iommu|smmu}`,
    ],
    derive: (facts, line) =>
      /\b(?:iommu|smmu)/i.test(line) && !/no error|iommu group/i.test(line)
        ? ofDriver(/iommu|smmu/i)(facts, line)
        : null,
    role: "report",
    means: (facts) =>
      `The driver of ${
        named(facts, "device")
      } reports that something with its IOMMU did not succeed: most often to get it, to attach to it, or to map. ${
        ownWords(facts)
      }`,
    next: [
      "look at the lines of the IOMMU's own driver (`dmesg | grep -i -e iommu -e smmu -e dmar`) and at /sys/kernel/iommu_groups: whether the IOMMU is there, and whether the device has a group; with -517 the IOMMU's driver comes later",
    ],
  },
  {
    isGeneral: true,
    kind: "state",
    forms: [
      "{device}: {...}{~DMA|dma_|dma }",
      "{device}: {...} {~iommu|VT-d|DMAR} {~active|enabled|disabled|is on|is off|group}",
    ],
    derive: (facts, line) => {
      const found = ofDriver(STATE_WORD)(facts, line);
      return found === null || saysWrong(line) || !/[\d_-]/.test(line.slice(0, line.indexOf(": ")))
        ? null
        : found;
    },
    role: "state",
    means:
      "A line of a driver about DMA without a word of an error: a setting, a mode or a progress (in the driver's own words)",
  },
];
