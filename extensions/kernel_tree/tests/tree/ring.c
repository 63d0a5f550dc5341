#include <linux/pci.h>

int sum_of(const unsigned char *bytes, int count);
int ring_letter(struct device *dev);
int toy_missing(int value);

int ring_name(struct device *dev)
{
	return sum_of((const unsigned char *)dev->init_name, 1) + ring_letter(dev);
}

int ring_stub(void)
{
	return 1 + toy_missing(7) + toy_missing(8);
}
