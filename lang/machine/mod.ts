/**
 * The `machine` block: parsing, checks, completion and pages are derived from one schema. Tests:
 * `build_config_test.ts`.
 *
 * Other workspace members use these exports:
 */
export {
  defaultText,
  keyName,
  keysNamed,
  MACHINE_KEYS,
  type MachineKey,
  shapeText,
} from "./key_text.ts";
export { type BlockSpec, MACHINE_SCHEMA, type ValueShape } from "./schema.ts";
