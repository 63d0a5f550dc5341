/* Character devices of a kind that the kernel makes as a whole: misc_register() and register_chrdev(). Nobody opens one. */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/slab.h>

#define FIRST_DYNAMIC_MINOR 256
#define FIRST_DYNAMIC_MAJOR 234

static LIST_HEAD(registered);
static struct class *of_misc;

/* Registered devices are linked by their own structures: one that the driver freed meanwhile is found here. */
static bool is_taken(int minor)
{
	struct miscdevice *other;

	list_for_each_entry(other, &registered, list)
		if (other->minor == minor)
			return true;
	return false;
}

int misc_register(struct miscdevice *misc)
{
	int minor = misc->minor;

	if (minor == MISC_DYNAMIC_MINOR)
		for (minor = FIRST_DYNAMIC_MINOR; is_taken(minor); minor++)
			;
	else if (is_taken(minor))
		return -EBUSY;
	misc->this_device = device_create(of_misc, misc->parent, MKDEV(MISC_MAJOR, minor), misc, "%s",
					  misc->name);
	if (IS_ERR(misc->this_device))
		return PTR_ERR(misc->this_device);
	misc->minor = minor;
	list_add(&misc->list, &registered);
	return 0;
}
EXPORT_SYMBOL(misc_register);

void misc_deregister(struct miscdevice *misc)
{
	list_del(&misc->list);
	device_destroy(of_misc, MKDEV(MISC_MAJOR, misc->minor));
}
EXPORT_SYMBOL(misc_deregister);

struct chrdev {
	struct list_head list;
	struct cdev *cdev;
	unsigned int major;
	unsigned int first;
};

static LIST_HEAD(chrdevs);

int __register_chrdev(unsigned int major, unsigned int first, unsigned int count, const char *name,
		      const struct file_operations *ops)
{
	static unsigned int dynamic = FIRST_DYNAMIC_MAJOR;
	unsigned int number = major ? major : dynamic++;
	struct chrdev *made = kzalloc(sizeof(*made), GFP_KERNEL);
	int error;

	if (!made)
		return -ENOMEM;
	made->cdev = cdev_alloc();
	if (!made->cdev) {
		kfree(made);
		return -ENOMEM;
	}
	made->cdev->ops = ops;
	error = cdev_add(made->cdev, MKDEV(number, first), count);
	if (error) {
		kobject_put(&made->cdev->kobj);
		kfree(made);
		return error;
	}
	made->major = number;
	made->first = first;
	list_add(&made->list, &chrdevs);
	return major ? 0 : number;
}
EXPORT_SYMBOL(__register_chrdev);

void __unregister_chrdev(unsigned int major, unsigned int first, unsigned int count, const char *name)
{
	struct chrdev *made, *next;

	list_for_each_entry_safe(made, next, &chrdevs, list) {
		if (made->major != major || made->first != first)
			continue;
		cdev_del(made->cdev);
		list_del(&made->list);
		kfree(made);
	}
}
EXPORT_SYMBOL(__unregister_chrdev);
