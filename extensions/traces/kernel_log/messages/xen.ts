/**
 * What Xen prints of its IOMMUs at boot: what it switched on, and what it did not take of the firmware's
 * tables. These lines are Xen's own (`xl dmesg`), and Linux in dom0 prints others.
 *
 * @see rules/traces.md T.71
 */
import { errnoText } from "./errno_words.ts";
import type { MessageRow } from "./message.ts";

const LOOK_IN_XEN =
  "look at the lines of Xen before and after it (`xl dmesg`; boot with `iommu=verbose` for more)";

const FIRMWARE =
  "a firmware update, and the options of Xen that take the place of an entry (of AMD: ivrs_ioapic=, ivrs_hpet=, ivmd=; of VT-d: rmrr=)";

/** Xen's lines about the set-up of IOMMUs. */
export const XEN_SETUP: readonly MessageRow[] = [
  {
    kind: "iommu_setup",
    forms: ["(XEN){...}I/O virtualisation disabled"],
    role: "report",
    means:
      "Xen uses no IOMMU: it found none, could not set it up, or was told not to (iommu=off). A guest with hardware virtualisation gets no PCI device then",
    next: [
      LOOK_IN_XEN,
      "look whether VT-d or AMD-Vi is on in the firmware, and at iommu= of Xen's command line (`xl info`: xen_commandline, virt_caps)",
    ],
  },
  {
    kind: "iommu_setup",
    forms: [
      "(XEN){...}AMD-Vi: Error initialization",
      "(XEN){...}AMD-Vi: IOMMU not found!",
      "(XEN){...}AMD-Vi: IOMMU{...} disabled{...}",
      "(XEN){...}[VT-D]DMAR{...}table{...}{~invalid|missing|not found}{...}",
      "(XEN){...}Failed to parse ACPI DMAR. {...}",
    ],
    role: "report",
    means:
      "Xen did not set up the IOMMU. The reason is in Xen's lines before it: an entry of the firmware's table that Xen does not take, or no table",
    next: [LOOK_IN_XEN, FIRMWARE],
  },
  {
    kind: "iommu_setup",
    forms: [
      "(XEN){...}IVMD: {range=text} is not (entirely) in reserved memory",
      "(XEN){...}IVMD: page at {page=text} can't be converted",
      "(XEN){...}AMD-Vi: {~Warning|Error}: IVMD: {rest}",
    ],
    role: "report",
    means: ({ page, range }) =>
      `The firmware's table (IVRS) asks Xen to let devices reach memory${
        typeof range === "string"
          ? ` at ${range}`
          : typeof page === "string"
          ? ` at page ${page}`
          : ""
      } that its memory map (E820) does not reserve. Xen may give up the IOMMU over it: \`Error initialization\` says so`,
    next: [FIRMWARE],
  },
  {
    kind: "iommu_setup",
    forms: [
      "(XEN){...}assign {device=pci_function} to dom{guest_number=count} failed ({errno})",
      "(XEN) d{guest_number=count}: can't assign device {device=pci_function} ({errno})",
    ],
    role: "report",
    means: ({ device, errno, guest_number }) =>
      `Xen did not give ${device} to the domain ${guest_number}${
        errnoText(errno) === "" ? "" : ` (${errnoText(errno)})`
      }: it has no access to its memory`,
    next: [
      "look who has the function (`xl pci-assignable-list`, `xl pci-list DOMAIN`), at the lines of Xen before it, and whether the firmware keeps memory for it (RMRR), which Xen gives to one domain at most (rdm= of the domain)",
    ],
  },
  {
    kind: "iommu_setup",
    forms: ["(XEN){...}{~IVHD|IVRS} Error{~:|} {rest}"],
    role: "report",
    means: "An entry of the firmware's table (IVRS) is not one that Xen takes, as the line says",
    next: [FIRMWARE],
  },
  {
    kind: "state",
    forms: [
      "(XEN){...}I/O virtualisation enabled",
      "(XEN){...}Dom0 mode: {...}",
      "(XEN){...}Interrupt remapping {~enabled|disabled}",
      "(XEN){...}Intel VT-d {...} {~not enabled|enabled}",
      "(XEN){...}Intel VT-d iommu {iommu_number=count} supported page sizes: {...}",
      "(XEN){...}AMD-Vi: IOMMU Extended Features:{...}",
      "(XEN){...}AMD-Vi: IOMMU {iommu_number=count} Enabled.",
    ],
    role: "state",
    means:
      "What Xen switched on of the machine's IOMMUs, and what not. A feature that is not on is no error: the hardware lacks it, or Xen's options leave it off. Translation itself is on with `I/O virtualisation enabled`",
  },
];
