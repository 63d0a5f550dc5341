/** The pages that hold the kernel's rules. */

/** The pages of `docs/rules/`. */
export const RULE_PAGES = [
  "block",
  "c-api",
  "captured",
  "defects",
  "dma",
  "hmm-rdma-vfio",
  "nvme",
  "p2p",
  "traces",
  "v7.3",
] as const;

/** The page that a rule is cited by, as in `dma.3.3`; undefined for what is no rule. */
export function pageOf(name: string): (typeof RULE_PAGES)[number] | undefined {
  return RULE_PAGES.find((each) => `${name}.`.toLowerCase().startsWith(`${each}.`));
}
