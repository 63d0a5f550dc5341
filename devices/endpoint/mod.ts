/**
 * A device without a protocol: it has registers, and does DMA when a script or a driver in C
 * requests it. Proof: `devices/*_test.ts`.
 *
 * What other members use:
 */
export { ENDPOINT, type EndpointDevice } from "./endpoint.ts";
