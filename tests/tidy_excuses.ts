/**
 * Findings of `tests/tidy.ts` that may stay, each with its reason. An excuse for which there is no
 * finding is an error, too.
 */

type Excuses = Readonly<Record<string, string>>;

const TABLE = "a table: it grows by a row for each thing";
const CASES = "one switch over a closed list, a few lines a case";
const KERNEL_CALL =
  "on the hot path: the kernel's own parameters, where a record for each call would be garbage";
const MADE_ONCE = "made of constants when first wanted, never changed: most runs do not want it";
const UNSEEN = "where arrays lie, which changes nothing that they hold";
const BENCHMARK = "benchmarks of one run share what takes long to measure or to build";
const AS_DATA = "a record of the captured data, walked as plain JSON";
const KINDS_MEET =
  "decoded by its declared kind, which the type system cannot follow over a list of kinds";
const NO_CIRCLE =
  "the class imports the files that use the interface: their import of the class would close a circle between folders";
const TWO_SIDES =
  "driver and device may not import each other, not even types (tests/members_test.ts)";

const CALLED_BY_VSCODE = "VS Code loads it, and calls what it exports";

export const DEAD_FILES: Excuses = {};

export const UNUSED_EXPORTS: Excuses = {
  "extensions/editor/vscode/extension.ts activate": CALLED_BY_VSCODE,
  "extensions/editor/vscode/extension.ts deactivate": CALLED_BY_VSCODE,
};

export const REPEATED_TYPES: Excuses = {};

export const SINGLE_CLASS_INTERFACES: Excuses = {
  "devices/nvme/register_port.ts NvmeRegisterPort": TWO_SIDES,
  "devices/nvme/register_port.ts NvmeInterruptLine":
    `${TWO_SIDES}; object literals implement it, too`,
  "devices/vfio/command_port.ts CommandPort": TWO_SIDES,
  "lang/builtins/types/trace.ts Trace":
    "a record: most traces are object literals with a fixed list; the class is the growing `events`",
  "lang/values/execution_context.ts DebugHooks": NO_CIRCLE,
  "runtime/memory/page_allocator.ts PageWatcher": NO_CIRCLE,
  "cli/repl/command_target.ts ScreenView": NO_CIRCLE,
  "extensions/c_drivers/wasm/compiled_code.ts CompiledCode": NO_CIRCLE,
  "recording/recorded_run.ts RunPosition":
    "a record: most positions are object literals; the class is a position that moves",
};

export const STALE_COMMENTS: Excuses = {};

export const LONG_FILES: Excuses = {};

export const LONG_FUNCTIONS: Excuses = {
  "devices/nvme/driver/nvme_limits.ts ioLimits": TABLE,
  "devices/nvme/nvme_device.ts create": "a device is put together in one order, step by step",
  "lang/check/types/statement_check.ts StatementChecker.#statement": CASES,
  "lang/check/types/type_inference.ts TypeInference.#infer": CASES,
  "lang/check/names/resolve.ts Resolver.#statement": CASES,
  "lang/compile/asserted_parts.ts parts": CASES,
  "lang/compile/function_compiler.ts FunctionCompiler.#value": CASES,
  "lang/compile/function_compiler.ts FunctionCompiler.#statement": CASES,
  "lang/vm/loop.ts loop":
    "the hot loop: a call for each instruction would cost more than the instruction",
  "lang/vm/rare_ops.ts rare": CASES,
  "lang/builtins/types/nvme/request.ts fields": TABLE,
  "runtime/block/queue_limits.ts deriveLimits": TABLE,
  "runtime/fault_log/smmu_events.ts smmuReason": CASES,
};

export const LONG_PARAMETER_LISTS: Excuses = {
  "lang/check/check_files.ts resolveFile": "what one file adds to the tables of all files",
  "runtime/dma/calls/mapping.ts DmaMapping.dmaIovaLink": KERNEL_CALL,
  "runtime/dma/checker/mapping_checks.ts MappingChecks.mapped": KERNEL_CALL,
  "runtime/dma/calls/mapping.ts DmaMapping.#unmapFromDeviceTlbs": KERNEL_CALL,
};

export const MODULE_STATE: Excuses = {
  "cli/host.ts programs": "the programs that this process has started, which end with the process",
  "cli/screen.ts progressLine":
    "the terminal of the process: the compiler, deep below a command, shows its progress there, too",
  "cli/system_clang.ts chosen":
    "A command line chooses the compiler of the process, as a program says at its start that it keeps one",
  "cli/compile_cache.ts mayCompile":
    "a worker that tries places of a sweep never compiles C: the test's thread has done it",
  "cli/jobs/worker_start.ts isAlways":
    "tests start workers at once, and the program does not set it",
  "cli/compile_cache.ts isKept":
    "whether this process is a program, which only its entry knows: set once, before anything runs",
  "lang/syntax/tokens.ts VOCABULARY":
    "the tokens in the order of their declarations: filled while the file is loaded, read after it",
  "extensions/editor/vscode/extension.ts client":
    "between activate() and deactivate(), which are functions of the module",
  "cli/places.ts knownName": MADE_ONCE,
  "cli/files/user_cache.ts uncounted":
    "a cache's files are counted again only after some MiB: there are thousands, and each stored file would count them",
  "cli/extensions.ts load":
    "set once by the entry that starts: code deep below a command asks for what extensions add",
  "cli/host_loader.ts LISTED":
    "what a folder holds while it does not change: tens of thousands of files in it each ask",
  "extensions/traces/kernel_log/late_log_reader.ts loaded":
    "a module that was loaded, for those who cannot wait for it",
  "tools/bench/iova_pair.ts measured": BENCHMARK,
  "tools/bench/mapping_cost.ts lastRig": BENCHMARK,
  "tools/bench/mapping_cost.ts timed": BENCHMARK,
  "tools/bench/vfio_call.ts measured": BENCHMARK,
  "lang/syntax/parse.ts made": MADE_ONCE,
  "runtime/resource_tracker.ts TRACKED": MADE_ONCE,
  "extensions/traces/kernel_log/pasted_tokens.ts words": MADE_ONCE,
  "runtime/kernels/kernels.ts AS_RELEASED": MADE_ONCE,
  "runtime/recording/table_set.ts CHANGES": MADE_ONCE,
  "runtime/zeros.ts slab": UNSEEN,
  "runtime/zeros.ts usedBytes": UNSEEN,
};

export const OLD_CLOSURES: Excuses = {
  "lang/editor/completion.ts doc": "it belongs to no machine",
  "extensions/kernel_tree/oracle/table_operations.ts table.outOfMemory":
    "a side and its table live as long as each other",
};

export const FORCED_CASTS: Excuses = {
  "devices/lab_literal.ts PciLiteral":
    "a block of a kind that was added: the type of a tree knows the words of those that are built in",
  "runtime/events.ts EventListener":
    "a listener to the events of an added table, whose names the type of a listener does not know",
  "tests/conformance/defects/transcript.ts Json": AS_DATA,
  "tests/conformance/defects/damage.ts readonly Run[]": AS_DATA,
  "tests/conformance/defects/step_memory.ts readonly Run[]": AS_DATA,
  "lang/builtins/describe/builtin.ts (context: ExecutionContext, args: Arguments) => Value":
    KINDS_MEET,
  "lang/builtins/describe/builtin.ts ( context: ExecutionContext, target: T, args: Arguments, ) => Value":
    KINDS_MEET,
  "lang/builtins/types/nvme/nvme_submit.ts Decoded<typeof SUBMITTED>": KINDS_MEET,
  "lang/syntax/recovery/recovering_parser.ts PrivateMembers":
    "the parser toolkit keeps these members to itself",
  "runtime/events.ts MachineEvent":
    "an event is made from its name and fields, which `emit` has checked against each other",
};
