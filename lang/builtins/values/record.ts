/** Records: the entries of a record are its fields; a method gets the whole record. */
import { removeEntry, setEntry } from "../../values/changes.ts";
import { ENTRY_BYTES, ITEM_BYTES, LIST_BYTES, RECORD_BYTES } from "../../values/limits.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { clip, pad } from "../../text/columns.ts";
import { formatCount } from "../../text/numbers.ts";
import { formatValue } from "../../render/value_text.ts";
import { AttemptValue, EnumValue, ListValue, RecordValue } from "../../values/value.ts";
import { explainError, nothingLedTo } from "../explain/error_story.ts";
import type { HandleType } from "../../values/spec.ts";
import { listLines } from "./list.ts";
import { param } from "../describe/parameters.ts";
import { methodsOf } from "../describe/builtin.ts";

const method = methodsOf<RecordValue>("script");

export const RECORD: HandleType<RecordValue> = {
  name: "record",
  doc:
    'Named values: { key: value }. `r.key` and `r["key"]` give one of them, `r.key = e` changes it in ' +
    "place, for every reference to it; `r with { key: e }` is a copy.",
  fields: () => [],
  methods: [
    method({
      name: "keys",
      pure: true,
      result: "list",
      doc: "The names of the entries, in the order they were written.",
      example: `assert { a: 1, b: 2 }.keys() == ["a", "b"]`,
      run(context, record) {
        context.chargeMemory(LIST_BYTES + ITEM_BYTES * record.entries.size);
        return [...record.entries.keys()];
      },
    }),
    method({
      name: "values",
      pure: true,
      result: "list",
      doc: "The values of the entries, in the order they were written.",
      example: `assert { a: 1, b: 2 }.values() == [1, 2]`,
      run(context, record) {
        context.chargeMemory(LIST_BYTES + ITEM_BYTES * record.entries.size);
        return [...record.entries.values()];
      },
    }),
    method({
      name: "has",
      pure: true,
      parameters: [param.string("key", "The name looked for.")],
      result: "bool",
      doc: "True when there is an entry of that name.",
      example: `assert { a: 1 }.has("a")`,
      run: (_run, record, [key]) => record.entries.has(key),
    }),
    method({
      name: "set",
      parameters: [
        param.string("key", "The name of the entry."),
        param.any("value", "The new value."),
      ],
      changes: "entries",
      doc: "Sets an entry, in place; adds it if it does not exist.",
      example: `let r = { a: 1 }\nr.set("b", 2)\nassert r == { a: 1, b: 2 }`,
      run: (context, record, [key, value]) => setEntry(record, key, value, context),
    }),
    method({
      name: "remove",
      parameters: [param.string("key", "The name of the entry.")],
      result: "any",
      changes: "entries",
      doc: "Removes an entry and returns its value; none if it does not exist.",
      example: `let r = { a: 1, b: 2 }\nassert r.remove("a") == 1 and r == { b: 2 }`,
      run: (context, record, [key]) => removeEntry(record, key, context),
    }),
    method({
      name: "copy",
      pure: true,
      result: "any",
      doc: "A shallow copy: lists and records in it are shared.",
      example: `let r = { a: 1 }\nlet other = r.copy()\nother.a = 2\nassert r.a == 1`,
      run(context, record) {
        context.chargeMemory(RECORD_BYTES + ENTRY_BYTES * record.entries.size);
        return new RecordValue(new Map(record.entries), "script");
      },
    }),
  ],
  format: (record, context) => formatValue(record, context),
  show: (record, context) => record.entries.size === 0 ? ["{}"] : fieldLines(record, context),
  explain(record, context) {
    const error = record.entries.get("error");
    if (record instanceof AttemptValue && error instanceof EnumValue) {
      return explainError(error.name, context, record.events);
    }
    return nothingLedTo("a record: explain what is in it");
  },
};

/** Columns by which the items of a list are moved to the right below the name of its field. */
const ITEM_INDENT = 4;

/** A line for each field; a list that does not fit on it is shown below it. */
function* fieldLines({ entries }: RecordValue, context: ExecutionContext): Generator<string> {
  const { columns } = context;
  const width = [...entries.keys()].reduce((most, { length }) => Math.max(most, length), 0);
  for (const [key, value] of entries) {
    const text = formatValue(value, context);
    const name = `  ${pad(key, width)}  `;
    if (value instanceof ListValue && name.length + text.length > columns) {
      yield `${name}${formatCount(value.items.length, "item")}`;
      for (const line of listLines(value, context, columns - ITEM_INDENT)) {
        yield `${" ".repeat(ITEM_INDENT)}${line}`;
      }
    } else yield clip(`${name}${text}`, columns);
  }
}
