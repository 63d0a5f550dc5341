/** Runs that are kept, `dmalab/recording`. */

export * from "../../../recording/mod.ts";
