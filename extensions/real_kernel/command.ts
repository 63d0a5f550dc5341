import { choice, command, flag, integer, MATCH, refuse, text, texts } from "@dmalab/cli/extend";
import {
  TRACE_IOMMUS,
  TRACE_MODES,
  TRACE_OPTIONS,
  TRACED_DEVICE_NAMES,
  WORKS,
} from "./drivers/trace_words.ts";
import { PROGRAMS } from "./program_names.ts";

const ACCELERATORS = ["auto", "kvm", "tcg"] as const;
const ACTIONS = ["run", "compare", "capture", "trace", "list"] as const;
const USUAL_TIMEOUT_S = 300;

export const KERNEL = command({
  name: "kernel",
  brief: "Run scenarios on your own kernel in QEMU and compare it with the model.",
  description:
    "`run` boots an unmodified kernel for x86-64, arm64 or riscv64 in QEMU on the scenario's machine, repeats the tests' NVMe " +
    "requests there with buffers of the same layout, and compares mapping calls, IOMMU operations, the " +
    "controller's accesses and unmaps with the model. `compare` does so with requests that are built in. " +
    "`capture` writes what the kernel did with them as golden data, which conformance replays. " +
    "`trace` boots the kernel with a device of QEMU, binds the device's driver, uses the device, unbinds and " +
    "unloads the driver, and judges its mappings. `list` prints the kernels in the machine's package lists that can " +
    "be booted, and what each is compared with. A test is `same`, `differs` (with the first " +
    "difference) or `not run` (with the reason). Needs QEMU and a C compiler; no root, no network; " +
    "nothing of the host is mounted. Exit codes: 0 what ran is the same, and for trace no mapping is found " +
    "wrong; 1 a test differs, or a mapping is proved or likely to be wrong; 2 nothing ran, the kernel did " +
    "not boot, or a part of a trace was not judged.",
  argument: {
    placeholder: "run|compare|capture|trace|list [FILE]",
    doc:
      "action; for run and capture, scenarios (capture without one, and compare: the built-in requests); for trace and list, none",
    completes: "scenarios",
    count: "some",
  },
  options: {
    kernel: text(
      "KERNEL",
      "kernel image (vmlinuz), Debian package, or folder that contains one",
    ),
    modules: texts("MODULES", "package or folder with the kernel's modules; repeatable"),
    match: MATCH,
    device: choice(
      TRACED_DEVICE_NAMES.join("|"),
      TRACED_DEVICE_NAMES,
      "for trace: the device whose driver is judged",
    ),
    module: text("FILE.ko", "for trace: a driver of yours, in place of the kernel's own"),
    parameters: text("TEXT", "for trace: parameters of that module"),
    work: texts(WORKS.join("|"), "for trace: what the device does; repeatable"),
    iommu: choice(
      "IOMMU",
      TRACE_IOMMUS,
      `for trace: the IOMMU in front of the device, one of ${TRACE_IOMMUS.join(", ")} ` +
        "(default: vtd, for arm64 smmu)",
    ),
    mode: choice(
      TRACE_MODES.join("|"),
      TRACE_MODES,
      "for trace: how the device's addresses are translated (default: strict)",
    ),
    against: text("KERNEL", "for trace: another kernel, to compare the calls of a request"),
    "against-modules": texts("MODULES", "for trace: like --modules, for that kernel; repeatable"),
    release: text(
      "RELEASE|nearest",
      "modelled release to compare with (default: the machine block's, else the nearest to the kernel)",
    ),
    accel: text("auto|kvm|tcg", "KVM, emulation, or KVM where it can be used (default)"),
    out: { kind: "text", also: "-o", placeholder: "DIR", doc: "folder for the captures" },
    keep: text("DIR", "keep trace, logs, initramfs and QEMU's command line of each boot in DIR"),
    timeout: integer("SECONDS", `time limit of one boot (default: ${USUAL_TIMEOUT_S})`, {
      least: 1,
      most: 86400,
    }),
    html: text(
      "FILE",
      "for run and compare: also write an HTML page, with the steps of both sides",
    ),
    json: flag("print everything as JSON"),
  },
  examples: [
    { line: "kernel list", doc: "which kernels are there to boot?" },
    {
      line: "kernel run examples/start/01-first-look.dma --kernel linux-image-6.12.deb",
      doc: "does this kernel do what the model does?",
    },
    {
      line: "kernel compare --kernel linux-image-6.12.deb",
      doc: "780 drawn requests on thirteen machines",
    },
    {
      line: "kernel capture --kernel linux-image-6.1.deb -o captures",
      doc: "the same requests as golden data",
    },
    {
      line: "kernel trace --device e1000e --module e1000e.ko --kernel linux-image-6.12.deb",
      doc: "does this driver unmap what it maps?",
    },
  ],
  may: {
    folders: ["--keep", "--out", "-o"],
    files: ["--html"],
    caches: true,
    spools: true,
    reads: ["/dev/kvm"],
    runs: Object.keys(PROGRAMS),
  },
  async run({ options, screen, words }) {
    const [action, ...paths] = words;
    const misused = misusedWord(action, paths, options);
    if (misused !== null) return refuse(misused, screen);
    const { out } = options;
    if (action === "list") {
      const { listKernels } = await import("./list/kernel_list.ts");
      return await listKernels(options.json, screen);
    }
    if (options.kernel === null) {
      return refuse(`kernel ${action} needs \`--kernel KERNEL\``, screen);
    }
    const accelerator = ACCELERATORS.find((name) => name === (options.accel ?? "auto"));
    if (accelerator === undefined) {
      return refuse(
        `unknown accelerator "${options.accel}"; expected one of: ${ACCELERATORS.join(", ")}`,
        screen,
      );
    }
    const boots = {
      kernel: options.kernel,
      modules: options.modules,
      accelerator,
      keep: options.keep,
      timeoutMs: (options.timeout ?? USUAL_TIMEOUT_S) * 1000,
      json: options.json,
    };
    if (action === "trace") {
      const { readTraceOptions } = await import("./trace_options.ts");
      const traced = readTraceOptions(options);
      if (typeof traced === "string") return refuse(traced, screen);
      const { traceKernel } = await import("./kernel_trace.ts");
      return await traceKernel({ ...traced, ...boots }, screen);
    }
    const release = options.release ?? (action === "compare" ? "nearest" : "scenario");
    const { KERNEL_NAMES } = await import("@dmalab/runtime/kernels");
    const known = (["scenario", "nearest", ...KERNEL_NAMES] as const).find((name) =>
      name === release
    );
    if (known === undefined) {
      return refuse(
        `unknown release "${release}"; expected nearest or one of: ${KERNEL_NAMES.join(", ")}`,
        screen,
      );
    }
    const { CAPTURED_REQUESTS, KERNEL_REQUESTS, readMatches } = await import("@dmalab/cli");
    const read = await readMatches(options.match);
    if (typeof read === "string") return refuse(read, screen);
    const builtIn = action === "capture" ? CAPTURED_REQUESTS : KERNEL_REQUESTS;
    const scenarios = paths.length === 0 ? [builtIn] : paths;
    const settings = {
      ...boots,
      matches: read.matches,
      release: known,
      page: options.html,
    };
    if (out !== null) {
      const { captureKernel } = await import("./kernel_capture.ts");
      return await captureKernel(scenarios, out, settings, screen);
    }
    const { runKernel } = await import("./kernel_run.ts");
    return await runKernel(scenarios, settings, screen);
  },
});

type KernelWords =
  & Record<"kernel" | "out" | "html" | "keep" | "release", string | null>
  & Record<typeof TRACE_OPTIONS[number], string | readonly string[] | null>;

/** What the action does not take or lacks, as a sentence; null if nothing. */
function misusedWord(
  action: string | undefined,
  paths: readonly string[],
  options: KernelWords,
): string | null {
  const { html, out } = options;
  if (!ACTIONS.some((name) => name === action)) {
    return `unknown kernel action "${action}"; expected one of: ${ACTIONS.join(", ")}`;
  }
  if (action === "list") return misusedList(paths, options);
  const ofTrace = TRACE_OPTIONS.find((name) => (options[name] ?? []).length > 0);
  if (action !== "trace" && ofTrace !== undefined) return `\`--${ofTrace}\` is for kernel trace`;
  if (action === "capture" && out === null) return "kernel capture needs `-o DIR`";
  if (action !== "capture" && out !== null) {
    return `kernel ${action} writes no captures: \`-o\` is for kernel capture`;
  }
  if (action === "capture" && html !== null) {
    return "kernel capture writes no page: `--html` is for kernel run and compare";
  }
  if (action === "run" && paths.length === 0) return "kernel run needs scenarios";
  if (action === "trace" && paths.length > 0) return "kernel trace takes no scenarios";
  if (action === "compare" && paths.length > 0) {
    return "kernel compare takes no scenarios: its requests are built in";
  }
  return null;
}

function misusedList(paths: readonly string[], options: KernelWords): string | null {
  if (paths.length > 0) return "kernel list takes no scenarios";
  const names = ["kernel", "release", "out", "html", "keep", ...TRACE_OPTIONS] as const;
  const [given] = names.filter((name) => (options[name] ?? []).length > 0);
  return given === undefined ? null : `kernel list takes no \`--${given}\`, only \`--json\``;
}
