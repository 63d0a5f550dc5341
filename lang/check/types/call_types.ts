/** Kinds of what calls give, and whether their arguments fit. */
import type { HandleType, MethodSpec, Type } from "../../values/spec.ts";
import type {
  Argument,
  CallExpression,
  Expression,
  FieldExpression,
  FunctionDeclaration,
  Name,
} from "../../syntax/tree/ast.ts";
import type { Callable } from "../../values/call_arguments.ts";
import { typeOf, typeText } from "../../values/value_types.ts";
import { findMethod, handleTypeOf, memberNames } from "../../values/types.ts";
import type { Variable } from "../names/bindings.ts";
import { checkArguments } from "./argument_check.ts";
import { refuseConst } from "./changed_places.ts";
import type { KnownShapes, MemberTypes } from "./member_types.ts";
import { plainShape, shapeOf, type StructuralType, UNKNOWN } from "./shape.ts";

type NameExpression = Extract<Expression, { kind: "Name" }>;

interface CalledShapes extends KnownShapes {
  functionShape(declaration: FunctionDeclaration): StructuralType;
  noteParameter(parameter: Name, shape: StructuralType): void;
}

export class CallTypes {
  constructor(readonly kinds: CalledShapes, readonly members: MemberTypes) {}

  call(call: CallExpression): StructuralType {
    const { callee } = call;
    if (callee.kind === "Name") return this.#namedCall(call, callee);
    if (callee.kind === "Field") return this.#methodCall(call, callee);
    if (this.#isCallable(callee, this.kinds.kindOf(callee))) this.#checkValues(call);
    return UNKNOWN;
  }

  #namedCall(call: CallExpression, callee: NameExpression): StructuralType {
    const binding = this.kinds.resolution.names.get(callee);
    switch (binding?.kind) {
      case "builtin":
        this.#checkArguments(call, binding.spec);
        return this.#data(call) ?? shapeOf(binding.spec.result, binding.spec.of);
      case "function":
        this.#checkFunctionArguments(call, binding.declaration);
        return this.kinds.functionShape(binding.declaration);
      case undefined:
        for (const argument of call.arguments) this.kinds.kindOf(argument.value);
        return UNKNOWN;
      default:
        if (!this.#isCallable(callee, this.kinds.kindOf(callee))) return UNKNOWN;
        this.#checkValues(call);
        if (binding?.kind === "variable") this.#checkLambdaCall(call, binding);
        return UNKNOWN;
    }
  }

  /** The kind of what a file of data says; null for any other call. */
  #data(call: CallExpression): StructuralType | null {
    const data = this.kinds.resolution.data.get(call);
    return data === undefined ? null : plainShape(typeOf(data));
  }

  #methodCall(call: CallExpression, callee: FieldExpression): StructuralType {
    const { item, type: object } = this.kinds.shapeOf(callee.object);
    const type = handleTypeOf(object, this.kinds.registry.types);
    if (object === "any" || object === "record" || type === undefined) {
      for (const argument of call.arguments) this.kinds.kindOf(argument.value);
      if (object === "record") this.#entryCalled(callee, type);
      if (
        type === undefined && object !== "any" && !object.startsWith("@") && object !== "record"
      ) {
        this.members.noMember(callee, object, [], "method");
      }
      return UNKNOWN;
    }
    const method = findMethod(type, callee.field.text);
    if (method === null) {
      for (const argument of call.arguments) this.kinds.kindOf(argument.value);
      this.members.noMember(callee, object, memberNames(type), "method");
      return UNKNOWN;
    }
    if (method.changes !== undefined) refuseConst(callee.object, this.kinds);
    this.#noteLambda(call, callee, method);
    this.#checkArguments(call, method);
    this.#checkItemFunction(call, method);
    const given = method.gives === undefined
      ? shapeOf(method.result, method.of)
      : this.members.fromItems(method.gives, item, call);
    return given ?? plainShape(method.result);
  }

  /** Takes note of what a method hands to a lambda, before the lambda is looked at. */
  #noteLambda(
    { arguments: given }: CallExpression,
    { object }: FieldExpression,
    { parameters }: MethodSpec,
  ): void {
    const [argument] = given;
    const called = parameters[0]?.calledWith;
    if (called === undefined || argument?.value.kind !== "Lambda") return;
    const [parameter, ...others] = argument.value.parameters;
    if (parameter === undefined || others.length > 0) return;
    this.kinds.noteParameter(
      parameter,
      called === "item" ? this.kinds.item(object) : plainShape(called),
    );
  }

  /** A function that a method calls with each item takes one, and where it chooses says which. */
  #checkItemFunction(call: CallExpression, { gives, name, parameters }: MethodSpec): void {
    const lambda = call.arguments[0]?.value;
    if (lambda?.kind !== "Lambda" || parameters[0]?.calledWith === undefined) return;
    const count = lambda.parameters.length;
    if (count !== 1) {
      this.kinds.bag.error(
        "E0304",
        lambda.span,
        `\`${name}\` calls its function with 1 argument, but this one takes ${count}`,
      );
    } else if (gives !== "mapped") {
      this.kinds.requireBool(lambda.body, `\`${name}\``);
    }
  }

  /** An entry of a record that is called, or a method of records. */
  #entryCalled(callee: FieldExpression, type: HandleType | undefined): void {
    const { entries } = this.kinds.shapeOf(callee.object);
    const name = callee.field.text;
    if (entries === null || entries.has(name)) return;
    if (type !== undefined && findMethod(type, name) !== null) return;
    const others = type === undefined ? [] : memberNames(type);
    const names = this.kinds.bag.mayCompare(entries.size) ? [...entries.keys(), ...others] : [];
    this.members.noMember(callee, "record", names, "method");
  }

  #checkArguments(
    call: CallExpression,
    callable: Callable,
    declared: FunctionDeclaration | null = null,
  ): void {
    const kindOf = (argument: Argument) => this.kinds.kindOf(argument.value);
    for (const argument of call.arguments) this.kinds.kindOf(argument.value);
    const known = {
      kindOf,
      mismatches: this.kinds.mismatches,
      incomplete: this.kinds.resolution.incomplete,
    };
    checkArguments(call, callable, known, this.kinds.registry, this.kinds.bag, declared);
  }

  #checkFunctionArguments(call: CallExpression, declaration: FunctionDeclaration): void {
    const { name, parameters } = declaration;
    const callable = {
      name: name.text,
      parameters: parameters.map(({ text }) => ({ name: text, type: "any" as const, doc: "" })),
    };
    this.#checkArguments(call, callable, declaration);
  }

  /** False, and an error, for what is no function: then the arguments do not matter either. */
  #isCallable(callee: Expression, type: Type): boolean {
    if (type === "function" || type === "any") return true;
    this.kinds.mismatches.wrong("E0303", callee, type, `Cannot call ${typeText(type)}`);
    return false;
  }

  /** Arguments of a lambda, which have no names. */
  #checkValues(call: CallExpression): void {
    for (const argument of call.arguments) {
      this.kinds.kindOf(argument.value);
      if (argument.name !== null) {
        this.kinds.bag.error(
          "E0305",
          argument.name.span,
          "A lambda takes its arguments by position, not by name",
        );
      }
    }
  }

  /** A lambda that a name stands for, and nothing else, has as many arguments as it declares. */
  #checkLambdaCall(call: CallExpression, { assigned, name, source, span }: Variable): void {
    if (source?.kind !== "Lambda" || assigned.length > 0) return;
    const wanted = source.parameters.length;
    const given = call.arguments.length;
    if (wanted === given) return;
    this.kinds.bag.error(
      "E0304",
      call.span,
      `\`${name}\` takes ${wanted === 1 ? "1 argument" : `${wanted} arguments`}, but got ${given}`,
      undefined,
      [{ span, message: "declared here" }],
    );
  }
}
