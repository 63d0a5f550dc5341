#include <linux/pci.h>

int ring_letter(struct device *dev)
{
	return dev->init_name[1];
}
