/** The forms in which `--trace` prints events; the first is the default. */
export const TRACE_FORMS = ["text", "json"] as const;

export type TraceForm = (typeof TRACE_FORMS)[number];
