/**
 * Measures the cost of a comparison, relative to a bare boot of the same kernel, in processor time of all
 * processes.
 *
 * The bare boot starts the kernel package's own image on the same machine. Its initramfs contains
 * the guest's program with an empty plan, which powers off at once; the controller is not traced.
 */
import { programWords } from "@dmalab/tests";
import { join } from "node:path";
import { cpioArchive } from "../image/cpio.ts";
import { readGuestSource } from "@dmalab/cli";
import { guestProgram } from "../image/guest_program.ts";

/** Part of the message that `kernel run` prints before a second boot. */
const REPEATED_BOOT = "once more";
/** A scenario with 300 calls on one machine. */
const SCENARIO = "extensions/real_kernel/tests/data/drawn_300.dma";

/** The times of one round of alternating measurements. */
export interface Round {
  /** Processor seconds of a bare boot. */
  readonly bare: number;
  /** Processor seconds of `kernel run` with a warm cache. */
  readonly compared: number;
  /** Whether probes missed hits, so that the comparison booted twice. */
  readonly isRepeated: boolean;
}

/**
 * Runs bare boots and comparisons in turn, with a warm cache.
 *
 * @param kernel An image or a Debian package.
 * @param kernelWords Options that name the kernel and its modules.
 */
export async function bootCost(
  kernel: string,
  kernelWords: readonly string[],
  rounds: number,
): Promise<readonly Round[]> {
  const folder = Deno.makeTempDirSync();
  try {
    const compare = [
      ...programWords("-A"),
      ...["kernel", "run", SCENARIO, "--release", "nearest", "--accel", "tcg", ...kernelWords],
    ];
    timed([...compare, "--keep", folder]);
    const bare = await bareBoot(join(folder, "boot-1"), imageOf(kernel, folder));
    return Array.from({ length: rounds }, () => {
      const compared = timed(compare);
      const isRepeated = compared.messages.includes(REPEATED_BOOT);
      return { bare: timed(bare).seconds, compared: compared.seconds, isRepeated };
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The QEMU command of a kept boot, with another image and an initramfs that powers off at once. */
async function bareBoot(boot: string, image: string): Promise<readonly string[]> {
  const program = await guestProgram(readGuestSource());
  if ("problem" in program) throw new Error(program.problem);
  const initramfs = join(boot, "empty.cpio");
  const init = { path: "init", bytes: program, isExecutable: true };
  Deno.writeFileSync(
    initramfs,
    cpioArchive([init, { path: "plan", bytes: new Uint8Array() }]),
  );
  const command = Deno.readTextFileSync(join(boot, "command.txt"))
    .replace(/ -trace \S+/g, "")
    .replace(/ -initrd \S+/, ` -initrd ${initramfs}`)
    .replace(/ -kernel \S+/, ` -kernel ${image}`);
  return ["sh", "-c", command];
}

/** The path of the compressed image; a package is unpacked into a folder first. */
function imageOf(kernel: string, folder: string): string {
  if (!kernel.endsWith(".deb")) return kernel;
  const path = join(folder, "image");
  const script =
    'dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "*/vmlinuz*" > "$2" 2> /dev/null';
  timed(["sh", "-c", script, "sh", kernel, path]);
  return path;
}

/**
 * Runs a command, and measures user and system time of the command and of all processes that it waits
 * for. The times come from the shell's `times`.
 */
function timed(
  words: readonly string[],
): { readonly seconds: number; readonly messages: string } {
  const { code, stderr, stdout } = new Deno.Command("sh", {
    args: ["-c", '"$@" >&2 && times', "sh", ...words],
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  if (code !== 0) throw new Error(`exit code ${code}: ${words.join(" ")}`);
  const [, children = ""] = new TextDecoder().decode(stdout).split("\n");
  const seconds = children.split(" ").reduce((sum, time) => {
    const [, minutes = "0", rest = "0"] = /(\d+)m([\d.]+)s/.exec(time) ?? [];
    return sum + 60 * Number(minutes) + Number(rest);
  }, 0);
  return { seconds, messages: new TextDecoder().decode(stderr) };
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
