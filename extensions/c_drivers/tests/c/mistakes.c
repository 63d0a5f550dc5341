#include <linux/dma-mapping.h>

int wrong(struct device *dev)
{
	int unused;
	return dma_map_single(dev, 5);
}

int undeclared(void)
{
	return missing();
}

const char *built_at(void)
{
	return __TIME__;
}
