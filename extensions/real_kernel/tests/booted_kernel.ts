/**
 * The kernel that long tests boot: $DMALAB_KERNEL, which is an image or a package.
 * $DMALAB_KERNEL_MODULES lists further packages or folders with the kernel's modules, separated by
 * colons. Without $DMALAB_KERNEL, it is a kernel from `/boot`: the newest one whose series the model
 * has. Without QEMU, a compiler or a kernel, nothing is booted, and the tests are reported as ignored.
 */
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

/** Null if nothing can be booted. */
export const KERNEL = isInstalled("qemu-system-x86_64") && isInstalled("cc")
  ? kernelOfMachine()
  : null;

/** Options of `dmalab kernel` that name the kernel. */
export function kernelOptions(): readonly string[] {
  const { kernel, modules } = KERNEL!;
  return ["--kernel", kernel, ...modules.flatMap((path) => ["--modules", path])];
}
