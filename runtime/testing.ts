/** Machines and platforms for the tests of all members. */
export * from "./dma/testing.ts";
export * from "./testing_config.ts";
