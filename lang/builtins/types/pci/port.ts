/** Host bridges, root ports and switches: the parts of a PCI topology. */
import { wordValue } from "../../words.ts";
import { ListValue } from "../../../values/value.ts";
import { type PciNodeConfig, settingOf, switchedOn } from "@dmalab/devices";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

export const PORT: HandleType<PciNodeConfig> = {
  name: "port",
  doc: "A host bridge, root port or switch of the PCI tree.",
  fields: fieldsOf<PciNodeConfig>((f) => ({
    name: f.string("Its name.", (port) => port.name),
    acs: {
      ...f.any(
        "The ACS services that are enabled, or `unknown`.",
        (port) => {
          const acs = settingOf(port, "acs") ?? [];
          if (acs === "unknown") return wordValue(acs);
          return new ListValue(switchedOn(acs, settingOf(port, "acsCapable")).map(wordValue));
        },
      ),
      type: "list",
    },
  })),
  format: (port) => `${port.kind} ${port.name}`,
};
