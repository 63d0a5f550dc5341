/** What other members use of `lang/machine`. */
export {
  defaultText,
  keyName,
  keysNamed,
  MACHINE_KEYS,
  type MachineKey,
  shapeText,
} from "./key_text.ts";
export { type BlockSpec, MACHINE_SCHEMA, type ValueShape } from "./schema.ts";
