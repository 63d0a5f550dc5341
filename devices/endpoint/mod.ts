/**
 * A device without a protocol: it has registers, and does DMA when a script or a driver in C
 * requests it. Proof: `devices/*_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { ENDPOINT, type EndpointDevice } from "./endpoint.ts";
