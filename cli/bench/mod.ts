/** Other workspace members use these exports of `cli/bench`. */
export {
  CannotMeasure,
  checkSavePlace,
  readSaved,
  type SavedMeasurements,
  writeSaved,
} from "./saved_measurements.ts";
export * from "./statistics.ts";
