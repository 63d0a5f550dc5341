/** What the input of a check has already: steps that ask for it again are left out. */
import { CHECKER, PASSTHROUGH, PASSTHROUGH_ARM, STRICT } from "./finding_kinds.ts";
import type { MachineFacts } from "./machine_facts.ts";

export interface GivenInput {
  /** Whether a trace of mappings was given. */
  readonly hasTrace: boolean;
  /** Facts of the log and of the collector about the machine. */
  readonly facts: MachineFacts;
}

/** A step that asks for a trace. In a guest, another one than that of its host is meant. */
const RECORDING = /\brecord the mappings\b(?! in the guest)/;

/**
 * The steps that ask for nothing that the input has: a trace, a boot with strict invalidation, a kernel with the
 * checker. Options of the kernel are those of its architecture.
 *
 * @param device The device that the steps are about; null for none.
 */
export function notGiven(
  steps: readonly string[],
  { facts, hasTrace }: GivenInput,
  device: string | null,
): readonly string[] {
  // A group of type `DMA` is strict, one of `DMA-FQ` is lazy; else the policy of the boot counts.
  const type = device === null ? undefined : facts.groupTypes.get(device);
  const isStrict = type === undefined ? facts.invalidation === "strict" : type === "DMA";
  return steps.filter((step) =>
    !(hasTrace && RECORDING.test(step)) && !(isStrict && step === STRICT) &&
    !(facts.hasChecker && step === CHECKER)
  ).map((step) => facts.hasSmmu && step === PASSTHROUGH ? PASSTHROUGH_ARM : step);
}
