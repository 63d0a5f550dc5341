/* Functions of the kernel that many drivers need: none of them may be a stub. */
#include <linux/err.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>

int helper_text(void)
{
	char *text = kmemdup_nul("abcdef", 3, GFP_KERNEL);
	int is_right = text && strlen(text) == 3 && !strcmp(text, "abc");

	kfree(text);
	return is_right;
}

int helper_address(void)
{
	struct pci_bus_region region = { .start = 0x3c0, .end = 0x3df };
	struct resource resource = { .flags = IORESOURCE_IO };

	pcibios_bus_to_resource(NULL, &resource, &region);
	memset(&region, 0, sizeof(region));
	pcibios_resource_to_bus(NULL, &region, &resource);
	return resource.start == 0x3c0 && region.start == 0x3c0 && region.end == 0x3df;
}

int helper_vpd(void)
{
	unsigned int bytes;

	return PTR_ERR_OR_ZERO(pci_vpd_alloc(NULL, &bytes));
}
