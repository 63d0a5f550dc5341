/** Host bridges, root ports and switches: what a topology is made of. */
import type { PciNodeConfig } from "../../../../devices/lab_config.ts";
import { list, word } from "../../arguments.ts";
import type { TypeSpec } from "../../../values/spec.ts";

export const PORT: TypeSpec<PciNodeConfig> = {
  name: "port",
  doc: "A host bridge, root port or switch of the PCI tree.",
  fields: [
    { name: "name", kind: "string", doc: "Its name.", get: (port) => port.name },
    {
      name: "acs",
      kind: "list",
      doc: "Access control services that are switched on, or `unknown`.",
      get: ({ settings: { acs = null } }) =>
        acs === "unknown" ? word(acs) : list((acs ?? []).map(word)),
    },
  ],
  methods: [],
  format: (port) => `${port.kind} ${port.name}`,
};
