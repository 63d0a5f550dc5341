/**
 * The `machine` block: one schema, from which parsing, checks, completion and pages follow. Proof: `build_config_test.ts`.
 *
 * What other members use:
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
