/** The machine block of a case: only differences from the defaults are written. */
import { formatSize } from "@dmalab/lang/text";
import { KERNELS } from "@dmalab/runtime/kernels";
import { isUntrusted, metadataBytesOf, PEER_BYTES, takesMetadataSgl } from "./case_machine.ts";
import type { HuntMachine, HuntRelease } from "./hunt_case.ts";

export interface MachineNeeds {
  /** Whether memory above 4 GiB is used. */
  readonly high: boolean;
  /** Whether faults and reports fail the test without an assertion. */
  readonly strictChecker: boolean;
}

/** The block's lines. */
export function machineLines(
  machine: HuntMachine,
  release: HuntRelease,
  { high, strictChecker }: MachineNeeds,
): string[] {
  const quirks = quirkList(release);
  return [
    "machine {",
    `  kernel = "${release.kernel}"`,
    ...quirks === null ? [] : [`  quirks = [${quirks}]`],
    ...strictChecker ? ["  checker = fail"] : [],
    ...high ? ["  ram { size = 8GiB }"] : [],
    ...iommuLines(machine),
    ...machine.forceBounce ? ["  swiotlb { force = true }"] : [],
    ...treeLines(machine, release).map((line) => `  ${line}`),
    "}",
  ];
}

/** The text ` with { … }`: a test's changes to the machine that a file defines. */
export function changeText(
  release: HuntRelease,
  { strictChecker, strictLeaks }: {
    readonly strictChecker: boolean;
    readonly strictLeaks: boolean;
  },
): string {
  const quirks = quirkList(release);
  const changes = [
    `kernel = "${release.kernel}"`,
    ...quirks === null ? [] : [`quirks = [${quirks}]`],
    ...strictChecker ? ["checker = fail"] : [],
    ...strictLeaks ? ["leaks = fail"] : [],
  ];
  return ` with { ${changes.join(", ")} }`;
}

/**
 * The list of a release's defects as differences from the defects of its kernel, or in full if that
 * is shorter; null without differences.
 */
export function quirkList({ kernel, quirks }: HuntRelease): string | null {
  const own = KERNELS[kernel].quirks;
  const added = [...quirks].filter((quirk) => !own.has(quirk));
  const removed = [...own].filter((quirk) => !quirks.has(quirk));
  if (added.length === 0 && removed.length === 0) return null;
  const fromNone = ["none", ...quirks];
  const fromOwn = [...added, ...removed.map((quirk) => `not ${quirk}`)];
  return (fromNone.length < fromOwn.length ? fromNone : fromOwn).join(", ");
}

function iommuLines({ mode, table }: HuntMachine): string[] {
  const settings = [
    ...mode === "off" ? [] : [`mode = ${mode}`],
    ...table === "vtd" ? [] : [`model = ${table}`],
  ];
  return settings.length === 0 ? [] : [`  iommu { ${settings.join(", ")} }`];
}

function diskText(machine: HuntMachine, release: HuntRelease): string {
  const metadataBytes = metadataBytesOf(machine);
  const settings = [
    ...machine.depth === 1024 ? [] : [`depth = ${machine.depth}`],
    ...machine.sgl ? ["sgl = true"] : [],
    ...machine.sgl && machine.sglThresholdBytes !== 32768
      ? [`sgl_threshold = ${formatSize(machine.sglThresholdBytes)}`]
      : [],
    ...machine.blockSizeBytes === 512 ? [] : [`block_size = ${formatSize(machine.blockSizeBytes)}`],
    ...metadataBytes === 0 ? [] : [`metadata = ${formatSize(metadataBytes)}`],
    ...takesMetadataSgl(machine) && metadataBytes > 0 ? ["metadata_sgl = true"] : [],
    ...machine.mdtsBytes === null ? [] : [`mdts = ${formatSize(machine.mdtsBytes)}`],
    ...machine.dmaMaskBits === 64 ? [] : [`dma_mask_bits = ${machine.dmaMaskBits}`],
    ...machine.coherent ? [] : ["coherent = false"],
    ...isUntrusted(machine, release) ? ["untrusted = true"] : [],
  ];
  return settings.length === 0 ? "nvme ssd { }" : `nvme ssd { ${settings.join(", ")} }`;
}

function treeLines(machine: HuntMachine, release: HuntRelease): string[] {
  const disk = diskText(machine, release);
  const size = formatSize(PEER_BYTES);
  const peer = `endpoint peer { bar = ${size}, p2pmem = ${size} }`;
  switch (machine.peer) {
    case "none":
      return ["pci {", `  root_port rp0 { ${disk} }`, "}"];
    case "same_switch":
      return [
        "pci {",
        "  root_port rp0 {",
        "    switch sw0 {",
        `      ${disk}`,
        `      ${peer}`,
        "    }",
        "  }",
        "}",
      ];
    case "host_bridge":
    case "refused":
      return [
        "pci {",
        "  host_bridge hb0 {",
        ...machine.peer === "host_bridge" ? ["    whitelisted = true"] : [],
        `    root_port rp0 { ${disk} }`,
        `    root_port rp1 { ${peer} }`,
        "  }",
        "}",
      ];
  }
}
