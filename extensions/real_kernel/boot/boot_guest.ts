/** Boots a guest in QEMU and waits until it has powered off. */
import { host, readHostBytes, rewriteFile } from "@dmalab/cli";
import { type ArchiveFile, cpioArchive } from "../image/cpio.ts";
import type { KernelFiles } from "../image/kernel_files.ts";
import { ARCHITECTURES } from "../machine/architectures.ts";
import type { QemuMachine } from "../machine/qemu_machine.ts";
import { type GuestPlan, modulePath } from "../plan/guest_plan.ts";
import type { ProgramName } from "../program_names.ts";
import { whyNotStarted } from "../programs.ts";
import { MIB } from "@dmalab/runtime";

/** The virtualisation of a boot: KVM or emulation. */
export type Accelerator = "kvm" | "tcg";

export interface BootOptions {
  readonly accelerator: Accelerator;
  /** Time limit, after which the guest is terminated. */
  readonly timeoutMs: number;
  /** An existing folder for the boot's files. The boot does not remove it. */
  readonly folder: string;
  /**
   * Whether the caller keeps the folder, so that the user can repeat the boot by hand. The kernel
   * is then copied to the folder, too.
   */
  readonly isKept: boolean;
  /** When this signal is aborted, the guest is terminated. */
  readonly signal: AbortSignal;
}

/** What the guest's program does. */
export type BootPlan = Pick<GuestPlan, "text" | "hugePages">;

export type BootResult =
  | {
    /** The report of the guest's program. */
    readonly report: string;
    /** QEMU's trace of the controller; null for a log that is too long to be read. */
    readonly controllerLog: string | null;
    /** Last lines of the guest's console. */
    readonly console: readonly string[];
    /** Why the guest did not complete, as a sentence; null if it did. */
    readonly problem: string | null;
  }
  /** QEMU did not start. */
  | { readonly problem: string; readonly report: null };

/** Trace events that QEMU is started with (`-trace`). */
const CONTROLLER_EVENTS: readonly string[] = [
  "pci_nvme_io_cmd",
  "pci_nvme_admin_cmd",
  "pci_nvme_map_prp",
  "pci_nvme_map_sgl",
  "pci_nvme_map_addr",
];

const REPORT_BYTES = 32 * MIB;
/** Number of bytes in which the report's length is written. They precede the report. */
const HEAD_BYTES = 8;
const MAX_LOG_BYTES = 512 * MIB;
const CONSOLE_LINES = 12;
/** A guest that prints more is terminated; its output is not needed. */
const MAX_CONSOLE_BYTES = 8 * MIB;
/** How long the streams of a process that has ended are waited for. */
const LAST_WORDS_MS = 1000;

const FILES = {
  image: "kernel",
  initramfs: "initramfs.cpio",
  firmwareTable: "ssdt.aml",
  report: "report.bin",
  controllerLog: "qemu.log",
  console: "console.log",
  command: "command.txt",
} as const;

export async function bootGuest(
  kernel: KernelFiles,
  program: Uint8Array<ArrayBuffer>,
  machine: QemuMachine,
  plan: BootPlan,
  options: BootOptions,
): Promise<BootResult> {
  const { folder } = options;
  const path = (name: keyof typeof FILES) =>
    name === "image" && typeof kernel.image === "string" && !options.isKept
      ? kernel.image
      : `${folder}/${FILES[name]}`;
  const archive: ArchiveFile[] = [
    { path: "init", bytes: program, isExecutable: true },
    { path: "plan", bytes: new TextEncoder().encode(plan.text) },
    ...kernel.modules.map(({ bytes, name }) => ({ path: modulePath(name).slice(1), bytes })),
  ];
  const args = qemuArguments(machine, plan, options, path);
  const write = (name: keyof typeof FILES, content: string | Uint8Array) =>
    rewriteFile({ folder, name: FILES[name] }, content);
  if (typeof kernel.image !== "string") write("image", kernel.image);
  else if (options.isKept) write("image", readBytes(kernel.image));
  write("initramfs", cpioArchive(archive));
  if (machine.firmwareTable !== null) write("firmwareTable", machine.firmwareTable);
  // QEMU extends the empty file to the size of the shared memory.
  write("report", "");
  write("controllerLog", "");
  const { qemu } = ARCHITECTURES[machine.qemu.architecture];
  write("command", commandLine(qemu, args));
  const ended = await runQemu(qemu, args, options);
  write("console", ended.output);
  if (ended.problem !== null && !ended.hasStarted) return { report: null, problem: ended.problem };
  return {
    report: readReport(path("report")),
    controllerLog: readLog(path("controllerLog")),
    console: ended.console,
    problem: ended.problem,
  };
}

function qemuArguments(
  machine: QemuMachine,
  plan: BootPlan,
  { accelerator }: BootOptions,
  path: (name: keyof typeof FILES) => string,
): string[] {
  const { console, cpu, machine: base, words } = ARCHITECTURES[machine.qemu.architecture];
  const append = [
    `console=${console}`,
    // Keeps the array of `struct page` at its usual address, so that page addresses can be
    // converted to physical ones.
    "nokaslr",
    ...words,
    "panic=-1",
    "quiet",
    "loglevel=4",
    `hugepages=${plan.hugePages}`,
    ...machine.append,
  ];
  return [
    "-accel",
    accelerator,
    "-cpu",
    accelerator === "kvm" ? "host" : cpu,
    "-M",
    base,
    "-nodefaults",
    "-no-user-config",
    "-nic",
    "none",
    "-display",
    "none",
    "-serial",
    "stdio",
    "-no-reboot",
    "-kernel",
    path("image"),
    "-initrd",
    path("initramfs"),
    "-append",
    append.join(" "),
    ...machine.args,
    ...machine.firmwareTable === null
      ? []
      : ["-acpitable", `sig=SSDT,data=${path("firmwareTable")}`],
    "-object",
    `memory-backend-file,id=report,share=on,mem-path=${path("report")},size=${REPORT_BYTES}`,
    "-device",
    "ivshmem-plain,memdev=report,bus=pcie.0,addr=4",
    ...CONTROLLER_EVENTS.flatMap((event) => ["-trace", event]),
    "-D",
    path("controllerLog"),
  ];
}

/** The command line of QEMU for typing it by hand. */
function commandLine(program: ProgramName, args: readonly string[]): string {
  const words = args.map((word) => /^[\w.,=:/+-]+$/.test(word) ? word : `'${word}'`);
  return `${program} ${words.join(" ")}\n`;
}

interface QemuEnd {
  readonly hasStarted: boolean;
  /** The guest's whole output. */
  readonly output: Uint8Array;
  readonly console: readonly string[];
  readonly problem: string | null;
}

async function runQemu(
  program: ProgramName,
  args: readonly string[],
  { signal, timeoutMs }: BootOptions,
): Promise<QemuEnd> {
  let child: Deno.ChildProcess;
  try {
    child = new host.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const problem = whyNotStarted(program, error);
    return { hasStarted: false, output: new Uint8Array(), console: [], problem };
  }
  let why: string | null = null;
  const end = (reason: string) => {
    why ??= reason;
    try {
      child.kill("SIGKILL");
    } catch {
      // QEMU has exited already.
    }
  };
  const timer = setTimeout(
    () => end(`The guest did not end within ${Math.round(timeoutMs / 1000)} s`),
    timeoutMs,
  );
  const interrupt = () => end("Interrupted");
  signal.addEventListener("abort", interrupt);
  const tooMuch = () => end("The guest prints without end");
  const streams = [child.stdout, child.stderr].map((stream) => new BoundedStream(stream, tooMuch));
  const { code, signal: killed } = await child.status;
  // A process that QEMU's wrapper has left can hold the streams open.
  const [output, errorOutput] = await Promise.all(streams.map((each) => each.end(LAST_WORDS_MS)));
  clearTimeout(timer);
  signal.removeEventListener("abort", interrupt);
  const text = new TextDecoder().decode(output);
  const errors = new TextDecoder().decode(errorOutput);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "").slice(-CONSOLE_LINES);
  if (why === null && (code !== 0 || killed !== null)) {
    const said = errors.trim().split("\n").at(-1) ?? "";
    why = `QEMU ended with ${killed === null ? `exit code ${code}` : killed}: ${said}`;
  }
  const panic = /Kernel panic - not syncing: (.*)/.exec(text);
  if (panic !== null) why = `The kernel panicked: ${panic[1]!.trim()}`;
  return {
    hasStarted: output!.length > 0 || why === null,
    output: output!,
    console: lines,
    problem: why,
  };
}

/** What a process writes, up to `MAX_CONSOLE_BYTES`. */
class BoundedStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #chunks: Uint8Array[] = [];
  readonly #read: Promise<void>;

  /** @param tooMuch Called when the process writes more. */
  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>, tooMuch: () => void) {
    this.#reader = stream.getReader();
    this.#read = this.#readAll(tooMuch);
  }

  async #readAll(tooMuch: () => void): Promise<void> {
    let sizeBytes = 0;
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      sizeBytes += value.length;
      if (sizeBytes > MAX_CONSOLE_BYTES) tooMuch();
      else this.#chunks.push(value);
    }
  }

  /** All that was written, once the stream is closed or the time is over. */
  async end(waitMs: number): Promise<Uint8Array<ArrayBuffer>> {
    const timer = setTimeout(() => this.#reader.cancel(), waitMs);
    await this.#read;
    clearTimeout(timer);
    return new Uint8Array(await new Blob(this.#chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  }
}

/**
 * The guest's report, from the file of shared memory that QEMU created. The file begins with the
 * length of the report; of a report that says that it is longer than the memory nothing is read.
 */
function readReport(path: string): string {
  // QEMU exited before it created the memory, or it is no file.
  if (sizeOfFile(path) === null) return "";
  const file = host.openSync(path);
  try {
    const length = Number(new DataView(readUpTo(file, HEAD_BYTES).buffer).getBigUint64(0, true));
    if (length > REPORT_BYTES - HEAD_BYTES) return "";
    return new TextDecoder().decode(readUpTo(file, length));
  } finally {
    file.close();
  }
}

/** The next bytes of a file; zeros after its end. */
function readUpTo(file: Deno.FsFile, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  for (let length = 0; length < sizeBytes;) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes;
}

/** Size of a file in bytes; null if there is none, or if it is a folder, a pipe or a device. */
function sizeOfFile(path: string): number | null {
  try {
    const { isFile, size } = host.statSync(path);
    return isFile ? size : null;
  } catch (error) {
    if (error instanceof host.errors.NotFound) return null;
    throw error;
  }
}

/** QEMU's log; null if it is too long, and empty if there is none. */
function readLog(path: string): string | null {
  const sizeBytes = sizeOfFile(path);
  if (sizeBytes === null) return "";
  if (sizeBytes > MAX_LOG_BYTES) return null;
  return new TextDecoder().decode(readBytes(path));
}

function readBytes(path: string): Uint8Array<ArrayBuffer> {
  const file = readHostBytes(path, { mostBytes: MAX_LOG_BYTES });
  return file.found ? file.bytes : new Uint8Array();
}
