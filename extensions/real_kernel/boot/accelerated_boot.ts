/** Boots by KVM where the host has it, else by emulation. */
import { host } from "@dmalab/cli";
import type { Screen } from "@dmalab/cli/extend";
import { printable } from "@dmalab/lang/diagnostics";
import { ARCHITECTURES, type GuestArchitecture } from "../machine/architectures.ts";
import type { Accelerator } from "./boot_guest.ts";

/** What `--accel` asks for. */
export type AskedAccelerator = Accelerator | "auto";

/** The accelerator to begin with. */
export function firstAccelerator(
  asked: AskedAccelerator,
  architecture: GuestArchitecture,
): Accelerator {
  if (asked !== "auto") return asked;
  return ARCHITECTURES[architecture].host === host.build.arch && hasKvm() ? "kvm" : "tcg";
}

/**
 * Boots a guest. If KVM does not boot it and was not asked for by name, it is booted again by emulation.
 *
 * @param problemOf Why a boot failed; null for one that did not.
 */
export async function acceleratedBoot<R>(
  { accelerator, isAuto }: { readonly accelerator: Accelerator; readonly isAuto: boolean },
  boot: (accelerator: Accelerator) => Promise<R>,
  problemOf: (result: R) => string | null,
  screen: Pick<Screen, "err">,
  signal: AbortSignal,
): Promise<{ readonly result: R; readonly accelerator: Accelerator }> {
  const result = await boot(accelerator);
  const problem = problemOf(result);
  if (problem === null || !isAuto || accelerator !== "kvm" || signal.aborted) {
    return { result, accelerator };
  }
  screen.err(`KVM does not boot it (${printable(problem)}): going on by emulation\n`);
  return { result: await boot("tcg"), accelerator: "tcg" };
}

/** Whether the host has KVM. Only a boot shows whether it works for this kernel. */
function hasKvm(): boolean {
  try {
    host.statSync("/dev/kvm");
    return true;
  } catch {
    return false;
  }
}
