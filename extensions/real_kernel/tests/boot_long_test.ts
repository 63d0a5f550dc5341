/**
 * Boots one kernel: $DMALAB_KERNEL, which is an image or a package. $DMALAB_KERNEL_MODULES lists
 * further packages or folders with the kernel's modules, separated by colons. Without
 * $DMALAB_KERNEL, the test boots a kernel from `/boot`: the newest one whose series the model has.
 * Without QEMU, a compiler or a kernel, nothing is booted and the test is reported as ignored.
 */
import { dmalab } from "@dmalab/tests";
import { assertEquals, assertMatch } from "@std/assert";
import { nearestRelease } from "../compare/model_release.ts";

interface MachineKernel {
  readonly kernel: string;
  readonly modules: readonly string[];
}

function isInstalled(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Kernels in `/boot` with modules, if users without root rights can read both; the newest first. */
function installedKernels(): readonly MachineKernel[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync("/boot")].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const releases = names.flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? []);
  const newestFirst = new Intl.Collator("en", { numeric: true });
  return releases.toSorted((a, b) => newestFirst.compare(b, a)).flatMap((release) => {
    const kernel = `/boot/vmlinuz-${release}`;
    const modules = [`/lib/modules/${release}`];
    const isUsable = nearestRelease(release)?.isSameSeries === true && isReadable(kernel) &&
      isReadable(`${modules[0]}/kernel`);
    return isUsable ? [{ kernel, modules }] : [];
  });
}

function isReadable(path: string): boolean {
  try {
    if (Deno.statSync(path).isDirectory) return true;
    Deno.openSync(path).close();
    return true;
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
    if (isMissing) return false;
    throw error;
  }
}

function kernelOfMachine(): MachineKernel | null {
  const kernel = Deno.env.get("DMALAB_KERNEL");
  if (kernel === undefined) return installedKernels()[0] ?? null;
  const modules = Deno.env.get("DMALAB_KERNEL_MODULES")?.split(":") ?? [];
  return { kernel, modules };
}

const KERNEL = isInstalled("qemu-system-x86_64") && isInstalled("cc") ? kernelOfMachine() : null;

Deno.test({
  name: "a kernel of this machine does what the model does, in QEMU",
  ignore: KERNEL === null,
  fn: async () => {
    const { kernel, modules } = KERNEL!;
    const { code, errors, output } = await dmalab(
      "kernel",
      "run",
      "extensions/real_kernel/tests/data/two_requests.dma",
      "--kernel",
      kernel,
      ...modules.flatMap((path) => ["--modules", path]),
    );
    assertMatch(output, /^same .*: 2 calls, \d+ requests, \d+ steps, \d+ accesses$/m, errors);
    assertMatch(output, /^1 same, 0 differ, 0 not run$/m);
    assertEquals(code, 0);
  },
});
