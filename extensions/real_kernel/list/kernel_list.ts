/** `dmalab kernel list`: the kernels in the machine's package lists that `dmalab kernel` can boot. */
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { formatCount, tableLines } from "@dmalab/lang/text";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { nearestRelease } from "../compare/model_release.ts";
import { runProgram } from "../programs.ts";
import { kernelsIn, type ListedKernel, type ListedKernels } from "./listed_kernels.ts";

const NAMES = "^linux-(image|binary|modules)-(unsigned-)?[0-9]";

export async function listKernels(asJson: boolean, screen: Screen): Promise<ExitCode> {
  const found = await shownPackages();
  if ("problem" in found) {
    return refuse(
      `${found.problem}\n  hint: kernel list reads the package lists of Debian; elsewhere get a kernel image and its ` +
        "modules, and name them with --kernel and --modules",
      screen,
    );
  }
  const listed = kernelsIn(found.text);
  if (listed.kernels.length === 0) {
    return refuse(
      "the machine's package lists have no kernel with its modules\n" +
        "  hint: run apt-get update, or add a suite that has one",
      screen,
    );
  }
  screen.out(asJson ? `${JSON.stringify(listedInWords(listed), null, 2)}\n` : listText(listed));
  return HELD;
}

/** What `apt-cache show` prints of each kernel in the lists, or why it prints nothing. */
async function shownPackages(): Promise<{ readonly text: string } | { readonly problem: string }> {
  const names = await aptCache("search", "--names-only", NAMES);
  if ("problem" in names) return names;
  const found = names.text.split("\n").flatMap((line) => line.split(" ")[0] || []);
  return found.length === 0 ? { text: "" } : await aptCache("show", ...found);
}

async function aptCache(
  ...args: readonly string[]
): Promise<{ readonly text: string } | { readonly problem: string }> {
  const result = await runProgram("apt-cache", args);
  if ("problem" in result) return result;
  const { code, stderr, stdout } = result;
  return code === 0
    ? { text: new TextDecoder().decode(stdout) }
    : { problem: `"apt-cache" ends with ${code}: ${stderr.trim().split("\n")[0]}` };
}

/** The modelled release that a kernel is compared with. */
function comparison({ release }: ListedKernel): string {
  const { isSameSeries, profile } = nearestRelease(release)!;
  return isSameSeries ? profile : `${profile}, another series`;
}

function isModelled(release: string): boolean {
  return KERNEL_NAMES.some((name) => name === release);
}

function listedInWords({ kernels, withoutModules }: ListedKernels): unknown {
  return {
    kernels: kernels.map((kernel) => {
      const { isSameSeries, profile } = nearestRelease(kernel.release)!;
      return {
        ...kernel,
        comparedWith: profile,
        isModelled: isModelled(kernel.release),
        isSameSeries,
      };
    }),
    withoutModules,
  };
}

/** A line for each kernel, the newest first, and how to get it. */
export function listText({ kernels, withoutModules }: ListedKernels): string {
  const newestFirst = kernels.toReversed();
  const rows = newestFirst.map((kernel) => [
    kernel.release,
    [kernel.architecture, kernel.flavour].filter((word) => word !== "").join(" "),
    comparison(kernel),
    kernel.packages.join(" "),
  ]);
  const [image, ...modules] = newestFirst[0]!.packages;
  const files = [`--kernel ${image}_*.deb`, ...modules.map((name) => `--modules ${name}_*.deb`)];
  const gone = withoutModules.map(({ name }) => name).toSorted();
  return [
    ...tableLines(["release", "for", "compared with", "packages"], rows, [], Infinity),
    "",
    ...gone.length === 0 ? [] : [
      `${formatCount(gone.length, "image")} without modules in the lists, which cannot be used: ${
        gone.join(", ")
      }`,
      "",
    ],
    `next: apt-get download ${newestFirst[0]!.packages.join(" ")}`,
    `      dmalab kernel compare ${files.join(" ")}`,
  ].map((line) => `${line}\n`).join("");
}
