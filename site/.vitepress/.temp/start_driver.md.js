import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"A driver of mine","description":"","frontmatter":{},"headers":[],"relativePath":"start/driver.md","filePath":"start/driver.md"}');
const _sfc_main = { name: "start/driver.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="a-driver-of-mine" tabindex="-1">A driver of mine <a class="header-anchor" href="#a-driver-of-mine" aria-label="Permalink to &quot;A driver of mine&quot;">​</a></h1><ul><li>Compile its C mapping code unmodified, call it from a scenario, and make each of its allocations and mapping calls fail once: <a href="/c-drivers.html">docs/c-drivers.md</a>, with a NIC and a disk driver in <a href="/files/drivers/">drivers/</a>; <code>deno task demo-c</code> shows a leak in an error path.</li><li>Test its map and unmap on every buffer layout, machine and failure, or fuzz the whole stack: <code>dmalab hunt</code>, <a href="/hunt.html">docs/hunt.md</a>; overnight or on a cluster: <code>dmalab campaign</code>, <a href="/campaigns.html">docs/campaigns.md</a>.</li><li>Compile files of your own kernel tree, patched or not, and compare its IOVA allocator with the simulated one: <code>dmalab tree</code>, <a href="/kernel-tree.html">docs/kernel-tree.md</a>.</li><li>Check your own builder of NVMe commands, or your own controller, with test vectors: <a href="/vectors.html">docs/vectors.md</a>.</li><li>Bisect a scenario over kernel releases: <code>dmalab releases</code>, <a href="/museum.html">docs/museum.md</a>.</li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("start/driver.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const driver = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  driver as default
};
