/**
 * Text and pages that show a run, for the terminal and for a browser. This module does not access the
 * host.
 */
export * from "./bench/bench_text.ts";
export * from "./scenario/diagnostic_style.ts";
export * from "./scenario/run_settings.ts";
export * from "./scenario/print_run.ts";
export * from "./static_page.ts";
