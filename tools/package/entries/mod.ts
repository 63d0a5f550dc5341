/** The library, `dmalab`. */
import "./older_node.ts";

export * from "../../../mod.ts";
