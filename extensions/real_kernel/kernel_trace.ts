/** `dmalab kernel trace`: the mappings of a driver on a real kernel, judged. */
import { readGuestSource, readHostBytes, rewriteFile, withTempFolder } from "@dmalab/cli";
import { type ExitCode, FAILED, HELD, WRONG } from "@dmalab/cli/exit_code";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { defaultLabConfig, type LabConfig } from "@dmalab/devices";
import { printable, printableJson } from "@dmalab/lang/diagnostics";
import { IOMMU_MODELS } from "@dmalab/runtime";
import {
  acceleratedBoot,
  type AskedAccelerator,
  firstAccelerator,
} from "./boot/accelerated_boot.ts";
import { type Accelerator, bootGuest } from "./boot/boot_guest.ts";
import { keptFolder } from "./boot/boot_groups.ts";
import { DRIVER_FILES } from "./drivers/driver_files.ts";
import { isWrong } from "./drivers/driver_verdict.ts";
import { judgedBoot, unjudged } from "./drivers/judged_boot.ts";
import { tracePlan } from "./drivers/trace_plan.ts";
import { type DriverResult, traceJson, traceText } from "./drivers/trace_text.ts";
import type { DeviceWork, TracedDeviceName, TraceIommu, TraceMode } from "./drivers/trace_words.ts";
import { TRACED_DEVICES } from "./drivers/traced_devices.ts";
import { guestProgram } from "./image/guest_program.ts";
import {
  driverProblem,
  type KernelFiles,
  type ModuleFile,
  readKernelFiles,
} from "./image/kernel_files.ts";
import { moduleFacts, moduleNeeds } from "./image/module_file.ts";
import { withAbort } from "./kernel_run.ts";
import {
  guestMemoryBytes,
  IOMMU_FOLDERS,
  iommuModuleOf,
  needsOf,
  type QemuMachine,
  qemuMachine,
} from "./machine/qemu_machine.ts";
import { ARCHITECTURES } from "./machine/architectures.ts";
import { type QemuProgram, readQemu } from "./machine/qemu_program.ts";
import { LOG_FILE, TRACE_FILE } from "./plan/guest_plan.ts";
import { readGuestReport } from "./trace/guest_report.ts";

export interface KernelTraceOptions {
  readonly device: TracedDeviceName;
  /** Empty for the device's usual work. */
  readonly works: readonly DeviceWork[];
  /** Null for the usual one of the kernel's architecture. */
  readonly iommu: TraceIommu | null;
  readonly mode: TraceMode;
  readonly kernel: string;
  readonly modules: readonly string[];
  /** A kernel to compare with, which gets no `module`; null for none. */
  readonly against: string | null;
  readonly againstModules: readonly string[];
  /** A module of the user, with its parameters; null for the kernel's own driver. */
  readonly module: string | null;
  readonly parameters: readonly string[];
  readonly accelerator: AskedAccelerator;
  readonly keep: string | null;
  readonly timeoutMs: number;
  readonly json: boolean;
}

const MAX_MODULE_BYTES = 2 ** 26;
/** The kernel's test of suspend waits this long before it resumes. */
const SUSPEND_SECONDS = 1;

/** A module of the user. */
interface OwnModule extends ModuleFile {
  readonly depends: readonly string[];
}

/** What the boots of one command have in common. */
interface Bench {
  readonly options: KernelTraceOptions;
  readonly program: Uint8Array<ArrayBuffer>;
  readonly qemu: QemuProgram;
  readonly machine: QemuMachine;
  readonly iommu: TraceIommu;
  readonly works: readonly DeviceWork[];
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

export async function traceKernel(options: KernelTraceOptions, screen: Screen): Promise<ExitCode> {
  return await withAbort(async (signal) => {
    const results = await traceBoots(options, screen, signal);
    if (typeof results === "string") return refuse(results, screen);
    screen.out(options.json ? `${printableJson(traceJson(results))}\n` : traceText(results));
    return exitCodeOf(results);
  });
}

/** 1 if something is wrong on one of the kernels, else 2 if something was not done or not judged. */
function exitCodeOf(results: readonly DriverResult[]): ExitCode {
  if (results.some(({ judged }) => typeof judged !== "string" && isWrong(judged))) return FAILED;
  const isWhole = results.every(({ judged, work }) =>
    typeof judged !== "string" && work.notDone.length === 0
  );
  return isWhole ? HELD : WRONG;
}

/** @returns The results; why nothing can be booted, as a sentence. */
async function traceBoots(
  options: KernelTraceOptions,
  screen: Screen,
  signal: AbortSignal,
): Promise<readonly DriverResult[] | string> {
  const { device, mode } = options;
  const { usual, works: known } = TRACED_DEVICES[device];
  const works = options.works.length === 0 ? known.slice(0, usual) : options.works;
  const unknown = works.find((work) => !known.includes(work));
  if (unknown !== undefined) {
    return `${device} cannot do "${unknown}"; it can do: ${known.join(", ")}`;
  }
  const own = options.module === null ? null : readModule(options.module);
  if (typeof own === "string") return own;
  if (own === null && TRACED_DEVICES[device].driver === null) {
    return `no kernel has a driver of ${device}: name one with \`--module\``;
  }
  const sides = [
    { path: options.kernel, modules: options.modules, own },
    ...options.against === null
      ? []
      : [{ path: options.against, modules: options.againstModules, own: null }],
  ];
  const kernels = [];
  for (const side of sides) {
    const kernel = await readTracedKernel(side.path, side.modules, options, side.own);
    if (typeof kernel === "string") return kernel;
    kernels.push({ ...side, kernel });
  }
  const [{ kernel: { architecture } }] = kernels as [(typeof kernels)[number]];
  if (kernels.some(({ kernel }) => kernel.architecture !== architecture)) {
    return "the kernels are for different architectures: the calls of their drivers are not compared";
  }
  const iommu = options.iommu ?? ARCHITECTURES[architecture].iommu ?? "vtd";
  const program = await guestProgram(readGuestSource(), architecture);
  if ("problem" in program) return program.problem;
  const qemu = await readQemu(needsOf(iommu).length > 0, architecture);
  if (typeof qemu === "string") return qemu;
  const machine = machineOf(mode, iommu, works, qemu);
  if (machine.missing.length > 0) return machine.missing.join("; ");
  const bench: Bench = { options, program, qemu, machine, iommu, works, screen, signal };
  const results: DriverResult[] = [];
  for (const [index, { kernel, own }] of kernels.entries()) {
    screen.err(`booting ${kernel.release} (${index + 1} of ${kernels.length})\n`);
    const boot = (folder: string) => bootDriver(bench, kernel, own, folder);
    results.push(
      await (options.keep === null
        ? withTempFolder(boot)
        : boot(keptFolder(options.keep, index + 1))),
    );
    if (signal.aborted) break;
  }
  return results;
}

function machineOf(
  mode: TraceMode,
  iommu: TraceIommu,
  works: readonly DeviceWork[],
  qemu: QemuProgram,
): QemuMachine {
  const base = defaultLabConfig();
  const config: LabConfig = {
    ...base,
    iommu: isUntranslated(mode) ? { ...base.iommu, mode: "off" } : {
      ...base.iommu,
      model: iommu,
      mode,
      addressBits: IOMMU_MODELS[iommu].addressBits.usual,
    },
    swiotlb: { ...base.swiotlb, force: mode === "bounced" },
  };
  const { swiotlb: { sizeBytes } } = config;
  const machine = qemuMachine(config, guestMemoryBytes(2, sizeBytes), undefined, qemu);
  const append = [
    ...machine.append,
    ...works.includes("suspend") ? [`suspend.pm_test_delay=${SUSPEND_SECONDS}`] : [],
  ];
  return { ...machine, append };
}

/** Whether no IOMMU translates, so that none is built. */
function isUntranslated(mode: TraceMode): mode is "off" | "bounced" {
  return mode === "off" || mode === "bounced";
}

function readModule(path: string): OwnModule | string {
  const file = readHostBytes(path, { mostBytes: MAX_MODULE_BYTES });
  if (!file.found) return file.problem;
  const { name } = moduleFacts(file.bytes);
  if (name === null) {
    return `"${
      printable(path)
    }" is no kernel module: it has no name in .modinfo (decompress it first)`;
  }
  return { name, bytes: file.bytes, depends: moduleNeeds(file.bytes).depends };
}

/** The kernel with the modules in the order in which they are loaded; the driver is the last one. */
async function readTracedKernel(
  path: string,
  modules: readonly string[],
  { device, iommu, mode }: Pick<KernelTraceOptions, "device" | "iommu" | "mode">,
  own: OwnModule | null,
): Promise<KernelFiles | string> {
  const { driver, folders, helpers, parameters } = TRACED_DEVICES[device];
  const iommuModule = isUntranslated(mode) || iommu === null ? null : iommuModuleOf(iommu);
  const names = [
    ...iommuModule === null ? [] : [iommuModule],
    ...own?.depends ?? [],
    ...helpers,
    ...driver === null ? [] : [driver],
  ];
  const kernel = await readKernelFiles(path, modules, {
    names,
    folders: iommuModule === null ? folders : [...folders, ...IOMMU_FOLDERS],
  });
  if ("problem" in kernel) return kernel.problem;
  if (own === null) {
    const needed = driver === null
      ? null
      : { device, module: driver, parameters: parameters ?? `${driver}.` };
    return (needed === null ? null : driverProblem(kernel, needed)) ?? kernel;
  }
  const { release } = moduleFacts(own.bytes);
  if (release !== kernel.release) {
    return `The module ${printable(own.name)} is built for ${
      printable(release ?? "no release")
    }, and the kernel is ${printable(kernel.release)}`;
  }
  const isKnown = kernel.modules.some(({ name }) => name === own.name);
  return {
    ...kernel,
    modules: isKnown
      ? kernel.modules.map((module) => module.name === own.name ? own : module)
      : [...kernel.modules.filter(({ name }) => name !== driver), own],
  };
}

async function bootDriver(
  { iommu, machine, options, program, qemu, screen, signal, works }: Bench,
  kernel: KernelFiles,
  own: OwnModule | null,
  folder: string,
): Promise<DriverResult> {
  const { device, keep, mode, timeoutMs } = options;
  const { driver: usual } = TRACED_DEVICES[device];
  const last = kernel.modules.at(-1)?.name ?? null;
  const driver = last === usual || last === own?.name ? last : null;
  const plan = tracePlan(kernel.modules, driver, own === null ? [] : options.parameters, works);
  const sized = { ...machine, args: [...machine.args, ...TRACED_DEVICES[device].args] };
  const boot = (accelerator: Accelerator) =>
    bootGuest(kernel, program, sized, plan, {
      accelerator,
      folder,
      isKept: keep !== null,
      signal,
      timeoutMs,
    });
  const how = {
    accelerator: firstAccelerator(options.accelerator, kernel.architecture),
    isAuto: options.accelerator === "auto",
  };
  const { accelerator, result: booted } = await acceleratedBoot(
    how,
    boot,
    ({ problem }) => problem,
    screen,
    signal,
  );
  const { release } = kernel;
  const about = {
    release,
    qemu: qemu.version,
    accelerator,
    device,
    iommu: isUntranslated(mode) ? mode : `${iommu}, ${mode}`,
    module: driver,
    isOwn: own !== null,
  };
  const failed = (problem: string) =>
    unjudged(about, problem, booted.report === null ? [] : booted.console);
  if (booted.report === null || booted.problem !== null) return failed(booted.problem!);
  const report = readGuestReport(booted.report);
  if (keep !== null) {
    for (
      const [name, file] of [[DRIVER_FILES.trace, TRACE_FILE], [
        DRIVER_FILES.log,
        LOG_FILE,
      ]] as const
    ) {
      rewriteFile({ folder, name }, report.files.get(file) ?? "");
    }
  }
  const doorbellPhys = machine.config.iommu.doorbellPhys ?? null;
  return await judgedBoot(report, about, {
    release,
    mode,
    doorbellPhys,
    driver,
    phases: plan.phases,
  });
}
