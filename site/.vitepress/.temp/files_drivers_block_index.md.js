import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"drivers/block","description":"","frontmatter":{},"headers":[],"relativePath":"files/drivers/block/index.md","filePath":"files/drivers/block/index.md"}');
const _sfc_main = { name: "files/drivers/block/index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="driversblock" tabindex="-1">drivers/block <a class="header-anchor" href="#driversblock" aria-label="Permalink to &quot;drivers/block&quot;">​</a></h1><ul><li><a href="../../../files/drivers/block/block_hba.c" target="_self">block_hba.c</a></li><li><a href="../../../files/drivers/block/block_hba.dma" target="_self">block_hba.dma</a></li><li><a href="../../../files/drivers/block/block_hba.h" target="_self">block_hba.h</a></li><li><a href="../../../files/drivers/block/block_jobs.dma" target="_self">block_jobs.dma</a></li><li><a href="../../../files/drivers/block/block_many.dma" target="_self">block_many.dma</a></li><li><a href="../../../files/drivers/block/block_releases.dma" target="_self">block_releases.dma</a></li><li><a href="../../../files/drivers/block/hba_device.dma" target="_self">hba_device.dma</a></li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("files/drivers/block/index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
