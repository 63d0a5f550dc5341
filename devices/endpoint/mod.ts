/**
 * A device without a protocol: registers and DMA on request of a script or a driver in C. Proof:
 * `devices/*_test.ts`.
 *
 * What other members use:
 */
export { ENDPOINT, type EndpointDevice } from "./endpoint.ts";
