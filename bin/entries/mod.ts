/** The library, `dmalab`. */

export * from "dmalab";
