/** Which system's log a text is, by lines that only this system prints. */

import { XEN } from "./line_speaker.ts";

/** Systems whose own words are not those of Linux: what to look at on Linux is of no use there. */
const SYSTEMS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^(?:\[[^\]]*\] ?)?\(XEN\) /, XEN],
  [
    /\*\*\* Booting Zephyr|<(?:err|wrn|inf|dbg)> \w|\bzephyr\/(?:tests|drivers|subsys|samples)\b/,
    "Zephyr",
  ],
  [/^\[ *\d+\.\d{9},\d\] /, "the OPAL firmware"],
  [/^\[init(?: -> [\w.-]+){0,8}\] /, "Genode"],
  [/^\[ *\d+\.\d+\]\[\d+\]\[(?:INFO|ERROR|WARN|DEBUG|TRACE) /, "Hermit"],
  [
    /^\s*(?:\d+\.\d\d )?(?:RPi: BOOT|BOOTMODE:|Boot mode: ?\w+ \(\w+\) order)/,
    "the Raspberry Pi's boot loader",
  ],
  [/^U-Boot (?:SPL |TPL )?20\d\d|^(?:=>|U-Boot>) /, "U-Boot"],
  [/^(?:coreboot-|\[(?:DEBUG|INFO |SPEW |NOTE |WARN |ERROR)\] {2})/, "coreboot"],
  [
    /InstallProtocolInterface:|^PROGRESS CODE: V|^ERROR: C\d{6,}:V|^(?:Loading (?:driver|PEIM) at 0x)/,
    "the UEFI firmware",
  ],
  [/^[EWIDV] \(\d+\) [\w.-]+: /, "ESP-IDF"],
  [/^ets [A-Z][a-z]{2} +\d+ 20\d\d|^rst:0x[0-9a-f]+ \(|^Guru Meditation Error/, "ESP-IDF"],
  [/^\[\d{4}\.\d{3}\] [IWE]> /, "NVIDIA's boot loader"],
  [
    /\bbus_dma(?:map|mem|tag)_\w+|^KDB: |^nvme\d+: (?:Resetting controller due to a timeout|System interrupt issues)|^(?:mps|mpr|ahcich|mfi|mrsas)\d+: \S/,
    "BSD",
  ],
  [
    /^(?:FreeBSD|OpenBSD|NetBSD|DragonFly) \d|The FreeBSD (?:Project|Foundation)|^[a-z]+\d+(?::| at) .*\b(?:at|on) (?:pci|uhub|isa|acpi|mainbus|nexus|simplebus|ofwbus)\d+\b/,
    "BSD",
  ],
  [
    /\bDarwin Kernel|\bIO(?:PCI|NVMe|Thunderbolt|DART|USB)[A-Z]?\w*::|AppleEmbedded|\bcom\.apple\./,
    "macOS",
  ],
  [/\bBugcheck|\bBugCheck|\b[A-Z]:\\\w|\b\w+\.sys\b/, "Windows"],
  [/\bNuttX|\bNuttShell|^nsh> /, "NuttX"],
  [/\bRTEMS\b/, "RTEMS"],
  [/\bFreeRTOS\b/, "FreeRTOS"],
  [/\bRT-Thread\b|^msh \/?>/, "RT-Thread"],
  [/\bseL4\b/, "seL4"],
  [
    /\b(?:Asterinas|Redox OS|SerenityOS|Fuchsia|HelenOS|Haiku|illumos|SunOS|Genode)\b/,
    "another system",
  ],
];

/** A line that only Linux, or a program on it, prints. */
const LINUX =
  /\bLinux version \d|Booting Linux on|\bStarting kernel|\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?[^[ ]|\bkernel: |: kern: +[a-z]+: \[|\/(?:dev|sys|proc|lib\/modules|usr)\/|\b(?:EAL|VHOST_\w+): |\b(?:Unknown symbol|libfabric|qemu-system|SPDK|DPDK|libvirt|libxl\w*|NCCL|NVRM|amdgpu|systemd|cloud-hypervisor|dmesg|pcieport|vfio-pci|iommufd|ibv_\w+|ulimit)\b|\.\w+: *\d+:\w+: \*[A-Z]+\*/;

const MAY_TELL =
  /XEN|Booting|\d,\d\] |\[init|interrupt issues|bus_dma|KDB|due to a timeout|(?:mps|mpr|ahcich|mfi|mrsas)\d|> |zephyr|\]\[|RPi|BOOT|mode|U-Boot|=> |coreboot|\[[A-Z]+ ?\]|Install|CODE|Loading|^\S*[EWIDV] \(|BSD|::|\bat\b|Darwin|Apple|apple|ugcheck|ugCheck|:\\|\.sys|Nutt|nsh|RTEMS|RTOS|RT-T|msh|seL4|Asterinas|Redox|Serenity|Fuchsia|Helen|Haiku|illumos|SunOS|Genode|ERROR: C|^ets|^rst:|^Guru/;

/** Lines in which the system is looked for: a boot loader may come before the kernel. */
const MOST_LINES = 4096;

/** The name of a system of which no line tells. */
export const UNKNOWN_SYSTEM = "unknown";

/** Tells from the lines of a log, one by one, whose they are. */
export class LogSystem {
  /** The system of the newest line; null for Linux, and for one of which no line tells. */
  name: string | null = null;
  /** Whether a line was one of Linux, or of a program on it. */
  isLinux = false;
  #lines = 0;

  push(text: string): void {
    if (this.#lines++ >= MOST_LINES) return;
    const found = MAY_TELL.test(text)
      ? SYSTEMS.find(([pattern]) => pattern.test(text))?.[1]
      : undefined;
    if (found !== undefined) this.name = found;
    else if ((this.name !== null || !this.isLinux) && LINUX.test(text)) {
      this.name = null;
      this.isLinux = true;
    }
  }
}
