/* PHYs and their buses: one that is there, whose link is up at 1 Gbit/s. */
#include <linux/netdevice.h>
#include <linux/of_mdio.h>
#include <linux/phy.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

static struct phy_device *found(phy_interface_t interface)
{
	static struct phy_driver driver = { .name = "lab" };
	static struct phy_device phy;

	phy.drv = &driver;
	phy.mdio.dev.init_name = phy.mdio.dev.kobj.name = "phy";
	phy.mdio.dev.driver = &driver.mdiodrv.driver;
	phy.interface = interface;
	phy.link = 1;
	phy.speed = SPEED_1000;
	phy.duplex = DUPLEX_FULL;
	return &phy;
}

struct mii_bus *mdiobus_alloc_size(size_t bytes)
{
	struct mii_bus *bus = kzalloc(ALIGN(sizeof(*bus), 32) + bytes, GFP_KERNEL);

	if (bus && bytes)
		bus->priv = (void *)bus + ALIGN(sizeof(*bus), 32);
	return bus;
}
EXPORT_SYMBOL(mdiobus_alloc_size);

void mdiobus_free(struct mii_bus *bus)
{
	kfree(bus);
}
EXPORT_SYMBOL(mdiobus_free);

static void frees(void *bus)
{
	kfree(bus);
}

struct mii_bus *devm_mdiobus_alloc_size(struct device *dev, int bytes)
{
	struct mii_bus *bus = mdiobus_alloc_size(bytes);

	return !bus || devm_add_action_or_reset(dev, frees, bus) ? NULL : bus;
}
EXPORT_SYMBOL(devm_mdiobus_alloc_size);

struct phy_device *phy_find_next(struct mii_bus *bus, struct phy_device *before)
{
	return before ? NULL : found(PHY_INTERFACE_MODE_GMII);
}
EXPORT_SYMBOL(phy_find_next);

struct phy_device *mdiobus_get_phy(struct mii_bus *bus, int address)
{
	return found(PHY_INTERFACE_MODE_GMII);
}
EXPORT_SYMBOL(mdiobus_get_phy);

static struct phy_device *connect(struct net_device *dev, phy_interface_t interface)
{
	struct phy_device *phy = found(interface);

	phy->attached_dev = dev;
	dev->phydev = phy;
	return phy;
}

struct phy_device *phy_connect(struct net_device *dev, const char *id,
			       void (*handler)(struct net_device *), phy_interface_t interface)
{
	return connect(dev, interface);
}
EXPORT_SYMBOL(phy_connect);

#if IS_ENABLED(CONFIG_OF_MDIO)
struct phy_device *of_phy_connect(struct net_device *dev, struct device_node *node,
				  void (*handler)(struct net_device *), u32 flags,
				  phy_interface_t interface)
{
	return connect(dev, interface);
}
EXPORT_SYMBOL(of_phy_connect);

struct phy_device *of_phy_get_and_connect(struct net_device *dev, struct device_node *node,
					  void (*handler)(struct net_device *))
{
	return connect(dev, PHY_INTERFACE_MODE_GMII);
}
EXPORT_SYMBOL(of_phy_get_and_connect);
#endif

int phy_connect_direct(struct net_device *dev, struct phy_device *phy,
		       void (*handler)(struct net_device *), phy_interface_t interface)
{
	connect(dev, interface);
	return 0;
}
EXPORT_SYMBOL(phy_connect_direct);

void phy_disconnect(struct phy_device *phy)
{
	if (phy->attached_dev)
		phy->attached_dev->phydev = NULL;
	phy->attached_dev = NULL;
}
EXPORT_SYMBOL(phy_disconnect);
