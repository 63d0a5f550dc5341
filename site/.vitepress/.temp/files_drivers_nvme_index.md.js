import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"drivers/nvme","description":"","frontmatter":{},"headers":[],"relativePath":"files/drivers/nvme/index.md","filePath":"files/drivers/nvme/index.md"}');
const _sfc_main = { name: "files/drivers/nvme/index.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="driversnvme" tabindex="-1">drivers/nvme <a class="header-anchor" href="#driversnvme" aria-label="Permalink to &quot;drivers/nvme&quot;">​</a></h1><ul><li><a href="../../../files/drivers/nvme/bench.dma" target="_self">bench.dma</a></li><li><a href="../../../files/drivers/nvme/lab_nvme.c" target="_self">lab_nvme.c</a></li><li><a href="../../../files/drivers/nvme/lab_nvme.dma" target="_self">lab_nvme.dma</a></li><li><a href="../../../files/drivers/nvme/lab_nvme.h" target="_self">lab_nvme.h</a></li><li><a href="../../../files/drivers/nvme/other_kernels.dma" target="_self">other_kernels.dma</a></li><li><a href="../../../files/drivers/nvme/requests.dma" target="_self">requests.dma</a></li></ul></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("files/drivers/nvme/index.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const index = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  index as default
};
