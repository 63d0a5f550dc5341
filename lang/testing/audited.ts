/** Programs with machines that audit their state while they run. */
import type { Program } from "../run/program.ts";
import type { Registry } from "../values/registry.ts";

/**
 * A registry with machines that audit themselves; otherwise the same as `registry`. If a rule of
 * the simulator is broken, the run ends with the report of a bug.
 */
export function auditedRegistry(registry: Registry): Registry {
  return {
    ...registry,
    buildMachine: (...parts) => {
      const machine = registry.buildMachine(...parts);
      machine.lab.machine.startAudit();
      return machine;
    },
  };
}

/** The same program with audited machines. */
export function audited(program: Program): Program {
  return { ...program, registry: auditedRegistry(program.registry) };
}
