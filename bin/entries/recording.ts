/** Runs that are kept, `dmalab/recording`. */

export * from "dmalab/recording";
