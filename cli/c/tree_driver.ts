/** A driver that is compiled with a kernel tree: a file of the tree as it is, or one beside a scenario. */
import type { DeviceShape } from "../../c_drivers/tree/device_shape.ts";
import { SG, SG_BYTES } from "../../c_drivers/calls/lists.ts";
import { IR, withStorage } from "../../c_drivers/tree/ir.ts";
import {
  Layout,
  layoutError,
  layoutSource,
  type LayoutWanted,
} from "../../c_drivers/tree/layout.ts";
import { TreeError } from "../../c_drivers/tree/tree_files.ts";
import { TREE_ARGUMENTS } from "../../c_drivers/tree/unit.ts";
import type { CompiledC } from "../../lang/values/c_module.ts";
import { resolveKernel } from "../../runtime/kernels/kernels.ts";
import { readHeaders, SUPPORT } from "../places.ts";
import type { WantedC } from "./c_shelf.ts";
import { CHECKABLE, COMPILING, LINKING } from "./clang.ts";
import type { HostTree } from "./host_tree.ts";
import { moduleOf } from "./made_module.ts";
import { saidDiagnostics } from "./said_diagnostics.ts";
import { firstError, moduleFlag, TreeBuild } from "./tree_build.ts";
import { SessionClang } from "./tree_clang.ts";

/** A tree, and where a source lies in it; null for one that lies beside a scenario. */
export interface SourceOfTree {
  readonly tree: HostTree;
  readonly path: string | null;
}

const LAYOUT = "lab/layout.c";
/** Where a file stands that is none of the tree's. */
const OWN = "driver/driver.c";

const WANTED: LayoutWanted = {
  headers: ["linux/pci.h", "linux/scatterlist.h"],
  structs: {
    device: ["init_name"],
    pci_dev: ["dev"],
    scatterlist: Object.keys(SG),
  },
};

/** Compiles a driver with its tree, or says why not. */
export async function compileWithTree(wanted: WantedC, of: SourceOfTree): Promise<CompiledC> {
  let clang: SessionClang | null = null;
  try {
    clang = new SessionClang();
    return await new TreeDriver(wanted, of, new TreeBuild(of.tree, clang)).compile();
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    const { hint, message } = error;
    const span = { source: wanted.source, start: 0, end: 0 };
    const diagnostic = { code: "E0710", severity: "error", span, message, hint } as const;
    return { module: null, diagnostics: [diagnostic] };
  } finally {
    await clang?.close();
  }
}

class TreeDriver {
  readonly #decoder = new TextDecoder();

  constructor(
    readonly wanted: WantedC,
    readonly of: SourceOfTree,
    readonly build: TreeBuild,
  ) {}

  async compile(): Promise<CompiledC> {
    const { build, of: { path }, wanted: { config, source } } = this;
    this.#checkRelease(config.kernel);
    const settings = build.settings(path === null ? [] : [path]);
    await build.checkSettings(settings);
    const own = path === null ? { [OWN]: source.text } : {};
    const unit = await build.unit(path ?? OWN, settings, own);
    const flags = path === null ? ["-DMODULE"] : moduleFlag(settings);
    const args = [...TREE_ARGUMENTS, ...CHECKABLE, ...flags, ...IR];
    const made = await build.compile(unit, args);
    const sources = new Map([[unit.source, source]]);
    const { strategies } = resolveKernel(config);
    const target = { kernel: config.kernel, pageSizeBytes: config.pageSizeBytes, strategies };
    const compilation = { main: source, sources, refused: new Map(), target };
    if (made.module === null) {
      return { module: null, diagnostics: saidDiagnostics(made, compilation) };
    }
    const layout = await this.#layout();
    const files = {
      "driver.ll": withStorage(this.#decoder.decode(made.module)),
      "support.ll": await this.#support(),
    };
    const link = { source: "driver.ll", args: ["support.ll"], files };
    const options = [...LINKING, "-Wl,--allow-undefined", "-Wno-override-module"];
    const linked = await build.compile(link, options, "driver.wasm");
    return moduleOf(linked, source, sources, saidDiagnostics(linked, compilation), layout);
  }

  /** Only the first two numbers of the release must match. */
  #checkRelease(kernel: string): void {
    const { major, name, patch } = this.build.version;
    if (kernel.startsWith(`${major}.${patch}.`)) return;
    throw new TreeError(
      `The tree is ${name}, and the kernel of the machine is ${kernel}`,
      `write \`kernel = "${major}.${patch}"\`, if that release is modelled, or name another tree`,
    );
  }

  /** How the tree lays out what the lab reads and writes. */
  async #layout(): Promise<DeviceShape> {
    const { build } = this;
    const settings = build.settings([]);
    const unit = await build.unit(LAYOUT, settings, { [LAYOUT]: layoutSource(WANTED) });
    const { module, said } = await build.compile(unit, [...TREE_ARGUMENTS, ...IR]);
    if (module === null) throw layoutError(build.version.name, said);
    const layout = new Layout(WANTED, this.#decoder.decode(module));
    const lists = Object.entries(SG).every(([member, offset]) =>
      layout.offsetOf(`scatterlist.${member}`) === offset
    );
    if (!lists || layout.sizeOf("scatterlist") !== SG_BYTES) {
      throw new TreeError(
        `struct scatterlist of ${build.version.name} differs from the layout that dmalab uses`,
      );
    }
    return {
      sizeBytes: layout.sizeOf("pci_dev"),
      deviceAt: layout.offsetOf("pci_dev.dev"),
      nameAt: layout.offsetOf("device.init_name"),
    };
  }

  async #support(): Promise<string> {
    const files = { [`include/${SUPPORT}`]: readHeaders()[SUPPORT]! };
    const unit = { source: `include/${SUPPORT}`, args: [], files };
    const { module, said } = await this.build.compile(unit, [...COMPILING, ...IR]);
    if (module === null) {
      throw new TreeError("The tree does not compile with dmalab's support file", firstError(said));
    }
    return this.#decoder.decode(module);
  }
}
