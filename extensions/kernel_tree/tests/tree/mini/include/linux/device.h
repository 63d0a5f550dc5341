#ifndef MINI_DEVICE_H
#define MINI_DEVICE_H
#include <linux/types.h>

struct bus_type {
	const char *name;
	unsigned long words[6];
};
struct device_driver {
	const char *name;
};
struct device_dma_parameters {
	unsigned long segment_boundary_mask;
	unsigned int min_align_mask, max_segment_size;
};
/* Beside one another as nowhere else: offsets are compiled, not known. */
struct device {
	unsigned long state;
	const char *init_name;
	void *driver_data;
	struct bus_type *bus;
	struct device_driver *driver;
	u64 *dma_mask, coherent_dma_mask;
	struct device_dma_parameters *dma_parms;
};
void _dev_err(const struct device *dev, const char *format, ...);
#define dev_err _dev_err
#endif
