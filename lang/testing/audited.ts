/** Programs with machines that audit their state while they run. */
import type { Program } from "../run/program.ts";
import type { Registry } from "../values/registry.ts";

/** The same world; what breaks a rule of the simulator itself ends the run as a bug. */
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

/** The same program in such a world. */
export function audited(program: Program): Program {
  return { ...program, registry: auditedRegistry(program.registry) };
}
