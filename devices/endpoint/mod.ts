/**
 * A device without a protocol: registers and DMA as a script or a driver in C asks for. Proof: `devices/*_test.ts`.
 *
 * What other members use:
 */
export { ENDPOINT, type EndpointDevice } from "./endpoint.ts";
