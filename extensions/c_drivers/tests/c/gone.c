#include <linux/gfp.h>

/* What the last release has under another name. */
int fill(struct page **pages)
{
	return (int)alloc_pages_bulk_array(GFP_KERNEL, 4, pages);
}
