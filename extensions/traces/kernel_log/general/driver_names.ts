/** The names of driver and device that a driver prints in front of its lines. */

/** Text of a program's source, of a patch or of a stack: it is no line of a log. */
const OF_SOURCE =
  /"\s*[,)]|%[-+0 #]*\d*l*[dsxpuc]\b|;\s*$|\{\s*$|\+0x[0-9a-f]|^[+-](?! )|^(?:<|--|\$|#|sudo |git )|[=(,]\s*$|\b[Pp]lease\b|make sure/;
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

/** Whether a line is of a program's source, of a patch or of a stack. */
export function isOfSource(line: string): boolean {
  return OF_SOURCE.test(line);
}

/** A word that is no name: `ibv_reg_mr failed: text`. */
const VERDICT =
  /^(?:failed|failure|errors?|warning|unable|cannot|could|timeout|reset|done|the|for|in|of|to|is|are|at|on)$/i;

/** Names in front of a line, and the length of the text with them. */
export interface DriverNames {
  readonly names: { readonly driver: string | null; readonly device: string | null };
  readonly length: number;
}

/** The driver and the device in front of a line; null for text that is no line of a driver. */
export function driverNamesOf(line: string): DriverNames | null {
  if (PROGRAM.test(line) || OF_KERNEL.test(line) || OF_SOURCE.test(line)) return null;
  for (const pattern of NAMES) {
    const found = pattern.exec(line);
    if (found === null) continue;
    const { 0: { length }, 1: driver = "", 2: name = "" } = found;
    if (VERDICT.test(name) || VERDICT.test(driver)) return null;
    const of = (driver: string | null, device: string | null) => {
      return { names: { driver, device }, length };
    };
    if (name === "" && PARTS.has(driver.toLowerCase())) return of(driver, null);
    if (name === "" || driver !== "") return of(driver || null, name || null);
    return /\d/.test(name) ? of(null, name) : of(name, null);
  }
  return null;
}
