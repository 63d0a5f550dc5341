/* The auxiliary bus: its devices, from their first reference to their last one. No driver is bound to them. */
#include <linux/auxiliary_bus.h>
#include <linux/device.h>

int auxiliary_device_init(struct auxiliary_device *auxdev)
{
	if (!auxdev->dev.parent || !auxdev->name)
		return -EINVAL;
	device_initialize(&auxdev->dev);
	return 0;
}
EXPORT_SYMBOL(auxiliary_device_init);

int __auxiliary_device_add(struct auxiliary_device *auxdev, const char *module)
{
	int error = dev_set_name(&auxdev->dev, "%s.%s.%u", module, auxdev->name, auxdev->id);

	return error ? error : device_add(&auxdev->dev);
}
EXPORT_SYMBOL(__auxiliary_device_add);

int __auxiliary_driver_register(struct auxiliary_driver *driver, struct module *owner, const char *name)
{
	return 0;
}
EXPORT_SYMBOL(__auxiliary_driver_register);

void auxiliary_driver_unregister(struct auxiliary_driver *driver)
{
}
EXPORT_SYMBOL(auxiliary_driver_unregister);
