/** How `--trace` prints events; the first where nothing is said. */
export const TRACE_FORMS = ["text", "json"] as const;

export type TraceForm = (typeof TRACE_FORMS)[number];
