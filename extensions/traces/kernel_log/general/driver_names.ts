/** The names that stand in front of a line, as far as its form proves them. */

/** Text of a program's source, of a patch or of a stack: it is no line of a log. */
const OF_SOURCE =
  /"\s*[,)]|%[-+0 #]*\d*l*[dsxpuc]\b|;\s*$|\{\s*$|\+0x[0-9a-f]|^[+-](?! )|^(?:<|--|\$|#|sudo |git )|[=(,]\s*$|\b[Pp]lease\b|make sure/;
/** A PCI function. */
const FUNCTION = "(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]";
/** A device by its place: `40026400.dma`, `dma@40026400`, `serial8250.0`, `1-1.4:1.0`, `soc:dma`. */
const BY_PLACE = "[0-9a-f]{4,16}\\.[a-z][\\w-]*(?:[:.][\\w@-]+)*|[a-z][\\w-]*@[0-9a-f]{1,16}|" +
  "[a-z][\\w-]*\\.\\d+(?:\\.auto)?|\\d+-\\d+(?:\\.\\d+)*(?::\\d+\\.\\d+)?|soc[\\w.:@-]*:[\\w.:@-]*\\w";
/** A device by a number: `nvme0`, `eth1`. */
const BY_NUMBER = "(?:nvme|mmc|usb|eth|wlan|ata|card|dma|spi|i2c-|tty[A-Za-z]*)\\d+";
const NUMBERED = "[a-z][a-z_-]*\\d+(?:[a-z]+\\d+)*|tty[A-Z]+\\d+|virtio\\d+";

/**
 * Names in front of a line. A driver is one only with a device behind it, or in the brackets of DRM; a
 * word with a colon alone is a prefix, of whomever.
 */
const NAMES: readonly (readonly [pattern: RegExp, keys: readonly (keyof Names)[]])[] = [
  // `driver device: text`, `driver device interface: text`.
  [
    new RegExp(
      `^(?:[-*] )?(?:(?:ERROR|WARNING|NOTICE|INFO): )?([a-z][\\w.,+-]*) (${FUNCTION}|${BY_PLACE}|${NUMBERED})(?: [\\w.-]+)?(?: ERROR)?: ?`,
    ),
    ["driver", "device"],
  ],
  [new RegExp(`^([a-z][\\w-]*) (${FUNCTION}): \\[drm[^\\]]*\\]+`), ["driver", "device"]],
  [new RegExp(`^([a-z][\\w-]*) \\[(${FUNCTION})\\]-`), ["driver", "device"]],
  [/^\[(?:drm:)?[\w.]+ \[([a-z]\w*)\]\]/, ["driver"]],
  [new RegExp(`^(${FUNCTION}|${BY_PLACE}|${BY_NUMBER})(?: [\\w.-]+)?: ?`), ["device"]],
  [/^(tty\w+) - /, ["device"]],
  [/^([\w.-]+) \[drm[^\]]*\]+/i, ["prefix"]],
  [/^\[(drm|TTM)(?::[^\]]*)?\]/, ["prefix"]],
  // `driver:function:line: text`, and a word alone.
  [/^([A-Za-z_][\w.@/-]*)(?:\[\d+\])?(?::[a-z]\w*:\d+)?: ?/, ["prefix"]],
];
/** Programs, whose lines are no lines of the kernel. */
const PROGRAM =
  /^(?:qemu-|(?:EAL|PMD|ETHDEV|MEMPOOL|MBUF|VHOST_\w+|mlx[45]_(?:common|net|pci|vdpa)|librte_\w+)\b|[\w./-]+\.(?:c|cc|cpp|rs|go)\b)/;

/** Parts of the kernel whose lines have rows of their own. */
const OF_KERNEL =
  /^(?:\(XEN\)|DMAR|AMD-Vi|DMA-API|PCI-DMA|DMA|iommu|swiotlb|software IO TLB|cma|Reserved memory|OF|ACPI|EEH|AER)\b|arm-smmu|virtio_iommu/;
/** A command that somebody typed: `dmesg -l err`, `lspci -vv`, `user@host:~$ …`. */
const COMMAND =
  /^(?:sudo|dmesg|journalctl|cat|ls|lspci|lsusb|grep|echo|modprobe|insmod|rmmod|virsh|uname|nvme|perf|make|cd|find|git|apt|dnf|docker|kubectl|ip|ethtool|tail|head)(?: +(?:-|\/|[\w.]+\b(?!:)(?! (?:is|was|has|not)\b))|\s*\|)|^\[?[\w.-]+@[\w.-]+[:~ \]]|^[\w.-]+:[~\/]\S*[#$] |^(?:[$#]|=>|nsh>|msh ?\/?\S*>|uart:~\$|[A-Z]\w+ #) /;

/** Whether a line is a command that somebody typed. */
export function isCommand(line: string): boolean {
  return COMMAND.test(line);
}

/** `driver device: text`, where the device is named by its place: nothing but a log has it. */
const OF_DEVICE =
  /^[>\s]*[a-z][\w.-]* (?:(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[0-9a-f]{6,16}\.[a-z][\w-]*|\d+-\d+(?:\.\d+)*): \S/;

/** Whether a line has the names of a driver and its device in front. */
export function isOfDevice(line: string): boolean {
  return OF_DEVICE.test(line);
}

/** An assertion prints its own source. */
const ASSERTION = /^\W*assert(?:ion)?\b.*\bfail|\b_*assert_fail\w* ?\(/i;

/** A line of a program in Rust, which may print the parts of a value: `ERROR crate::module: text {`. */
const OF_RUST = /^(?:\S+ +)?(?:ERROR|WARN|INFO) +[a-z]\w*(?:::\w+)+: /;

/** Whether a line is of a program's source, of a patch or of a stack. */
export function isOfSource(line: string): boolean {
  return OF_SOURCE.test(line) && !ASSERTION.test(line) && !OF_RUST.test(line);
}

/** Words that are no names: `ibv_reg_mr failed: text`, `channel ch0: text`. */
export const NO_NAME =
  /^(?:failed|failure|errors?|warning|unable|cannot|could|timeout|reset|done|the|for|in|of|to|is|are|at|on|by|from|with|and|or|no|not|channel|chan|queue|port|line|page|core|cpu|node|slot|bus|disk|device|controller|step|test|phase|stage|case|thread|task|process|group|interface|link|boot|info|debug|notice|fatal|critical|assert(?:ion)?|panic|fail|pass|start|end|memory|note|result|status)$/i;

/** Buses and classes. The kernel prints their names in the place of a driver's for a device without a driver. */
const BUS_OR_CLASS =
  /^(?:pci|platform|net|scsi|block|i2c|spi|acpi|pnp|amba|mdio_bus|virtio|sdio|soc|auxiliary|input|misc|sound|infiniband|graphics|drm)$/;

/** What the text in front of a line proves of its names. */
export interface Names {
  readonly driver?: string;
  readonly device?: string;
  /** A word with a colon in front of the line, of which nothing else is known. */
  readonly prefix?: string;
}

/** Names in front of a line, and the length of the text with them. */
export interface DriverNames {
  readonly names: Names;
  readonly length: number;
}

/** The names in front of a line; null for text that is no line of a driver. */
export function driverNamesOf(line: string): DriverNames | null {
  if (PROGRAM.test(line) || OF_KERNEL.test(line) || OF_SOURCE.test(line)) return null;
  for (const [pattern, keys] of NAMES) {
    const found = pattern.exec(line);
    if (found === null || NO_NAME.test(found[1]!)) continue;
    const named = keys.map((key, index) => [key, found[index + 1]!] as const);
    const proved = named.filter(([key, word]) => key !== "driver" || !BUS_OR_CLASS.test(word));
    return { names: Object.fromEntries(proved), length: found[0].length };
  }
  return null;
}
