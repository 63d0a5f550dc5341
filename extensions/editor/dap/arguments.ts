/**
 * Parses a client's arguments. Each argument is returned with its type. If one is missing or wrong,
 * an error names it.
 */
import { RequestError } from "./request_error.ts";

/** Parses one value. @throws {RequestError} If it has another type. */
export type Read<T> = (value: unknown, name: string) => T;
type Shape = Readonly<Record<string, Read<unknown>>>;
export type ValuesOf<S extends Shape> = { readonly [K in keyof S]: ReturnType<S[K]> };

/** Whether an argument is left out; some clients send null for that. */
function isLeftOut(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function ofType<T>(noun: string, isOf: (value: unknown) => value is T): Read<T> {
  return (value, name) => {
    if (isOf(value)) return value;
    throw new RequestError(
      isLeftOut(value)
        ? `"${name}" is missing: ${noun}`
        : `"${name}" takes ${noun}, not ${JSON.stringify(value)}`,
    );
  };
}

export const string = ofType("a string", (value) => typeof value === "string");
export const boolean = ofType("a boolean", (value) => typeof value === "boolean");
export const number = ofType(
  "a number",
  (value): value is number => typeof value === "number" && Number.isFinite(value),
);
export const object = ofType(
  "an object",
  (value): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null && !Array.isArray(value),
);
const array = ofType("a list", (value): value is readonly unknown[] => Array.isArray(value));

/** Parses an optional argument. */
export function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value, name) => isLeftOut(value) ? undefined : read(value, name);
}

export function list<T>(read: Read<T>): Read<readonly T[]> {
  return (value, name) =>
    array(value, name).map((entry, index) => read(entry, `${name}[${index}]`));
}

/** Parses an object with these entries; others are ignored. */
export function record<S extends Shape>(shape: S): Read<ValuesOf<S>> {
  return (value, name) => {
    const entries = object(value, name);
    const read = Object.entries(shape).map(([key, read]) => [key, read(entries[key], key)]);
    return Object.fromEntries(read) as ValuesOf<S>;
  };
}
