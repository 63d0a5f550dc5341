/* Platform devices that a driver makes, for parts of its device: no driver is looked for. */
#include <linux/err.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/slab.h>

struct made {
	struct platform_device pdev;
	char name[];
};

static void frees(struct device *dev)
{
	struct platform_device *pdev = to_platform_device(dev);

	kfree(pdev->dev.platform_data);
	kfree(pdev->mfd_cell);
	kfree(pdev->resource);
	kfree(container_of(pdev, struct made, pdev));
}

struct platform_device *platform_device_alloc(const char *name, int id)
{
	struct made *made = kzalloc(sizeof(*made) + strlen(name) + 1, GFP_KERNEL);

	if (!made)
		return NULL;
	strcpy(made->name, name);
	made->pdev.name = made->name;
	made->pdev.id = id;
	device_initialize(&made->pdev.dev);
	made->pdev.dev.release = frees;
	return &made->pdev;
}
EXPORT_SYMBOL_GPL(platform_device_alloc);

int platform_device_add_resources(struct platform_device *pdev, const struct resource *resources,
				  unsigned int count)
{
	struct resource *copy = NULL;

	if (resources) {
		copy = kmemdup(resources, sizeof(*resources) * count, GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
	}
	kfree(pdev->resource);
	pdev->resource = copy;
	pdev->num_resources = count;
	return 0;
}
EXPORT_SYMBOL_GPL(platform_device_add_resources);

int platform_device_add_data(struct platform_device *pdev, const void *data, size_t bytes)
{
	void *copy = NULL;

	if (data) {
		copy = kmemdup(data, bytes, GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
	}
	kfree(pdev->dev.platform_data);
	pdev->dev.platform_data = copy;
	return 0;
}
EXPORT_SYMBOL_GPL(platform_device_add_data);

int platform_device_add(struct platform_device *pdev)
{
	static int next;
	int error;

	pdev->dev.bus = &platform_bus_type;
	if (pdev->id == PLATFORM_DEVID_NONE)
		error = dev_set_name(&pdev->dev, "%s", pdev->name);
	else if (pdev->id == PLATFORM_DEVID_AUTO)
		error = dev_set_name(&pdev->dev, "%s.%d.auto", pdev->name, next++);
	else
		error = dev_set_name(&pdev->dev, "%s.%d", pdev->name, pdev->id);
	return error ? error : device_add(&pdev->dev);
}
EXPORT_SYMBOL_GPL(platform_device_add);

void platform_device_del(struct platform_device *pdev)
{
	if (!IS_ERR_OR_NULL(pdev))
		device_del(&pdev->dev);
}
EXPORT_SYMBOL_GPL(platform_device_del);

void platform_device_put(struct platform_device *pdev)
{
	if (!IS_ERR_OR_NULL(pdev))
		put_device(&pdev->dev);
}
EXPORT_SYMBOL_GPL(platform_device_put);

int platform_device_register(struct platform_device *pdev)
{
	device_initialize(&pdev->dev);
	return platform_device_add(pdev);
}
EXPORT_SYMBOL_GPL(platform_device_register);

void platform_device_unregister(struct platform_device *pdev)
{
	platform_device_del(pdev);
	platform_device_put(pdev);
}
EXPORT_SYMBOL_GPL(platform_device_unregister);

struct platform_device *platform_device_register_full(const struct platform_device_info *info)
{
	struct platform_device *pdev = platform_device_alloc(info->name, info->id);
	int error;

	if (!pdev)
		return ERR_PTR(-ENOMEM);
	pdev->dev.parent = info->parent;
	pdev->dev.fwnode = info->fwnode;
	pdev->dev.of_node = to_of_node(info->fwnode);
	pdev->platform_dma_mask = info->dma_mask;
	pdev->dev.dma_mask = &pdev->platform_dma_mask;
	pdev->dev.coherent_dma_mask = info->dma_mask;
	error = platform_device_add_resources(pdev, info->res, info->num_res);
	if (!error)
		error = platform_device_add_data(pdev, info->data, info->size_data);
	if (!error)
		error = platform_device_add(pdev);
	if (!error)
		return pdev;
	platform_device_put(pdev);
	return ERR_PTR(error);
}
EXPORT_SYMBOL_GPL(platform_device_register_full);
