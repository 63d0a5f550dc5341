/** Recorded runs, `dmalab/recording`. */

export * from "dmalab/recording";
