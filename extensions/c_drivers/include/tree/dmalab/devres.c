/* Managed resources of drivers' own kinds, and what is released in the order of all others. */
#include <linux/device.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

struct resource_of {
	struct list_head list;
	struct device *dev;
	dr_release_t release;
	u8 data[] __aligned(8);
};

static LIST_HEAD(all);

static struct resource_of *of_data(void *data)
{
	return container_of(data, struct resource_of, data);
}

void *__devres_alloc_node(dr_release_t release, size_t size, gfp_t gfp, int node, const char *name)
{
	struct resource_of *made = kzalloc(sizeof(*made) + size, gfp);

	if (!made)
		return NULL;
	INIT_LIST_HEAD(&made->list);
	made->release = release;
	return made->data;
}
EXPORT_SYMBOL(__devres_alloc_node);

void devres_free(void *data)
{
	if (data)
		kfree(of_data(data));
}
EXPORT_SYMBOL(devres_free);

static void releases(void *data)
{
	struct resource_of *each = of_data(data);

	list_del(&each->list);
	if (each->release)
		each->release(each->dev, each->data);
	kfree(each);
}

void devres_add(struct device *dev, void *data)
{
	struct resource_of *each = of_data(data);

	each->dev = dev;
	list_add(&each->list, &all);
	lab_note(dev, releases, data);
}
EXPORT_SYMBOL(devres_add);

void *devres_find(struct device *dev, dr_release_t release, dr_match_t match, void *wanted)
{
	struct resource_of *each;

	list_for_each_entry(each, &all, list)
		if (each->dev == dev && each->release == release &&
		    (!match || match(dev, each->data, wanted)))
			return each->data;
	return NULL;
}
EXPORT_SYMBOL(devres_find);

void *devres_remove(struct device *dev, dr_release_t release, dr_match_t match, void *wanted)
{
	void *data = devres_find(dev, release, match, wanted);

	if (data) {
		lab_forget(dev, releases, data);
		list_del_init(&of_data(data)->list);
	}
	return data;
}
EXPORT_SYMBOL(devres_remove);

int devres_destroy(struct device *dev, dr_release_t release, dr_match_t match, void *wanted)
{
	void *data = devres_remove(dev, release, match, wanted);

	if (!data)
		return -ENOENT;
	devres_free(data);
	return 0;
}
EXPORT_SYMBOL(devres_destroy);

int devres_release(struct device *dev, dr_release_t release, dr_match_t match, void *wanted)
{
	void *data = devres_remove(dev, release, match, wanted);

	if (!data)
		return -ENOENT;
	release(dev, data);
	devres_free(data);
	return 0;
}
EXPORT_SYMBOL(devres_release);

int devm_remove_action_nowarn(struct device *dev, void (*action)(void *), void *data)
{
	return lab_forget(dev, action, data) ? 0 : -ENOENT;
}
EXPORT_SYMBOL(devm_remove_action_nowarn);

void devm_release_action(struct device *dev, void (*action)(void *), void *data)
{
	if (lab_forget(dev, action, data))
		action(data);
}
EXPORT_SYMBOL(devm_release_action);

/* A group is what was added since a mark, which is a resource without a release. */
static int is_group(struct device *dev, void *data, void *id)
{
	return !id || *(void **)data == id;
}

void *devres_open_group(struct device *dev, void *id, gfp_t gfp)
{
	void **mark = devres_alloc(NULL, sizeof(*mark), gfp);

	if (!mark)
		return NULL;
	*mark = id ? id : mark;
	devres_add(dev, mark);
	return *mark;
}
EXPORT_SYMBOL(devres_open_group);

void devres_close_group(struct device *dev, void *id)
{
}
EXPORT_SYMBOL(devres_close_group);

void devres_remove_group(struct device *dev, void *id)
{
	devres_destroy(dev, NULL, is_group, id);
}
EXPORT_SYMBOL(devres_remove_group);

int devres_release_group(struct device *dev, void *id)
{
	void *mark = devres_find(dev, NULL, is_group, id);

	if (mark)
		lab_release_until(dev, releases, mark);
	return 0;
}
EXPORT_SYMBOL(devres_release_group);
