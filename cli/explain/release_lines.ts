/** The output of `dmalab explain 7.3.4` and `dmalab explain releases`: the changes from release to release. */
import {
  differencesOf,
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  kernelNamed,
  type KernelProfile,
  KERNELS,
  NOT_SIMULATED,
} from "@dmalab/runtime/kernels";
import { CHANGE_WORDS } from "../releases/change_words.ts";

/** All names of releases that can be explained. */
export const RELEASE_NAMES: readonly string[] = [
  "releases",
  ...KERNEL_NAMES,
  ...Object.keys(KERNEL_SHORT_NAMES),
];

/** A release with its changes, or the list of all releases; null for another name. */
export function releaseLines(name: string): string[] | null {
  if (name === "releases") return KERNEL_NAMES.flatMap((kernel) => [...linesOf(kernel), ""]);
  const kernel = kernelNamed(name);
  return kernel === undefined ? null : linesOf(kernel);
}

/** The text by which a search finds a release. */
export function releaseText(kernel: KernelProfile): string {
  return changesOf(kernel).map(({ doc }) => doc).join(" ");
}

function changesOf(kernel: KernelProfile) {
  const before = KERNEL_NAMES[KERNEL_NAMES.indexOf(kernel) - 1];
  const simulated = before === undefined ? [] : differencesOf(before, kernel);
  return [
    ...simulated.map(({ change, doc, rule }) => ({
      kind: CHANGE_WORDS[change],
      doc,
      more: `\`dmalab explain ${rule}\``,
    })),
    ...NOT_SIMULATED.filter((change) => change.in === kernel).map(({ after, because, doc }) => ({
      kind: after === before ? "not simulated" : `not simulated, after ${after}`,
      doc,
      more: because,
    })),
  ];
}

function linesOf(kernel: KernelProfile): string[] {
  const { doc } = KERNELS[kernel];
  const changes = changesOf(kernel);
  const before = KERNEL_NAMES[KERNEL_NAMES.indexOf(kernel) - 1];
  const head = [`## ${kernel}`, "", doc, ""];
  if (changes.length === 0) return head;
  return [
    ...head,
    `| since ${before} | what changed | more |`,
    "| --- | --- | --- |",
    ...changes.map(({ doc, kind, more }) => `| ${kind} | ${doc} | ${more} |`),
  ];
}
