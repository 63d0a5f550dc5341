/** Runs that are kept, `dmalab/recording`. */
import "./older_node.ts";

export * from "../../../recording.ts";
