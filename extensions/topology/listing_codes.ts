/** The meanings of a listing's findings, for `dmalab explain E1003`. A code is never reused. */
import type { CodeEntry } from "@dmalab/lang/diagnostics";

export const LISTING_CODES = {
  E1001: {
    title: "no output of lspci",
    explanation: "Nothing in the text names a PCI function: no line begins with an address and a " +
      "class. The output of `lspci -D -nn -vvv` as root is most complete; a dump of registers " +
      "(-xxxx) and the tree (-t) are read too.",
    example: `Dear all, the switch arrives on Monday.

0000:00:00.0 Host bridge [0600]: Intel Corporation Sky Lake-E DMI3 Registers [8086:2020]`,
  },
  E1002: {
    title: "two machines in one text",
    explanation:
      "One address is two different functions, so the text holds listings of two machines. " +
      "Listings of one machine may be concatenated: each adds its facts.",
    example: `00:00.0 Host bridge [0600]: Intel Corporation DMI2 [8086:6f00]
00:00.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Root Complex [1022:1480]`,
  },
  E1003: {
    title: "the buses below the bridges are unknown",
    explanation:
      "`lspci -v`, -x and -PP show which bus lies below a bridge; the plain list does not. Without it " +
      "no function can be placed below another, and no distance is known.",
    example: `00:01.0 PCI bridge: Intel Corporation PCI Express Root Port
01:00.0 3D controller: NVIDIA Corporation GP100GL

# lspci -PP
00:01.0/01:00.0 3D controller: NVIDIA Corporation GP100GL`,
  },
  E1004: {
    title: "listing too large",
    explanation:
      "At most 32 Mi characters and 4096 functions are read. A larger text is not the listing of " +
      "a machine, or has thousands of virtual functions. Nothing of it is imported, because a " +
      "part would look like the whole.",
    example: `$ lspci -D -nn -vvv > all.txt
$ grep -v "Virtual Function" all.txt`,
  },
  E1005: {
    title: "an output format without buses and capabilities",
    explanation: "lspci -vmm writes records for programs: they have names, but neither buses nor " +
      "capabilities.",
    example: `Slot:   00:00.0
Class:  Host bridge

0000:00:00.0 Host bridge [0600]: Intel Corporation DMI2 [8086:6f00]`,
  },
  E1011: {
    title: "access control is unknown",
    explanation:
      "Without root rights lspci shows no capabilities (`<access denied>`), and the list " +
      "alone never does. Whether such a function redirects peer traffic is then unknown: " +
      "answers that depend on it are marked with a question mark.",
    example: `$ lspci -vvv            # Capabilities: <access denied>
$ sudo lspci -vvv       # ACSCtl: SrcValid+ TransBlk- ReqRedir+ …`,
  },
  E1012: {
    title: "truncated listing",
    explanation:
      "The last function has no end, or a dump of registers stops in the middle: a part " +
      "is missing. The rest is imported; facts of the missing part are unknown.",
    example: `0000:05:00.0 3D controller [0302]: NVIDIA Corporation GP100GL [10de:15f8]
	Capabilities: [60] Power Mana`,
  },
  E1013: {
    title: "no bridge leads to a bus",
    explanation:
      "Functions are on a bus that no bridge of the text leads to, and nothing shows that it is a " +
      "root bus. Their upstream route is unknown: answers that depend on it are marked with a " +
      "question mark.",
    example: `00:00.0 Host bridge [0600]: Intel Corporation DMI2 [8086:6f00]
05:00.0 3D controller [0302]: NVIDIA Corporation GP100GL [10de:15f8]`,
  },
  E1014: {
    title: "contradictory bridge",
    explanation: "Two bridges lead to one bus, or a bridge leads to a bus that is not below its " +
      "own. Nothing is put below such a bridge.",
    example: `00:02.0 PCI bridge [0604]: Intel Corporation Root Port [8086:6f04]
	Bus: primary=00, secondary=00, subordinate=00`,
  },
  E1015: {
    title: "a function does not answer",
    explanation:
      "All registers read as ones (rev ff): the function has fallen off the bus, or is " +
      "switched off. Its access control is unknown.",
    example: `01:00.0 3D controller [0302]: NVIDIA Corporation GP100GL [10de:15f8] (rev ff)
	!!! Unknown header type 7f`,
  },
  E1016: {
    title: "functions are named by their path",
    explanation:
      "`lspci -P` writes the bridges above a function in its place and leaves the bus out: " +
      "00:02.0/00.0 is function 00.0 on the bus behind the bridge 00:02.0. Distances and routes are " +
      "those of the machine. `--as dma` gives such a bus a free number.",
    example: `00:02.0 PCI bridge: Red Hat, Inc. QEMU PCIe Root port
00:02.0/00.0 Non-Volatile memory controller: Red Hat, Inc. QEMU NVM Express Controller

# lspci -PP
00:02.0/01:00.0 Non-Volatile memory controller: Red Hat, Inc. QEMU NVM Express Controller`,
  },
} satisfies Readonly<Record<string, CodeEntry>>;
