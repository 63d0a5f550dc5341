/** The library, `dmalab`. */

export * from "../../../mod.ts";
