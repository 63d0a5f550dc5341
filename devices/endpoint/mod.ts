/** What other members use of `devices/endpoint`. */
export { ENDPOINT, type EndpointDevice } from "./endpoint.ts";
