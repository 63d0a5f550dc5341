/* Registers of other devices that a node refers to: each keeps what is written, and is 0 before. */
#include <linux/mfd/syscon.h>
#include <linux/of.h>
#include <linux/regmap.h>
#include <linux/slab.h>
#include <dmalab/bus.h>

#if IS_ENABLED(CONFIG_MFD_SYSCON)
#define MOST_BYTES SZ_64K

struct syscon {
	struct list_head list;
	struct device_node *node;
	struct regmap *map;
	u32 words[MOST_BYTES / sizeof(u32)];
};

static LIST_HEAD(made);

static int reads(void *data, unsigned int at, unsigned int *value)
{
	*value = ((u32 *)data)[at / sizeof(u32)];
	return 0;
}

static int writes(void *data, unsigned int at, unsigned int value)
{
	((u32 *)data)[at / sizeof(u32)] = value;
	return 0;
}

static const struct regmap_config config = {
	.reg_bits = 32,
	.val_bits = 32,
	.reg_stride = sizeof(u32),
	.max_register = MOST_BYTES - sizeof(u32),
	.reg_read = reads,
	.reg_write = writes,
	.fast_io = true,
};

/* They are there as long as the device whose node it is. */
static void leaves(void *data)
{
	struct syscon *syscon = data;

	list_del(&syscon->list);
	regmap_exit(syscon->map);
	kfree(syscon);
}

struct regmap *device_node_to_regmap(struct device_node *node)
{
	struct device *dev = lab_of_node(node);
	struct syscon *syscon;
	struct regmap *map;

	list_for_each_entry(syscon, &made, list)
		if (syscon->node == node)
			return syscon->map;
	syscon = dev ? kzalloc(sizeof(*syscon), GFP_KERNEL) : NULL;
	if (!syscon)
		return ERR_PTR(dev ? -ENOMEM : -ENODEV);
	map = regmap_init(NULL, NULL, syscon->words, &config);
	if (IS_ERR(map)) {
		kfree(syscon);
		return map;
	}
	syscon->node = node;
	syscon->map = map;
	list_add(&syscon->list, &made);
	lab_note(dev, leaves, syscon);
	return map;
}
EXPORT_SYMBOL(device_node_to_regmap);

struct regmap *syscon_node_to_regmap(struct device_node *node)
{
	return device_node_to_regmap(node);
}
EXPORT_SYMBOL(syscon_node_to_regmap);

struct regmap *syscon_regmap_lookup_by_phandle_args(struct device_node *node, const char *property,
						    int count, unsigned int *values)
{
	struct of_phandle_args args = { .np = node };
	int at, error = 0;

	if (property)
		error = of_parse_phandle_with_fixed_args(node, property, count, 0, &args);
	if (error)
		return ERR_PTR(error);
	for (at = 0; at < count; at++)
		values[at] = args.args[at];
	return device_node_to_regmap(args.np);
}
EXPORT_SYMBOL(syscon_regmap_lookup_by_phandle_args);

struct regmap *syscon_regmap_lookup_by_phandle(struct device_node *node, const char *property)
{
	struct regmap *map = syscon_regmap_lookup_by_phandle_args(node, property, 0, NULL);

	return map == ERR_PTR(-ENOENT) ? ERR_PTR(-ENODEV) : map;
}
EXPORT_SYMBOL(syscon_regmap_lookup_by_phandle);
#endif
