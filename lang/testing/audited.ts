/** Programs with machines that audit their state while they run. */
import type { Program } from "../run/program.ts";
import type { Registry } from "../values/registry.ts";

/**
 * The same registry; its machines audit themselves, and a broken rule of the simulator ends the run
 * as a bug.
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
