/* Handles of devlink: what drivers keep in them. Nobody asks for what they register there. */
#include <linux/slab.h>
#include <net/devlink.h>
#include <dmalab/lab.h>

struct devlink {
	const struct devlink_ops *ops;
	struct device *dev;
	u8 priv[] __aligned(32);
};

struct devlink *devlink_alloc_ns(const struct devlink_ops *ops, size_t bytes, struct net *net,
				 struct device *dev)
{
	struct devlink *devlink = kzalloc(sizeof(*devlink) + bytes, GFP_KERNEL);

	if (!devlink)
		return NULL;
	devlink->ops = ops;
	devlink->dev = dev;
	return devlink;
}
EXPORT_SYMBOL(devlink_alloc_ns);

void devlink_free(struct devlink *devlink)
{
	kfree(devlink);
}
EXPORT_SYMBOL(devlink_free);

void *devlink_priv(struct devlink *devlink)
{
	return devlink->priv;
}
EXPORT_SYMBOL(devlink_priv);

struct devlink *priv_to_devlink(void *priv)
{
	return container_of(priv, struct devlink, priv);
}
EXPORT_SYMBOL(priv_to_devlink);

struct device *devlink_to_dev(const struct devlink *devlink)
{
	return devlink->dev;
}
EXPORT_SYMBOL(devlink_to_dev);
