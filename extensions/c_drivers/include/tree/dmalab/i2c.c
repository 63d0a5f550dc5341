/* The I2C core for one adapter. */
#include <linux/i2c.h>
#include <dmalab/lab.h>

static struct i2c_adapter *registered;
static union i2c_smbus_data data;

int i2c_add_adapter(struct i2c_adapter *adapter)
{
	if (registered)
		return -EBUSY;
	registered = adapter;
	return 0;
}
EXPORT_SYMBOL(i2c_add_adapter);

int i2c_add_numbered_adapter(struct i2c_adapter *adapter)
{
	return i2c_add_adapter(adapter);
}
EXPORT_SYMBOL(i2c_add_numbered_adapter);

void i2c_del_adapter(struct i2c_adapter *adapter)
{
	registered = NULL;
}
EXPORT_SYMBOL(i2c_del_adapter);

/* A transfer of SMBus: read or written are up to 32 bytes, the first of which counts them. */
LAB_FOR_SCENARIOS int smbus(unsigned int address, bool reads, unsigned int command, int size)
{
	data = (union i2c_smbus_data){ .block = { 4, 1, 2, 3, 4 } };
	if (!registered || !registered->algo->smbus_xfer)
		return -ENODEV;
	return registered->algo->smbus_xfer(registered, address, 0,
					    reads ? I2C_SMBUS_READ : I2C_SMBUS_WRITE, command, size,
					    &data);
}

/* A byte of the data of the last transfer: of a block, byte 0 is its length. */
LAB_FOR_SCENARIOS int smbus_byte(unsigned int at)
{
	return at < sizeof(data.block) ? data.block[at] : -EINVAL;
}
