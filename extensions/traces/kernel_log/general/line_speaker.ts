/** Who printed a line: a driver and its device, a function of a source file, a program. */
import { driverNamesOf, type Names } from "./driver_names.ts";

/** A program that is a system of its own: what to look at on Linux is of no use there. */
export const ESXI = "VMware ESXi";
export const XEN = "Xen";

export interface LineSpeaker extends Names {
  readonly function?: string;
  /** A program of user space, or a firmware. */
  readonly program?: string;
  /** A trace event of a program. */
  readonly event?: string;
}

type Groups = readonly (string | undefined)[];
type Read = (groups: Groups) => Readonly<Record<string, string | null | undefined>>;

const SOURCE_FILE = String.raw`[\w./+-]+\.(?:c|cc|cpp|cxx|h|hpp|rs|go|py)`;

/** Files of SPDK's libraries: the kernel prints no file in front of a line. */
const SPDK_FILE = String
  .raw`(?:(?:nvme|nvmf|bdev_nvme|vfio_user|spdk)_?\w*|bdev|ctrlr|subsystem|transport|rdma|tcp)\.c`;

/** Text in front of a line, and what its groups are. */
const SPEAKERS: readonly (readonly [pattern: RegExp, read: Read])[] = [
  [/^(qemu-[\w-]+|kvm)(?:\[\d+\])?: /, ([program]) => ({ program })],
  [
    /^((?:EAL|PMD|VHOST_\w+|ETHDEV|MEMPOOL|MBUF|TELEMETRY|PCI_BUS|BUS_PCI|VDEV_BUS|BUS_VDEV)\b): /,
    ([part]) => ({
      program: `DPDK (${part})`,
    }),
  ],
  // SPDK: `file.c: 123:function: *ERROR*: text`.
  [
    new RegExp(String.raw`^(${SOURCE_FILE}): *\d+: *(\w+): \*[A-Z]+\*: `),
    ([file, name]) => ({ program: `SPDK (${file})`, function: name }),
  ],
  // SPDK with another front: `… nvme_ctrlr.c:2520:nvme_ctrlr_process_init text`.
  [
    new RegExp(String.raw`^[^:]{0,60}? ?\b(${SPDK_FILE})(?:: ?\d+: ?|\(\d+\) ?)(\w+):? `),
    ([file, name]) => ({ program: `SPDK (${file})`, function: name }),
  ],
  // A module's own prefix: `module: file.c: function: 123: text`.
  [
    new RegExp(String.raw`^([\w-]+): ${SOURCE_FILE}: (\w+): \d+: `),
    ([prefix, name]) => ({ prefix, function: name }),
  ],
  [
    new RegExp(
      String
        .raw`^(?:\[\w+\] ?|(?:ERROR|INFO|WARN\w*|NOTICE|DEBUG)[: ]+)?(${SOURCE_FILE})[:(] ?\d+\)?(?::\d+)?:? (?:(\w+)(?:\(\))?: )?`,
    ),
    ([file, name]) => ({ program: `the code of ${file}`, function: name }),
  ],
  [/^\(XEN\) (?:\[[^\]]{1,24}\] ?)?/, () => ({ program: XEN })],
  // VMware ESXi: `cpu3:1234)module:function:123:text`.
  [
    /^cpu\d+:\d+(?: opID=\w+)?\)(?:(?:WARNING|ALERT): )?([\w-]+): ?(?:(?:[0-9a-f:.]+ )?(\w+):\d+: ?)?/,
    ([prefix, name]) => ({ program: ESXI, prefix, function: name }),
  ],
  // A shell and its commands: `ls: cannot access …`, `./boot.sh: line 10: …`.
  [
    /^(ls|cat|bash|sh|zsh|python[\d.]*|modprobe|insmod|rmmod|grep|dd|make|gcc|ld|mount|lspci|docker|sudo|cp|mv|echo|fio|perf|ethtool|dmesg|rpm|apt|dnf|\.?\.?\/[\w./-]+): (?:line \d+: )?/,
    ([program]) => ({ program }),
  ],
  // `driver:function_name: text`.
  [/^([a-z]\w*):(_*[a-z]+_\w+): /, ([prefix, name]) => ({ prefix, function: name })],
  // glog: `file.cc:123] text`.
  [
    new RegExp(String.raw`^(${SOURCE_FILE}):\d+\] `),
    ([file]) => ({ program: `the code of ${file}` }),
  ],
  // A program in Rust: `ERROR crate::module] text`, `[… WARN  crate::module] text`.
  [
    /^(?:\[[^\]]{0,40}? )?(?:ERROR|WARN|INFO|DEBUG) +([a-z]\w*)(?:::\w+)+[\]:] ?/,
    ([program]) => ({ program }),
  ],
  // `program: text: the text of an errno (os error 11)`.
  [/^([a-z][\w-]*): (?=.*\(os error \d+\))/, ([program]) => ({ program })],
  [/^\.*(libxl\w*): ?/, ([name]) => ({ program: "Xen's libxl", function: name })],
  // Trusted Firmware: `ERROR:   BL31: text`.
  [/^(?:NOTICE|INFO|ERROR|WARNING|VERBOSE): +BL\d\w*: /, () => ({
    program: "a firmware (Trusted Firmware-A)",
  })],
  // A trace event of QEMU: `vfio_region_mmap  Region 0 …`, `7@1600000000.1:vtd_dmar_translate …`.
  [
    /^(?:\d+@\d+[.:]\d+:)?((?:vfio|iommufd|vtd|amdvi|smmuv?3?|virtio_iommu|pci_nvme|nvme|ram|dma|memory_region|migration|savevm)_\w+) +(?!.{0,20}: )/,
    ([event]) => ({ program: "QEMU", event }),
  ],
  [
    /^\[([a-z][a-z0-9]*)[-_](?:err|wrn|warn|inf|info|dbg|msg|error)\] ?(?:(\w+): )?/i,
    ([prefix, name]) => ({
      prefix,
      function: name,
    }),
  ],
];

/** Systems and firmware with logs of their own, by the text in front of a line. */
const PROGRAMS =
  /^(?:(?:\[\w+\] )?(libvirtd?|virtqemud|virsh|kubelet|containerd|podman|dockerd|cloud-hypervisor|firecracker|crosvm|spdk\w*|vpp|rasdaemon|fwupd)(?:\[\d+\])?: )/;

/** `Memory: text`: a plain word with a capital is no name. */
const PLAIN_WORD = /^[A-Z][a-z]+$/;
const FUNCTION = /(?<![\w:.])((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?![\w.])/i;
const NAMED_DEVICE =
  /\b((?:nvme|mmc|usb|eth|wlan|dma)\d+|[0-9a-f]{6,16}\.[a-z][\w-]*|[a-z][\w-]*@[0-9a-f]{4,16})\b/;

/**
 * The speaker of a line, and the text after its prefix.
 * @param isShaped Whether the line has the form of a log's line: a sentence names no driver.
 */
export function speakerOf(
  text: string,
  isShaped = true,
): { readonly speaker: LineSpeaker; readonly said: string } {
  for (const [pattern, read] of SPEAKERS) {
    const found = pattern.exec(text);
    if (found !== null) return speaking(text, found[0], withoutNull(read(found.slice(1))));
  }
  const program = PROGRAMS.exec(text);
  if (program !== null) {
    return speaking(text, program[0], { program: program[1]! });
  }
  const names = isShaped ? driverNamesOf(text) : null;
  if (names === null) return speaking(text, "", {});
  const { prefix } = names.names;
  if (prefix !== undefined && PLAIN_WORD.test(prefix)) return speaking(text, "", {});
  return speaking(text, text.slice(0, names.length), names.names);
}

function speaking(text: string, prefix: string, speaker: LineSpeaker) {
  const device = speaker.device ?? FUNCTION.exec(text)?.[1] ?? NAMED_DEVICE.exec(text)?.[1];
  return {
    speaker: device === undefined ? speaker : { ...speaker, device },
    said: text.slice(prefix.length),
  };
}

function withoutNull(speaker: Readonly<Record<string, string | null | undefined>>): LineSpeaker {
  return Object.fromEntries(Object.entries(speaker).filter(([, value]) => value != null));
}
