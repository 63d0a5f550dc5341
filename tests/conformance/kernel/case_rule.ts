/** Which rule of `docs/rules/` decides the part of a case that differs. */
import type { Difference } from "../difference.ts";

/** Page and number, or null where none can be named. */
export function ruleOf(difference: Difference | null): string | null {
  if (difference === null) return null;
  const { path } = difference;
  for (const [pattern, rule] of RULES) if (pattern.test(path)) return rule;
  return null;
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/inner.*(iova|source|limit_pfn)/, "dma.4.3"],
  [/inner.*(start|end)/, "dma.5.2"],
  [/inner.*(tlb|orig)/, "dma.6.2"],
  [/^map/, "nvme.2.1"],
  [/^iter/, "block.2.3"],
  [/^segments/, "block.2.1"],
  [/^command.*(prp|sqe)/, "nvme.2.3"],
  [/^command/, "nvme.2.4"],
  [/^unmap/, "nvme.2.6"],
  [/^queue_status/, "block.2.3"],
];
