/**
 * Functions that run whole programs: ordinary runs, benches, properties and sessions.
 *
 * Other workspace members use these exports:
 */
export * from "./run/bench.ts";
export * from "./run/place_trials.ts";
export * from "./run/property/fast_check_engine.ts";
export * from "./run/run_program.ts";
export * from "./run/session.ts";
export * from "./session.ts";
export * from "./bench/mod.ts";
