// SPDX-License-Identifier: MIT
/* A driver of a platform device that asks for nodes below its own, registers of another device, and its parent's data. */
#include <linux/cdev.h>
#include <linux/kobject.h>
#include <linux/mfd/syscon.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/regmap.h>
#include <linux/slab.h>

struct made {
	struct device dev;
	struct cdev cdev;
};

static int ports, cells, kept, given;

static void frees(struct device *dev)
{
	kfree(container_of(dev, struct made, dev));
}

/* A character device of a device, both with a name. */
static struct made *make(struct device *parent)
{
	struct made *made = kzalloc(sizeof(*made), GFP_KERNEL);

	if (!made)
		return NULL;
	device_initialize(&made->dev);
	made->dev.parent = parent;
	made->dev.release = frees;
	cdev_init(&made->cdev, NULL);
	if (!dev_set_name(&made->dev, "nodes0") && !kobject_set_name(&made->cdev.kobj, "nodes") &&
	    !cdev_device_add(&made->cdev, &made->dev))
		return made;
	put_device(&made->dev);
	return NULL;
}

static int nodes_probe(struct platform_device *pdev)
{
	struct device_node *bus = of_get_child_by_name(pdev->dev.of_node, "bus"), *port;
	struct regmap *map;
	struct made *made;
	unsigned int at;

	if (!bus)
		return -ENODEV;
	ports = 0;
	for_each_child_of_node(bus, port)
		ports += !of_property_read_u32(port, "reg", &at);
	of_node_put(bus);
	cells = of_count_phandle_with_args(pdev->dev.of_node, "clocks", "#clock-cells");
	map = syscon_regmap_lookup_by_phandle_args(pdev->dev.of_node, "mode", 1, &at);
	if (IS_ERR(map))
		return PTR_ERR(map);
	regmap_write(map, at, 6);
	regmap_update_bits(map, at, 3, 1);
	regmap_read(map, at, &kept);
	given = pdev->dev.platform_data ? *(int *)pdev->dev.platform_data : 0;
	made = make(&pdev->dev);
	if (!made)
		return -ENOMEM;
	platform_set_drvdata(pdev, made);
	return 0;
}

static void nodes_remove(struct platform_device *pdev)
{
	struct made *made = platform_get_drvdata(pdev);

	cdev_device_del(&made->cdev, &made->dev);
	put_device(&made->dev);
}

static struct platform_driver nodes_driver = {
	.probe = nodes_probe,
	.remove = nodes_remove,
	.driver = { .name = "nodes" },
};
module_platform_driver(nodes_driver);

/* What a driver of its parent would do. */
void lab_describe(struct platform_device *pdev);
void lab_describe(struct platform_device *pdev)
{
	static int data = 9;

	pdev->dev.platform_data = &data;
}

int nodes_seen(int which)
{
	return which == 0 ? ports : which == 1 ? cells : which == 2 ? kept : given;
}
