/*
 * Devices that drivers make: references, names, and what they are children of. Those of a scenario are not
 * initialized here, and not counted. Nothing of sysfs is made, and no bus looks for a driver.
 */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

const char *dev_driver_string(const struct device *dev)
{
	if (dev->driver)
		return dev->driver->name;
	return dev->bus ? dev->bus->name : "";
}
EXPORT_SYMBOL(dev_driver_string);

/* A device that was added. */
struct child {
	struct list_head list;
	struct device *dev;
	/* The last pass over the children of a device that has called it. */
	unsigned int pass;
};

static LIST_HEAD(added);
static unsigned int passes;

/* Who frees a device when nobody refers to it any more: itself, or its kind. */
static void (*releases(const struct device *dev))(struct device *)
{
	if (dev->release)
		return dev->release;
	if (dev->type && dev->type->release)
		return dev->type->release;
	return dev->class ? dev->class->dev_release : NULL;
}

void device_initialize(struct device *dev)
{
	kref_init(&dev->kobj.kref);
	dev->kobj.state_initialized = 1;
	mutex_init(&dev->mutex);
	spin_lock_init(&dev->devres_lock);
	INIT_LIST_HEAD(&dev->devres_head);
	lab_made(dev, true);
}
EXPORT_SYMBOL(device_initialize);

struct device *get_device(struct device *dev)
{
	if (dev && dev->kobj.state_initialized)
		kref_get(&dev->kobj.kref);
	return dev;
}
EXPORT_SYMBOL(get_device);

static void release(struct kref *kref)
{
	struct device *dev = container_of(kref, struct device, kobj.kref);
	const char *name = dev->kobj.name;

	lab_release(dev);
	lab_made(dev, false);
	if (releases(dev))
		releases(dev)(dev);
	kfree(name);
}

void put_device(struct device *dev)
{
	if (dev && dev->kobj.state_initialized)
		kref_put(&dev->kobj.kref, release);
}
EXPORT_SYMBOL(put_device);

int dev_set_name(struct device *dev, const char *format, ...)
{
	va_list args;
	char *name;

	va_start(args, format);
	name = kvasprintf(GFP_KERNEL, format, args);
	va_end(args);
	if (!name)
		return -ENOMEM;
	/* Names of a scenario's devices are not of the heap. */
	if (dev->kobj.name != dev->init_name)
		kfree(dev->kobj.name);
	dev->kobj.name = name;
	return 0;
}
EXPORT_SYMBOL(dev_set_name);

int device_add(struct device *dev)
{
	struct child *child = kzalloc(sizeof(*child), GFP_KERNEL);

	if (!child)
		return -ENOMEM;
	if (!dev->init_name && !dev->kobj.name && !(dev->bus && dev->bus->dev_name)) {
		kfree(child);
		return -EINVAL;
	}
	if (dev->init_name && dev_set_name(dev, "%s", dev->init_name)) {
		kfree(child);
		return -ENOMEM;
	}
	dev->init_name = NULL;
	child->dev = get_device(dev);
	get_device(dev->parent);
	dev->kobj.state_in_sysfs = 1;
	list_add_tail(&child->list, &added);
	return 0;
}
EXPORT_SYMBOL(device_add);

int device_register(struct device *dev)
{
	device_initialize(dev);
	return device_add(dev);
}
EXPORT_SYMBOL(device_register);

void device_del(struct device *dev)
{
	struct device *parent = dev->parent;
	struct child *child;

	list_for_each_entry(child, &added, list) {
		if (child->dev != dev)
			continue;
		list_del(&child->list);
		kfree(child);
		dev->kobj.state_in_sysfs = 0;
		put_device(dev);
		put_device(parent);
		return;
	}
}
EXPORT_SYMBOL(device_del);

void device_unregister(struct device *dev)
{
	device_del(dev);
	put_device(dev);
}
EXPORT_SYMBOL(device_unregister);

/* A call may remove any devices, so the list is read from its beginning after each. */
#define EACH_CHILD(function, each)                                              \
	int function(struct device *parent, void *data,                         \
		     int (*call)(struct device *, void *))                      \
	{                                                                       \
		unsigned int pass = ++passes;                                   \
		struct child *child;                                            \
		int result;                                                     \
										\
	again:                                                                  \
		each(child, &added, list) {                                     \
			if (child->dev->parent != parent || child->pass >= pass) \
				continue;                                       \
			child->pass = pass;                                     \
			result = call(child->dev, data);                        \
			if (result)                                             \
				return result;                                  \
			goto again;                                             \
		}                                                               \
		return 0;                                                       \
	}
EACH_CHILD(device_for_each_child, list_for_each_entry)
EXPORT_SYMBOL(device_for_each_child);
EACH_CHILD(device_for_each_child_reverse, list_for_each_entry_reverse)
EXPORT_SYMBOL(device_for_each_child_reverse);

/* The first device of a class, after another one, that a function accepts, with a reference. */
struct device *class_find_device(const struct class *class, const struct device *start, const void *data,
				 device_match_t match)
{
	struct child *child;
	bool is_after = !start;

	list_for_each_entry(child, &added, list) {
		if (is_after && child->dev->class == class && match(child->dev, data))
			return get_device(child->dev);
		if (child->dev == start)
			is_after = true;
	}
	return NULL;
}
EXPORT_SYMBOL(class_find_device);

/* Nobody listens for events. */
int kobject_uevent_env(struct kobject *kobj, enum kobject_action action, char *env[])
{
	return 0;
}
EXPORT_SYMBOL(kobject_uevent_env);

int kobject_uevent(struct kobject *kobj, enum kobject_action action)
{
	return 0;
}
EXPORT_SYMBOL(kobject_uevent);

static void frees(struct device *dev)
{
	kfree(dev);
}

static struct device *create(const struct class *class, struct device *parent, dev_t number, void *data,
			     const char *format, va_list args)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int error;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	device_initialize(dev);
	dev->devt = number;
	dev->class = class;
	dev->parent = parent;
	dev->release = frees;
	dev_set_drvdata(dev, data);
	dev->kobj.name = kvasprintf(GFP_KERNEL, format, args);
	error = dev->kobj.name ? device_add(dev) : -ENOMEM;
	if (!error)
		return dev;
	put_device(dev);
	return ERR_PTR(error);
}

struct device *device_create(const struct class *class, struct device *parent, dev_t number,
			     void *data, const char *format, ...)
{
	struct device *dev;
	va_list args;

	va_start(args, format);
	dev = create(class, parent, number, data, format, args);
	va_end(args);
	return dev;
}
EXPORT_SYMBOL(device_create);

/* The attributes are not made, as nothing of sysfs is. */
struct device *device_create_with_groups(const struct class *class, struct device *parent, dev_t number,
					 void *data, const struct attribute_group **groups,
					 const char *format, ...)
{
	struct device *dev;
	va_list args;

	va_start(args, format);
	dev = create(class, parent, number, data, format, args);
	va_end(args);
	return dev;
}
EXPORT_SYMBOL(device_create_with_groups);

void device_destroy(const struct class *class, dev_t number)
{
	struct child *child;

	list_for_each_entry(child, &added, list) {
		if (child->dev->class != class || child->dev->devt != number)
			continue;
		device_unregister(child->dev);
		return;
	}
}
EXPORT_SYMBOL(device_destroy);

/* Classes that are registered: one that is not is left alone, as in a kernel. */
static const struct class *classes[64];

static const struct class **class_at(const struct class *class)
{
	for (int at = 0; at < ARRAY_SIZE(classes); at++)
		if (classes[at] == class)
			return &classes[at];
	return NULL;
}

int class_register(const struct class *class)
{
	const struct class **at = class_at(NULL);

	if (!at)
		return -ENOMEM;
	*at = class;
	return 0;
}
EXPORT_SYMBOL(class_register);

void class_unregister(const struct class *class)
{
	const struct class **at = class ? class_at(class) : NULL;

	if (!at)
		return;
	*at = NULL;
	if (class->class_release)
		class->class_release(class);
}
EXPORT_SYMBOL(class_unregister);

static void frees_class(const struct class *class)
{
	kfree(class);
}

struct class *class_create(const char *name)
{
	struct class *class = kzalloc(sizeof(*class), GFP_KERNEL);

	if (!class)
		return ERR_PTR(-ENOMEM);
	class->name = name;
	class->class_release = frees_class;
	if (!class_register(class))
		return class;
	kfree(class);
	return ERR_PTR(-ENOMEM);
}
EXPORT_SYMBOL(class_create);

void class_destroy(const struct class *class)
{
	if (!IS_ERR(class))
		class_unregister(class);
}
EXPORT_SYMBOL(class_destroy);

void device_set_node(struct device *dev, struct fwnode_handle *fwnode)
{
	dev->fwnode = fwnode;
	dev->of_node = to_of_node(fwnode);
}
EXPORT_SYMBOL(device_set_node);

void device_set_of_node_from_dev(struct device *dev, const struct device *from)
{
	dev->of_node = of_node_get(from->of_node);
}
EXPORT_SYMBOL(device_set_of_node_from_dev);

int dev_err_probe(const struct device *dev, int error, const char *format, ...)
{
	dev_err(dev, "probe: error %d: %s", error, format);
	return error;
}
EXPORT_SYMBOL(dev_err_probe);
