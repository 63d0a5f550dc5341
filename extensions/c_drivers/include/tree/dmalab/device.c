/* References of devices that drivers make. Those of a scenario have no release, and are not counted. */
#include <linux/device.h>
#include <linux/version.h>

void device_initialize(struct device *dev)
{
	kref_init(&dev->kobj.kref);
}
EXPORT_SYMBOL(device_initialize);

struct device *get_device(struct device *dev)
{
	if (dev && dev->release)
		kref_get(&dev->kobj.kref);
	return dev;
}
EXPORT_SYMBOL(get_device);

static void release(struct kref *kref)
{
	struct device *dev = container_of(kref, struct device, kobj.kref);

	dev->release(dev);
}

void put_device(struct device *dev)
{
	if (dev && dev->release)
		kref_put(&dev->kobj.kref, release);
}
EXPORT_SYMBOL(put_device);

/* Names of devices that drivers make are what they are made of. */
int dev_set_name(struct device *dev, const char *format, ...)
{
	dev->kobj.name = format;
	return 0;
}
EXPORT_SYMBOL(dev_set_name);

int dev_err_probe(const struct device *dev, int error, const char *format, ...)
{
	dev_err(dev, "probe: error %d: %s", error, format);
	return error;
}
EXPORT_SYMBOL(dev_err_probe);
