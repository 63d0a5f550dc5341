#include <linux/mm_types.h>
#include <linux/pci.h>

int name_letter(struct device *dev)
{
	return dev->init_name[0];
}

int page_bytes(void)
{
	return sizeof(struct page);
}
