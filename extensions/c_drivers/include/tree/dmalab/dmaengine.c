/* The DMA engine's core for one device: its first channel copies memory. */
#include <linux/dmaengine.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

static struct dma_device *registered;
static struct dma_chan *open_channel;

int dma_async_device_register(struct dma_device *device)
{
	struct dma_chan *chan;

	if (registered)
		return -EBUSY;
	list_for_each_entry(chan, &device->channels, device_node)
		chan->client_count = 0;
	registered = device;
	return 0;
}
EXPORT_SYMBOL(dma_async_device_register);

static void unregister(void *device)
{
	struct dma_device *engine = device;

	registered = NULL;
	if (engine->device_release)
		engine->device_release(engine);
}

void dma_async_device_unregister(struct dma_device *device)
{
	unregister(device);
}
EXPORT_SYMBOL(dma_async_device_unregister);

int dmaenginem_async_device_register(struct dma_device *device)
{
	int error = dma_async_device_register(device);

	return error ? error : devm_add_action_or_reset(device->dev, unregister, device);
}
EXPORT_SYMBOL(dmaenginem_async_device_register);

void dma_async_tx_descriptor_init(struct dma_async_tx_descriptor *tx, struct dma_chan *chan)
{
	tx->chan = chan;
}
EXPORT_SYMBOL(dma_async_tx_descriptor_init);

LAB_FOR_SCENARIOS int channel_open(void)
{
	struct dma_chan *chan;
	int descriptors;

	if (!registered || open_channel)
		return -ENODEV;
	chan = list_first_entry(&registered->channels, struct dma_chan, device_node);
	descriptors = registered->device_alloc_chan_resources
			      ? registered->device_alloc_chan_resources(chan)
			      : 0;
	if (descriptors < 0)
		return descriptors;
	chan->client_count = 1;
	open_channel = chan;
	return 0;
}

LAB_FOR_SCENARIOS void channel_close(void)
{
	if (!open_channel)
		return;
	if (registered->device_terminate_all)
		registered->device_terminate_all(open_channel);
	if (registered->device_synchronize)
		registered->device_synchronize(open_channel);
	open_channel->client_count = 0;
	if (registered->device_free_chan_resources)
		registered->device_free_chan_resources(open_channel);
	open_channel = NULL;
}

/* Copies between two addresses of the device's. The transaction's number, or an error. */
LAB_FOR_SCENARIOS int channel_copy(dma_addr_t to, dma_addr_t from, unsigned long bytes)
{
	struct dma_async_tx_descriptor *tx;
	int cookie;

	if (!open_channel)
		return -ENODEV;
	tx = registered->device_prep_dma_memcpy(open_channel, to, from, bytes,
						DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
	if (!tx)
		return -ENOMEM;
	cookie = tx->tx_submit(tx);
	registered->device_issue_pending(open_channel);
	return cookie;
}

/* 0 when it is over. */
LAB_FOR_SCENARIOS int channel_status(int cookie)
{
	return registered->device_tx_status(open_channel, cookie, NULL);
}
