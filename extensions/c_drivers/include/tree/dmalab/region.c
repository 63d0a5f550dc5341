/* Regions of addresses that drivers claim: of each parent no two overlap. */
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

struct claim {
	struct resource region;
	struct list_head list;
};

static LIST_HEAD(claims);

struct resource *__request_region(struct resource *parent, resource_size_t start,
				  resource_size_t bytes, const char *name, int flags)
{
	struct resource wanted = { .start = start, .end = start + bytes - 1, .name = name,
				   .flags = IORESOURCE_BUSY | flags, .parent = parent };
	struct claim *claim;

	list_for_each_entry(claim, &claims, list)
		if (claim->region.parent == parent && resource_overlaps(&claim->region, &wanted))
			return NULL;
	claim = kzalloc(sizeof(*claim), GFP_KERNEL);
	if (!claim)
		return NULL;
	claim->region = wanted;
	list_add(&claim->list, &claims);
	return &claim->region;
}
EXPORT_SYMBOL(__request_region);

void __release_region(struct resource *parent, resource_size_t start, resource_size_t bytes)
{
	struct claim *claim;

	list_for_each_entry(claim, &claims, list) {
		if (claim->region.parent != parent || claim->region.start != start ||
		    claim->region.end != start + bytes - 1)
			continue;
		list_del(&claim->list);
		kfree(claim);
		return;
	}
	WARN(1, "release of a region that nobody has claimed\n");
}
EXPORT_SYMBOL(__release_region);

static void release(void *region)
{
	struct resource *it = region;

	__release_region(it->parent, it->start, resource_size(it));
}

struct resource *__devm_request_region(struct device *dev, struct resource *parent,
				       resource_size_t start, resource_size_t bytes,
				       const char *name)
{
	struct resource *region = __request_region(parent, start, bytes, name, 0);

	return region && devm_add_action_or_reset(dev, release, region) ? NULL : region;
}
EXPORT_SYMBOL(__devm_request_region);

void __devm_release_region(struct device *dev, struct resource *parent, resource_size_t start,
			   resource_size_t bytes)
{
	struct claim *claim;

	list_for_each_entry(claim, &claims, list) {
		if (claim->region.parent != parent || claim->region.start != start)
			continue;
		devm_release_action(dev, release, &claim->region);
		return;
	}
}
EXPORT_SYMBOL(__devm_release_region);
