/* The tree's mapping of translated devices, and what it has allocated. */
#include "drivers/iommu/dma-iommu.c"

unsigned long lab_ranges(struct iommu_domain *domain)
{
	struct rb_root *root = &domain->iova_cookie->iovad.rbroot;
	unsigned long count = 0;
	struct rb_node *node;

	for (node = rb_first(root); node; node = rb_next(node))
		count++;
	return count;
}
