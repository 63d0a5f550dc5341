/* Buses that a part of the kernel makes: none looks for a driver, and no device is found on them. */
#include <linux/device.h>

int bus_register(const struct bus_type *bus)
{
	return 0;
}
EXPORT_SYMBOL(bus_register);

void bus_unregister(const struct bus_type *bus)
{
}
EXPORT_SYMBOL(bus_unregister);

struct device *bus_find_device(const struct bus_type *bus, struct device *start, const void *data,
			       device_match_t match)
{
	return NULL;
}
EXPORT_SYMBOL(bus_find_device);

int bus_for_each_dev(const struct bus_type *bus, struct device *start, void *data,
		     int (*call)(struct device *, void *))
{
	return 0;
}
EXPORT_SYMBOL(bus_for_each_dev);

int driver_register(struct device_driver *driver)
{
	return 0;
}
EXPORT_SYMBOL(driver_register);

void driver_unregister(struct device_driver *driver)
{
}
EXPORT_SYMBOL(driver_unregister);

struct device_driver *driver_find(const char *name, const struct bus_type *bus)
{
	return NULL;
}
EXPORT_SYMBOL(driver_find);
