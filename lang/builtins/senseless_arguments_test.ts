/** For any arguments of a builtin, the result must be a value, an errno or a mistake of the script. */
import { assertEquals } from "@std/assert";
import { defaultLabConfig, type LabConfig } from "@dmalab/devices";
import { type IommuMode, KernelError, MemoryLimitError, Random } from "@dmalab/runtime";
import type { ExecutionContext } from "../values/execution_context.ts";
import { convertArguments } from "../values/call_arguments.ts";
import { outputLines } from "../vm/output.ts";
import { ScriptError } from "../values/script_error.ts";
import { typeChain } from "../values/types.ts";
import {
  BytesValue,
  Closure,
  Handle,
  ListValue,
  Quantity,
  RangeValue,
  RecordValue,
  type Value,
} from "../values/value.ts";
import { BUILTINS, FUNCTIONS, TYPES, wordSpecs } from "./mod.ts";
import type { FunctionSpec, MethodSpec, Type } from "../values/spec.ts";
import { wordValue } from "./words.ts";

const ALL_WORDS = wordSpecs();

/** Number of calls on one machine; each mode is tested on several machines. */
const CALLS = 300;
const MACHINES = 6;
const MODES: readonly IommuMode[] = ["off", "strict", "lazy", "passthrough"];

const NUMBERS = [
  0,
  1,
  2,
  3,
  7,
  511,
  512,
  513,
  2048,
  4095,
  4096,
  4097,
  8192,
  65536,
  131072,
  1048576,
  0x10_0000,
  0x4000_0000,
  0xffff_f000,
  2 ** 32,
  2 ** 40,
  2 ** 47,
  2 ** 52,
  2 ** 53 - 1,
];

/** The address of the first memory in a process. */
const PROCESS = 0x7f00_0000_0000;

function config(random: Random): LabConfig {
  const base = defaultLabConfig();
  return {
    ...base,
    quirks: new Set(),
    cpus: 2,
    seed: random.nextU32(),
    swiotlb: { ...base.swiotlb, force: random.below(4) === 0 },
    iommu: { ...base.iommu, mode: MODES[random.below(MODES.length)]! },
    regions: [{ name: "low", basePhys: 0x20_0000 as never, sizeBytes: 0x10_0000, type: "ram" }],
    pci: [{
      kind: "root_port",
      name: "rp0",
      settings: {},
      children: [{
        kind: "switch",
        name: "sw0",
        settings: {},
        children: [
          {
            kind: "nvme",
            name: "ssd",
            settings: {
              sgl: random.below(2) === 0,
              untrusted: random.below(4) === 0,
              coherent: random.below(4) !== 0,
              metadataBytes: random.below(2) * 8,
            },
            children: [],
          },
          { kind: "endpoint", name: "gpu", settings: { p2pmemBytes: 1048576 }, children: [] },
          {
            kind: "rdma",
            name: "nic",
            settings: { software: random.below(3) === 0, coherent: random.below(4) !== 0 },
            children: [],
          },
          { kind: "vfio", name: "vf", settings: { stateBytes: 4096 }, children: [] },
          { kind: "endpoint", name: "free", settings: { driver: "none" }, children: [] },
        ],
      }],
    }],
  };
}

/** Makes values of any kind, and keeps the handles that calls returned. */
class Values {
  readonly things = new Map<string, Value[]>();

  constructor(readonly random: Random) {}

  remember(value: Value): void {
    if (!(value instanceof Handle)) return;
    for (const { name } of typeChain(value.type)) {
      const known = this.things.get(name) ?? [];
      known.push(value);
      this.things.set(name, known);
    }
  }

  of(type: Type): Value {
    const { random } = this;
    const number = NUMBERS[random.below(NUMBERS.length)]!;
    switch (type) {
      case "int":
      case "ratio":
        return number;
      case "size":
      case "duration":
      case "phys":
      case "dma":
        return new Quantity(type, number);
      case "virt":
        // Mostly addresses at which processes have memory.
        return new Quantity(
          type,
          random.below(3) === 0 ? number : PROCESS + random.below(8) * 4096,
        );
      case "bool":
        return random.below(2) === 0;
      case "string":
        return ["", "iova.alloc", "iommu.*", "a"][random.below(4)]!;
      case "bytes":
        return new BytesValue(new Uint8Array(random.below(64)));
      case "word":
        return wordValue(ALL_WORDS[random.below(ALL_WORDS.length)]!.name);
      case "list":
        return new ListValue(
          Array.from({ length: random.below(4) }, () => this.of(this.#anyKind())),
        );
      case "record":
        return new RecordValue(new Map([["phys", this.of("phys")], ["size", this.of("size")]]));
      case "range":
        return new RangeValue(number, number + random.below(8192), "int");
      case "function":
        return new Closure(0, [], "test");
      case "any":
        return this.of(this.#anyKind());
      case "nothing":
        return null;
      default: {
        const known = this.things.get(type.slice(1)) ?? [];
        return known.length === 0 ? null : known[random.below(known.length)]!;
      }
    }
  }

  #anyKind(): Type {
    const kinds: Type[] = ["int", "size", "word", "string", "phys", "virt", "@buffer", "@device"];
    return kinds[this.random.below(kinds.length)]!;
  }

  arguments(spec: FunctionSpec | MethodSpec): (Value | undefined)[] {
    return spec.parameters.map((parameter) => {
      if (parameter.optional === true && this.random.below(2) === 0) return undefined;
      const kinds = typeof parameter.type === "string" ? [parameter.type] : parameter.type;
      return this.of(kinds[this.random.below(kinds.length)]!);
    });
  }
}

/** Whether an error may be caused by a script; any other error is a bug of dmalab. */
function isExpected(error: unknown): boolean {
  return error instanceof ScriptError || error instanceof KernelError ||
    error instanceof MemoryLimitError;
}

for (let seed = 1; seed <= MACHINES; seed++) {
  Deno.test(`no arguments make a builtin fail in a way of its own (seed ${seed})`, () => {
    const random = new Random(seed);
    const machine = BUILTINS.buildMachine(config(random), {
      record: true,
      memoryLimitBytes: 64 * 1048576,
      eventLimit: 1_000_000,
    });
    let budget = 64 * 1048576;
    const context: ExecutionContext = {
      debugHooks: null,
      preemption: null,
      lab: machine.lab,
      recorder: machine.recorder,
      call: () => random.below(2) === 0,
      columns: 80,
      print: () => {},
      ask: () => {},
      chargeMemory(bytes) {
        budget -= bytes;
        if (budget < 0) throw new ScriptError("E0802", "The memory limit was reached");
      },
      work: () => {},
      holdMemory: (bytes) => context.chargeMemory(bytes),
      keepWhile: (_items, make) => make(),
      requireChange: () => {},
      siteSpan: () => null,
      siteOf: () => 0,
    };
    const values = new Values(random);
    for (const value of machine.globals.values()) values.remember(value);
    const functions = [...FUNCTIONS.values()];
    for (let call = 0; call < CALLS; call++) {
      budget = 64 * 1048576;
      const asked: string[] = [];
      try {
        const types = [...TYPES.values()].filter((type) =>
          (type.methods ?? []).length > 0 && (values.things.get(type.name) ?? []).length > 0
        );
        let value: Value;
        if (random.below(3) === 0) {
          const type = types[random.below(types.length)]!;
          const method = type.methods![random.below(type.methods!.length)]!;
          const target = values.of(`@${type.name}`) as Handle;
          const args = values.arguments(method);
          asked.push(`${type.name}.${method.name}`, Deno.inspect(args, { depth: 1 }));
          value = method.run(context, target.target as never, convertArguments(method, args));
        } else {
          const spec = functions[random.below(functions.length)]!;
          const args = values.arguments(spec);
          asked.push(spec.name, Deno.inspect(args, { depth: 1 }));
          value = spec.run(context, convertArguments(spec, args));
        }
        values.remember(value);
        asked.push("then show");
        outputLines("print", value, context, TYPES);
        for (const line of outputLines("show", value, context, TYPES)) {
          assertEquals(line.length <= 80 || line.includes('bytes"'), true, line);
        }
        while (random.below(3) === 0 && machine.runNextActivity());
      } catch (error) {
        if (!isExpected(error)) {
          throw new Error(`Call ${call}: ${asked.join(" ")}`, { cause: error });
        }
      }
    }
  });
}
