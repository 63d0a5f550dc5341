import { assertEquals, assertMatch } from "@std/assert";
import { declarationOf, fieldsOf, rolesIn } from "./call_roles.ts";
import { KERNEL_FUNCTIONS } from "./kernel_calls.ts";

const MAP_PAGE = "dma_addr_t (dev, page, offset, size, dir, attrs)";

Deno.test("a prototype of roles is a declaration in C and the fields of the call's event", () => {
  assertEquals(
    declarationOf(MAP_PAGE, "dma_map_page"),
    "dma_addr_t dma_map_page(struct device *dev, struct page *page, size_t offset, " +
      "size_t size, enum dma_data_direction dir, unsigned long attrs)",
  );
  assertEquals(
    declarationOf("bool (dev)", "dma_need_unmap"),
    "bool dma_need_unmap(struct device *dev)",
  );
  const roles = rolesIn(MAP_PAGE);
  assertEquals([...roles], ["dev", "page", "offset", "size", "dir", "attrs"]);
  assertEquals(Object.keys(fieldsOf(roles)), [...roles]);
});

Deno.test("each parameter of a kernel function is declared with a type and a name", () => {
  for (const [name, { prototype }] of Object.entries(KERNEL_FUNCTIONS)) {
    const declared = declarationOf(prototype, name);
    assertMatch(declared, /^[\w *]+\w\([a-z][\w ]* \**\w+(, [a-z][\w ]* \**\w+)*\)$/, declared);
  }
});
