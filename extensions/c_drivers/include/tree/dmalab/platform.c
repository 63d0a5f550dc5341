/*
 * The platform bus of a tree's drivers. A device of a scenario is one with its BARs as memory and its
 * vectors as interrupts, described by the node that the driver's first entry fits.
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_device.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <dmalab/bus.h>

/* A module on its own bus registers dozens. */
#define MOST_DRIVERS 128
#define MOST_WINDOWS 6
#define MOST_IRQS 16
#define MOST_PROPERTIES 128
#define MOST_NODES 32

struct bound {
	struct platform_device pdev;
	struct resource windows[MOST_WINDOWS + MOST_IRQS];
	/* The first one is its own, the others stand in that. */
	struct device_node nodes[MOST_NODES];
	struct property properties[MOST_PROPERTIES];
	int node_count, property_count;
	struct device *dev;
};

static struct platform_driver *drivers[MOST_DRIVERS];
static struct bound *bound;
const struct bus_type platform_bus_type = { .name = "platform" };
EXPORT_SYMBOL(platform_bus_type);

static struct bound *bound_of(struct platform_device *pdev)
{
	return container_of(pdev, struct bound, pdev);
}

static void free_bound(struct bound *each)
{
	lab_release(&each->pdev.dev);
	lab_line_irq(each->dev, 0);
	lab_unbind(each->dev);
	lab_alias(&each->pdev.dev, NULL);
	kfree(each);
	bound = NULL;
}

/* The node of that name in another one; made where it is not there. NULL for one too many. */
static struct device_node *node_in(struct bound *each, struct device_node *parent, const char *name)
{
	struct device_node **link, *added;

	for (link = &parent->child; *link; link = &(*link)->sibling)
		if (!strcmp((*link)->full_name, name))
			return *link;
	if (each->node_count == MOST_NODES)
		return NULL;
	*link = added = &each->nodes[each->node_count++];
	of_node_init(added);
	added->name = added->full_name = name;
	added->parent = parent;
	return added;
}

static void add_property(struct bound *each, struct device_node *node, const char *name,
			 const void *value, int length)
{
	struct property *added = &each->properties[each->property_count++], **link;

	added->name = (char *)name;
	added->value = (void *)value;
	added->length = length;
	for (link = &node->properties; *link; link = &(*link)->next)
		;
	*link = added;
	if (!strcmp(name, "phandle") && length == sizeof(u32))
		node->phandle = be32_to_cpup(value);
}

/* What the block says of its node, and where that leaves it out, the driver's first entry. */
static void describe_node(struct bound *each, const struct of_device_id *match)
{
	struct device_node *own = each->nodes;
	bool is_compatible = false;
	char *name, *slash;
	int at, length;

	own->name = own->full_name = each->dev->init_name;
	of_node_init(own);
	each->node_count = 1;
	for (at = 0; (name = lab_property(each->dev, at, &length)); at++) {
		const char *value = name + strlen(name) + 1;
		struct device_node *node = own;

		for (; node && (slash = strchr(name, '/')); name = slash + 1) {
			*slash = 0;
			node = node_in(each, node, name);
		}
		if (!node || each->property_count == MOST_PROPERTIES - 1) {
			dev_err(each->dev, "its node has more than %d nodes or %d properties: from %s on they are not there\n",
				MOST_NODES - 1, MOST_PROPERTIES - 1, name);
			break;
		}
		if (*name)
			add_property(each, node, name, value, length);
		is_compatible |= node == own && !strcmp(name, "compatible");
	}
	if (match && !is_compatible)
		add_property(each, own, "compatible", match->compatible, strlen(match->compatible) + 1);
}

/* What the driver of a parent that makes the device gives it. A file of the scenario's that defines this does. */
void __weak lab_describe(struct platform_device *pdev)
{
}
EXPORT_SYMBOL(lab_describe);

/* What firmware says of the device, and the bus of its driver. */
static void describe(struct bound *each, struct platform_driver *driver)
{
	const struct of_device_id *match = driver->driver.of_match_table;
	struct platform_device *pdev = &each->pdev;
	int bar, at, irq;

	pdev->name = driver->driver.name;
	pdev->id = -1;
	pdev->id_entry = driver->id_table;
	pdev->dev.init_name = each->dev->init_name;
	pdev->dev.kobj.name = each->dev->init_name;
	pdev->dev.bus = &platform_bus_type;
	pdev->dev.driver = &driver->driver;
	pdev->platform_dma_mask = DMA_BIT_MASK(32);
	pdev->dev.dma_mask = &pdev->platform_dma_mask;
	pdev->dev.coherent_dma_mask = DMA_BIT_MASK(32);
	pdev->dev.dma_parms = &pdev->dma_parms;
	lab_limits(&pdev->dev);
	pdev->resource = each->windows;
	for (bar = 0; bar < MOST_WINDOWS; bar++) {
		resource_size_t size = lab_pci_resource_len(each->dev, bar);
		struct resource *window = &each->windows[pdev->num_resources];

		if (!size)
			continue;
		window->start = lab_pci_resource_start(each->dev, bar);
		window->end = window->start + size - 1;
		window->flags = IORESOURCE_MEM;
		window->name = each->dev->init_name;
		pdev->num_resources++;
	}
	lab_line_irq(each->dev, UINT_MAX);
	for (at = 0; at < MOST_IRQS && (irq = lab_pci_irq_vector(each->dev, at)) > 0; at++)
		each->windows[pdev->num_resources++] = DEFINE_RES_IRQ(irq);
	describe_node(each, match);
	if (each->property_count || each->node_count > 1)
		device_set_node(&pdev->dev, &each->nodes[0].fwnode);
	lab_describe(pdev);
	if (!pdev->dev.platform_data)
		lab_no_data(&pdev->dev.platform_data, "dev.platform_data");
	if (!pdev->dev.parent)
		lab_no_data(&pdev->dev.parent, "dev.parent");
}

static int bind(struct device *dev, unsigned int vendor, unsigned int device)
{
	struct platform_driver *driver = NULL;
	struct bound *each;
	int at, error;

	for (at = 0; at < MOST_DRIVERS && !driver; at++)
		driver = drivers[at];
	if (!driver || !driver->probe || bound)
		return -ENODEV;
	each = kzalloc(sizeof(*each), GFP_KERNEL);
	if (!each)
		return -ENOMEM;
	each->dev = dev;
	bound = each;
	lab_alias(&each->pdev.dev, dev);
	describe(each, driver);
	error = driver->probe(&each->pdev);
	if (error)
		free_bound(each);
	return error;
}

static void unbind(struct device *dev)
{
	struct platform_driver *driver = to_platform_driver(bound->pdev.dev.driver);

	if (driver->remove)
		driver->remove(&bound->pdev);
	free_bound(bound);
}

static const struct lab_bus platform = { bind, unbind };

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define MODULE_NAME , const char *module_name
#define THE_NAME , module_name
#else
#define MODULE_NAME
#define THE_NAME
#endif

int __platform_driver_register(struct platform_driver *driver, struct module *owner MODULE_NAME)
{
	int at;

	for (at = 0; at < MOST_DRIVERS && drivers[at]; at++)
		;
	if (at == MOST_DRIVERS)
		return -ENOSPC;
	drivers[at] = driver;
	lab_bus_add(&platform);
	return 0;
}
EXPORT_SYMBOL(__platform_driver_register);

int __platform_driver_probe(struct platform_driver *driver, int (*probe)(struct platform_device *),
			    struct module *owner MODULE_NAME)
{
	driver->probe = probe;
	return __platform_driver_register(driver, owner THE_NAME);
}
EXPORT_SYMBOL(__platform_driver_probe);

int __platform_register_drivers(struct platform_driver *const *each, unsigned int count,
				struct module *owner MODULE_NAME)
{
	unsigned int at;
	int error = 0;

	for (at = 0; at < count && !error; at++)
		error = __platform_driver_register(each[at], owner THE_NAME);
	return error;
}
EXPORT_SYMBOL(__platform_register_drivers);

void platform_driver_unregister(struct platform_driver *driver)
{
	int at;

	lab_bus_leave(&platform);
	for (at = 0; at < MOST_DRIVERS; at++)
		if (drivers[at] == driver)
			drivers[at] = NULL;
}
EXPORT_SYMBOL(platform_driver_unregister);

void platform_unregister_drivers(struct platform_driver *const *each, unsigned int count)
{
	while (count--)
		platform_driver_unregister(each[count]);
}
EXPORT_SYMBOL(platform_unregister_drivers);

struct resource *platform_get_resource(struct platform_device *pdev, unsigned int type,
				       unsigned int number)
{
	u32 at;

	for (at = 0; at < pdev->num_resources; at++)
		if (resource_type(&pdev->resource[at]) == type && number-- == 0)
			return &pdev->resource[at];
	return NULL;
}
EXPORT_SYMBOL(platform_get_resource);

struct resource *platform_get_mem_or_io(struct platform_device *pdev, unsigned int number)
{
	return platform_get_resource(pdev, IORESOURCE_MEM, number);
}
EXPORT_SYMBOL(platform_get_mem_or_io);

/* Nothing tells the names of windows and interrupts: the first that is asked for is the first one. */
static unsigned int place_of_name(const char *name, const char *names[], unsigned int most)
{
	unsigned int at;

	for (at = 0; at < most && names[at] && strcmp(names[at], name); at++)
		;
	if (at < most)
		names[at] = name;
	return at;
}

static const char *window_names[MOST_WINDOWS];
static const char *irq_names[64];

struct resource *platform_get_resource_byname(struct platform_device *pdev, unsigned int type,
					      const char *name)
{
	return platform_get_resource(pdev, type, place_of_name(name, window_names, MOST_WINDOWS));
}
EXPORT_SYMBOL(platform_get_resource_byname);

void __iomem *devm_ioremap_resource(struct device *dev, const struct resource *window)
{
	void __iomem *at;

	if (!window || resource_type(window) != IORESOURCE_MEM) {
		dev_err(dev, "no such memory: `bar`, `bars` in its block\n");
		return IOMEM_ERR_PTR(-EINVAL);
	}
	at = ioremap(window->start, resource_size(window));
	return at ? at : IOMEM_ERR_PTR(-ENOMEM);
}
EXPORT_SYMBOL(devm_ioremap_resource);

void __iomem *devm_platform_get_and_ioremap_resource(struct platform_device *pdev,
						     unsigned int number, struct resource **found)
{
	struct resource *window = platform_get_resource(pdev, IORESOURCE_MEM, number);

	if (found)
		*found = window;
	return devm_ioremap_resource(&pdev->dev, window);
}
EXPORT_SYMBOL(devm_platform_get_and_ioremap_resource);

void __iomem *devm_platform_ioremap_resource(struct platform_device *pdev, unsigned int number)
{
	return devm_platform_get_and_ioremap_resource(pdev, number, NULL);
}
EXPORT_SYMBOL(devm_platform_ioremap_resource);

void __iomem *devm_platform_ioremap_resource_byname(struct platform_device *pdev, const char *name)
{
	return devm_ioremap_resource(&pdev->dev,
				     platform_get_resource_byname(pdev, IORESOURCE_MEM, name));
}
EXPORT_SYMBOL(devm_platform_ioremap_resource_byname);

int platform_get_irq_optional(struct platform_device *pdev, unsigned int number)
{
	int irq = lab_pci_irq_vector(bound_of(pdev)->dev, number);

	return irq > 0 ? irq : -ENXIO;
}
EXPORT_SYMBOL(platform_get_irq_optional);

int platform_get_irq(struct platform_device *pdev, unsigned int number)
{
	int irq = platform_get_irq_optional(pdev, number);

	if (irq < 0)
		dev_err(&pdev->dev, "IRQ index %u not found: `vectors` in its block\n", number);
	return irq;
}
EXPORT_SYMBOL(platform_get_irq);

int platform_irq_count(struct platform_device *pdev)
{
	int count = 0;

	while (platform_get_irq_optional(pdev, count) > 0)
		count++;
	return count;
}
EXPORT_SYMBOL(platform_irq_count);

int platform_get_irq_byname_optional(struct platform_device *pdev, const char *name)
{
	return platform_get_irq_optional(pdev, place_of_name(name, irq_names, 64));
}
EXPORT_SYMBOL(platform_get_irq_byname_optional);

int platform_get_irq_byname(struct platform_device *pdev, const char *name)
{
	return platform_get_irq(pdev, place_of_name(name, irq_names, 64));
}
EXPORT_SYMBOL(platform_get_irq_byname);

/* A node is its windows' and interrupts' too. */
int of_irq_get(struct device_node *node, int number)
{
	return bound && node == bound->nodes ? platform_get_irq_optional(&bound->pdev, number) : -ENXIO;
}
EXPORT_SYMBOL(of_irq_get);

unsigned int irq_of_parse_and_map(struct device_node *node, int number)
{
	int irq = of_irq_get(node, number);

	return irq > 0 ? irq : 0;
}
EXPORT_SYMBOL(irq_of_parse_and_map);

int of_address_to_resource(struct device_node *node, int number, struct resource *window)
{
	struct resource *found = NULL;

	if (bound && node == bound->nodes)
		found = platform_get_resource(&bound->pdev, IORESOURCE_MEM, number);
	if (!found)
		return -EINVAL;
	*window = *found;
	return 0;
}
EXPORT_SYMBOL(of_address_to_resource);

void __iomem *of_iomap(struct device_node *node, int number)
{
	struct resource window;

	if (of_address_to_resource(node, number, &window))
		return NULL;
	return ioremap(window.start, resource_size(&window));
}
EXPORT_SYMBOL(of_iomap);

struct device *lab_of_node(const struct device_node *node)
{
	if (bound && node >= bound->nodes && node < bound->nodes + bound->node_count)
		return &bound->pdev.dev;
	return NULL;
}
EXPORT_SYMBOL(lab_of_node);

#ifdef CONFIG_OF_DYNAMIC
/* Nodes are there as long as their device, whoever refers to them. */
struct device_node *of_node_get(struct device_node *node)
{
	return node;
}
EXPORT_SYMBOL(of_node_get);

void of_node_put(struct device_node *node)
{
}
EXPORT_SYMBOL(of_node_put);
#endif

/* The tree's own functions of properties call these: what a node does not have is noted. */
struct property *of_find_property(const struct device_node *node, const char *name, int *length)
{
	struct property *each;

	for (each = node ? node->properties : NULL; each; each = each->next) {
		if (strcmp(each->name, name))
			continue;
		if (length)
			*length = each->length;
		return each;
	}
	if (lab_of_node(node))
		lab_no_property(name, false);
	return NULL;
}
EXPORT_SYMBOL(of_find_property);

const void *of_get_property(const struct device_node *node, const char *name, int *length)
{
	struct property *found = of_find_property(node, name, length);

	return found ? found->value : NULL;
}
EXPORT_SYMBOL(of_get_property);

struct device_node *of_get_child_by_name(const struct device_node *node, const char *name)
{
	struct device_node *child;

	for_each_child_of_node(node, child)
		if (of_node_name_eq(child, name))
			return child;
	if (lab_of_node(node))
		lab_no_property(name, true);
	return NULL;
}
EXPORT_SYMBOL(of_get_child_by_name);

struct device_node *of_find_node_by_phandle(phandle handle)
{
	int at;

	for (at = 1; bound && handle && at < bound->node_count; at++)
		if (bound->nodes[at].phandle == handle)
			return &bound->nodes[at];
	if (bound)
		lab_no_property("label: node", true);
	return NULL;
}
EXPORT_SYMBOL(of_find_node_by_phandle);

const void *of_device_get_match_data(const struct device *dev)
{
	const struct of_device_id *match = of_match_device(dev->driver->of_match_table, dev);

	return match ? match->data : NULL;
}
EXPORT_SYMBOL(of_device_get_match_data);

const struct of_device_id *of_match_device(const struct of_device_id *matches,
					   const struct device *dev)
{
	return dev->of_node ? of_match_node(matches, dev->of_node) : NULL;
}
EXPORT_SYMBOL(of_match_device);
