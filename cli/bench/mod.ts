/** What other members use of `cli/bench`. */
export {
  CannotMeasure,
  checkSavePlace,
  readSaved,
  type SavedMeasurements,
  writeSaved,
} from "./saved_measurements.ts";
export * from "./statistics.ts";
