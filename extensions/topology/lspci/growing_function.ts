/** A function while its listing is read: each line adds its facts. */
import { ACS_SERVICES, type AcsService } from "@dmalab/devices";
import { idsByName } from "./device_names.ts";
import type { HeaderRest } from "./function_header.ts";
import type {
  BridgeWindow,
  ListedAcs,
  ListedAddress,
  ListedBar,
  ListedBusNumbers,
  ListedFunction,
  PortType,
} from "./listed_function.ts";

/** A BAR with the index found so far: `-v` does not number them. */
export interface FoundBar extends Omit<ListedBar, "index"> {
  readonly index: number | null;
}

export class GrowingFunction {
  classCode: number | null = null;
  className: string | null = null;
  vendor: number | null = null;
  device: number | null = null;
  name: string | null = null;
  portType: PortType | null = null;
  buses: ListedBusNumbers | null = null;
  bars: FoundBar[] = [];
  windows: BridgeWindow[] = [];
  acsListed = false;
  acsCapable: ReadonlySet<AcsService> | null = null;
  acsEnabled: ReadonlySet<AcsService> | null = null;
  /** Registers have shown that there is no such capability. */
  acsRuledOut = false;
  iommuGroup: number | null = null;
  numaNode: number | null = null;
  driver: string | null = null;
  gone = false;
  /** The parts of the capabilities that the text has shown. */
  readonly sight = {
    /** Registers or `Flags`/`Control` were shown, so that capabilities would have been too. */
    detailed: false,
    /** The status register says that there are some: `Cap+`. */
    promised: false,
    /** At least one capability was shown, or the text in their place. */
    begun: false,
    /** `<access denied>` stood in their place. */
    denied: false,
    /** Something followed the last of them, so that none was cut off. */
    closed: false,
  };
  /** Bytes of a dump, by their offsets. */
  registers: Uint8Array | null = null;
  /** How many of them, from the first on, were shown without a gap. */
  registerBytes = 0;

  /** @param address Set once more where the text names the function by its path alone. */
  constructor(public address: ListedAddress, readonly line: number) {}

  /** Takes what a header lists and no line before it did. */
  takeHeader(header: HeaderRest & { readonly gone: boolean }): void {
    this.classCode ??= header.classCode;
    this.className ??= header.className;
    this.vendor ??= header.vendor;
    this.device ??= header.device;
    this.name ??= header.name;
    this.gone ||= header.gone;
  }

  /** Joins the facts from another listing about the same function. */
  join(other: GrowingFunction): void {
    this.takeHeader(other);
    this.portType ??= other.portType;
    this.buses ??= other.buses;
    this.#joinBars(other.bars);
    if (this.windows.length === 0) this.windows = other.windows;
    this.acsListed ||= other.acsListed;
    this.acsCapable ??= other.acsCapable;
    this.acsEnabled ??= other.acsEnabled;
    this.acsRuledOut ||= other.acsRuledOut;
    this.iommuGroup ??= other.iommuGroup;
    this.numaNode ??= other.numaNode;
    this.driver ??= other.driver;
    this.sight.denied = (this.sight.denied || other.sight.denied) && !this.#seen && !other.#seen;
    for (const shown of ["detailed", "promised", "begun", "closed"] as const) {
      this.sight[shown] ||= other.sight[shown];
    }
  }

  /** The function as it was found. */
  finish(): ListedFunction {
    const ids = this.vendor === null && this.name !== null ? idsByName(this.name) : null;
    return {
      address: this.address,
      line: this.line,
      classCode: this.classCode,
      className: this.className,
      vendor: this.vendor ?? ids?.vendor ?? null,
      device: this.device ?? ids?.device ?? null,
      name: this.name,
      portType: this.portType,
      buses: this.buses,
      bars: numbered(this.bars),
      windows: this.windows,
      acs: this.#acs(),
      iommuGroup: this.iommuGroup,
      numaNode: this.numaNode,
      driver: this.driver,
      gone: this.gone,
    };
  }

  /** Sizes come from text and the rest, at times, from registers: each BAR takes what it lacks. */
  #joinBars(others: readonly FoundBar[]): void {
    if (this.bars.length === 0) {
      this.bars = [...others];
      return;
    }
    const byIndex = new Map(numbered(others).map((bar) => [bar.index, bar]));
    this.bars = numbered(this.bars).map((bar) => {
      const other = byIndex.get(bar.index);
      return other === undefined || other.space !== bar.space ? bar : {
        ...bar,
        base: bar.base ?? other.base,
        sizeBytes: bar.sizeBytes ?? other.sizeBytes,
      };
    });
  }

  /** Whether all capabilities were to be seen, so that one that was not is not there. */
  get #seen(): boolean {
    const { detailed, promised, begun, denied, closed } = this.sight;
    return detailed && closed && !denied && (begun || !promised);
  }

  #acs(): ListedAcs {
    if (this.acsListed) {
      return { state: "present", capable: this.acsCapable, enabled: this.acsEnabled };
    }
    const state = this.acsRuledOut || this.#seen ? "absent" : "unknown";
    return { state, capable: null, enabled: null };
  }
}

/** Gives BARs without a number the next that is free, as they follow each other in a listing. */
function numbered(bars: readonly FoundBar[]): ListedBar[] {
  let next = 0;
  const result: ListedBar[] = [];
  for (const bar of bars) {
    const index = bar.index ?? next;
    if (index > 5) break;
    result.push({ ...bar, index });
    next = index + (bar.bits === 64 ? 2 : 1);
  }
  return result;
}

/** Services in a register of Access Control Services. @see PCI Express Base Specification, 7.7.11 */
export function servicesOf(register: number): ReadonlySet<AcsService> {
  return new Set(ACS_SERVICES.filter((_, bit) => (register >> bit) % 2 === 1));
}
