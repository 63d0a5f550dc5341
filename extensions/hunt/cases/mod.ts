/** The library of random cases: one seed draws machines, requests, mappings and choices. */
export { Choices } from "./choices.ts";
export {
  HUNT_MACHINES,
  LARGE_PAGE_BYTES,
  mappingConfig,
  type MappingMachine,
  mappingMachines,
} from "./machines.ts";
export {
  MAPPING_WORLDS,
  type MappingCall,
  mappingSteps,
  type MappingUse,
  type MappingWorldSpec,
} from "./mappings.ts";
export {
  BATCHES,
  type Blow,
  FAULTS,
  huntCases,
  huntSteps,
  LONG_REQUEST,
  sampleCases,
  type SoakBatch,
  type SoakIo,
} from "./requests.ts";
