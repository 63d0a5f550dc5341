/** How sure a finding is. @see rules/traces.md T.66 */
export type Certainty = "proved" | "likely" | "possible" | "unknown";
