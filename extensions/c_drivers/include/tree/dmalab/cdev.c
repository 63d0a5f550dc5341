/* Character devices: references, names, and the devices that they are of. Nobody opens one. */
#include <linux/cdev.h>
#include <linux/slab.h>

static void leaves(struct kobject *kobj)
{
	if (kobj->parent)
		put_device(kobj_to_dev(kobj->parent));
}

static void frees(struct kobject *kobj)
{
	leaves(kobj);
	kfree(container_of(kobj, struct cdev, kobj));
}

static const struct kobj_type of_driver = { .release = leaves };
static const struct kobj_type of_kernel = { .release = frees };

static void init(struct cdev *cdev, const struct kobj_type *type)
{
	INIT_LIST_HEAD(&cdev->list);
	kobject_init(&cdev->kobj, type);
}

void cdev_init(struct cdev *cdev, const struct file_operations *ops)
{
	memset(cdev, 0, sizeof(*cdev));
	init(cdev, &of_driver);
	cdev->ops = ops;
}
EXPORT_SYMBOL(cdev_init);

struct cdev *cdev_alloc(void)
{
	struct cdev *cdev = kzalloc(sizeof(*cdev), GFP_KERNEL);

	if (cdev)
		init(cdev, &of_kernel);
	return cdev;
}
EXPORT_SYMBOL(cdev_alloc);

int cdev_add(struct cdev *cdev, dev_t number, unsigned int count)
{
	struct list_head *entry = kmalloc(sizeof(*entry), GFP_KERNEL);

	if (!entry) {
		/* Nobody deletes what was not added. */
		kfree_const(cdev->kobj.name);
		cdev->kobj.name = NULL;
		return -ENOMEM;
	}
	list_add(entry, &cdev->list);
	cdev->dev = number;
	cdev->count = count;
	if (cdev->kobj.parent)
		get_device(kobj_to_dev(cdev->kobj.parent));
	return 0;
}
EXPORT_SYMBOL(cdev_add);

void cdev_del(struct cdev *cdev)
{
	struct list_head *entry = cdev->list.next;

	if (!list_empty(&cdev->list)) {
		list_del(entry);
		kfree(entry);
	}
	kobject_put(&cdev->kobj);
}
EXPORT_SYMBOL(cdev_del);

void cdev_set_parent(struct cdev *cdev, struct kobject *parent)
{
	cdev->kobj.parent = parent;
}
EXPORT_SYMBOL(cdev_set_parent);

/* Who made it may have no number: a subsystem's own init does not run here. */
static bool is_one(struct cdev *cdev)
{
	return cdev->kobj.state_initialized;
}

int cdev_device_add(struct cdev *cdev, struct device *dev)
{
	int error;

	if (!is_one(cdev))
		return device_add(dev);
	cdev_set_parent(cdev, &dev->kobj);
	error = cdev_add(cdev, dev->devt, 1);
	if (error)
		return error;
	error = device_add(dev);
	if (error)
		cdev_del(cdev);
	return error;
}
EXPORT_SYMBOL(cdev_device_add);

void cdev_device_del(struct cdev *cdev, struct device *dev)
{
	device_del(dev);
	if (is_one(cdev))
		cdev_del(cdev);
}
EXPORT_SYMBOL(cdev_device_del);

/* Numbers of character devices: each caller gets a major number of its own. */
int alloc_chrdev_region(dev_t *number, unsigned int first, unsigned int count, const char *name)
{
	static unsigned int major = 240;

	*number = MKDEV(major++, first);
	return 0;
}
EXPORT_SYMBOL(alloc_chrdev_region);

int register_chrdev_region(dev_t first, unsigned int count, const char *name)
{
	return 0;
}
EXPORT_SYMBOL(register_chrdev_region);

void unregister_chrdev_region(dev_t first, unsigned int count)
{
}
EXPORT_SYMBOL(unregister_chrdev_region);
