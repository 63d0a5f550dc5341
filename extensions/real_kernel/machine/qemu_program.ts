/**
 * Detects the installed QEMU: the names of some properties and some limits differ between its
 * releases.
 */
import { MIB } from "@dmalab/runtime";
import { runProgram } from "../programs.ts";
import { ARCHITECTURES, type GuestArchitecture } from "./architectures.ts";

export interface QemuProgram {
  /** The architecture that it emulates. */
  readonly architecture: GuestArchitecture;
  /** `7.2.22`. */
  readonly version: string;
  /** Name of VT-d's property for scalable mode; null without one. */
  readonly scalableMode: string | null;
  /** Name of VT-d's property for first-stage tables; null without one. */
  readonly firstStage: string | null;
  /**
   * The largest MDTS that QEMU's NVMe controller accepts. Null if the controller may have any MDTS,
   * or none.
   */
  readonly mostMdtsBytes: number | null;
  /** Whether QEMU's NVMe controller reads SGLs for metadata, and reports that it does. */
  readonly readsMetadataSgls: boolean;
}

/** The release for which machines are planned if no QEMU is given, as in tests. */
export const QEMU_7_2: QemuProgram = {
  architecture: "x86_64",
  version: "7.2",
  scalableMode: "x-scalable-mode",
  firstStage: null,
  mostMdtsBytes: null,
  readsMetadataSgls: false,
};

/**
 * The names of each property, the newest first: QEMU 11.1.3 has the first names, 10.0.13 the
 * others.
 */
const SCALABLE_MODE = ["scalable-mode", "x-scalable-mode"];
const FIRST_STAGE = ["fsts", "x-flts"];
/**
 * First major release of QEMU that is treated like 10.0.13 and 11.1.3. These two releases refuse a
 * controller without MDTS or with an MDTS above 2 MiB ("mdts exceeds IOV_MAX"), and read SGLs for
 * metadata. 7.2.22 accepts such controllers, and does not read SGLs for metadata. No release between
 * 7.2.22 and 10.0.13 was tried.
 */
const FIRST_OF_NEW_CONTROLLER = 8;
const MOST_MDTS_BYTES = 2 * MIB;

/**
 * Runs QEMU to find its version.
 *
 * @param asksForVtd Whether the names of VT-d's properties are needed. If so, QEMU is started once
 *   more.
 * @returns The release. If QEMU cannot be started, the reason as a sentence.
 */
export async function readQemu(
  asksForVtd: boolean,
  architecture: GuestArchitecture,
): Promise<QemuProgram | string> {
  const { qemu } = ARCHITECTURES[architecture];
  const asked = await runProgram(qemu, ["--version"]);
  if ("problem" in asked) return asked.problem;
  const version = /version (\d+(?:\.\d+)+)/.exec(new TextDecoder().decode(asked.stdout))?.[1];
  if (version === undefined) return `"${qemu} --version" names no version`;
  let properties = "";
  if (asksForVtd && architecture === "x86_64") {
    const help = await runProgram(qemu, ["-device", "intel-iommu,help"]);
    if ("problem" in help) return help.problem;
    properties = new TextDecoder().decode(help.stdout);
  }
  return qemuProgram(version, properties, architecture);
}

/** @param help The text of `-device intel-iommu,help`. */
export function qemuProgram(
  version: string,
  help: string,
  architecture: GuestArchitecture = "x86_64",
): QemuProgram {
  const named = (names: readonly string[]) =>
    names.find((name) => new RegExp(`^ *${name}=`, "m").test(help)) ?? null;
  const isNew = Number(version.split(".")[0]) >= FIRST_OF_NEW_CONTROLLER;
  return {
    architecture,
    version,
    scalableMode: named(SCALABLE_MODE),
    firstStage: named(FIRST_STAGE),
    mostMdtsBytes: isNew ? MOST_MDTS_BYTES : null,
    readsMetadataSgls: isNew,
  };
}
